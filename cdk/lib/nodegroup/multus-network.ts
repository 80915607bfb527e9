/** The network of node groups: a VPC, the subnets of each network, their security groups, and a cluster. */
import {
  CfnSubnetCidrReservation,
  FlowLogDestination,
  GatewayVpcEndpointAwsService,
  type IVpc,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  Peer,
  Port,
  SecurityGroup,
  Subnet,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import {
  Cluster,
  ClusterLoggingTypes,
  DefaultCapacityType,
  EndpointAccess,
  KubernetesVersion,
} from 'aws-cdk-lib/aws-eks-v2';
import { Construct } from 'constructs';
import { acknowledge } from '../shared/acknowledgements';
import type { NodeGroupCluster, NodeNetwork } from '../shared/config';
import { ConfigurationError } from '../shared/configuration-error';
import { ofCidr } from './ipv4';
import { type PlannedNetwork, type PlannedSubnet, halves, planSubnets } from './subnet-plan';

/** A VPC that exists. */
export interface ExistingVpc {
  /** The VPC's id. */
  readonly vpcId: string;
  /** The block of the VPC that is for networks, in which nothing else is. */
  readonly networkCidr: string;
  /** The subnets of the nodes' primary interfaces, one for each zone, in the order of the zones. */
  readonly nodeSubnetIds: readonly string[];
}

/** A VPC to create. */
export interface NewVpc {
  /**
   * The VPC's CIDR block, /16 to /20. The first half is for the cluster, the second for networks.
   *
   * @default '10.0.0.0/16'
   */
  readonly cidr?: string;
  /**
   * The number of NAT gateways. With none, the VPC has endpoints of what nodes need.
   *
   * @default - one for each zone
   */
  readonly natGateways?: number;
}

/** A cluster to create. */
export interface NewCluster {
  /** The cluster's name. */
  readonly name: string;
  /** The version of Kubernetes, as `1.33`. */
  readonly version: string;
  /**
   * Whether the API server has a public endpoint, beside the private one.
   *
   * @default false
   */
  readonly publicEndpoint?: boolean;
  /**
   * The CIDR block of the cluster's services, outside the VPC.
   *
   * @default '172.20.0.0/16'
   */
  readonly serviceCidr?: string;
}

/** Props of {@link MultusNetwork}. */
export interface MultusNetworkProps {
  /** Two or three Availability Zones, by their names. Add a third at the end. */
  readonly zones: readonly string[];
  /** The networks. Add new ones at the end: the order decides their CIDR blocks. */
  readonly networks: readonly PlannedNetwork[];
  /**
   * The VPC: a new one, or one that exists.
   *
   * @default - a new VPC, 10.0.0.0/16
   */
  readonly vpc?: NewVpc | ExistingVpc;
  /**
   * The cluster: a new one, or one that exists.
   *
   * @default - none
   */
  readonly cluster?: NewCluster | NodeGroupCluster;
}

/** What nodes call, without a way to the internet (EKS User Guide, "Deploy private clusters with limited internet access"). */
const SERVICES: Readonly<Record<string, InterfaceVpcEndpointAwsService>> = {
  Ec2: InterfaceVpcEndpointAwsService.EC2,
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Eks: InterfaceVpcEndpointAwsService.EKS,
  EksAuth: InterfaceVpcEndpointAwsService.EKS_AUTH,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Sts: InterfaceVpcEndpointAwsService.STS,
  Ssm: InterfaceVpcEndpointAwsService.SSM,
  SsmMessages: InterfaceVpcEndpointAwsService.SSM_MESSAGES,
};

/** The VPC's block, if none is given. */
const DEFAULT_CIDR = '10.0.0.0/16';

/** The block of a new cluster's services, if none is given. */
export const DEFAULT_SERVICE_CIDR = '172.20.0.0/16';

/** A zone of a network in the settings of its definitions. */
export type DefinitionZone = NonNullable<NodeNetwork['definition']>['zones'][number];

/**
 * Checks a network, and plans its subnets.
 *
 * @param props the network. Ids may be tokens
 * @returns the subnets of each network, by its name
 * @throws ConfigurationError that names the field and the remedy
 */
export function planNetwork({
  zones,
  networks,
  vpc = {},
}: Pick<MultusNetworkProps, 'zones' | 'networks' | 'vpc'>): Map<string, PlannedSubnet[]> {
  if (zones.length < 2 || zones.length > 3 || new Set(zones).size < zones.length) {
    throw new ConfigurationError(
      'zones',
      `${JSON.stringify(zones)} are not two or three different zones`,
      'Name two or three. EKS needs subnets in two zones at least',
    );
  }
  if ('vpcId' in vpc) {
    if (vpc.nodeSubnetIds.length !== zones.length) {
      throw new ConfigurationError(
        'vpc.nodeSubnetIds',
        `expected a subnet for each of ${zones.length} zones, found ${vpc.nodeSubnetIds.length}`,
        'Name one for each zone, in their order',
      );
    }
    return planSubnets(networks, zones.length, vpc.networkCidr, 'networks');
  }
  const { cidr = DEFAULT_CIDR } = vpc;
  const length = Number(cidr.split('/')[1]);
  if (ofCidr(cidr) === undefined || length < 16 || length > 20) {
    throw new ConfigurationError(
      'vpc.cidr',
      `${JSON.stringify(cidr)} is not an IPv4 CIDR block of /16 to /20`,
      `Write one such as ${DEFAULT_CIDR}`,
    );
  }
  return planSubnets(networks, zones.length, halves(cidr)[1], 'networks');
}

/**
 * Returns the zones of a network for its definitions, with its range for pods.
 *
 * @param planned the plan of all networks
 * @param zones the names of the zones
 * @param network the network's name
 * @throws ConfigurationError if the network has no range for pods
 */
export function definitionZones(
  planned: ReadonlyMap<string, readonly PlannedSubnet[]>,
  zones: readonly string[],
  network: string,
): DefinitionZone[] {
  return (planned.get(network) ?? []).map(({ zone, cidr, podRange }) => {
    if (podRange === undefined) {
      throw new ConfigurationError(`network ${network}`, 'has no range for pods', 'Set podPrefixLength');
    }
    return { zone: zones[zone] ?? '', cidr, podRange, reserved: true };
  });
}

/** The length of the prefix of public subnets, unless the VPC is too small for it. */
const PUBLIC_PREFIX_LENGTH = 24;

/**
 * A VPC with public and private subnets, and for each network a subnet in each zone, with a security group. Optionally a cluster,
 * without Auto Mode and without nodes. Its attributes are what profiles and node groups of the same app need.
 */
export class MultusNetwork extends Construct {
  /** The VPC. */
  readonly vpc: IVpc;
  /** The subnets of the nodes' primary interfaces, by zone. */
  readonly nodeSubnetIds: ReadonlyMap<string, string>;
  /**
   * The cluster, as node groups need it; absent without one. Its name is a literal: a node group of the same stack needs a
   * dependency on the network, `group.node.addDependency(network)`.
   */
  readonly cluster: NodeGroupCluster | undefined;

  private readonly planned: ReadonlyMap<string, readonly PlannedSubnet[]>;
  private readonly subnets = new Map<string, string>();
  private readonly securityGroups = new Map<string, SecurityGroup>();

  constructor(
    scope: Construct,
    id: string,
    private readonly props: MultusNetworkProps,
  ) {
    super(scope, id);
    const { zones, vpc = {} } = props;
    this.planned = planNetwork(props);
    if ('vpcId' in vpc) {
      this.vpc = Vpc.fromVpcAttributes(this, 'Vpc', { vpcId: vpc.vpcId, availabilityZones: [...zones] });
      this.nodeSubnetIds = new Map(zones.map((zone, n) => [zone, vpc.nodeSubnetIds[n] ?? '']));
    } else {
      const created = this.createVpc(vpc);
      this.vpc = created;
      const subnets = created.privateSubnets.length > 0 ? created.privateSubnets : created.isolatedSubnets;
      this.nodeSubnetIds = new Map(subnets.map((one, n) => [zones[n] ?? '', one.subnetId]));
    }
    this.createSubnets();
    this.cluster = props.cluster === undefined ? undefined : this.clusterOf(props.cluster);
  }

  /** The VPC's id. */
  get vpcId(): string {
    return this.vpc.vpcId;
  }

  /** Returns the ids of a network's subnets: of all zones, or of one. A slot of a profile takes them. */
  subnetIds(network: string, zone?: string): string[] {
    const zones = zone === undefined ? this.props.zones : [zone];
    return zones.map((one) => {
      const id = this.subnets.get(`${network}/${one}`);
      if (id === undefined) {
        throw new ConfigurationError(
          `network ${network}`,
          `has no subnet in ${one}`,
          `Use one of ${[...this.subnets.keys()].join(', ')}`,
        );
      }
      return id;
    });
  }

  /** Returns the id of a network's security group. */
  securityGroupId(network: string): string {
    // Names the networks if there is none.
    this.subnetIds(network);
    return this.securityGroups.get(network)?.securityGroupId ?? '';
  }

  /**
   * Returns the zones of a network for its definitions, with its range for pods. Their blocks are literal, as
   * NetworkAttachmentDefinitions need them.
   *
   * @throws ConfigurationError if the network has no range for pods
   */
  definitionZones(network: string): DefinitionZone[] {
    return definitionZones(this.planned, this.props.zones, network);
  }

  private createVpc({ cidr = DEFAULT_CIDR, natGateways = this.props.zones.length }: NewVpc): Vpc {
    const { zones } = this.props;
    const [ofCluster] = halves(cidr);
    // Three quarters of the cluster's half are private subnets, and the last has the public ones.
    const half = Number(ofCluster.split('/')[1]);
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(cidr),
      availabilityZones: [...zones],
      // A third zone later takes the space that is kept for it.
      reservedAzs: 3 - zones.length,
      natGateways,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        {
          name: 'private',
          subnetType: natGateways > 0 ? SubnetType.PRIVATE_WITH_EGRESS : SubnetType.PRIVATE_ISOLATED,
          cidrMask: half + 2,
        },
        {
          name: 'public',
          subnetType: SubnetType.PUBLIC,
          cidrMask: Math.max(PUBLIC_PREFIX_LENGTH, half + 4),
          mapPublicIpOnLaunch: false,
        },
      ],
      flowLogs: { All: { destination: FlowLogDestination.toCloudWatchLogs() } },
    });
    vpc.addGatewayEndpoint('S3', { service: GatewayVpcEndpointAwsService.S3 });
    if (natGateways === 0) {
      const group = new SecurityGroup(this, 'Endpoints', {
        vpc,
        description: 'The endpoints of what nodes call (Hookline)',
        allowAllOutbound: false,
      });
      // A literal block: cdk-nag cannot judge a reference to that of the VPC, and fails.
      group.addIngressRule(Peer.ipv4(cidr), Port.tcp(443), 'The VPC');
      for (const [name, service] of Object.entries(SERVICES)) {
        vpc.addInterfaceEndpoint(name, {
          service,
          subnets: { subnets: vpc.isolatedSubnets },
          securityGroups: [group],
          open: false,
        });
      }
    }
    return vpc;
  }

  /** The subnets have no route out of the VPC. They never get the tag `kubernetes.io/role/cni`: the VPC CNI would use them. */
  private createSubnets(): void {
    for (const [network, subnets] of this.planned) {
      this.securityGroups.set(network, this.createSecurityGroup(network));
      for (const { zone, cidr, podRange } of subnets) {
        const name = this.props.zones[zone] ?? '';
        const subnet = new Subnet(this, `Subnet-${network}-${zone + 1}`, {
          vpcId: this.vpc.vpcId,
          availabilityZone: name,
          cidrBlock: cidr,
          mapPublicIpOnLaunch: false,
        });
        acknowledge(subnet, {
          'CloudFormation-Validate::W3010':
            'The configuration names the zones: nodes of a zone need its subnet.',
        });
        this.subnets.set(`${network}/${name}`, subnet.subnetId);
        if (podRange !== undefined) {
          new CfnSubnetCidrReservation(this, `Pods-${network}-${zone + 1}`, {
            subnetId: subnet.subnetId,
            cidr: podRange,
            // EC2 gives none of it by itself, and Hookline none to interfaces.
            reservationType: 'explicit',
            description: `Pods of ${network} (Hookline)`.replace(/[^\x20-\x7e]/g, '?'),
          });
        }
      }
    }
  }

  /** Members reach one another. What else may come in is the user's choice. */
  private createSecurityGroup(network: string): SecurityGroup {
    const group = new SecurityGroup(this, `SecurityGroup-${network}`, {
      vpc: this.vpc,
      description: 'The interfaces of a network (Hookline)',
      allowAllOutbound: true,
    });
    group.addIngressRule(group, Port.allTraffic(), 'Other interfaces of the network');
    return group;
  }

  private clusterOf(cluster: NewCluster | NodeGroupCluster): NodeGroupCluster {
    if (!('version' in cluster)) {
      return cluster;
    }
    const { name, version, publicEndpoint = false, serviceCidr = DEFAULT_SERVICE_CIDR } = cluster;
    const subnets = this.vpc.privateSubnets.length > 0 ? this.vpc.privateSubnets : this.vpc.isolatedSubnets;
    const created = new Cluster(this, 'Cluster', {
      clusterName: name,
      version: KubernetesVersion.of(version),
      vpc: this.vpc,
      vpcSubnets: [
        subnets.length > 0
          ? { subnets }
          : {
              subnets: [...this.nodeSubnetIds].map(([zone, id], n) =>
                Subnet.fromSubnetAttributes(this, `NodeSubnet${n + 1}`, {
                  subnetId: id,
                  availabilityZone: zone,
                }),
              ),
            },
      ],
      // Auto Mode brings nodes of its own, on which nothing of a node group runs.
      defaultCapacityType: DefaultCapacityType.NODEGROUP,
      defaultCapacity: 0,
      endpointAccess: publicEndpoint ? EndpointAccess.PUBLIC_AND_PRIVATE : EndpointAccess.PRIVATE,
      serviceIpv4Cidr: serviceCidr,
      clusterLogging: Object.values(ClusterLoggingTypes),
      outputConfigCommand: false,
    });
    acknowledge(created, {
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonEKSClusterPolicy]':
        'EKS requires the policy of the cluster’s role, and AWS maintains it with EKS.',
    });
    if (publicEndpoint) {
      acknowledge(created, {
        'AwsSolutions-EKS1': 'The configuration asks for a public endpoint (publicEndpoint).',
      });
    }
    return {
      // Literal, as it is in ARNs of policies, which are checked before CloudFormation knows references to other stacks.
      name,
      securityGroupId: created.clusterSecurityGroupId,
      endpoint: created.clusterEndpoint,
      certificateAuthority: created.clusterCertificateAuthorityData,
      serviceCidr,
    };
  }
}
