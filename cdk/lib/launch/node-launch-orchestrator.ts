/** The functions, the state machine and the rules that prepare nodes between their launch and InService. */
import { CfnWaitConditionHandle, Duration } from 'aws-cdk-lib';
import type { Rule } from 'aws-cdk-lib/aws-events';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct, type IDependable } from 'constructs';
import { ConfigurationError, checkAll } from '../shared/configuration-error';
import {
  FUNCTION_SETTINGS,
  type FunctionName,
  LAUNCH_STATE_MACHINE,
  deployedFunctions,
} from '../shared/functions';
import { Hosting, type HostingProps } from '../shared/hosting';
import { type NetworkLimit, ProfileResources } from '../shared/profile-resources';
import { LAUNCH_NODE } from '../shared/repository';
import { didYouMean } from '../shared/suggestion';
import { checkUniqueNames } from '../shared/unique-names';
import { checkAnsweredOnce } from './answered-twice';
import { CustomResourceRole } from './custom-resource-role';
import { LaunchRule } from './launch-rule';
import { type Profile, checkProfile } from './profile';
import { type ReconcileHooks, type ReconcileLimits, ReconcileRules } from './reconcile-rules';

/** Props of {@link NodeLaunchOrchestrator}. */
export interface NodeLaunchOrchestratorProps extends HostingProps {
  /** The profiles of the groups (docs/profile.md). The ids of subnets and security groups may be tokens. */
  readonly profiles: readonly Profile[];
  /**
   * Profiles that no launch begins with any more. Roles and reconcile keep what running launches of them need, and reconcile
   * starts none. Remove a profile from here when its last execution has ended (docs/operations/updates.md).
   *
   * @default - none
   */
  readonly retiredProfiles?: readonly Profile[];
  /**
   * For profiles that select by a tag: patterns of the names of the Auto Scaling groups whose hooks Hookline may complete.
   * `*` matches any text. The group of a managed node group is named `eks-NODEGROUP-…` by EKS.
   *
   * @default - the groups that carry the tag themselves, as those of managed node groups carry the tags of EKS
   */
  readonly autoScalingGroupNamePatterns?: readonly string[];
  /**
   * The subnets and security groups in which interfaces may be created.
   *
   * @default - those that the profiles name, by their ids
   */
  readonly networkLimit?: NetworkLimit;
  /**
   * The AWS accounts that share subnets, and perhaps security groups, with the account of the stack (AWS RAM).
   *
   * @default - none: the account of the stack owns them
   */
  readonly networkOwnerAccounts?: readonly string[];
  /**
   * The time between two rounds of reconcile, at least one minute.
   *
   * @default Duration.minutes(5)
   */
  readonly reconcileEvery?: Duration;
  /**
   * The thresholds of reconcile.
   *
   * @default - the defaults of docs/operations/reconcile.md
   */
  readonly reconcileLimits?: ReconcileLimits;
  /**
   * What reconcile expects of the launch hooks.
   *
   * @default - the hooks of the profiles, with any timeout that is long enough for a launch
   */
  readonly reconcileHooks?: ReconcileHooks;
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
  /** The time between two rounds of reconcile. */
  readonly reconcileEvery: Duration;
  /** Patterns of the names of the groups whose hooks may be completed, for profiles that select by a tag. */
  readonly autoScalingGroupNamePatterns: readonly string[] | undefined;
  /** The AWS resources that the profiles name, the retired ones included. */
  readonly profileResources: ProfileResources;
  /** The prefix of the resources' names. */
  readonly namePrefix: string;
  /** The key that encrypts the logs. */
  readonly encryptionKey: IKey;

  /**
   * Is there when all of the orchestrator is. Hooks depend on it alone: with each part of the orchestrator in the DependsOn of each of
   * many hooks, a template exceeds the million bytes that CloudFormation takes.
   */
  readonly ready: IDependable;

  private readonly hosting: Hosting;
  private customResourceLogGroup: LogGroup | undefined;
  private customResourceRoleOfStack: CustomResourceRole | undefined;

  constructor(scope: Construct, id: string, props: NodeLaunchOrchestratorProps) {
    super(scope, id);
    const retired = props.retiredProfiles ?? [];
    checkProfiles(props.profiles, retired);
    this.profiles = props.profiles;
    this.reconcileEvery = props.reconcileEvery ?? Duration.minutes(5);
    this.autoScalingGroupNamePatterns = props.autoScalingGroupNamePatterns;
    const resources = new ProfileResources(
      this,
      [...this.profiles, ...retired],
      this.autoScalingGroupNamePatterns,
      props.networkLimit,
      props.networkOwnerAccounts,
    );
    resources.check();
    this.profileResources = resources;
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
        retiredProfiles: retired,
        limits: props.reconcileLimits ?? {},
        hooks: props.reconcileHooks ?? {},
        every: this.reconcileEvery,
        deadLetterQueue: this.hosting.deadLetterQueueForRules,
      });
    }
    this.ready = this.createGate();
  }

  /** Creates a resource that does nothing, after all others of the orchestrator. */
  private createGate(): CfnWaitConditionHandle {
    const parts = [...this.node.children];
    const gate = new CfnWaitConditionHandle(this, 'Ready');
    gate.node.addDependency(...parts);
    return gate;
  }

  /**
   * Returns the profile with a name.
   *
   * @throws ConfigurationError if no profile has the name
   */
  profile(name: string): Profile {
    const found = this.profiles.find((profile) => profile.name === name);
    const names = this.profiles.map((profile) => profile.name);
    if (found === undefined) {
      throw new ConfigurationError(
        'profile',
        `no profile has the name ${JSON.stringify(name)}`,
        `${didYouMean(name, names)}Use one of ${names.join(', ')}`,
      );
    }
    return found;
  }

  /** Returns the path of a profile in an error. */
  profileField(profile: Profile): string {
    return `profiles[${this.profiles.indexOf(profile)}]`;
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

  /** Returns the role that puts the hooks on the groups of managed node groups. The stack has one, for all its hooks. */
  customResourceRole(): CustomResourceRole {
    this.customResourceRoleOfStack ??= new CustomResourceRole(this, 'CustomResources');
    return this.customResourceRoleOfStack;
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
        deadLetterQueue: this.hosting.deadLetterQueueForRules,
      });
      rules.set(profile.name, rule);
    }
    return rules;
  }
}

function checkProfiles(profiles: readonly Profile[], retired: readonly Profile[]): void {
  const all = [...profiles, ...retired];
  const field = (n: number): string =>
    n < profiles.length ? `profiles[${n}]` : `retiredProfiles[${n - profiles.length}]`;
  checkAll(
    ...all.map((profile, n) => () => {
      checkProfile(profile, field(n));
    }),
    () => {
      checkUniqueNames(all, field);
    },
  );
  checkAnsweredOnce(profiles, field);
}
