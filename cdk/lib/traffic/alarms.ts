/** The alarms of the traffic across Availability Zones. docs/cross-az-traffic.md says what to do about each. */
import { Duration } from 'aws-cdk-lib';
import { Alarm, type AlarmProps, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { CrossAzTraffic } from './cross-az-traffic';

/** Props of {@link TrafficAlarms}. */
export interface TrafficAlarmsProps {
  /** What is watched. */
  readonly traffic: CrossAzTraffic;
  /** The topic that is told when an alarm begins and ends. It must let CloudWatch publish. @default nobody is told */
  readonly topicArn?: string;
}

/** The alarms of a {@link CrossAzTraffic}. */
export class TrafficAlarms extends Construct {
  private readonly topic: ITopic | undefined;

  constructor(scope: Construct, id: string, { traffic, topicArn }: TrafficAlarmsProps) {
    super(scope, id);
    this.topic = topicArn === undefined ? undefined : Topic.fromTopicArn(this, 'Topic', topicArn);
    const { namePrefix, stateMachine, deadLetterQueue } = traffic;
    const period = Duration.minutes(5);
    const above = {
      threshold: 0,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    };
    this.add('ExecutionFailed', {
      ...above,
      alarmName: `${namePrefix}-cross-az-traffic-failed`,
      alarmDescription:
        'An execution failed: its three hours are as they were, or lack their metrics. The next two runs compute them too.',
      metric: stateMachine.metricFailed({ period }),
    });
    this.add('ExecutionTimedOut', {
      ...above,
      alarmName: `${namePrefix}-cross-az-traffic-timed-out`,
      alarmDescription: 'An execution took 55 minutes: look at its queries in Athena.',
      metric: stateMachine.metricTimedOut({ period }),
    });
    this.add('DeadLetters', {
      ...above,
      alarmName: `${namePrefix}-cross-az-traffic-dead-letters`,
      alarmDescription: 'The schedule could not start an execution. Look at the queue.',
      metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum' }),
    });
    this.add('NothingStored', {
      alarmName: `${namePrefix}-cross-az-traffic-nothing-stored`,
      alarmDescription:
        'No execution succeeded for three hours: from now on hours are missing, in the table or in CloudWatch.',
      metric: stateMachine.metricSucceeded({ period: Duration.hours(1), statistic: 'Sum' }),
      threshold: 1,
      evaluationPeriods: 3,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      // Step Functions has no point for an hour in which nothing succeeded.
      treatMissingData: TreatMissingData.BREACHING,
    });
  }

  private add(id: string, props: AlarmProps): void {
    const alarm = new Alarm(this, id, props);
    if (this.topic !== undefined) {
      const action = new SnsAction(this.topic);
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
  }
}
