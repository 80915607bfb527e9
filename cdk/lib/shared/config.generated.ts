/* Generated from config.schema.json by `npm run generate`. */
import type {NamingProfile} from './naming-profile.generated';
import type {Profile} from './profile.generated';

/**
 * The configuration of the app: one stack for the groups of a cluster, which exists or which `network` creates (docs/deploy.md).
 */
export interface HooklineConfig {
  /**
   * The JSON Schema of this file, for editors.
   */
  $schema?: string;
  /**
   * The stack's name. It is also the prefix of the names of the functions, the state machine, the dashboard and the alarms.
   */
  stackName: string;
  /**
   * The AWS account. Default: the account of the current credentials.
   */
  account?: string;
  /**
   * The AWS Region. Default: the Region of the current credentials.
   */
  region?: string;
  functions?: FunctionSource;
  /**
   * The functions' processor architecture.
   */
  architecture?: 'arm64' | 'x86_64';
  reservedConcurrency?: ReservedConcurrency;
  network?: Network;
  /**
   * The profiles of the groups (docs/profile.md). With `network`, `subnetIds` and `securityGroupIds` of its networks may be absent.
   *
   * @minItems 1
   */
  profiles: Profile[];
  /**
   * Profiles that no launch begins with any more. Roles and reconcile keep what running launches of them need (docs/operations/updates.md).
   */
  retiredProfiles?: Profile[];
  networkLimit?: NetworkLimit;
  /**
   * The AWS accounts that share subnets, and perhaps security groups, with the account of the stack (AWS RAM). The ARNs of these resources have the owner's account. The account of the stack need not be listed.
   *
   * @minItems 1
   */
  networkOwnerAccounts?: string[];
  /**
   * The launch hooks that the stack creates. A hook that another stack creates, or that Hookline only observes, may be omitted.
   */
  hooks?: LaunchHook[];
  /**
   * The node groups that the stack creates, each with its hook (docs/node-groups.md).
   */
  nodeGroups?: NodeGroup[];
  /**
   * The names and tags of the nodes of groups without a hook (docs/naming.md).
   */
  naming?: Naming[];
  /**
   * For profiles that select by a tag: patterns of the names of the Auto Scaling groups whose hooks Hookline may complete. `*` matches any text. EKS names the group of a managed node group `eks-NODEGROUP-…`. Default: the groups that carry the tag themselves.
   *
   * @minItems 1
   */
  autoScalingGroupNamePatterns?: string[];
  alarms?: Alarms;
  logs?: Logs;
  reconcile?: Reconcile;
  traffic?: Traffic;
  /**
   * The tags of every resource of the stack.
   */
  tags?: {
    [k: string]: string;
  };
}
/**
 * The source of the functions' code: one of these fields. Default: `dist/functions` of the repository.
 */
export interface FunctionSource {
  /**
   * A folder that `cargo xtask package` wrote, relative to this file.
   */
  packaged?: string;
  /**
   * The same zip files in a bucket of the stack's Region.
   */
  bucket?: {
    /**
     * The bucket's name.
     */
    name: string;
    /**
     * The prefix of the keys, before `arm64/tag-node.zip`. Use a different prefix for each version.
     */
    prefix: string;
  };
  /**
   * The path of a Cargo.toml, relative to this file. cargo-lambda builds it while the app is synthesised.
   */
  cargoLambda?: string;
  /**
   * No functions, to look at the template without building any. Such a template refuses to be deployed.
   */
  standIn?: true;
}
/**
 * The reserved concurrent executions of functions. Each counts towards the account's (docs/deploy.md). Default: none; the functions share the account's.
 */
export interface ReservedConcurrency {
  'tag-node'?: number;
  'plan-interfaces'?: number;
  'create-interfaces'?: number;
  'attach-interfaces'?: number;
  'complete-hook'?: number;
  'remove-startup-taint'?: number;
  'set-delete-on-termination'?: number;
  'release-interfaces'?: number;
  reconcile?: number;
  adopt?: number;
  'name-nodes'?: number;
}
/**
 * The network of the node groups, which is a stack of its own, `STACKNAME-network`: a VPC, the subnets and the security group of each network, and a cluster (docs/node-groups.md). Node groups and slots that name no ids use these.
 */
export interface Network {
  /**
   * Two or three Availability Zones, by their names. Add a third one at the end.
   *
   * @minItems 2
   * @maxItems 3
   */
  zones: string[];
  /**
   * The networks. The order decides their CIDR blocks, so add new ones at the end.
   *
   * @minItems 1
   * @maxItems 40
   */
  networks: NetworkSubnets[];
  /**
   * The VPC to create. Its first half is for the cluster, the second for networks. Default: 10.0.0.0/16.
   */
  vpc?: {
    /**
     * The VPC's CIDR block, /16 to /20.
     */
    cidr?: string;
    /**
     * The number of NAT gateways. With 0, the VPC has endpoints of what nodes need. Default: one for each zone.
     */
    natGateways?: number;
  };
  /**
   * A VPC that exists, instead of `vpc`.
   */
  existingVpc?: {
    /**
     * The VPC's id.
     */
    vpcId: string;
    /**
     * A block of the VPC in which nothing is yet. The subnets of networks are created in it.
     */
    networkCidr: string;
    /**
     * The subnets of the nodes' primary interfaces, one for each zone, in the order of `zones`.
     *
     * @minItems 2
     * @maxItems 3
     */
    nodeSubnetIds: string[];
  };
  /**
   * The cluster to create, without Auto Mode and without nodes. Default: none; each node group has its `cluster`.
   */
  cluster?: {
    /**
     * The cluster's name.
     */
    name: string;
    /**
     * The version of Kubernetes, as `1.33`.
     */
    version: string;
    /**
     * Whether the API server has a public endpoint, beside the private one.
     */
    publicEndpoint?: boolean;
    /**
     * The CIDR block of the cluster's services, outside the VPC.
     */
    serviceCidr?: string;
  };
}
/**
 * The subnets of a network, one in each zone, and their security group.
 */
export interface NetworkSubnets {
  /**
   * The network's name, as slots of profiles have it.
   */
  name: string;
  /**
   * The length of the prefix of the subnets.
   */
  prefixLength?: number;
  /**
   * The length of the prefix of the range for pods in each subnet, a CIDR reservation; at least two more than `prefixLength`. Default: no range.
   */
  podPrefixLength?: number;
}
/**
 * The subnets and security groups in which interfaces may be created: one of these fields. Default: those that the profiles name, by their ids; if these are too many for a role's policies, synthesis asks for this field.
 */
export interface NetworkLimit {
  /**
   * The subnets and security groups of these VPCs.
   *
   * @minItems 1
   * @maxItems 20
   */
  vpcIds?: string[];
  /**
   * The subnets and security groups that carry this tag. Whoever may set it decides where interfaces may be created.
   */
  tag?: {
    /**
     * The tag's key.
     */
    key: string;
    /**
     * The tag's value.
     */
    value: string;
  };
}
/**
 * A launch hook on a group. Set either `autoScalingGroup` or `managedNodeGroup`.
 */
export interface LaunchHook {
  /**
   * The name of the profile. The profile's `hook.name` is the name of the hook.
   */
  profile: string;
  /**
   * The name of the Auto Scaling group.
   */
  autoScalingGroup?: string;
  /**
   * An EKS managed node group.
   */
  managedNodeGroup?: {
    /**
     * The cluster's name.
     */
    clusterName: string;
    /**
     * The node group's name.
     */
    nodegroupName: string;
  };
  /**
   * How long Auto Scaling waits for a heartbeat, in seconds.
   */
  heartbeatTimeoutSeconds?: number;
  /**
   * Create no hook: the profile's hook exists already, and Hookline does not complete it.
   */
  observeOnly?: boolean;
}
/**
 * A node group whose nodes get the interfaces of a profile. The stack creates its launch template, with the user data of the node's programs, and its hook.
 */
export interface NodeGroup {
  /**
   * The node group's name. A group of self-managed nodes has an Auto Scaling group of this name.
   */
  name: string;
  /**
   * The name of the profile. Its selector must select this group.
   */
  profile: string;
  /**
   * Whether EKS manages the nodes.
   */
  management?: 'managed' | 'self-managed';
  /**
   * The nodes' operating system. Bottlerocket has no gate without a bootstrap container of your own (docs/node-groups.md).
   */
  operatingSystem?: 'al2023' | 'bottlerocket';
  cluster?: NodeGroupCluster;
  /**
   * The subnets of the nodes' primary interfaces. They decide the group's Availability Zones. Required without `network`. Default: the nodes' subnets of `network`.
   *
   * @minItems 1
   * @maxItems 16
   */
  subnetIds?: string[];
  /**
   * With `network`, instead of `subnetIds`: the group's Availability Zones. Default: all zones of `network`.
   *
   * @minItems 1
   * @maxItems 3
   */
  zones?: string[];
  /**
   * The instance types. All have the same architecture, and room for the interfaces of the profile.
   *
   * @minItems 1
   * @maxItems 20
   */
  instanceTypes: string[];
  /**
   * The AMI: an id, or `resolve:ssm:PARAMETER` for a group of self-managed nodes, which needs one. Default: EKS's AMI of the cluster's version.
   */
  imageId?: string;
  /**
   * EKS's type of AMI of a managed node group without `imageId`. Default: the standard type of the operating system and the architecture.
   */
  amiType?: string;
  /**
   * The minimum number of nodes.
   */
  minSize?: number;
  /**
   * The number of nodes that the group begins with, once its hook is there. A later change has no effect. Default: `minSize`.
   */
  initialSize?: number;
  /**
   * The maximum number of nodes.
   */
  maxSize: number;
  /**
   * More security groups of the primary interface, beside the cluster's.
   *
   * @maxItems 15
   */
  securityGroupIds?: string[];
  /**
   * The role of the nodes. For self-managed nodes, the cluster must have its access entry. Default: a new role.
   */
  nodeRoleArn?: string;
  /**
   * The size of the volume of images and pods, in GiB. It is encrypted, of the type gp3.
   */
  volumeSizeGiB?: number;
  /**
   * The hop limit of the metadata service. With 1, pods without host network do not reach it; 2 lets them.
   */
  metadataHopLimit?: number;
  /**
   * Labels of the nodes.
   */
  labels?: {
    [k: string]: string;
  };
  /**
   * Taints of the nodes.
   *
   * @maxItems 50
   */
  taints?: NodeTaint[];
  /**
   * How the VPC CNI gives addresses to pods: secondary addresses, or prefixes (ENABLE_PREFIX_DELEGATION).
   */
  podAddressing?: 'secondary-addresses' | 'prefixes';
  /**
   * Whether the VPC CNI has custom networking, so that pods get no address of the primary interface (AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG).
   */
  customNetworking?: boolean;
  /**
   * The maximum number of pods of a node. Default: what the instance types have addresses for, without the interfaces of the profile; with prefixes, 110 at most.
   */
  maxPods?: number;
  /**
   * What the nodes do with the interface of each network of the profile (docs/node.md). A network that is not here has the defaults.
   */
  networks?: {
    [k: string]: NodeNetwork;
  };
  /**
   * The folder of the CNI configurations that the nodes write, which Multus reads.
   */
  cniConfDir?: string;
  /**
   * Bottlerocket only: the image of your bootstrap container, which gets the settings of the networks as its user data (docs/node-groups.md).
   */
  bootstrapContainerImage?: string;
  /**
   * How long Auto Scaling waits for a heartbeat at the hook, in seconds.
   */
  heartbeatTimeoutSeconds?: number;
  rollingUpdate?: RollingUpdate;
}
/**
 * The cluster of a node group. Required without a cluster of `network`. Default: that cluster.
 */
export interface NodeGroupCluster {
  /**
   * The cluster's name.
   */
  name: string;
  /**
   * The cluster security group, which EKS created. Required for self-managed nodes, and if `securityGroupIds` has any.
   */
  securityGroupId?: string;
  /**
   * The endpoint of the API server. Required for self-managed nodes, and with `imageId`.
   */
  endpoint?: string;
  /**
   * The certificate of the cluster's authority, in base64. Required for self-managed nodes, and with `imageId`.
   */
  certificateAuthority?: string;
  /**
   * The CIDR block of the cluster's services. Required for self-managed nodes, and with `imageId`.
   */
  serviceCidr?: string;
}
/**
 * A taint.
 */
export interface NodeTaint {
  /**
   * The key.
   */
  key: string;
  /**
   * The value.
   */
  value?: string;
  /**
   * The effect, as EKS names it.
   */
  effect: 'NO_SCHEDULE' | 'NO_EXECUTE' | 'PREFER_NO_SCHEDULE';
}
/**
 * What a node does with the interface of a network.
 */
export interface NodeNetwork {
  /**
   * The node neither waits for the interface nor configures it. Before a network leaves the profile, deploy this (docs/node.md).
   */
  ignore?: boolean;
  /**
   * The interface's name on the node. Default: the network's name.
   */
  interfaceName?: string;
  /**
   * The interface's MTU.
   */
  mtu?: number;
  /**
   * Whether the interface is left to Multus or configured for the operating system.
   */
  mode?: 'multus' | 'os';
  /**
   * NetworkAttachmentDefinitions with a configuration of their own, one for each zone; for an address manager in the cluster. Not together with `cni`, which needs none.
   */
  definition?: {
    /**
     * The beginning of the definitions' names, before the zone. Default: the network's name.
     */
    name?: string;
    /**
     * The CNI plugin.
     */
    type: 'ipvlan' | 'macvlan' | 'host-device';
    /**
     * The plugin's mode. Default: l2 for ipvlan, passthru for macvlan.
     */
    mode?: 'l2' | 'l3' | 'l3s' | 'passthru' | 'bridge' | 'private' | 'vepa';
    /**
     * The MTU in the pod. Default: that of the interface.
     */
    mtu?: number;
    /**
     * The IPAM plugin: `static`, with the address in the pod's annotation, or `whereabouts`. Both need somebody who assigns the pod's address to the interface.
     */
    ipam: 'static' | 'whereabouts' | 'host-local';
    /**
     * The Availability Zones, each with a subnet of the network. Required, unless `network` has the network with `podPrefixLength`. Default: those of `network`.
     *
     * @minItems 1
     */
    zones?: {
      /**
       * The zone's name.
       */
      zone: string;
      /**
       * The subnet's CIDR block.
       */
      cidr: string;
      /**
       * The CIDR block in the subnet that is for pods. It must be in `excludedRanges` of the slot, or a CIDR reservation of the subnet.
       */
      podRange: string;
      /**
       * Whether the subnet has a CIDR reservation for `podRange`.
       */
      reserved?: boolean;
    }[];
    /**
     * Routes of the pods.
     */
    routes?: PodRoute[];
  };
  /**
   * The CNI configuration that the node writes for pods. Default: none.
   */
  cni?: {
    /**
     * The name of the NetworkAttachmentDefinition. Default: the network's name.
     */
    name?: string;
    /**
     * The CNI plugin.
     */
    type: 'ipvlan' | 'macvlan' | 'host-device';
    /**
     * The plugin's mode. Default: l2 for ipvlan, passthru for macvlan.
     */
    mode?: 'l2' | 'l3' | 'l3s' | 'passthru';
    /**
     * Which of the interface's addresses pods get. Default: secondary for ipvlan, else primary.
     */
    addresses?: 'primary' | 'secondary' | 'all';
    /**
     * Routes of the pods.
     */
    routes?: PodRoute[];
  };
}
/**
 * A route of a pod.
 */
export interface PodRoute {
  /**
   * The destination, an IPv4 CIDR block.
   */
  dst: string;
  /**
   * The gateway. Default: the subnet's.
   */
  gw?: string;
}
/**
 * Replace the nodes of a self-managed group when its launch template changes: CloudFormation replaces them in batches, and waits until each new node says that it is ready. Pods are not drained. Default: the nodes stay.
 */
export interface RollingUpdate {
  /**
   * How many nodes are replaced at once.
   */
  batchSize?: number;
  /**
   * How many nodes stay in service. It must be below `maxSize`, so that CloudFormation has room for a new node. Default: `minSize`, or one less than `maxSize`.
   */
  minInService?: number;
  /**
   * How long a batch may take until its nodes are ready. CloudFormation takes an hour at most.
   */
  timeoutMinutes?: number;
}
/**
 * A naming profile and the events that start its executions. At least one of the two events must be enabled.
 */
export interface Naming {
  /**
   * The naming profile.
   */
  profile: NamingProfile;
  /**
   * Create a rule for the event `EC2 Instance Launch Successful`, which Auto Scaling sends when the node is InService.
   */
  onLaunchSuccessful?: boolean;
  /**
   * Create a rule for the API call RunInstances, which CloudTrail reports. It needs a trail that logs management events. Without a trail the event never arrives, and nothing reports it.
   */
  onRunInstances?: boolean;
}
/**
 * The alarms.
 */
export interface Alarms {
  /**
   * The ARN of the SNS topic to notify when an alarm starts and when it ends. The topic's policy must let CloudWatch publish. Default: no notifications.
   */
  topicArn?: string;
  /**
   * The minimum number of free addresses of a subnet. An alarm starts when a subnet has fewer.
   */
  fewestFreeAddresses?: number;
}
/**
 * The logs.
 */
export interface Logs {
  /**
   * How long logs are kept, in days.
   */
  retentionDays?:
    | 1
    | 3
    | 5
    | 7
    | 14
    | 30
    | 60
    | 90
    | 120
    | 150
    | 180
    | 365
    | 400
    | 545
    | 731
    | 1096
    | 1827
    | 2192
    | 2557
    | 2922
    | 3288
    | 3653;
  /**
   * Whether the state machine's logs contain the input and output of each state.
   */
  executionData?: boolean;
  /**
   * Whether the logs, and the key that encrypts them, are kept when the stack is deleted.
   */
  keep?: boolean;
}
/**
 * The thresholds of reconcile (docs/operations/reconcile.md).
 */
export interface Reconcile {
  /**
   * The time between two rounds, in minutes.
   */
  everyMinutes?: number;
  /**
   * The time in seconds, after an instance's launch, in which its event may still start an execution.
   */
  launchAgeSeconds?: number;
  /**
   * The time in seconds that an interface must be orphaned before reconcile deletes it.
   */
  unownedSeconds?: number;
  /**
   * The maximum number of interfaces that one round deletes.
   */
  deletesPerRound?: number;
  /**
   * The maximum number of interfaces on which one round sets DeleteOnTermination. Default: 200 for each minute between two rounds, and at most 1000.
   */
  attributesPerRound?: number;
  /**
   * The number of generations of replacements that are a launch loop if they fail by the same permanent error.
   */
  loopGenerations?: number;
  /**
   * The names of launch hooks that other owners complete, on groups of the profiles. Default: reconcile reports each hook that no profile answers.
   */
  otherHooks?: string[];
}
/**
 * The cross-AZ traffic of pods (docs/cross-az-traffic.md), which is a second stack, `STACKNAME-traffic`. Set either `vpcId`, `subnetIds` or `flowLogsLocation`; or none, for the VPC of `network`.
 */
export interface Traffic {
  /**
   * The cluster's name. Default: that of `network`.
   */
  clusterName?: string;
  /**
   * The cluster's Region. Default: the stack's Region.
   */
  clusterRegion?: string;
  /**
   * The ARN of a role to read the cluster with, for example a role of another account. Default: the function's own role.
   */
  assumeRoleArn?: string;
  /**
   * Whether the stack creates the access entry of the function's role. Default: true if the cluster is in the stack's Region and the function reads it with its own role.
   */
  accessEntry?: boolean;
  /**
   * Other clusters in the same VPC. Their traffic is in the same table. Default: none.
   *
   * @maxItems 9
   */
  moreClusters?: TrafficCluster[];
  /**
   * The ids of subnets of the VPC in which the function extract-pods runs, for clusters that have a private endpoint only. Default: the function is in no VPC; with such a cluster of `network`, the nodes' subnets.
   *
   * @minItems 1
   *
   * Items: A subnet's id.
   */
  functionSubnetIds?: string[];
  /**
   * With functionSubnetIds: the ids of the function's security groups. The clusters' security groups must allow them on port 443. Default: with such a cluster of `network`, its cluster security group.
   *
   * @minItems 1
   * @maxItems 5
   *
   * Items: A security group's id.
   */
  functionSecurityGroupIds?: string[];
  /**
   * The id of the VPC of the cluster. The stack creates a flow log of the whole VPC. Default: that of `network`.
   */
  vpcId?: string;
  /**
   * The ids of all subnets of the nodes. The stack creates a flow log of each subnet.
   *
   * @minItems 1
   *
   * Items: A subnet's id.
   */
  subnetIds?: string[];
  /**
   * The folder of flow logs that exist already, instead of vpcId or subnetIds: s3://BUCKET/…/AWSLogs/aws-account-id=ACCOUNT/aws-service=vpcflowlogs/aws-region=REGION/. They need Parquet, Hive-compatible prefixes and hourly partitions.
   */
  flowLogsLocation?: string;
  /**
   * With flowLogsLocation: the ARN of the KMS key that encrypts the flow logs. Not an alias. Default: they are encrypted by S3 (SSE-S3).
   */
  flowLogsKeyArn?: string;
  /**
   * With flowLogsLocation: the id of the clusters' VPC, if the folder has the flow logs of other VPCs too. Their format needs the field vpc-id. Default: all records count.
   */
  flowLogsVpcId?: string;
  /**
   * With flowLogsLocation: the longest aggregation interval of the flow logs, in minutes. Default: 1.
   */
  flowLogsIntervalMinutes?: 1 | 10;
  /**
   * The label keys that name a pod's group. The first key that the pod has applies. With `[]`, the pod's owner names its group. Default: `app.kubernetes.io/name`, then `app`.
   */
  groupLabels?: string[];
  /**
   * The price in US dollars of a GB that leaves a zone. A GB that enters a zone has the same price.
   */
  usdPerGb?: number;
  /**
   * The price in US dollars of a GB that a NAT gateway processes, for the named query nat-and-internet. Default: the price of the stack's Region in traffic/prices.json, if that has it.
   */
  natGatewayUsdPerGb?: number;
  /**
   * The price in US dollars of a GB to the internet, for the named query nat-and-internet. Default: the price of the stack's Region in traffic/prices.json, if that has it.
   */
  internetUsdPerGb?: number;
  /**
   * The table of an export of AWS Data Exports (CUR 2.0) in Athena, DATABASE.TABLE, for the named query reconcile. Default: there is no such query.
   */
  costAndUsageTable?: string;
  /**
   * The number of pairs of groups, those with the most bytes across zones, that get CloudWatch metrics each hour.
   */
  topPairs?: number;
  /**
   * The maximum amount of data that a query may scan, in GiB.
   */
  scanLimitGiB?: number;
  /**
   * How long flow logs and listings are kept, in days. An hour can be computed again for as long.
   */
  keepInputsDays?: number;
  /**
   * The minute of each hour at which the execution starts.
   */
  minute?: number;
  /**
   * How often extract-pods lists the cluster's nodes and pods, in minutes. Pods that come and go between two listings have no name.
   */
  listEveryMinutes?: 1 | 2 | 5 | 10 | 15 | 30;
  /**
   * The US dollars of traffic across zones in 24 hours above which an alarm starts. Default: no alarm.
   */
  usdPerDayAlarm?: number;
  /**
   * The share of bytes with an unknown end, in percent, above which an alarm starts.
   */
  unknownPercentAlarm?: number;
  /**
   * Whether the buckets, their objects and the database are kept when the stack is deleted.
   */
  keep?: boolean;
}
/**
 * Another cluster in the VPC of the traffic.
 */
export interface TrafficCluster {
  /**
   * The cluster's name.
   */
  clusterName: string;
  /**
   * The cluster's Region. Default: the stack's Region.
   */
  clusterRegion?: string;
  /**
   * The ARN of a role to read the cluster with, for example a role of another account. Default: the function's own role.
   */
  assumeRoleArn?: string;
  /**
   * Whether the stack creates the access entry of the function's role. Default: true if the cluster is in the stack's Region and the function reads it with its own role.
   */
  accessEntry?: boolean;
}
