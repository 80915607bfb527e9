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
import { FUNCTION_SETTINGS } from '../shared/functions';
import { runbookPage } from '../shared/runbook';
import { type LaunchMetric, LaunchMetrics, freeAddresses } from './metrics';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';

/** The number of subnets up to which each has an alarm of its own. */
const MAX_ALARMS_OF_SUBNETS = 100;
/** CloudWatch's limit of the metrics in the expression of an alarm (CloudWatch User Guide, "CloudWatch service quotas"). */
const MAX_METRICS_PER_ALARM = 10;

/** The number of profiles up to which each has alarms of its own of what reconcile finds. A stack has 500 resources. */
const MAX_PROFILES_WITH_OWN_ALARMS = 20;
/** The period of the alarms. */
const PERIOD = Duration.minutes(5);

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
      // It shows nothing of naming, whose alarms are of this set too.
      commandOf: (name) =>
        name.startsWith('naming') ? undefined : `hookline status --stack ${orchestrator.namePrefix}`,
    });
    const period = PERIOD;
    const metrics = new LaunchMetrics(orchestrator.namePrefix);

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
        metric: metrics.ofProfile('LateVerdicts', name),
        alarmDescription: `A lifecycle hook of ${name} timed out before it was completed. Its HeartbeatTimeout is too short.`,
      });
      this.addAboveZeroAlarm(`NodesWithoutTags-${name}`, `nodes-without-tags-${name}`, {
        metric: metrics.ofProfile('NodesWithoutTags', name),
        alarmDescription: `A node of ${name} went on without a tag of the profile. Its log says why.`,
      });
    }
    this.addThrottlesAlarm(orchestrator);
    this.addReconcileAlarms(orchestrator, metrics);
    this.addAboveZeroAlarm('LaunchesOverdue', 'launches-overdue', {
      metric: metrics.ofReconcile('LaunchesOverdue', 'Maximum'),
      alarmDescription: 'A node has waited at its lifecycle hook for longer than a launch takes.',
    });
    const reconcile = orchestrator.functions.get('reconcile');
    if (reconcile !== undefined) {
      this.addAboveZeroAlarm('ReconcileFailing', 'reconcile-failing', {
        metric: reconcile.metricErrors({ period }),
        // Lambda retries a failed round, and the next round does the same work. With one round in several periods, some periods
        // have no data.
        evaluationPeriods: 3 * periodsOfRound(orchestrator),
        datapointsToAlarm: 3,
        alarmDescription:
          'Reconcile fails round after round. Lost launches and orphaned interfaces are not cleaned up.',
      });
    }
    this.addAboveZeroAlarm('RefusedProfiles', 'refused-profiles', {
      metric: metrics.ofReconcile('ReconcileRefusedProfiles', 'Maximum'),
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

  /**
   * Adds the alarm of invocations of launches that Lambda refuses. Those of a burst go on after some seconds, so it starts only if
   * there are some in each of three minutes. A throttled round of reconcile ends in the dead-letter queue, which has an alarm.
   */
  private addThrottlesAlarm(orchestrator: NodeLaunchOrchestrator): void {
    const period = Duration.minutes(1);
    const launching = [...orchestrator.functions].filter(
      ([name]) => !FUNCTION_SETTINGS[name].invokedDirectly,
    );
    this.addAboveZeroAlarm('LambdaThrottles', 'lambda-throttles', {
      metric: new MathExpression({
        expression: 'SUM(METRICS())',
        label: 'throttled invocations',
        usingMetrics: Object.fromEntries(
          launching.map(([, fn], n) => [`m${n}`, fn.metricThrottles({ period })]),
        ),
        period,
      }),
      evaluationPeriods: 3,
      alarmDescription:
        'Lambda has refused invocations of launches for three minutes: too few may run at once. Launches wait, and some may be abandoned.',
    });
  }

  /**
   * Adds the alarms of what reconcile finds for a profile. Those of what does not fit it start after two rounds that find it:
   * during a deployment, the hook is put last. With one round in several periods, some periods have no data.
   */
  private addReconcileAlarms(orchestrator: NodeLaunchOrchestrator, metrics: LaunchMetrics): void {
    const twice = { evaluationPeriods: 2 * periodsOfRound(orchestrator) + 1, datapointsToAlarm: 2 };
    const names = orchestrator.profiles.map((profile) => profile.name);
    for (const { suffix, subject, metric } of watchedProfiles(names, metrics)) {
      this.addAboveZeroAlarm(`LaunchLoop-${suffix}`, `launch-loops-${suffix}`, {
        metric: metric('LaunchLoops'),
        alarmDescription: `Launches of a group of ${subject} fail by the same error, again and again, or the group is braked. The command, and the log line "launch loop" of reconcile, name the group and the error.`,
      });
      this.addAboveZeroAlarm(`HookProblem-${suffix}`, `hook-problems-${suffix}`, {
        metric: metric('HookProblems'),
        ...twice,
        alarmDescription: `A group of ${subject} lacks the launch hook, or has one with other settings, or one that no profile answers. The command, and the log line "launch hook does not fit" of reconcile, name the group and the hook.`,
      });
      this.addAboveZeroAlarm(`NodesWithoutInterfaces-${suffix}`, `nodes-without-interfaces-${suffix}`, {
        metric: metric('NodesWithoutInterfaces'),
        ...twice,
        alarmDescription: `Nodes of ${subject} are InService without interfaces of the profile, and pods fail there. The command, and the log line "nodes are InService without their interfaces" of reconcile, name them.`,
      });
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
        period: PERIOD,
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

/** In how many periods of an alarm there is one round of reconcile. */
function periodsOfRound(orchestrator: NodeLaunchOrchestrator): number {
  return Math.ceil(orchestrator.reconcileEvery.toMinutes() / PERIOD.toMinutes());
}

/** What an alarm watches: the end of its name, its profile or profiles in words, and their metrics. */
interface WatchedProfiles {
  readonly suffix: string;
  readonly subject: string;
  readonly metric: (name: LaunchMetric) => IMetric;
}

/** One for each profile, or for each ten of many. */
function watchedProfiles(names: readonly string[], metrics: LaunchMetrics): WatchedProfiles[] {
  if (names.length <= MAX_PROFILES_WITH_OWN_ALARMS) {
    return names.map((name) => ({
      suffix: name,
      subject: name,
      metric: (metric) => metrics.ofProfile(metric, name, 'Maximum'),
    }));
  }
  return Array.from({ length: Math.ceil(names.length / MAX_METRICS_PER_ALARM) }, (_, part) => {
    const some = names.slice(part * MAX_METRICS_PER_ALARM, (part + 1) * MAX_METRICS_PER_ALARM);
    return {
      suffix: `${part + 1}`,
      subject: 'one of the profiles whose metrics this alarm watches',
      metric: (metric) =>
        new MathExpression({
          expression: 'MAX(METRICS())',
          label: 'the most',
          usingMetrics: Object.fromEntries(
            some.map((name, n) => [`m${n}`, metrics.ofProfile(metric, name, 'Maximum')]),
          ),
          period: PERIOD,
        }),
    };
  });
}
