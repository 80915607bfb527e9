/** The function extract-pods: its role, and how the cluster knows it. traffic/extract-pods/README.md says what it needs. */
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

/** The Kubernetes group that `traffic/kubernetes/extract-pods-role.yaml` binds to the role that may list nodes and pods. */
export const KUBERNETES_GROUP = 'hookline-extract-pods';

/** The cluster whose pods are listed, and how. */
export interface ListedCluster {
  /** Its name. */
  readonly clusterName: string;
  /** Its region. @default the stack's */
  readonly region?: string;
  /**
   * A role to read the cluster with, in another account say. The access entry is then that role's, and is made where the
   * cluster is, not here.
   * @default the function's own
   */
  readonly assumeRoleArn?: string;
  /**
   * Whether an access entry is made for the function's role. False for a cluster whose authentication mode is `CONFIG_MAP`:
   * an entry in the ConfigMap aws-auth takes its place (docs/cross-az-traffic.md).
   * @default true, where the cluster is in the stack's region and read with the function's own role
   */
  readonly accessEntry?: boolean;
}

/** Props of {@link ExtractPods}. */
export interface ExtractPodsProps {
  /** The cluster. */
  readonly cluster: ListedCluster;
  /** Where the listings go, under `pods/`. */
  readonly bucket: IBucket;
  /** Where the function's code comes from. */
  readonly code: FunctionCode;
  /** The processor that it runs on. */
  readonly architecture: Architecture;
  /** The function's name. */
  readonly functionName: string;
  /** Its logs. */
  readonly logGroup: LogGroup;
}

/** The function, its role and its access entry. */
export class ExtractPods extends Construct {
  /** The function. */
  readonly function: Function;
  /** Its role: that which the cluster must know, unless it assumes another. */
  readonly role: Role;

  constructor(scope: Construct, id: string, props: ExtractPodsProps) {
    super(scope, id);
    const { cluster, functionName } = props;
    const settings = FUNCTION_SETTINGS['extract-pods'];
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What ${functionName} may do (Hookline)`,
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
      // The state machine does it again; nobody invokes it without waiting for the answer.
      retryAttempts: 0,
      maxEventAge: Duration.minutes(1),
    });
    acknowledge(this.role, {
      'AwsSolutions-IAM5[Resource::*]': 'X-Ray lets nobody limit the writing of segments to a resource.',
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
