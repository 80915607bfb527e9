/** The alarms of launches and of reconcile. docs/operations.md describes the response to each alarm. */
import { Duration } from 'aws-cdk-lib';
import {
  ComparisonOperator,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { AlarmSet } from '../shared/alarm-set';
import { runbookPage } from '../shared/runbook';
import { freeAddresses, launchMetric, reconcileMetric } from './metrics';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';

/** The number of subnets up to which each has an alarm of its own. */
const MAX_ALARMS_OF_SUBNETS = 100;
/** CloudWatch's limit of the metrics in the expression of an alarm (CloudWatch User Guide, "CloudWatch service quotas"). */
const MAX_METRICS_PER_ALARM = 10;

/** Props of {@link LaunchAlarms}. */
export interface LaunchAlarmsProps {
  /** The orchestrator that the alarms watch. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /**
   * The ARN of the SNS topic to notify when an alarm starts and when it ends. The topic's policy must let CloudWatch publish.
   *
   * @default - no notifications
   */
  readonly topicArn?: string;
  /**
   * The minimum number of free addresses of a subnet. An alarm starts when a subnet has fewer.
   *
   * @default 16
   */
  readonly fewestFreeAddresses?: number;
}

/** The alarms of an orchestrator. */
export class LaunchAlarms extends AlarmSet {
  constructor(scope: Construct, id: string, props: LaunchAlarmsProps) {
    const { orchestrator } = props;
    super(scope, id, {
      namePrefix: orchestrator.namePrefix,
      topicArn: props.topicArn,
      pageOf: runbookPage,
    });
    const period = Duration.minutes(5);

    this.addAboveZeroAlarm('ExecutionFailed', 'executions-failed', {
      metric: orchestrator.stateMachine.metricFailed({ period }),
      alarmDescription:
        'An execution failed. Its node was abandoned, or it continued without its interfaces.',
    });
    this.addAboveZeroAlarm('ExecutionTimedOut', 'executions-timed-out', {
      metric: orchestrator.stateMachine.metricTimedOut({ period }),
      alarmDescription: 'An execution exceeded its TimeoutSeconds. Reconcile abandons its launch.',
    });
    this.addDeadLettersAlarm(
      'DeadLetters',
      'dead-letters',
      orchestrator.deadLetterQueue,
      'An event could not be delivered, or reconcile failed three times. Read the messages of the dead-letter queue.',
    );
    for (const { name } of orchestrator.profiles) {
      this.addAboveZeroAlarm(`LateVerdict-${name}`, `late-verdicts-${name}`, {
        metric: launchMetric('LateVerdicts', name),
        alarmDescription: `A lifecycle hook of ${name} timed out before it was completed. Its HeartbeatTimeout is too short.`,
      });
      this.addAboveZeroAlarm(`NodesWithoutTags-${name}`, `nodes-without-tags-${name}`, {
        metric: launchMetric('NodesWithoutTags', name),
        alarmDescription: `A node of ${name} went on without a tag of the profile. Its log says why.`,
      });
      this.addAboveZeroAlarm(`LaunchLoop-${name}`, `launch-loops-${name}`, {
        metric: launchMetric('LaunchLoops', name, 'Maximum'),
        alarmDescription: `Launches of a group of ${name} fail by the same error, again and again, or the group is braked. hookline status and the log line "launch loop" of reconcile name the group and the error.`,
      });
    }
    this.addAboveZeroAlarm('LaunchesOverdue', 'launches-overdue', {
      metric: reconcileMetric('LaunchesOverdue', 'Maximum'),
      alarmDescription: 'A node has waited at its lifecycle hook for longer than a launch takes.',
    });
    const reconcile = orchestrator.functions.get('reconcile');
    if (reconcile !== undefined) {
      this.addAboveZeroAlarm('ReconcileFailing', 'reconcile-failing', {
        metric: reconcile.metricErrors({ period }),
        // Lambda retries a failed round, and the next round does the same work.
        evaluationPeriods: 3,
        alarmDescription:
          'Reconcile has failed for 15 minutes. Lost launches and orphaned interfaces are not cleaned up.',
      });
    }
    this.addAboveZeroAlarm('RefusedProfiles', 'refused-profiles', {
      metric: reconcileMetric('ReconcileRefusedProfiles', 'Maximum'),
      alarmDescription: 'Reconcile rejected a profile, so it does not check the launches of that profile.',
    });
    const subnets = new Set(
      orchestrator.profiles.flatMap((profile) => (profile.slots ?? []).flatMap((slot) => slot.subnetIds)),
    );
    const threshold = props.fewestFreeAddresses ?? 16;
    if (subnets.size > MAX_ALARMS_OF_SUBNETS) {
      this.addSharedAlarms([...subnets], threshold);
      return;
    }
    for (const [n, subnetId] of [...subnets].entries()) {
      this.addFreeAddressAlarm(n + 1, subnetId, subnetId, freeAddresses(subnetId), threshold);
    }
  }

  /** Adds an alarm for each ten subnets. A stack has 500 resources, so it cannot have one for each of hundreds. */
  private addSharedAlarms(subnets: readonly string[], threshold: number): void {
    for (let first = 0; first < subnets.length; first += MAX_METRICS_PER_ALARM) {
      const some = subnets.slice(first, first + MAX_METRICS_PER_ALARM);
      const number = first / MAX_METRICS_PER_ALARM + 1;
      const fewest = new MathExpression({
        expression: 'MIN(METRICS())',
        label: 'the fewest free addresses',
        usingMetrics: Object.fromEntries(some.map((subnetId, n) => [`m${n}`, freeAddresses(subnetId)])),
        period: Duration.minutes(5),
      });
      this.addFreeAddressAlarm(number, `${number}`, `One of ${some.join(', ')}`, fewest, threshold);
    }
  }

  private addFreeAddressAlarm(
    number: number,
    name: string,
    subject: string,
    metric: IMetric,
    threshold: number,
  ): void {
    this.addAlarm(`FreeAddresses${number}`, `free-addresses-${name}`, {
      alarmDescription: `${subject} has fewer than ${threshold} free addresses. When it is full, launches end in SubnetsFull.`,
      metric,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      // Without a launch in these subnets there is no data, and the alarm keeps its state.
      treatMissingData: TreatMissingData.IGNORE,
    });
  }
}
