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

/** Fewer than the 240 that a round sets in a minute, so that two rounds do not overlap. */
const ATTRIBUTES_PER_MINUTE = 200;
const MAX_ATTRIBUTES = 1000;
/** EventBridge's limit of the targets of a rule. */
const MAX_TARGETS_PER_RULE = 5;
/** The length of the longest ARN of a state machine: its partition, Region and account, and a name of 80 characters. */
const MAX_MACHINE_ARN_LENGTH = 'arn:aws-us-gov:states:ap-southeast-2:123456789012:stateMachine:'.length + 80;

/** The thresholds of reconcile (docs/operations/reconcile.md). */
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
  /**
   * The maximum number of interfaces on which one round sets DeleteOnTermination.
   *
   * @default 200 for each minute between two rounds, and at most 1000
   */
  readonly attributesPerRound?: number;
  /**
   * The number of generations of replacements that are a launch loop if they fail by the same permanent error, at least 2.
   *
   * @default 3
   */
  readonly loopGenerations?: number;
}

/** What reconcile expects of the launch hooks of the profiles' groups (docs/operations/reconcile.md). */
export interface ReconcileHooks {
  /**
   * The heartbeat timeouts in seconds with which the hook of a profile is put, by the profile's name. Reconcile reports
   * another one.
   *
   * @default - any timeout that is long enough for a launch
   */
  readonly heartbeatSeconds?: Readonly<Record<string, readonly number[]>>;
  /**
   * The names of launch hooks that other owners complete.
   *
   * @default - reconcile reports each hook that no profile answers
   */
  readonly others?: readonly string[];
}

/** Props of {@link ReconcileRules}. */
export interface ReconcileRulesProps {
  /** The function. */
  readonly reconcile: IFunction;
  /** The state machine whose executions reconcile checks. */
  readonly stateMachine: IStateMachine;
  /** The checked profiles. */
  readonly profiles: readonly Profile[];
  /** The checked profiles that no launch begins with any more. */
  readonly retiredProfiles: readonly Profile[];
  /** The thresholds. */
  readonly limits: ReconcileLimits;
  /** What is expected of the launch hooks. */
  readonly hooks: ReconcileHooks;
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

    const inputs = splitByInputLength(props);
    for (let first = 0; first < inputs.length; first += MAX_TARGETS_PER_RULE) {
      const number = first / MAX_TARGETS_PER_RULE;
      new Rule(this, number === 0 ? 'Schedule' : `Schedule${number + 1}`, {
        description: 'Starts the rounds of reconcile (Hookline)',
        schedule: Schedule.rate(props.every),
        targets: inputs.slice(first, first + MAX_TARGETS_PER_RULE).map(
          (part, index) =>
            new LambdaFunction(props.reconcile, {
              ...delivery,
              // The next round replaces a round that is late.
              maxEventAge: Duration.minutes(5),
              event: RuleTargetInput.fromObject({
                stateMachineArn: props.stateMachine.stateMachineArn,
                ...part,
                ...(inputs.length > 1 && { otherTargets: true }),
                ...hooksOf(props, part),
                limits: roundLimits(props, first + index > 0),
              }),
            }),
        ),
      });
    }
  }
}

/**
 * The limits of one target. All targets see all interfaces of the deployment and start at the same time, so only the first sets
 * attributes: together they would use more than EC2's rate. By default it sets what it can until the next round.
 */
function roundLimits({ limits, every }: ReconcileRulesProps, isAnother: boolean): ReconcileLimits {
  const untilNext = Math.min(MAX_ATTRIBUTES, ATTRIBUTES_PER_MINUTE * every.toMinutes());
  return { ...limits, attributesPerRound: isAnother ? 0 : (limits.attributesPerRound ?? untilNext) };
}

/**
 * What one target expects of the launch hooks. The profiles of the other targets answer their hooks, which this one could not
 * know otherwise.
 */
function hooksOf(
  { hooks: { heartbeatSeconds = {}, others = [] }, profiles, retiredProfiles }: ReconcileRulesProps,
  part: Part,
): { hooks?: ReconcileHooks } {
  const own = [...part.profiles, ...(part.retiredProfiles ?? [])];
  const ofOthers = [...profiles, ...retiredProfiles]
    .filter((profile) => !own.includes(profile))
    .map(({ hook }) => hook.name);
  const names = new Set(own.map(({ hook }) => hook.name));
  const answered = [...new Set([...others, ...ofOthers])].filter((name) => !names.has(name)).sort();
  const seconds = Object.entries(heartbeatSeconds).filter(([name]) =>
    part.profiles.some((profile) => profile.name === name),
  );
  const hooks: ReconcileHooks = {
    ...(seconds.length > 0 && { heartbeatSeconds: Object.fromEntries(seconds) }),
    ...(answered.length > 0 && { others: answered }),
  };
  return Object.keys(hooks).length > 0 ? { hooks } : {};
}

/** The profiles of one input. */
interface Part {
  readonly profiles: Profile[];
  readonly retiredProfiles?: Profile[];
}

/**
 * Splits the profiles into parts that each fit the constant input of a target. Without profiles there is one empty part, as
 * reconcile deletes orphaned interfaces also then.
 */
function splitByInputLength(props: ReconcileRulesProps): Part[] {
  const { profiles, retiredProfiles, limits } = props;
  const length = (part: Part): number =>
    JSON.stringify({
      stateMachineArn: '',
      ...withLongestIds(part),
      otherTargets: true,
      ...hooksOf(props, part),
      limits: { attributesPerRound: MAX_ATTRIBUTES, ...limits },
    }).length + MAX_MACHINE_ARN_LENGTH;
  const parts: Part[] = [{ profiles: [] }];
  const all = [
    ...profiles.map((profile) => ({ profile, isRetired: false })),
    ...retiredProfiles.map((profile) => ({ profile, isRetired: true })),
  ];
  for (const { profile, isRetired } of all) {
    const last = parts.at(-1) ?? { profiles: [] };
    const longer = withProfile(last, profile, isRetired);
    const alone = withProfile({ profiles: [] }, profile, isRetired);
    if (length(longer) <= MAX_INPUT_LENGTH) {
      parts[parts.length - 1] = longer;
    } else if (length(alone) <= MAX_INPUT_LENGTH) {
      parts.push(alone);
    } else {
      throw new ConfigurationError(
        `profile ${profile.name}`,
        `the input of reconcile would have ${length(alone)} characters; EventBridge's limit is ${MAX_INPUT_LENGTH}`,
        'Split it into profiles with fewer slots or subnets each, for example one for each group',
      );
    }
  }
  return parts;
}

function withProfile(part: Part, profile: Profile, isRetired: boolean): Part {
  return isRetired
    ? { ...part, retiredProfiles: [...(part.retiredProfiles ?? []), profile] }
    : { ...part, profiles: [...part.profiles, profile] };
}
