/** What invokes reconcile: a schedule with the profiles, and each execution that ends otherwise than well. */
import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ConfigurationError } from '../shared/configuration-error';
import { LONGEST_INPUT } from './launch-rule';
import { type Profile, withLongestIds } from './profile';

/** EventBridge takes so many targets on a rule. */
const TARGETS_PER_RULE = 5;
/** The longest ARN of a state machine: the partition, region and account, and a name of 80 characters. */
const LONGEST_MACHINE_ARN = 'arn:aws-us-gov:states:ap-southeast-2:123456789012:stateMachine:'.length + 80;

/** How reconcile decides; what is left out has its default (docs/operations.md, "Reconcile"). */
export interface ReconcileLimits {
  /** Seconds after its launch in which an instance's event may start an execution. @default 120 */
  readonly launchAgeSeconds?: number;
  /** Seconds after its launch from which a launch that still waits is overdue. @default 1800, the usual HeartbeatTimeout */
  readonly overdueSeconds?: number;
  /** Seconds that an interface must have been without an owner before it is deleted. @default 600 */
  readonly unownedSeconds?: number;
  /** Interfaces that one round deletes at most. @default 50 */
  readonly deletesPerRound?: number;
}

/** Props of {@link ReconcileRules}. */
export interface ReconcileRulesProps {
  /** The function. */
  readonly reconcile: IFunction;
  /** The state machine that it looks after. */
  readonly stateMachine: IStateMachine;
  /** The profiles; they have been checked. */
  readonly profiles: readonly Profile[];
  /** How it decides. */
  readonly limits: ReconcileLimits;
  /** How often a round begins. */
  readonly every: Duration;
  /** Takes the events that could not be delivered. */
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
      description: 'Reconcile sees to each execution that ended otherwise than well (Hookline)',
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

    const inputs = divided(props.profiles, props.limits);
    for (let first = 0; first < inputs.length; first += TARGETS_PER_RULE) {
      const number = first / TARGETS_PER_RULE;
      new Rule(this, number === 0 ? 'Schedule' : `Schedule${number + 1}`, {
        description: 'Begins rounds of reconcile (Hookline)',
        schedule: Schedule.rate(props.every),
        targets: inputs.slice(first, first + TARGETS_PER_RULE).map(
          (profiles) =>
            new LambdaFunction(props.reconcile, {
              ...delivery,
              // The next round comes soon enough.
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

/** The profiles in parts that each fit a constant input. An empty list is one part: interfaces are looked after all the same. */
function divided(profiles: readonly Profile[], limits: ReconcileLimits): Profile[][] {
  const length = (part: readonly Profile[]): number =>
    JSON.stringify({ stateMachineArn: '', profiles: part.map(withLongestIds), limits }).length +
    LONGEST_MACHINE_ARN;
  const parts: Profile[][] = [[]];
  for (const profile of profiles) {
    const last = parts.at(-1) ?? [];
    if (length([...last, profile]) <= LONGEST_INPUT) {
      last.push(profile);
    } else if (length([profile]) <= LONGEST_INPUT) {
      parts.push([profile]);
    } else {
      throw new ConfigurationError(
        `profile ${profile.name}`,
        `reconcile's input would have ${length([profile])} characters, EventBridge takes ${LONGEST_INPUT}`,
        'Divide it into profiles with fewer slots or subnets each, say one for each group',
      );
    }
  }
  return parts.filter((part, n) => n === 0 || part.length > 0);
}
