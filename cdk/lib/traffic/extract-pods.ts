/** The function extract-pods, its role, and its access to the cluster. traffic/extract-pods/README.md lists what it needs. */
import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { CfnAccessEntry } from 'aws-cdk-lib/aws-eks';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type Architecture, type CfnFunction, type Function, Tracing } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../shared/acknowledgements';
import type { FunctionCode } from '../shared/function-code';
import { FUNCTION_SETTINGS } from '../shared/functions';
import { countListings } from './metrics';
import { PODS_FOLDER, WATCH_FOLDER } from './traffic-store';

/** The Kubernetes group that `traffic/kubernetes/extract-pods-role.yaml` binds to the ClusterRole that lists nodes, pods and Services, and watches pods. */
export const KUBERNETES_GROUP = 'hookline-extract-pods';

/** The cluster whose pods the function lists, and the access to it. */
export interface ListedCluster {
  /** The cluster's name. */
  readonly clusterName: string;
  /**
   * The cluster's Region.
   *
   * @default - the stack's Region
   */
  readonly region?: string;
  /**
   * The ARN of a role to read the cluster with, for example a role of another account. The cluster needs an access entry for
   * that role; this construct does not create it.
   *
   * @default - the function's own role
   */
  readonly assumeRoleArn?: string;
  /**
   * Whether to create an access entry for the function's role. Set it to false for a cluster with the authentication mode
   * `CONFIG_MAP`, which needs an entry in the ConfigMap aws-auth instead (docs/cross-az-traffic/by-hand.md).
   *
   * @default - true if the cluster is in the stack's Region and the function reads it with its own role
   */
  readonly accessEntry?: boolean;
}

/** The network of a function, for clusters that have a private endpoint only. */
export interface FunctionNetwork {
  /** The ids of subnets of the clusters' VPC. They need routes to EKS, EC2, S3 and, for assumeRoleArn, to STS. */
  readonly subnetIds: readonly string[];
  /** The ids of the function's security groups. The clusters' security groups must allow them on port 443. */
  readonly securityGroupIds: readonly string[];
}

/**
 * What Lambda does with a function's role to put the function into a VPC (AWS Managed Policy Reference,
 * AWSLambdaVPCAccessExecutionRole). DescribeNetworkInterfaces is there too; the function has it for the interfaces of the VPC.
 */
const NETWORK_ACTIONS = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
];

/** Props of {@link ExtractPods}. */
export interface ExtractPodsProps {
  /** The clusters whose pods the function lists, one in each run. */
  readonly clusters: readonly ListedCluster[];
  /**
   * The function's network.
   *
   * @default - the function is in no VPC
   */
  readonly network?: FunctionNetwork;
  /** The bucket that the function writes the listings to, in the folder `pods/`. */
  readonly bucket: IBucket;
  /** The source of the function's code. */
  readonly code: FunctionCode;
  /** The function's processor architecture. */
  readonly architecture: Architecture;
  /** The function's name. */
  readonly functionName: string;
  /** The function's log group. */
  readonly logGroup: LogGroup;
}

/** The function, its role and its access entries. */
export class ExtractPods extends Construct {
  /** The function. */
  readonly function: Function;
  /** The function's role. The cluster must give it access, unless the function assumes another role. */
  readonly role: Role;

  constructor(scope: Construct, id: string, props: ExtractPodsProps) {
    super(scope, id);
    const { clusters, network, functionName } = props;
    const own = clusters.filter(({ assumeRoleArn }) => assumeRoleArn === undefined);
    const roles = new Set(
      clusters.flatMap(({ assumeRoleArn }) => (assumeRoleArn === undefined ? [] : [assumeRoleArn])),
    );
    const settings = FUNCTION_SETTINGS['extract-pods'];
    const functionArn = Stack.of(this).formatArn({
      service: 'lambda',
      resource: 'function',
      resourceName: functionName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `Permissions of ${functionName} (Hookline)`,
    });
    props.logGroup.grantWrite(this.role);
    countListings(this, props.logGroup);
    const allowed = [
      new PolicyStatement({
        actions: ['s3:PutObject'],
        resources: [props.bucket.arnForObjects(`${PODS_FOLDER}*`)],
      }),
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: clusters.map(({ clusterName }) =>
          props.bucket.arnForObjects(`${WATCH_FOLDER}${clusterName}.json`),
        ),
      }),
      ...(own.length === 0
        ? []
        : [
            new PolicyStatement({
              actions: ['eks:DescribeCluster'],
              resources: own.map((cluster) => this.clusterArn(cluster)),
            }),
            // The actions have no resource-level permissions. What another account has is for the role to describe.
            new PolicyStatement({
              actions: ['ec2:DescribeInstances', 'ec2:DescribeNetworkInterfaces'],
              resources: ['*'],
            }),
          ]),
      ...(roles.size === 0
        ? []
        : [new PolicyStatement({ actions: ['sts:AssumeRole'], resources: [...roles] })]),
      ...(network === undefined ? [] : networkStatements(functionArn)),
    ];
    allowed.forEach((statement) => this.role.addToPolicy(statement));
    acknowledgeWildcards(this.role, allowed);
    this.function = props.code.create(this, 'Function', 'extract-pods', {
      functionName,
      description: `${settings.description} (Hookline)`,
      architecture: props.architecture,
      timeout: settings.timeout,
      memorySize: settings.memorySize,
      role: this.role,
      logGroup: props.logGroup,
      tracing: Tracing.ACTIVE,
      // The state machine retries a failed invocation. After one of the schedule, the next listing is soon.
      retryAttempts: 0,
      maxEventAge: Duration.minutes(1),
    });
    acknowledge(this.role, {
      'AwsSolutions-IAM5[Resource::*]':
        'ec2:DescribeInstances, ec2:DescribeNetworkInterfaces and X-Ray’s actions that write segments do not support resource-level permissions. With a network, Lambda calls the actions of AWSLambdaVPCAccessExecutionRole; the function itself may not.',
    });
    if (network !== undefined) {
      this.attach(network);
    }
    clusters.forEach((cluster, index) => {
      if (cluster.accessEntry ?? (cluster.assumeRoleArn === undefined && cluster.region === undefined)) {
        // The first one's id is that of a stack with one cluster.
        new CfnAccessEntry(this, index === 0 ? 'AccessEntry' : `AccessEntry-${cluster.clusterName}`, {
          clusterName: cluster.clusterName,
          principalArn: this.role.roleArn,
          kubernetesGroups: [KUBERNETES_GROUP],
          type: 'STANDARD',
        });
      }
    });
  }

  /** Puts the function into the network. CDK's own property takes a VPC with its zones, which are not known here. */
  private attach({ subnetIds, securityGroupIds }: FunctionNetwork): void {
    const resource = this.function.node.defaultChild as CfnFunction;
    resource.vpcConfig = { subnetIds: [...subnetIds], securityGroupIds: [...securityGroupIds] };
    // Lambda makes the interfaces with the role's permissions.
    resource.node.addDependency(this.role);
  }

  private clusterArn({ clusterName, region }: ListedCluster): string {
    return Stack.of(this).formatArn({
      service: 'eks',
      resource: 'cluster',
      resourceName: clusterName,
      ...(region === undefined ? {} : { region }),
    });
  }
}

/**
 * The statements for the function's network. Lambda calls these actions with the role, outside the function: the function
 * itself may not (Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC").
 */
function networkStatements(functionArn: string): PolicyStatement[] {
  return [
    new PolicyStatement({ actions: NETWORK_ACTIONS, resources: ['*'] }),
    new PolicyStatement({
      effect: Effect.DENY,
      actions: NETWORK_ACTIONS.filter((action) => !action.includes(':Describe')),
      resources: ['*'],
      conditions: { ArnEquals: { 'lambda:SourceFunctionArn': functionArn } },
    }),
  ];
}
