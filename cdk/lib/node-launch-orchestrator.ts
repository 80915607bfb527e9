/** The heart of Hookline: the functions, the state machine, and the rules that start it. */
import { Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, type Function, Tracing } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from './acknowledgements';
import { ConfigurationError } from './configuration-error';
import { Fleet } from './fleet';
import type { FunctionCode } from './function-code';
import {
  FUNCTION_SETTINGS,
  type FunctionName,
  STATE_MACHINE,
  deployedFunctions,
  pascalCase,
  permissions,
} from './functions';
import { LaunchRule } from './launch-rule';
import { logKey } from './log-key';
import { statements } from './policy-statements';
import { type Profile, checkProfile } from './profile';
import { type ReconcileLimits, ReconcileRules } from './reconcile-rules';
import { LAUNCH_NODE } from './repository';
import { placeholders } from './state-machine-definition';

/** Props of {@link NodeLaunchOrchestrator}. */
export interface NodeLaunchOrchestratorProps {
  /** What the nodes of each group must get (docs/profile.md). Ids of subnets and security groups may be tokens. */
  readonly profiles: readonly Profile[];
  /** Where the functions' code comes from. */
  readonly code: FunctionCode;
  /** The processor that the functions run on. @default Architecture.ARM_64 */
  readonly architecture?: Architecture;
  /** What the names of the functions, the state machine and its logs begin with. @default the stack's name */
  readonly namePrefix?: string;
  /**
   * For profiles that select by a tag, as their groups are not known: what the names of the groups look like whose hooks
   * Hookline may complete; `*` stands for any text. EKS names a managed node group's `eks-NODEGROUP-…`.
   * @default `*`, any group of the account and region
   */
  readonly autoScalingGroupNamePatterns?: readonly string[];
  /** How long logs are kept. @default RetentionDays.THREE_MONTHS */
  readonly logRetention?: RetentionDays;
  /** Whether the state machine's logs have the input and output of each state: the event, the profile, addresses, tags. @default true */
  readonly logExecutionData?: boolean;
  /** Encrypts the logs. @default a key of the construct's own, rotated each year */
  readonly encryptionKey?: IKey;
  /** What becomes of the logs, and of the construct's own key, when the construct is removed. @default RemovalPolicy.DESTROY */
  readonly removalPolicy?: RemovalPolicy;
  /** How often a round of reconcile begins, at least a minute. @default 5 minutes */
  readonly reconcileEvery?: Duration;
  /** How reconcile decides. @default the defaults of docs/operations.md */
  readonly reconcileLimits?: ReconcileLimits;
  /** Executions that each function keeps free for itself; without it they share the account's. @default none */
  readonly reservedConcurrentExecutions?: Partial<Record<FunctionName, number>>;
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

  private readonly fleet: Fleet;
  private readonly logGroups = new Map<string, LogGroup>();
  private customResourceLogGroup: LogGroup | undefined;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: NodeLaunchOrchestratorProps,
  ) {
    super(scope, id);
    this.profiles = checked(props.profiles);
    this.namePrefix = checkedPrefix(props.namePrefix ?? Stack.of(this).stackName);
    this.fleet = new Fleet(this, this.profiles, props.autoScalingGroupNamePatterns ?? ['*']);
    this.encryptionKey = props.encryptionKey ?? logKey(this, props.removalPolicy ?? RemovalPolicy.DESTROY);
    this.deadLetterQueue = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    acknowledge(this.deadLetterQueue, {
      'AwsSolutions-SQS3': 'This is the dead-letter queue itself.',
    });

    const allowed = permissions();
    const deployed = deployedFunctions();
    const steps = deployed.filter((name) => !FUNCTION_SETTINGS[name].byItself);
    const functions = new Map<FunctionName, Function>();
    for (const name of steps) {
      functions.set(name, this.makeFunction(name, allowed.get(name) ?? []));
    }
    this.stateMachine = this.makeStateMachine(functions, allowed.get(STATE_MACHINE) ?? []);
    for (const name of deployed.filter((name) => FUNCTION_SETTINGS[name].byItself)) {
      functions.set(name, this.makeFunction(name, allowed.get(name) ?? [], this.stateMachine));
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
    const found = this.logGroups.get(name);
    if (found === undefined) {
      throw new Error(`${name} is not deployed`);
    }
    return found;
  }

  /** A log group with the retention, the key and the removal policy of this orchestrator. */
  makeLogGroup(scope: Construct, id: string, logGroupName: string): LogGroup {
    return new LogGroup(scope, id, {
      logGroupName,
      retention: this.props.logRetention ?? RetentionDays.THREE_MONTHS,
      encryptionKey: this.encryptionKey,
      removalPolicy: this.props.removalPolicy ?? RemovalPolicy.DESTROY,
    });
  }

  /** The logs of the function that AwsCustomResource brings: one for all hooks of the stack. */
  customResourceLogs(): LogGroup {
    const name = `/aws/lambda/${this.namePrefix}-custom-resources`;
    this.customResourceLogGroup ??= this.makeLogGroup(this, 'CustomResourceLogs', name);
    return this.customResourceLogGroup;
  }

  private makeFunction(
    name: FunctionName,
    actions: readonly string[],
    stateMachine?: StateMachine,
  ): Function {
    const settings = FUNCTION_SETTINGS[name];
    const id = pascalCase(name);
    const functionName = `${this.namePrefix}-${name}`;
    const logGroup = this.makeLogGroup(this, `${id}Logs`, `/aws/lambda/${functionName}`);
    this.logGroups.set(name, logGroup);
    const role = new Role(this, `${id}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What ${functionName} may do (Hookline)`,
    });
    logGroup.grantWrite(role);
    const allowed = statements(this, {
      functionName: name,
      actions,
      fleet: this.fleet,
      ...(stateMachine === undefined ? {} : { stateMachine }),
    });
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    const reserved = this.props.reservedConcurrentExecutions?.[name];
    const made = this.props.code.create(this, id, name, {
      functionName,
      description: `${settings.description} (Hookline)`,
      architecture: this.props.architecture ?? Architecture.ARM_64,
      timeout: settings.timeout,
      memorySize: settings.memorySize,
      role,
      logGroup,
      tracing: Tracing.ACTIVE,
      ...(reserved === undefined ? {} : { reservedConcurrentExecutions: reserved }),
      ...(settings.byItself
        ? {
            retryAttempts: 2,
            maxEventAge: Duration.hours(1),
            onFailure: new SqsDestination(this.deadLetterQueue),
          }
        : {}),
    });
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]':
        'EC2 and Auto Scaling let nobody limit Describe and Get actions to a resource, nor X-Ray the writing of segments.',
    });
    return made;
  }

  private makeStateMachine(
    functions: ReadonlyMap<FunctionName, Function>,
    actions: readonly string[],
  ): StateMachine {
    const name = `${this.namePrefix}-${STATE_MACHINE}`;
    const role = new Role(this, 'LaunchNodeRole', {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      description: `What the state machine ${name} may do (Hookline)`,
    });
    const substitutions: Record<string, string> = {};
    const invoked: string[] = [];
    for (const [placeholder, functionName] of placeholders([...functions.keys()])) {
      const arn = functions.get(functionName)?.functionArn ?? '';
      substitutions[placeholder] = arn;
      invoked.push(arn);
    }
    const allowed = statements(this, { functionName: STATE_MACHINE, actions, fleet: this.fleet, invoked });
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    // Step Functions adds to a resource policy for each log group whose name does not begin so, and that policy is soon
    // full (Step Functions Developer Guide, "CloudWatch Logs resource policy size limits").
    const logGroup = this.makeLogGroup(this, 'LaunchNodeLogs', `/aws/vendedlogs/states/${name}`);
    this.logGroups.set(STATE_MACHINE, logGroup);
    const machine = new StateMachine(this, 'LaunchNode', {
      stateMachineName: name,
      stateMachineType: StateMachineType.STANDARD,
      comment: 'Prepares one instance between its launch and InService (Hookline)',
      definitionBody: DefinitionBody.fromFile(LAUNCH_NODE),
      definitionSubstitutions: substitutions,
      role,
      logs: {
        destination: logGroup,
        level: LogLevel.ALL,
        includeExecutionData: this.props.logExecutionData ?? true,
      },
      tracingEnabled: true,
    });
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]':
        'Step Functions needs the log delivery actions and those of X-Ray on all resources: neither can be limited.',
    });
    return machine;
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

/** A function's name has up to 64 characters, a state machine's up to 80. */
function checkedPrefix(prefix: string): string {
  const longest = 64 - 1 - Math.max(...Object.keys(FUNCTION_SETTINGS).map((name) => name.length));
  if (Token.isUnresolved(prefix) || !/^[A-Za-z0-9_-]+$/.test(prefix) || prefix.length > longest) {
    throw new ConfigurationError(
      'namePrefix',
      `${JSON.stringify(prefix)} cannot begin the names of functions`,
      `Give 1 to ${longest} letters, digits, - and _`,
    );
  }
  return prefix;
}
