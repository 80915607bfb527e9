/** The stack of the cross-AZ traffic. It is a stack of its own, so that its data can outlive the other stack. */
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { acknowledgeCdkFunction } from '../shared/acknowledgements';
import type { HooklineConfig, Traffic, TrafficCluster } from '../shared/config';
import type { FunctionCode } from '../shared/function-code';
import { TrafficAlarms } from './alarms';
import { CrossAzTraffic } from './cross-az-traffic';
import { TrafficDashboard } from './dashboard';
import type { ListedCluster } from './extract-pods';
import { functionNetwork, trafficSource } from './traffic-source';

/** Props of {@link CrossAzTrafficStack}. */
export interface CrossAzTrafficStackProps extends StackProps {
  /** `traffic` of a checked configuration. */
  readonly traffic: Traffic;
  /** The fields of the configuration that apply to this stack too. */
  readonly config: Pick<HooklineConfig, 'architecture' | 'alarms' | 'logs' | 'stackName'>;
  /** The source of the function's code. */
  readonly code: FunctionCode;
}

/** The construct of the cross-AZ traffic, with its alarms and its dashboard. */
export class CrossAzTrafficStack extends Stack {
  /** The flow logs, the table, and the state machine that computes it. */
  readonly traffic: CrossAzTraffic;

  constructor(scope: Construct, id: string, props: CrossAzTrafficStackProps) {
    super(scope, id, {
      description: 'Hookline: the traffic of pods across Availability Zones',
      ...props,
    });
    const { traffic, config } = props;
    const { logs = {}, alarms = {} } = config;
    this.traffic = new CrossAzTraffic(this, 'Traffic', {
      cluster: listedCluster(traffic),
      moreClusters: (traffic.moreClusters ?? []).map(listedCluster),
      ...functionNetwork(traffic),
      source: trafficSource(traffic),
      code: props.code,
      architecture: config.architecture === 'x86_64' ? Architecture.X86_64 : Architecture.ARM_64,
      namePrefix: config.stackName,
      ...(traffic.groupLabels === undefined ? {} : { groupLabels: traffic.groupLabels }),
      ...(traffic.usdPerGb === undefined ? {} : { usdPerGb: traffic.usdPerGb }),
      ...(traffic.natGatewayUsdPerGb === undefined ? {} : { natGatewayUsdPerGb: traffic.natGatewayUsdPerGb }),
      ...(traffic.internetUsdPerGb === undefined ? {} : { internetUsdPerGb: traffic.internetUsdPerGb }),
      ...(traffic.costAndUsageTable === undefined ? {} : { costAndUsageTable: traffic.costAndUsageTable }),
      ...(traffic.topPairs === undefined ? {} : { topPairs: traffic.topPairs }),
      ...(traffic.scanLimitGiB === undefined ? {} : { scanLimitGiB: traffic.scanLimitGiB }),
      ...(traffic.keepInputsDays === undefined ? {} : { keepInputs: Duration.days(traffic.keepInputsDays) }),
      ...(traffic.minute === undefined ? {} : { minute: traffic.minute }),
      ...(traffic.listEveryMinutes === undefined ? {} : { listEveryMinutes: traffic.listEveryMinutes }),
      removalPolicy: (traffic.keep ?? true) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      logRemovalPolicy: (logs.keep ?? false) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      ...(logs.retentionDays === undefined ? {} : { logRetention: logs.retentionDays }),
    });
    new TrafficAlarms(this, 'Alarms', {
      traffic: this.traffic,
      ...(traffic.usdPerDayAlarm === undefined ? {} : { usdPerDay: traffic.usdPerDayAlarm }),
      ...(traffic.unknownPercentAlarm === undefined ? {} : { unknownPercent: traffic.unknownPercentAlarm }),
      ...(alarms.topicArn === undefined ? {} : { topicArn: alarms.topicArn }),
    });
    const { url } = new TrafficDashboard(this, 'Dashboard', { traffic: this.traffic });
    acknowledgeAutoDelete(this);
    this.createOutputs(url);
  }

  private createOutputs(dashboardUrl: string): void {
    const { store, stateMachine, extractPods, deadLetterQueue } = this.traffic;
    for (const [id, value, description] of [
      ['StateMachineArn', stateMachine.stateMachineArn, 'The state machine. Start it to compute past hours'],
      ['DashboardUrl', dashboardUrl, 'The dashboard'],
      ['WorkGroup', store.workGroupName, 'The Athena workgroup, with named queries'],
      ['Database', store.databaseName, 'The Glue database'],
      [
        'TrafficBucket',
        store.trafficBucket.bucketName,
        'The bucket of the listings and the table: pods.bucket of the input of the state machine',
      ],
      ['FlowLogsBucket', store.flowLogsBucket.bucketName, 'The bucket of the flow logs'],
      ['QueryResultsBucket', store.resultsBucket.bucketName, 'The bucket of the query results'],
      ['ExtractPodsRoleArn', extractPods.role.roleArn, 'The role that lists nodes and pods of the cluster'],
      ['DeadLetterQueueUrl', deadLetterQueue.queueUrl, 'The dead-letter queue of the schedule'],
    ] as const) {
      new CfnOutput(this, id, { value, description });
    }
  }
}

function listedCluster(cluster: Traffic | TrafficCluster): ListedCluster {
  const { clusterName, clusterRegion, assumeRoleArn, accessEntry } = cluster;
  return {
    clusterName,
    ...(clusterRegion === undefined ? {} : { region: clusterRegion }),
    ...(assumeRoleArn === undefined ? {} : { assumeRoleArn }),
    ...(accessEntry === undefined ? {} : { accessEntry }),
  };
}

/** Acknowledges the findings of the function that empties the buckets, if the buckets are deleted with the stack. */
function acknowledgeAutoDelete(stack: Stack): void {
  const provider = stack.node.tryFindChild('Custom::S3AutoDeleteObjectsCustomResourceProvider');
  if (provider !== undefined) {
    acknowledgeCdkFunction(provider, 'CDK creates the function. It may write logs.');
  }
}
