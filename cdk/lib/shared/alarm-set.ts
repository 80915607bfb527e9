/** CloudWatch alarms that share a name prefix and an SNS topic. */
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
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

/** Props of {@link AlarmSet}. */
export interface AlarmSetProps {
  /** The prefix of the alarms' names. */
  readonly namePrefix: string;
  /**
   * The ARN of the SNS topic to notify when an alarm starts and when it ends. The topic's policy must let CloudWatch publish.
   *
   * @default - no notifications
   */
  readonly topicArn?: string | undefined;
  /** The page below `docs/` that tells what to do about an alarm, by the alarm's name without the prefix. */
  readonly pageOf: (name: string) => string;
  /**
   * The command that shows what is wrong, and where, by the alarm's name without the prefix. There may be none for an alarm.
   *
   * @default - none for any
   */
  readonly commandOf?: (name: string) => string | undefined;
}

/** An alarm that starts when its metric is above zero. */
export interface AboveZeroAlarmProps {
  /** The metric. */
  readonly metric: IMetric;
  /** What the alarm means for an operator. */
  readonly alarmDescription: string;
  /**
   * The number of periods in which the metric must be above zero.
   *
   * @default 1
   */
  readonly evaluationPeriods?: number;
  /**
   * The number of these periods that must be above zero.
   *
   * @default - all of them
   */
  readonly datapointsToAlarm?: number;
}

/** Alarms that share a name prefix and an SNS topic. */
export class AlarmSet extends Construct {
  private readonly namePrefix: string;
  private readonly topic: ITopic | undefined;
  private readonly pageOf: (name: string) => string;
  private readonly commandOf: (name: string) => string | undefined;
  private readonly added: Alarm[] = [];

  constructor(scope: Construct, id: string, { namePrefix, topicArn, pageOf, commandOf }: AlarmSetProps) {
    super(scope, id);
    this.pageOf = pageOf;
    this.commandOf = commandOf ?? (() => undefined);
    this.namePrefix = namePrefix;
    this.topic = topicArn === undefined ? undefined : Topic.fromTopicArn(this, 'Topic', topicArn);
  }

  /** All alarms of the set. */
  get alarms(): readonly Alarm[] {
    return this.added;
  }

  /**
   * Adds an alarm. Its description names the command that shows more, and the page that tells what to do.
   *
   * @param id the construct's id
   * @param name the alarm's name, without the prefix
   * @param props the alarm's metric, threshold and description
   */
  addAlarm(
    id: string,
    name: string,
    props: Omit<AlarmProps, 'alarmName'> & { readonly alarmDescription: string },
  ): Alarm {
    const command = this.commandOf(name);
    const look = command === undefined ? '' : ` Look: ${command}.`;
    const alarm = new Alarm(this, id, {
      ...props,
      alarmName: `${this.namePrefix}-${name}`,
      alarmDescription: `${props.alarmDescription}${look} What to do: docs/${this.pageOf(name)}`,
    });
    if (this.topic !== undefined) {
      const action = new SnsAction(this.topic);
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
    this.added.push(alarm);
    return alarm;
  }

  /**
   * Adds an alarm that starts when its metric is above zero. Missing data counts as zero.
   *
   * @param id the construct's id
   * @param name the alarm's name, without the prefix
   * @param props the alarm's metric and description
   */
  addAboveZeroAlarm(id: string, name: string, props: AboveZeroAlarmProps): Alarm {
    return this.addAlarm(id, name, {
      alarmDescription: props.alarmDescription,
      metric: props.metric,
      threshold: 0,
      evaluationPeriods: props.evaluationPeriods ?? 1,
      ...(props.datapointsToAlarm === undefined ? {} : { datapointsToAlarm: props.datapointsToAlarm }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  /**
   * Adds an alarm that starts when a dead-letter queue has messages.
   *
   * @param id the construct's id
   * @param name the alarm's name, without the prefix
   * @param queue the dead-letter queue
   * @param alarmDescription what the alarm means for an operator
   */
  addDeadLettersAlarm(id: string, name: string, queue: IQueue, alarmDescription: string): Alarm {
    return this.addAboveZeroAlarm(id, name, {
      alarmDescription,
      metric: queue.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(5),
        statistic: 'Maximum',
      }),
    });
  }
}
