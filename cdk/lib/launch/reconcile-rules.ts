/** The EventBridge rules that invoke reconcile: a schedule, and the end of each execution that did not succeed. */
import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ConfigurationError } from '../shared/configuration-error';
import { MAX_INPUT_LENGTH } from '../shared/execution-input';
import { withLongestIds } from '../shared/tokens';
import type { Profile } from './profile';

/** EventBridge's limit of the targets of a rule. */
const MAX_TARGETS_PER_RULE = 5;
/** The length of the longest ARN of a state machine: its partition, Region and account, and a name of 80 characters. */
const MAX_MACHINE_ARN_LENGTH = 'arn:aws-us-gov:states:ap-southeast-2:123456789012:stateMachine:'.length + 80;

/** The thresholds of reconcile (docs/operations.md, "Reconcile"). */
export interface ReconcileLimits {
  /**
   * The time in seconds, after an instance's launch, in which its event may still start an execution.
   *
   * @default 120
   */
  readonly launchAgeSeconds?: number;
  /**
   * The time in seconds, after an instance's launch, from which a launch that still waits is overdue.
   *
   * @default 1800 - the recommended HeartbeatTimeout
   */
  readonly overdueSeconds?: number;
  /**
   * The time in seconds that an interface must be orphaned before reconcile deletes it.
   *
   * @default 600
   */
  readonly unownedSeconds?: number;
  /**
   * The maximum number of interfaces that one round deletes.
   *
   * @default 50
   */
  readonly deletesPerRound?: number;
}

/** Props of {@link ReconcileRules}. */
export interface ReconcileRulesProps {
  /** The function. */
  readonly reconcile: IFunction;
  /** The state machine whose executions reconcile checks. */
  readonly stateMachine: IStateMachine;
  /** The checked profiles. */
  readonly profiles: readonly Profile[];
  /** The thresholds. */
  readonly limits: ReconcileLimits;
  /** The time between two rounds. */
  readonly every: Duration;
  /** Receives the events that could not be delivered. */
  readonly deadLetterQueue: IQueue;
}

/** The rules that invoke reconcile. */
export class ReconcileRules extends Construct {
  constructor(scope: Construct, id: string, props: ReconcileRulesProps) {
    super(scope, id);
    const delivery = {
      deadLetterQueue: props.deadLetterQueue,
      maxEventAge: Duration.minutes(30),
      retryAttempts: 185,
    };

    new Rule(this, 'Ended', {
      description: 'Invokes reconcile for each execution that failed, timed out or was stopped (Hookline)',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          stateMachineArn: [props.stateMachine.stateMachineArn],
          status: ['TIMED_OUT', 'ABORTED', 'FAILED'],
        },
      },
      targets: [new LambdaFunction(props.reconcile, delivery)],
    });

    const inputs = splitByInputLength(props.profiles, props.limits);
    for (let first = 0; first < inputs.length; first += MAX_TARGETS_PER_RULE) {
      const number = first / MAX_TARGETS_PER_RULE;
      new Rule(this, number === 0 ? 'Schedule' : `Schedule${number + 1}`, {
        description: 'Starts the rounds of reconcile (Hookline)',
        schedule: Schedule.rate(props.every),
        targets: inputs.slice(first, first + MAX_TARGETS_PER_RULE).map(
          (profiles) =>
            new LambdaFunction(props.reconcile, {
              ...delivery,
              // The next round replaces a round that is late.
              maxEventAge: Duration.minutes(5),
              event: RuleTargetInput.fromObject({
                stateMachineArn: props.stateMachine.stateMachineArn,
                profiles,
                limits: props.limits,
              }),
            }),
        ),
      });
    }
  }
}

/**
 * Splits the profiles into parts that each fit the constant input of a target. Without profiles there is one empty part, as
 * reconcile deletes orphaned interfaces also then.
 */
function splitByInputLength(profiles: readonly Profile[], limits: ReconcileLimits): Profile[][] {
  const length = (part: readonly Profile[]): number =>
    JSON.stringify({ stateMachineArn: '', profiles: part.map(withLongestIds), limits }).length +
    MAX_MACHINE_ARN_LENGTH;
  const parts: Profile[][] = [[]];
  for (const profile of profiles) {
    const last = parts.at(-1) ?? [];
    if (length([...last, profile]) <= MAX_INPUT_LENGTH) {
      last.push(profile);
    } else if (length([profile]) <= MAX_INPUT_LENGTH) {
      parts.push([profile]);
    } else {
      throw new ConfigurationError(
        `profile ${profile.name}`,
        `the input of reconcile would have ${length([profile])} characters; EventBridge's limit is ${MAX_INPUT_LENGTH}`,
        'Split it into profiles with fewer slots or subnets each, for example one for each group',
      );
    }
  }
  return parts.filter((part, n) => n === 0 || part.length > 0);
}
