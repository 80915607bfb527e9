/** The EventBridge rule of a profile: the launch event of a node starts an execution with `{ event, profile }`. */
import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { withGroupsIfShort } from '../shared/event-pattern';
import { ExecutionInput } from '../shared/execution-input';
import type { Profile } from './profile';

/** Props of {@link LaunchRule}. */
export interface LaunchRuleProps {
  /** The checked profile. */
  readonly profile: Profile;
  /** The profile's name in an error. */
  readonly field: string;
  /** The state machine that the rule starts. */
  readonly stateMachine: IStateMachine;
  /** The role that EventBridge assumes to start it. */
  readonly role: IRole;
  /** Receives the events that could not be delivered. */
  readonly deadLetterQueue: IQueue;
  /**
   * How long EventBridge retries the delivery of an event.
   *
   * @default Duration.minutes(30)
   */
  readonly maxEventAge?: Duration;
}

/** The rule of a profile. */
export class LaunchRule extends Construct {
  /** The rule. */
  readonly rule: Rule;

  constructor(scope: Construct, id: string, props: LaunchRuleProps) {
    super(scope, id);
    const { profile } = props;
    this.rule = new Rule(this, 'Rule', {
      description: `Starts an execution for each launch of ${profile.name} (Hookline)`,
      eventPattern: withGroupsIfShort(profile, (groups) => ({
        source: ['aws.autoscaling'],
        detailType: ['EC2 Instance-launch Lifecycle Action'],
        detail: {
          LifecycleHookName: [profile.hook.name],
          // The event does not contain the instance's tags. For a selector by tag, the functions read them from EC2.
          ...(groups === undefined ? {} : { AutoScalingGroupName: groups }),
        },
      })),
      targets: [
        new SfnStateMachine(props.stateMachine, {
          input: new ExecutionInput(
            profile,
            props.field,
            'Split it into profiles with fewer slots or subnets each, for example one for each group',
          ),
          role: props.role,
          deadLetterQueue: props.deadLetterQueue,
          // Reconcile finds the launch of an older event long before.
          maxEventAge: props.maxEventAge ?? Duration.minutes(30),
          retryAttempts: 185,
        }),
      ],
    });
  }
}
