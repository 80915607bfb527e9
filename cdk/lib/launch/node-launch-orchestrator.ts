/** The heart of Hookline: the functions, the state machine, and the rules that start it. */
import { Duration } from 'aws-cdk-lib';
import type { Rule } from 'aws-cdk-lib/aws-events';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ConfigurationError } from '../shared/configuration-error';
import { Fleet } from '../shared/fleet';
import { FUNCTION_SETTINGS, type FunctionName, STATE_MACHINE, deployedFunctions } from '../shared/functions';
import { Hosting, type HostingProps } from '../shared/hosting';
import { LaunchRule } from './launch-rule';
import { type Profile, checkProfile } from './profile';
import { type ReconcileLimits, ReconcileRules } from './reconcile-rules';
import { LAUNCH_NODE } from '../shared/repository';

/** Props of {@link NodeLaunchOrchestrator}. */
export interface NodeLaunchOrchestratorProps extends HostingProps {
  /** What the nodes of each group must get (docs/profile.md). Ids of subnets and security groups may be tokens. */
  readonly profiles: readonly Profile[];
  /**
   * For profiles that select by a tag, as their groups are not known: what the names of the groups look like whose hooks
   * Hookline may complete; `*` stands for any text. EKS names a managed node group's `eks-NODEGROUP-…`.
   * @default `*`, any group of the account and region
   */
  readonly autoScalingGroupNamePatterns?: readonly string[];
  /** How often a round of reconcile begins, at least a minute. @default 5 minutes */
  readonly reconcileEvery?: Duration;
  /** How reconcile decides. @default the defaults of docs/operations.md */
  readonly reconcileLimits?: ReconcileLimits;
}

/** The functions, the state machine, the rule of each profile, and reconcile. */
export class NodeLaunchOrchestrator extends Construct {
  /** The state machine that prepares a node. */
  readonly stateMachine: StateMachine;
  /** Takes what could not be delivered: launch events, rounds of reconcile. */
  readonly deadLetterQueue: Queue;
  /** The functions, by name. */
  readonly functions: ReadonlyMap<FunctionName, Function>;
  /** The rule of each profile, by the profile's name. */
  readonly rules: ReadonlyMap<string, Rule>;
  /** The profiles, checked. */
  readonly profiles: readonly Profile[];
  /** What the names of this orchestrator's resources begin with. */
  readonly namePrefix: string;
  /** Encrypts the logs. */
  readonly encryptionKey: IKey;

  private readonly hosting: Hosting;
  private customResourceLogGroup: LogGroup | undefined;

  constructor(scope: Construct, id: string, props: NodeLaunchOrchestratorProps) {
    super(scope, id);
    this.profiles = checked(props.profiles);
    const fleet = new Fleet(this, this.profiles, props.autoScalingGroupNamePatterns ?? ['*']);
    this.hosting = new Hosting(this, props, fleet);
    this.namePrefix = this.hosting.namePrefix;
    this.encryptionKey = this.hosting.logs.encryptionKey;
    this.deadLetterQueue = this.hosting.deadLetterQueue;

    const deployed = deployedFunctions();
    const functions = new Map<FunctionName, Function>();
    for (const name of deployed.filter((name) => !FUNCTION_SETTINGS[name].byItself)) {
      functions.set(name, this.hosting.makeFunction(name));
    }
    this.stateMachine = this.hosting.makeStateMachine(
      STATE_MACHINE,
      LAUNCH_NODE,
      'Prepares one instance between its launch and InService (Hookline)',
      functions,
    );
    for (const name of deployed.filter((name) => FUNCTION_SETTINGS[name].byItself)) {
      functions.set(name, this.hosting.makeFunction(name, this.stateMachine));
    }
    this.functions = functions;

    this.rules = this.makeRules();
    const reconcile = functions.get('reconcile');
    if (reconcile !== undefined) {
      new ReconcileRules(this, 'ReconcileRules', {
        reconcile,
        stateMachine: this.stateMachine,
        profiles: this.profiles,
        limits: props.reconcileLimits ?? {},
        every: props.reconcileEvery ?? Duration.minutes(5),
        deadLetterQueue: this.deadLetterQueue,
      });
    }
  }

  /** The profile of this name. */
  profile(name: string): Profile {
    const found = this.profiles.find((profile) => profile.name === name);
    if (found === undefined) {
      throw new ConfigurationError(
        `profile ${name}`,
        'no profile has this name',
        `Name one of ${this.profiles.map((profile) => profile.name).join(', ')}`,
      );
    }
    return found;
  }

  /** The log group of a function, or of the state machine. */
  logGroup(name: FunctionName | typeof STATE_MACHINE): LogGroup {
    const found = this.hosting.logGroups.get(name);
    if (found === undefined) {
      throw new Error(`${name} is not deployed`);
    }
    return found;
  }

  /** A log group with the retention, the key and the removal policy of this orchestrator. */
  makeLogGroup(scope: Construct, id: string, logGroupName: string): LogGroup {
    return this.hosting.logs.group(scope, id, logGroupName);
  }

  /** The logs of the function that AwsCustomResource brings: one for all hooks of the stack. */
  customResourceLogs(): LogGroup {
    const name = `/aws/lambda/${this.namePrefix}-custom-resources`;
    this.customResourceLogGroup ??= this.makeLogGroup(this, 'CustomResourceLogs', name);
    return this.customResourceLogGroup;
  }

  private makeRules(): Map<string, Rule> {
    const role = new Role(this, 'StartLaunchRole', {
      assumedBy: new ServicePrincipal('events.amazonaws.com'),
      description: 'Lets the rules of Hookline start executions',
    });
    const rules = new Map<string, Rule>();
    for (const [n, profile] of this.profiles.entries()) {
      const { rule } = new LaunchRule(this, `Launch-${profile.name}`, {
        profile,
        field: `profiles[${n}]`,
        stateMachine: this.stateMachine,
        role,
        deadLetterQueue: this.deadLetterQueue,
      });
      rules.set(profile.name, rule);
    }
    return rules;
  }
}

function checked(profiles: readonly Profile[]): readonly Profile[] {
  const names = new Map<string, number>();
  for (const [n, profile] of profiles.entries()) {
    checkProfile(profile, `profiles[${n}]`);
    const other = names.get(profile.name);
    if (other !== undefined) {
      throw new ConfigurationError(
        `profiles[${n}].name`,
        `${JSON.stringify(profile.name)} is also the name of profiles[${other}]`,
        'Give each profile a name of its own',
      );
    }
    names.set(profile.name, n);
  }
  return profiles;
}
