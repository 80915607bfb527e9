/** The functions, the state machine and the rules that prepare nodes between their launch and InService. */
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
import {
  FUNCTION_SETTINGS,
  type FunctionName,
  LAUNCH_STATE_MACHINE,
  deployedFunctions,
} from '../shared/functions';
import { Hosting, type HostingProps } from '../shared/hosting';
import { ProfileResources } from '../shared/profile-resources';
import { LAUNCH_NODE } from '../shared/repository';
import { checkUniqueNames } from '../shared/unique-names';
import { LaunchRule } from './launch-rule';
import { type Profile, checkProfile } from './profile';
import { type ReconcileLimits, ReconcileRules } from './reconcile-rules';

/** Props of {@link NodeLaunchOrchestrator}. */
export interface NodeLaunchOrchestratorProps extends HostingProps {
  /** The profiles of the groups (docs/profile.md). The ids of subnets and security groups may be tokens. */
  readonly profiles: readonly Profile[];
  /**
   * For profiles that select by a tag: patterns of the names of the Auto Scaling groups whose hooks Hookline may complete.
   * `*` matches any text. The group of a managed node group is named `eks-NODEGROUP-…` by EKS.
   *
   * @default ['*'] - any group of the account and Region
   */
  readonly autoScalingGroupNamePatterns?: readonly string[];
  /**
   * The time between two rounds of reconcile, at least one minute.
   *
   * @default Duration.minutes(5)
   */
  readonly reconcileEvery?: Duration;
  /**
   * The thresholds of reconcile.
   *
   * @default - the defaults of docs/operations.md
   */
  readonly reconcileLimits?: ReconcileLimits;
}

/** The functions, the state machine, a rule for each profile, and the rules of reconcile. */
export class NodeLaunchOrchestrator extends Construct {
  /** The state machine that prepares a node. */
  readonly stateMachine: StateMachine;
  /** Receives undelivered events: launch events and rounds of reconcile. */
  readonly deadLetterQueue: Queue;
  /** The functions by name, without the prefix. */
  readonly functions: ReadonlyMap<FunctionName, Function>;
  /** The rule of each profile, by the profile's name. */
  readonly rules: ReadonlyMap<string, Rule>;
  /** The checked profiles. */
  readonly profiles: readonly Profile[];
  /** Patterns of the names of the groups whose hooks may be completed, for profiles that select by a tag. */
  readonly autoScalingGroupNamePatterns: readonly string[];
  /** The prefix of the resources' names. */
  readonly namePrefix: string;
  /** The key that encrypts the logs. */
  readonly encryptionKey: IKey;

  private readonly hosting: Hosting;
  private customResourceLogGroup: LogGroup | undefined;

  constructor(scope: Construct, id: string, props: NodeLaunchOrchestratorProps) {
    super(scope, id);
    checkProfiles(props.profiles);
    this.profiles = props.profiles;
    this.autoScalingGroupNamePatterns = props.autoScalingGroupNamePatterns ?? ['*'];
    const resources = new ProfileResources(this, this.profiles, this.autoScalingGroupNamePatterns);
    this.hosting = new Hosting(this, props, resources);
    this.namePrefix = this.hosting.namePrefix;
    this.encryptionKey = this.hosting.logGroups.encryptionKey;
    this.deadLetterQueue = this.hosting.deadLetterQueue;

    const deployed = deployedFunctions();
    const functions = new Map<FunctionName, Function>();
    for (const name of deployed.filter((name) => !FUNCTION_SETTINGS[name].invokedDirectly)) {
      functions.set(name, this.hosting.createFunction(name));
    }
    this.stateMachine = this.hosting.createStateMachine(
      LAUNCH_STATE_MACHINE,
      LAUNCH_NODE,
      'Prepares an instance between its launch and InService (Hookline)',
      functions,
    );
    for (const name of deployed.filter((name) => FUNCTION_SETTINGS[name].invokedDirectly)) {
      functions.set(name, this.hosting.createFunction(name, this.stateMachine));
    }
    this.functions = functions;

    this.rules = this.createRules();
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

  /**
   * Returns the profile with a name.
   *
   * @throws ConfigurationError if no profile has the name
   */
  profile(name: string): Profile {
    const found = this.profiles.find((profile) => profile.name === name);
    if (found === undefined) {
      throw new ConfigurationError(
        `profile ${name}`,
        'no profile has this name',
        `Use one of ${this.profiles.map((profile) => profile.name).join(', ')}`,
      );
    }
    return found;
  }

  /** Returns the log group of a function or of the state machine. */
  logGroup(name: FunctionName | typeof LAUNCH_STATE_MACHINE): LogGroup {
    return this.hosting.logGroup(name);
  }

  /** Creates a log group with the retention, the key and the removal policy of this orchestrator. */
  createLogGroup(scope: Construct, id: string, logGroupName: string): LogGroup {
    return this.hosting.logGroups.create(scope, id, logGroupName);
  }

  /** Returns the log group of the function of AwsCustomResource. The stack has one, for all its hooks. */
  customResourceLogs(): LogGroup {
    const name = `/aws/lambda/${this.namePrefix}-custom-resources`;
    this.customResourceLogGroup ??= this.createLogGroup(this, 'CustomResourceLogs', name);
    return this.customResourceLogGroup;
  }

  private createRules(): Map<string, Rule> {
    const role = new Role(this, 'StartLaunchRole', {
      assumedBy: new ServicePrincipal('events.amazonaws.com'),
      description: 'EventBridge starts executions of launches with this role (Hookline)',
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

function checkProfiles(profiles: readonly Profile[]): void {
  const field = (n: number): string => `profiles[${n}]`;
  for (const [n, profile] of profiles.entries()) {
    checkProfile(profile, field(n));
  }
  checkUniqueNames(profiles, field);
}
