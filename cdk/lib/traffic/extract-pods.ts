/** The function extract-pods, its role, and its access to the cluster. traffic/extract-pods/README.md lists what it needs. */
import { Duration, Stack } from 'aws-cdk-lib';
import { CfnAccessEntry } from 'aws-cdk-lib/aws-eks';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type Architecture, type Function, Tracing } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../shared/acknowledgements';
import type { FunctionCode } from '../shared/function-code';
import { FUNCTION_SETTINGS } from '../shared/functions';
import { PODS_FOLDER } from './traffic-store';

/** The Kubernetes group that `traffic/kubernetes/extract-pods-role.yaml` binds to the ClusterRole that lists nodes and pods. */
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
   * `CONFIG_MAP`, which needs an entry in the ConfigMap aws-auth instead (docs/cross-az-traffic.md).
   *
   * @default - true if the cluster is in the stack's Region and the function reads it with its own role
   */
  readonly accessEntry?: boolean;
}

/** Props of {@link ExtractPods}. */
export interface ExtractPodsProps {
  /** The cluster whose pods the function lists. */
  readonly cluster: ListedCluster;
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

/** The function, its role and its access entry. */
export class ExtractPods extends Construct {
  /** The function. */
  readonly function: Function;
  /** The function's role. The cluster must give it access, unless the function assumes another role. */
  readonly role: Role;

  constructor(scope: Construct, id: string, props: ExtractPodsProps) {
    super(scope, id);
    const { cluster, functionName } = props;
    const settings = FUNCTION_SETTINGS['extract-pods'];
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `Permissions of ${functionName} (Hookline)`,
    });
    props.logGroup.grantWrite(this.role);
    const allowed = [
      new PolicyStatement({
        actions: ['s3:PutObject'],
        resources: [props.bucket.arnForObjects(`${PODS_FOLDER}*`)],
      }),
      cluster.assumeRoleArn === undefined
        ? new PolicyStatement({ actions: ['eks:DescribeCluster'], resources: [this.clusterArn(cluster)] })
        : new PolicyStatement({ actions: ['sts:AssumeRole'], resources: [cluster.assumeRoleArn] }),
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
      // The state machine retries a failed invocation, and nothing invokes the function asynchronously.
      retryAttempts: 0,
      maxEventAge: Duration.minutes(1),
    });
    acknowledge(this.role, {
      'AwsSolutions-IAM5[Resource::*]':
        'X-Ray’s actions that write segments do not support resource-level permissions.',
    });
    if (cluster.accessEntry ?? (cluster.assumeRoleArn === undefined && cluster.region === undefined)) {
      new CfnAccessEntry(this, 'AccessEntry', {
        clusterName: cluster.clusterName,
        principalArn: this.role.roleArn,
        kubernetesGroups: [KUBERNETES_GROUP],
        type: 'STANDARD',
      });
    }
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
