/** The alarms of the cross-AZ traffic. docs/cross-az-traffic.md describes the response to each alarm. */
import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, MathExpression, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { AlarmSet } from '../shared/alarm-set';
import type { CrossAzTraffic } from './cross-az-traffic';
import { type RunMetric, trafficMetric } from './metrics';

/** Props of {@link TrafficAlarms}. */
export interface TrafficAlarmsProps {
  /** The construct that the alarms watch. */
  readonly traffic: CrossAzTraffic;
  /**
   * The US dollars of traffic across zones in 24 hours above which an alarm starts.
   *
   * @default - no alarm
   */
  readonly usdPerDay?: number;
  /**
   * The share of bytes with an unknown end, in percent, above which an alarm starts.
   *
   * @default 25
   */
  readonly unknownPercent?: number;
  /**
   * The ARN of the SNS topic to notify when an alarm starts and when it ends. The topic's policy must let CloudWatch publish.
   *
   * @default - no notifications
   */
  readonly topicArn?: string;
}

/** The alarms of a {@link CrossAzTraffic}. */
export class TrafficAlarms extends AlarmSet {
  constructor(scope: Construct, id: string, props: TrafficAlarmsProps) {
    const { traffic, topicArn } = props;
    const { clusterNames } = traffic;
    super(scope, id, { namePrefix: `${traffic.namePrefix}-cross-az-traffic`, topicArn });
    const { stateMachine, deadLetterQueue } = traffic;
    const period = Duration.minutes(5);
    this.addAboveZeroAlarm('ExecutionFailed', 'failed', {
      alarmDescription:
        'An execution failed: rows or metrics of its hours are not updated, or hours were refused because inputs are missing. The name of its last state and its cause tell.',
      metric: stateMachine.metricFailed({ period }),
    });
    this.addAboveZeroAlarm('ExecutionTimedOut', 'timed-out', {
      alarmDescription: 'An execution timed out after 55 minutes. Check its queries in Athena.',
      metric: stateMachine.metricTimedOut({ period }),
    });
    this.addDeadLettersAlarm(
      'DeadLetters',
      'dead-letters',
      deadLetterQueue,
      'The schedule could not start an execution. Read the messages of the dead-letter queue.',
    );
    this.addAlarm('NothingStored', 'nothing-stored', {
      alarmDescription:
        'No execution succeeded for three hours. From now on, hours are missing in the table or in CloudWatch.',
      metric: stateMachine.metricSucceeded({ period: Duration.hours(1), statistic: 'Sum' }),
      threshold: 1,
      evaluationPeriods: 3,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      // Step Functions writes no data point for an hour without a successful execution.
      treatMissingData: TreatMissingData.BREACHING,
    });
    const { function: extractPods } = traffic.extractPods;
    const interval = { period: Duration.minutes(traffic.listEveryMinutes), statistic: 'Sum' };
    this.addAlarm('ListingsFail', 'listings-fail', {
      alarmDescription:
        clusterNames.length === 1
          ? 'No run of extract-pods succeeded in three intervals of its schedule. Pods that come and go in this time will have no name. Its log tells why, if it ran.'
          : 'Not every cluster was listed in three intervals of the schedules. Pods that come and go in this time will have no name. The log of extract-pods tells why, if it ran.',
      metric: new MathExpression({
        expression: 'invocations - errors',
        usingMetrics: {
          invocations: extractPods.metricInvocations(interval),
          errors: extractPods.metricErrors(interval),
        },
        label: 'listings that succeeded',
        period: interval.period,
      }),
      threshold: clusterNames.length,
      evaluationPeriods: 3,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      // Lambda writes no data point for an invocation that it throttles, nor without an invocation.
      treatMissingData: TreatMissingData.BREACHING,
    });
    this.addRunAlarms(props);
  }

  /** The alarms on what the runs read. A run that puts no metrics fails, and another alarm tells it. */
  private addRunAlarms({ traffic, usdPerDay, unknownPercent = 25 }: TrafficAlarmsProps): void {
    traffic.clusterNames.forEach((clusterName, index) => {
      // The first one's names are those of a stack with one cluster.
      const [suffix, of] = index === 0 ? ['', ''] : [`-${clusterName}`, `Cluster ${clusterName}: `];
      const add = (id: string, name: string, alarmDescription: string, run: RunAlarm): void => {
        this.addAlarm(`${id}${suffix}`, `${name}${suffix}`, {
          alarmDescription: `${of}${alarmDescription}`,
          metric: trafficMetric(run.metric, clusterName),
          threshold: run.threshold,
          evaluationPeriods: run.hours ?? 1,
          comparisonOperator: run.comparisonOperator ?? ComparisonOperator.GREATER_THAN_THRESHOLD,
          treatMissingData: TreatMissingData.NOT_BREACHING,
        });
      };
      if (index === 0) {
        // The flow logs are those of all clusters.
        add(
          'RecordsTooOld',
          'records-too-old',
          'The newest flow-log record is older than two hours. Check whether the flow log exists and delivers.',
          { metric: 'NewestRecordAge', threshold: 2 * 3600 },
        );
        add(
          'NoRecords',
          'no-records',
          'A run read no flow-log record of its last hour. Check whether the flow log exists and delivers.',
          {
            metric: 'RecordsRead',
            threshold: 1,
            comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
          },
        );
      }
      add(
        'UnknownShare',
        'unknown-share',
        `More than ${unknownPercent} % of the bytes have an end that no listing knows, for three hours. Check the listings, and how long pods live.`,
        { metric: 'UnknownShare', threshold: unknownPercent, hours: 3 },
      );
      if (usdPerDay !== undefined) {
        add(
          'Cost',
          'cost',
          `Traffic across zones cost more than ${usdPerDay} US dollars in 24 hours. The named query top-talkers tells which pairs cause it.`,
          { metric: 'CrossAzUsdLastDay', threshold: usdPerDay },
        );
      }
    });
  }
}

/** An alarm on a metric of a run. */
interface RunAlarm {
  readonly metric: RunMetric;
  readonly threshold: number;
  /** How many hours the metric must be beyond the threshold; 1 if undefined. */
  readonly hours?: number;
  /** GREATER_THAN_THRESHOLD if undefined. */
  readonly comparisonOperator?: ComparisonOperator;
}
