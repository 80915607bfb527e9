/** The EventBridge rule of a profile: a launch of its groups starts an execution with `{ event, profile }`. */
import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, type RuleTargetInputProperties } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ConfigurationError } from '../shared/configuration-error';
import type { NamingProfile } from '../naming/naming-profile';
import { type Profile, withLongestIds } from './profile';

/** The longest constant input, and the longest InputTemplate, that EventBridge takes (PutTargets, Target). */
export const LONGEST_INPUT = 8192;

/** Props of {@link LaunchRule}. */
export interface LaunchRuleProps {
  /** The profile; it has been checked. */
  readonly profile: Profile;
  /** What its fields are named after in an error. */
  readonly field: string;
  /** The state machine that the rule starts. */
  readonly stateMachine: IStateMachine;
  /** The role that EventBridge starts it by. */
  readonly role: IRole;
  /** Takes the events that could not be delivered. */
  readonly deadLetterQueue: IQueue;
  /** How old an event may become while EventBridge tries. @default 30 minutes */
  readonly maxEventAge?: Duration;
}

/** The rule of one profile. */
export class LaunchRule extends Construct {
  /** The rule. */
  readonly rule: Rule;

  constructor(scope: Construct, id: string, props: LaunchRuleProps) {
    super(scope, id);
    const { profile } = props;
    const groups = profile.selector.autoScalingGroupNames;
    this.rule = new Rule(this, 'Rule', {
      description: `Starts an execution for each launch of ${profile.name} (Hookline)`,
      eventPattern: {
        source: ['aws.autoscaling'],
        detailType: ['EC2 Instance-launch Lifecycle Action'],
        detail: {
          LifecycleHookName: [profile.hook.name],
          // A profile that selects by tag looks at the instance: the event does not have its tags.
          ...(groups === undefined ? {} : { AutoScalingGroupName: groups }),
        },
      },
      targets: [
        new SfnStateMachine(props.stateMachine, {
          input: new LaunchInput(
            profile,
            props.field,
            'Divide it into profiles with fewer slots or subnets each, say one for each group',
          ),
          role: props.role,
          deadLetterQueue: props.deadLetterQueue,
          // What is older than this is found by reconcile long before.
          maxEventAge: props.maxEventAge ?? Duration.minutes(30),
          retryAttempts: 185,
        }),
      ],
    });
  }
}

/** `{ "event": …the whole event…, "profile": … }`. */
export class LaunchInput extends RuleTargetInput {
  private readonly template: string;

  /**
   * @param profile a profile of either kind; it has been checked
   * @param field what it is called in an error
   * @param remedy what to do about one that is too long
   * @throws ConfigurationError when EventBridge would refuse it
   */
  constructor(profile: Profile | NamingProfile, field: string, remedy: string) {
    super();
    const length = inputTemplate(withLongestIds(profile)).length;
    if (length > LONGEST_INPUT) {
      throw new ConfigurationError(
        field,
        `the InputTemplate of its rule would have ${length} characters, EventBridge takes ${LONGEST_INPUT}`,
        remedy,
      );
    }
    this.template = inputTemplate(profile);
  }

  bind(): RuleTargetInputProperties {
    return { inputTemplate: this.template };
  }
}

/** Ids that are tokens stay tokens: they have no character that JSON would write otherwise. */
function inputTemplate(profile: Profile | NamingProfile): string {
  // EventBridge would take `<…>` in a profile for a variable of the template.
  const json = JSON.stringify(profile).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e');
  return `{"event":<aws.events.event.json>,"profile":${json}}`;
}
