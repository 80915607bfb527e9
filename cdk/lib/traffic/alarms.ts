/** The alarms of the cross-AZ traffic. docs/cross-az-traffic/alarms.md describes the response to each alarm. */
import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { AlarmSet } from '../shared/alarm-set';
import type { CrossAzTraffic } from './cross-az-traffic';
import { listings, type RunMetric, trafficMetric } from './metrics';

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
    super(scope, id, {
      namePrefix: `${traffic.namePrefix}-cross-az-traffic`,
      topicArn,
      pageOf: () => 'cross-az-traffic/alarms.md',
    });
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
    this.addListingAlarms(traffic);
    this.addRunAlarms(props);
  }

  /** The alarms on the listings of each cluster. */
  private addListingAlarms({ clusterNames, listEveryMinutes }: CrossAzTraffic): void {
    // The lines of a log become a metric with some delay, so shorter periods would look empty.
    const period = Duration.minutes(Math.max(listEveryMinutes, 5));
    clusterNames.forEach((clusterName, index) => {
      const { suffix, of } = naming(clusterName, index);
      this.addAlarm(`ListingsFail${suffix}`, `listings-fail${suffix}`, {
        alarmDescription: `${of}No listing of extract-pods was written in ${3 * period.toMinutes()} minutes. Pods that come and go in this time will have no name. Its log tells why, if it ran.`,
        metric: listings(clusterName, period),
        threshold: 1,
        evaluationPeriods: 3,
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        // Without a listing there is no data point.
        treatMissingData: TreatMissingData.BREACHING,
      });
    });
  }

  /** The alarms on what the runs read. A run that puts no metrics fails, and another alarm tells it. */
  private addRunAlarms({ traffic, usdPerDay, unknownPercent = 25 }: TrafficAlarmsProps): void {
    traffic.clusterNames.forEach((clusterName, index) => {
      const { suffix, of } = naming(clusterName, index);
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

/** What the names and the descriptions of a cluster's alarms have. The first one's names are those of a stack with one cluster. */
function naming(clusterName: string, index: number): { suffix: string; of: string } {
  return index === 0 ? { suffix: '', of: '' } : { suffix: `-${clusterName}`, of: `Cluster ${clusterName}: ` };
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
