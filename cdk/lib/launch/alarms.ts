/** The alarms: what a person should be told of at once. docs/operations.md says what to do about each. */
import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  type IMetric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { freeAddresses, launchMetric, reconcileMetric } from './metrics';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';
import type { NodeNaming } from '../naming/node-naming';

/** Props of {@link LaunchAlarms}. */
export interface LaunchAlarmsProps {
  /** What is watched. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /** What names the nodes of groups without a hook, watched as well. @default nothing does */
  readonly naming?: NodeNaming;
  /** The topic that is told when an alarm begins and ends. It must let CloudWatch publish. @default nobody is told */
  readonly topicArn?: string;
  /** A subnet with fewer free addresses than this raises an alarm. @default 16 */
  readonly fewestFreeAddresses?: number;
}

/** The alarms of an orchestrator. */
export class LaunchAlarms extends Construct {
  /** All of them. */
  readonly alarms: readonly Alarm[];
  private readonly topic: ITopic | undefined;
  private readonly made: Alarm[] = [];
  private readonly prefix: string;

  constructor(scope: Construct, id: string, props: LaunchAlarmsProps) {
    super(scope, id);
    const { orchestrator } = props;
    this.prefix = orchestrator.namePrefix;
    this.topic = props.topicArn === undefined ? undefined : Topic.fromTopicArn(this, 'Topic', props.topicArn);
    const period = Duration.minutes(5);

    this.above('ExecutionFailed', 'executions-failed', {
      metric: orchestrator.stateMachine.metricFailed({ period }),
      alarmDescription: 'An execution failed: its node was abandoned, or goes on without its interfaces.',
    });
    this.above('ExecutionTimedOut', 'executions-timed-out', {
      metric: orchestrator.stateMachine.metricTimedOut({ period }),
      alarmDescription: 'An execution took longer than its TimeoutSeconds. Reconcile gives its launch up.',
    });
    this.above('DeadLetters', 'dead-letters', {
      metric: orchestrator.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        period,
        statistic: 'Maximum',
      }),
      alarmDescription:
        'An event could not be delivered, or reconcile failed three times. Look at the queue.',
    });
    for (const { name } of orchestrator.profiles) {
      this.above(`LateVerdict-${name}`, `late-verdicts-${name}`, {
        metric: launchMetric('LateVerdicts', name),
        alarmDescription: `A hook of ${name} was over before its verdict came: its HeartbeatTimeout is too short.`,
      });
    }
    this.above('LaunchesOverdue', 'launches-overdue', {
      metric: reconcileMetric('LaunchesOverdue', 'Maximum'),
      alarmDescription: 'A node waits at its hook for longer than a launch takes.',
    });
    const reconcile = orchestrator.functions.get('reconcile');
    if (reconcile !== undefined) {
      this.above('ReconcileFailing', 'reconcile-failing', {
        metric: reconcile.metricErrors({ period }),
        // One round that fails is done again by Lambda, and by the next round.
        evaluationPeriods: 3,
        alarmDescription:
          'Reconcile has failed for a quarter of an hour: lost launches and left interfaces stay.',
      });
    }
    this.above('RefusedProfiles', 'refused-profiles', {
      metric: reconcileMetric('ReconcileRefusedProfiles', 'Maximum'),
      alarmDescription: 'Reconcile cannot read a profile, so its launches are not looked after.',
    });
    if (props.naming !== undefined) {
      this.watchNaming(props.naming, period);
    }
    const subnets = new Set(
      orchestrator.profiles.flatMap((p) => (p.slots ?? []).flatMap((s) => s.subnetIds)),
    );
    for (const [n, subnetId] of [...subnets].entries()) {
      const threshold = props.fewestFreeAddresses ?? 16;
      this.add(`FreeAddresses${n + 1}`, {
        alarmName: `${this.prefix}-free-addresses-${subnetId}`,
        alarmDescription: `${subnetId} has fewer than ${threshold} free addresses: soon launches end in SubnetsFull.`,
        metric: freeAddresses(subnetId),
        threshold,
        evaluationPeriods: 1,
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        // Nothing was planned in this subnet meanwhile, so the alarm stays as it is.
        treatMissingData: TreatMissingData.IGNORE,
      });
    }
    this.alarms = this.made;
  }

  private watchNaming(naming: NodeNaming, period: Duration): void {
    this.above('NamingFailed', 'naming-failed', {
      metric: naming.stateMachine.metricFailed({ period }),
      alarmDescription: 'A node of a group without a hook did not get its name and tags.',
    });
    this.above('NamingTimedOut', 'naming-timed-out', {
      metric: naming.stateMachine.metricTimedOut({ period }),
      alarmDescription:
        'Naming nodes took longer than its TimeoutSeconds. Start it again with the same input.',
    });
    this.above('NamingDeadLetters', 'naming-dead-letters', {
      metric: naming.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        period,
        statistic: 'Maximum',
      }),
      alarmDescription: 'An event of a node to be named could not be delivered. Look at the queue.',
    });
  }

  /** An alarm for anything above zero. */
  private above(
    id: string,
    name: string,
    props: { metric: IMetric; alarmDescription: string; evaluationPeriods?: number },
  ): void {
    this.add(id, {
      alarmName: `${this.prefix}-${name}`,
      alarmDescription: props.alarmDescription,
      metric: props.metric,
      threshold: 0,
      evaluationPeriods: props.evaluationPeriods ?? 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  private add(id: string, props: AlarmProps): void {
    const alarm = new Alarm(this, id, props);
    if (this.topic !== undefined) {
      const action = new SnsAction(this.topic);
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
    this.made.push(alarm);
  }
}
