/** The EventBridge rules of a naming profile: each event that brings its nodes starts an execution with `{ event, profile }`. */
import { Duration } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ConfigurationError } from '../shared/configuration-error';
import { GROUP_TAG } from '../shared/fleet';
import { LaunchInput } from '../launch/launch-rule';
import type { NamingProfile } from './naming-profile';
import { withLongestIds } from '../launch/profile';

/** The longest event pattern, in characters (EventBridge User Guide, "Amazon EventBridge quotas"). */
const LONGEST_PATTERN = 2048;

/** A naming profile, and the events that bring its nodes: at least one of the two. */
export interface Naming {
  /** What the nodes are called and tagged (docs/naming.md). The names of groups may be tokens. */
  readonly profile: NamingProfile;
  /** A rule for *EC2 Instance Launch Successful*, which Auto Scaling sends when the node is `InService`. @default true */
  readonly onLaunchSuccessful?: boolean;
  /**
   * A rule for RunInstances as CloudTrail tells of it, which comes seconds to minutes after the launch.
   *
   * It needs a trail in this account and region that logs management events (of type write at least): without one the event
   * never comes, and nothing says so. A trail costs money of its own where it is not the account's first. A pattern that names
   * groups does not match a record that is too large to tell of its instances: keep `onLaunchSuccessful` on for groups that
   * launch some twenty nodes with one call.
   * @default false
   */
  readonly onRunInstances?: boolean;
}

/** Props of {@link NamingRules}. */
export interface NamingRulesProps {
  /** The profile, which has been checked, and its events. */
  readonly naming: Naming;
  /** What it is called in an error. */
  readonly field: string;
  /** The state machine that the rules start. */
  readonly stateMachine: IStateMachine;
  /** The role that EventBridge starts it by. */
  readonly role: IRole;
  /** Takes the events that could not be delivered. */
  readonly deadLetterQueue: IQueue;
}

/** The rules of one naming profile. */
export class NamingRules extends Construct {
  /** The rules. */
  readonly rules: readonly Rule[];

  constructor(scope: Construct, id: string, props: NamingRulesProps) {
    super(scope, id);
    const { profile, onLaunchSuccessful = true, onRunInstances = false } = props.naming;
    const input = new LaunchInput(
      profile,
      `${props.field}.profile`,
      'Shorten its templates, or divide its groups among profiles',
    );
    const rule = (ruleId: string, what: string, eventPattern: EventPattern): Rule =>
      new Rule(this, ruleId, {
        description: `Names the nodes of ${profile.name} on ${what} (Hookline)`,
        eventPattern,
        targets: [
          new SfnStateMachine(props.stateMachine, {
            input,
            role: props.role,
            deadLetterQueue: props.deadLetterQueue,
            // Nothing else names a node whose event is lost, and a name that comes late is better than none.
            maxEventAge: Duration.hours(24),
            retryAttempts: 185,
          }),
        ],
      });
    this.rules = [
      ...(onLaunchSuccessful
        ? [rule('LaunchSuccessful', 'EC2 Instance Launch Successful', launchSuccessful(profile))]
        : []),
      ...(onRunInstances ? [rule('RunInstances', 'RunInstances', runInstances(profile))] : []),
    ];
    if (this.rules.length === 0) {
      throw new ConfigurationError(
        props.field,
        'no event brings its nodes',
        'Set onLaunchSuccessful or onRunInstances',
      );
    }
  }
}

function launchSuccessful(profile: NamingProfile): EventPattern {
  return narrowest(profile, (groups) => ({
    source: ['aws.autoscaling'],
    detailType: ['EC2 Instance Launch Successful'],
    ...(groups === undefined ? {} : { detail: { AutoScalingGroupName: groups } }),
  }));
}

function runInstances(profile: NamingProfile): EventPattern {
  return narrowest(profile, (groups) => ({
    source: ['aws.ec2'],
    detailType: ['AWS API Call via CloudTrail'],
    detail: {
      eventSource: ['ec2.amazonaws.com'],
      eventName: ['RunInstances'],
      sourceIPAddress: ['autoscaling.amazonaws.com'],
      errorCode: [{ exists: false }],
      ...(groups === undefined
        ? {}
        : {
            responseElements: {
              instancesSet: { items: { tagSet: { items: { key: [GROUP_TAG], value: groups } } } },
            },
          }),
    },
  }));
}

/**
 * The pattern with the profile's groups, or without when they are too many, or not known: a pattern only saves executions,
 * as the function asks the selector again.
 */
function narrowest(
  profile: NamingProfile,
  pattern: (groups: string[] | undefined) => EventPattern,
): EventPattern {
  const longest = withLongestIds(profile).selector.autoScalingGroupNames;
  return JSON.stringify(pattern(longest)).length <= LONGEST_PATTERN
    ? pattern(profile.selector.autoScalingGroupNames)
    : pattern(undefined);
}
