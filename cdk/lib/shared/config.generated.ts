/* Generated from config.schema.json by `npm run generate`. */
import type {NamingProfile} from './naming-profile.generated';
import type {Profile} from './profile.generated';

/**
 * What the app deploys: one stack for the groups of an existing cluster (docs/deploy.md).
 */
export interface HooklineConfig {
  /**
   * For editors.
   */
  $schema?: string;
  /**
   * The stack's name. The names of the functions, the state machine, the dashboard and the alarms begin with it.
   */
  stackName: string;
  /**
   * The account. Without it, that of the credentials at hand.
   */
  account?: string;
  /**
   * The region. Without it, that of the credentials at hand.
   */
  region?: string;
  functions?: FunctionSource;
  /**
   * The processor that the functions run on.
   */
  architecture?: 'arm64' | 'x86_64';
  /**
   * What the nodes of each group must get (docs/profile.md).
   *
   * @minItems 1
   */
  profiles: Profile[];
  /**
   * The launch hooks that the stack puts on groups. A hook that is put elsewhere, or that is observed only, need not be here.
   */
  hooks?: LaunchHook[];
  /**
   * How the nodes of groups without a hook are named and tagged (docs/naming.md).
   */
  naming?: Naming[];
  /**
   * For profiles that select by a tag: what the names of the groups look like whose hooks may be completed; `*` stands for any text. EKS names a managed node group's `eks-NODEGROUP-…`. Without it, any group of the account and region.
   *
   * @minItems 1
   */
  autoScalingGroupNamePatterns?: string[];
  alarms?: Alarms;
  logs?: Logs;
  reconcile?: Reconcile;
  traffic?: Traffic;
  /**
   * Tags of every resource of the stack.
   */
  tags?: {
    [k: string]: string;
  };
}
/**
 * Where the functions' code comes from, one of these. Without it, `dist/functions` of the repository.
 */
export interface FunctionSource {
  /**
   * A folder that `cargo xtask package` made, from this file's folder.
   */
  packaged?: string;
  /**
   * The same zip files in a bucket of the stack's region.
   */
  bucket?: {
    /**
     * The bucket's name.
     */
    name: string;
    /**
     * What comes before `arm64/tag-node.zip`; another one for each version.
     */
    prefix: string;
  };
  /**
   * A Cargo.toml, from this file's folder, that cargo-lambda builds while the app is synthesised.
   */
  cargoLambda?: string;
}
/**
 * A launch hook on a group; either `autoScalingGroup` or `managedNodeGroup` says which.
 */
export interface LaunchHook {
  /**
   * The profile's name; its `hook.name` is the hook's.
   */
  profile: string;
  /**
   * The group's name.
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
   * How long Auto Scaling waits for a heartbeat.
   */
  heartbeatTimeoutSeconds?: number;
  /**
   * No hook is put: the profile's is somebody else's, and is not completed.
   */
  observeOnly?: boolean;
}
/**
 * A naming profile, and the events that bring its nodes: at least one of the two.
 */
export interface Naming {
  /**
   * What the nodes are called and tagged.
   */
  profile: NamingProfile;
  /**
   * A rule for `EC2 Instance Launch Successful`, which Auto Scaling sends when the node is InService.
   */
  onLaunchSuccessful?: boolean;
  /**
   * A rule for RunInstances as CloudTrail tells of it. It needs a trail that logs management events: without one the event never comes, and nothing says so.
   */
  onRunInstances?: boolean;
}
/**
 * Who is told, and when.
 */
export interface Alarms {
  /**
   * The SNS topic that is told when an alarm begins and ends. Without it, nobody is.
   */
  topicArn?: string;
  /**
   * A subnet with fewer free addresses raises an alarm.
   */
  fewestFreeAddresses?: number;
}
/**
 * What becomes of the logs.
 */
export interface Logs {
  /**
   * How long they are kept.
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
   * Whether the state machine's logs have the input and output of each state.
   */
  executionData?: boolean;
  /**
   * Whether the logs, and the key that encrypts them, stay when the stack is removed.
   */
  keep?: boolean;
}
/**
 * How reconcile decides (docs/operations.md, "Reconcile").
 */
export interface Reconcile {
  /**
   * How often a round begins.
   */
  everyMinutes?: number;
  /**
   * How long after a launch its event may take.
   */
  launchAgeSeconds?: number;
  /**
   * How long an interface must have been without an owner before it is deleted.
   */
  unownedSeconds?: number;
  /**
   * How many interfaces one round deletes.
   */
  deletesPerRound?: number;
}
/**
 * The traffic of pods across Availability Zones (docs/cross-az-traffic.md): a second stack, `STACKNAME-traffic`. Either `vpcId` or `subnetIds` says where.
 */
export interface Traffic {
  /**
   * The cluster's name.
   */
  clusterName: string;
  /**
   * The cluster's region. Without it, the stack's.
   */
  clusterRegion?: string;
  /**
   * A role to read the cluster with, in another account say. Without it, the function's own.
   */
  assumeRoleArn?: string;
  /**
   * Whether the stack makes the access entry of the function's role. Without it, it does where the cluster is in the stack's region and read with the function's own role.
   */
  accessEntry?: boolean;
  /**
   * The VPC that the cluster is in; all of it gets a flow log.
   */
  vpcId?: string;
  /**
   * The subnets that the nodes are in; each gets a flow log.
   *
   * @minItems 1
   *
   * Items: A subnet's ID.
   */
  subnetIds?: string[];
  /**
   * The labels that name a pod's group: the first of them that it has. Without it, `app.kubernetes.io/name`, then `app`; with `[]`, its owner.
   */
  groupLabels?: string[];
  /**
   * US dollars for a GB that leaves a zone, and again for one that enters another.
   */
  usdPerGb?: number;
  /**
   * How many pairs of groups of each hour, those with most bytes across zones, become metrics of CloudWatch.
   */
  topPairs?: number;
  /**
   * The most that one query may scan.
   */
  scanLimitGiB?: number;
  /**
   * How long flow logs and listings are kept: that far back an hour can be computed again.
   */
  keepInputsDays?: number;
  /**
   * The minute of each hour at which it begins.
   */
  minute?: number;
  /**
   * Whether the buckets, with what is in them, and the database stay when the stack is removed.
   */
  keep?: boolean;
}
