/** The EventBridge rules of a naming profile: each launch event of its nodes starts an execution with `{ event, profile }`. */
import { Duration } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ConfigurationError } from '../shared/configuration-error';
import { withGroupsIfShort } from '../shared/event-pattern';
import { ExecutionInput } from '../shared/execution-input';
import { GROUP_TAG } from '../shared/profile-resources';
import type { NamingProfile } from './naming-profile';

/** A naming profile and the events that start its executions. At least one of the two events must be enabled. */
export interface Naming {
  /** The naming profile (docs/naming.md). The names of groups may be tokens. */
  readonly profile: NamingProfile;
  /**
   * Whether to create a rule for the event *EC2 Instance Launch Successful*, which Auto Scaling sends when the node is
   * `InService`.
   *
   * @default true
   */
  readonly onLaunchSuccessful?: boolean;
  /**
   * Whether to create a rule for the API call RunInstances, which CloudTrail reports seconds to minutes after the launch.
   *
   * The event needs a CloudTrail trail in this account and Region that logs management events (write events at least). Without
   * a trail the event never arrives, and nothing reports it. A trail has a cost if it is not the account's first.
   *
   * @default false
   */
  readonly onRunInstances?: boolean;
}

/** Props of {@link NamingRules}. */
export interface NamingRulesProps {
  /** The checked profile and its events. */
  readonly naming: Naming;
  /** The name of `naming` in an error. */
  readonly field: string;
  /** The state machine that the rules start. */
  readonly stateMachine: IStateMachine;
  /** The role that EventBridge assumes to start it. */
  readonly role: IRole;
  /** Receives the events that could not be delivered. */
  readonly deadLetterQueue: IQueue;
}

/** The rules of a naming profile. */
export class NamingRules extends Construct {
  /** The rules: one or two. */
  readonly rules: readonly Rule[];

  constructor(scope: Construct, id: string, props: NamingRulesProps) {
    super(scope, id);
    const { profile, onLaunchSuccessful = true, onRunInstances = false } = props.naming;
    checkEvents(props.naming, props.field);
    const input = new ExecutionInput(
      profile,
      `${props.field}.profile`,
      'Shorten its templates, or split its groups among several profiles',
    );
    const createRule = (ruleId: string, eventName: string, eventPattern: EventPattern): Rule =>
      new Rule(this, ruleId, {
        description: `Names the nodes of ${profile.name} on ${eventName} (Hookline)`,
        eventPattern,
        targets: [
          new SfnStateMachine(props.stateMachine, {
            input,
            role: props.role,
            deadLetterQueue: props.deadLetterQueue,
            // Nothing else names a node whose event is lost, so EventBridge retries for as long as it can.
            maxEventAge: Duration.hours(24),
            retryAttempts: 185,
          }),
        ],
      });
    this.rules = [
      ...(onLaunchSuccessful
        ? [createRule('LaunchSuccessful', 'EC2 Instance Launch Successful', launchSuccessfulPattern(profile))]
        : []),
      ...(onRunInstances ? [createRule('RunInstances', 'RunInstances', runInstancesPattern(profile))] : []),
    ];
  }
}

/**
 * Checks that an event starts the executions of a naming profile.
 *
 * @param naming the profile and its events
 * @param field its path in an error
 * @throws ConfigurationError if none does
 */
export function checkEvents(
  { onLaunchSuccessful = true, onRunInstances = false }: Naming,
  field: string,
): void {
  if (!onLaunchSuccessful && !onRunInstances) {
    throw new ConfigurationError(
      field,
      'no event starts its executions',
      'Set onLaunchSuccessful or onRunInstances to true',
    );
  }
}

function launchSuccessfulPattern(profile: NamingProfile): EventPattern {
  return withGroupsIfShort(profile, (groups) => ({
    source: ['aws.autoscaling'],
    detailType: ['EC2 Instance Launch Successful'],
    ...(groups === undefined ? {} : { detail: { AutoScalingGroupName: groups } }),
  }));
}

function runInstancesPattern(profile: NamingProfile): EventPattern {
  return withGroupsIfShort(profile, (groups) => ({
    source: ['aws.ec2'],
    detailType: ['AWS API Call via CloudTrail'],
    detail: {
      eventSource: ['ec2.amazonaws.com'],
      eventName: ['RunInstances'],
      sourceIPAddress: ['autoscaling.amazonaws.com'],
      errorCode: [{ exists: false }],
      // Tags may come by a later CreateTags, and CloudTrail leaves the instances out of a record that is too large. The
      // function looks these up.
      ...(groups === undefined
        ? {}
        : {
            $or: [ofTags({ key: [GROUP_TAG], value: groups }), ofTags({ key: [{ exists: false }] })],
          }),
    },
  }));
}

/** A pattern of the tags of the launched instances. */
function ofTags(tag: object): object {
  return { responseElements: { instancesSet: { items: { tagSet: { items: tag } } } } };
}
