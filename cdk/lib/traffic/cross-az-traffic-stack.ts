/** The stack of the traffic across Availability Zones. It is one of its own: its data may outlive the rest. */
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { acknowledgeTrafficProviders } from '../shared/acknowledgements';
import type { HooklineConfig, Traffic } from '../shared/config';
import { ConfigurationError } from '../shared/configuration-error';
import { CrossAzTraffic } from './cross-az-traffic';
import type { FunctionCode } from '../shared/function-code';
import { TrafficAlarms } from './alarms';
import { TrafficDashboard } from './dashboard';
import type { TrafficSource } from './traffic-store';

/** Props of {@link CrossAzTrafficStack}. */
export interface CrossAzTrafficStackProps extends StackProps {
  /** What to deploy: `traffic` of a configuration, which has been checked. */
  readonly traffic: Traffic;
  /** The rest of the configuration, as far as it counts here too. */
  readonly config: Pick<HooklineConfig, 'architecture' | 'alarms' | 'logs' | 'stackName'>;
  /** Where the function's code comes from. */
  readonly code: FunctionCode;
}

/** The traffic across Availability Zones, its alarms and its dashboard. */
export class CrossAzTrafficStack extends Stack {
  /** What makes the table. */
  readonly traffic: CrossAzTraffic;

  constructor(scope: Construct, id: string, props: CrossAzTrafficStackProps) {
    super(scope, id, {
      description: 'Hookline: the traffic of pods across Availability Zones',
      ...props,
    });
    const { traffic, config } = props;
    const { logs = {}, alarms = {} } = config;
    this.traffic = new CrossAzTraffic(this, 'Traffic', {
      cluster: {
        clusterName: traffic.clusterName,
        ...(traffic.clusterRegion === undefined ? {} : { region: traffic.clusterRegion }),
        ...(traffic.assumeRoleArn === undefined ? {} : { assumeRoleArn: traffic.assumeRoleArn }),
        ...(traffic.accessEntry === undefined ? {} : { accessEntry: traffic.accessEntry }),
      },
      source: source(traffic),
      code: props.code,
      architecture: config.architecture === 'x86_64' ? Architecture.X86_64 : Architecture.ARM_64,
      namePrefix: config.stackName,
      ...(traffic.groupLabels === undefined ? {} : { groupLabels: traffic.groupLabels }),
      ...(traffic.usdPerGb === undefined ? {} : { usdPerGb: traffic.usdPerGb }),
      ...(traffic.topPairs === undefined ? {} : { topPairs: traffic.topPairs }),
      ...(traffic.scanLimitGiB === undefined ? {} : { scanLimitGiB: traffic.scanLimitGiB }),
      ...(traffic.keepInputsDays === undefined ? {} : { keepInputs: Duration.days(traffic.keepInputsDays) }),
      ...(traffic.minute === undefined ? {} : { minute: traffic.minute }),
      removalPolicy: (traffic.keep ?? true) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      logRemovalPolicy: (logs.keep ?? false) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      ...(logs.retentionDays === undefined ? {} : { logRetention: logs.retentionDays }),
    });
    new TrafficAlarms(this, 'Alarms', {
      traffic: this.traffic,
      ...(alarms.topicArn === undefined ? {} : { topicArn: alarms.topicArn }),
    });
    const { url } = new TrafficDashboard(this, 'Dashboard', {
      traffic: this.traffic,
      clusterName: traffic.clusterName,
    });
    acknowledgeTrafficProviders(this);
    this.outputs(url);
  }

  private outputs(dashboardUrl: string): void {
    const { store, stateMachine, extractPods, deadLetterQueue } = this.traffic;
    for (const [id, value, description] of [
      ['StateMachineArn', stateMachine.stateMachineArn, 'The state machine: start it for hours of the past'],
      ['DashboardUrl', dashboardUrl, 'What crosses zones, by hour'],
      ['WorkGroup', store.workGroupName, 'Athena’s workgroup, with the named queries'],
      ['Database', store.databaseName, 'Glue’s database'],
      [
        'TrafficBucket',
        store.trafficBucket.bucketName,
        'The listings and the table: pods.bucket of the input',
      ],
      ['FlowLogsBucket', store.flowLogsBucket.bucketName, 'The flow logs'],
      ['QueryResultsBucket', store.resultsBucket.bucketName, 'What queries found'],
      ['ExtractPodsRoleArn', extractPods.role.roleArn, 'Whom the cluster must let list nodes and pods'],
      ['DeadLetterQueueUrl', deadLetterQueue.queueUrl, 'What the schedule could not start'],
    ] as const) {
      new CfnOutput(this, id, { value, description });
    }
  }
}

function source({ vpcId, subnetIds }: Traffic): TrafficSource {
  if (vpcId !== undefined && subnetIds === undefined) {
    return { vpcId };
  }
  if (subnetIds !== undefined && vpcId === undefined) {
    return { subnetIds };
  }
  throw new ConfigurationError(
    'config.traffic',
    vpcId === undefined ? 'no network' : 'two networks',
    'Name either a vpcId or subnetIds',
  );
}
