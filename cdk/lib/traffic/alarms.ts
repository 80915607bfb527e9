/** The alarms of the cross-AZ traffic. docs/cross-az-traffic.md describes the response to each alarm. */
import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { AlarmSet } from '../shared/alarm-set';
import type { CrossAzTraffic } from './cross-az-traffic';

/** Props of {@link TrafficAlarms}. */
export interface TrafficAlarmsProps {
  /** The construct that the alarms watch. */
  readonly traffic: CrossAzTraffic;
  /**
   * The ARN of the SNS topic to notify when an alarm starts and when it ends. The topic's policy must let CloudWatch publish.
   *
   * @default - no notifications
   */
  readonly topicArn?: string;
}

/** The alarms of a {@link CrossAzTraffic}. */
export class TrafficAlarms extends AlarmSet {
  constructor(scope: Construct, id: string, { traffic, topicArn }: TrafficAlarmsProps) {
    super(scope, id, { namePrefix: `${traffic.namePrefix}-cross-az-traffic`, topicArn });
    const { stateMachine, deadLetterQueue } = traffic;
    const period = Duration.minutes(5);
    this.addAboveZeroAlarm('ExecutionFailed', 'failed', {
      alarmDescription:
        'An execution failed: the rows or the metrics of its three hours are not updated. The next two executions compute the hours again.',
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
  }
}
