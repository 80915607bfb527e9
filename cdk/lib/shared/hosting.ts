/**
 * The functions and the state machine of a construct: each has a role and a log group of its own. All share a name prefix, a
 * dead-letter queue, and the key that encrypts the logs.
 */
import { createHash } from 'node:crypto';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, type CfnFunction, type Function, Tracing } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from './acknowledgements';
import { deadLetterQueue, failedInvocationsTo, queueForRules } from './dead-letter-queue';
import type { FunctionCode } from './function-code';
import {
  FUNCTION_SETTINGS,
  type FunctionName,
  type StateMachineName,
  pascalCase,
  permissions,
} from './functions';
import { LogGroups } from './log-groups';
import { checkedPrefix } from './name-prefix';
import { statements } from './policy-statements';
import type { ProfileResources } from './profile-resources';
import { VERSION as HOOKLINE_VERSION } from './repository';
import { PARTITION, placeholders } from './state-machine-placeholders';

/** Props of a construct with functions and a state machine. */
export interface HostingProps {
  /** The source of the functions' code. */
  readonly code: FunctionCode;
  /**
   * The functions' processor architecture.
   *
   * @default Architecture.ARM_64
   */
  readonly architecture?: Architecture;
  /**
   * The prefix of the names of the functions, the state machine and the log groups. It is also the name of the deployment, which
   * each interface has as its tag `hookline:deployment`. After a change of it, the interfaces that it has already are not deleted any more
   * (docs/operations/deployments.md).
   *
   * @default - the stack's name
   */
  readonly namePrefix?: string;
  /**
   * How long logs are kept.
   *
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: RetentionDays;
  /**
   * Whether the state machine's logs contain the input and output of each state: the event, the profile, addresses and tags.
   *
   * @default true
   */
  readonly logExecutionData?: boolean;
  /**
   * The key that encrypts the logs.
   *
   * @default - a key that the construct creates; KMS rotates it each year
   */
  readonly encryptionKey?: IKey;
  /**
   * What happens to the logs, and to a key that the construct creates, when the construct is removed.
   *
   * @default RemovalPolicy.DESTROY
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * Reserved concurrent executions by function.
   *
   * @default - no reserved concurrency: the functions share the account's concurrency
   */
  readonly reservedConcurrentExecutions?: Partial<Record<FunctionName, number>>;
}

/** The environment variable of each function that holds the name of its deployment (`functions/src/runtime.rs`). */
const DEPLOYMENT = 'HOOKLINE_DEPLOYMENT';

/**
 * A version of a function that a state machine invokes. An update leaves it: executions that began before the update end with
 * its code. If an update is rolled back, the versions that it made are deleted: Lambda would publish none for the same code
 * again, and the next update would fail (Lambda API Reference, PublishVersion).
 */
const VERSION = { removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE } as const;

/**
 * Adds Hookline's version and a digest of the code's place to the description of a function. CDK makes another version when the bucket
 * or the key of the code changes. Lambda publishes none if neither code nor settings have changed (Lambda API Reference,
 * PublishVersion), and the deployment would fail. The description is a setting, so both see a change.
 */
function describeCode(created: Function, description: string): void {
  const resource = created.node.defaultChild as CfnFunction;
  const place = JSON.stringify(Stack.of(created).resolve(resource.code));
  const digest = createHash('sha256').update(place).digest('hex').slice(0, 12);
  resource.description = `${description}, version ${HOOKLINE_VERSION}, code at ${digest}`;
}

/** Creates the functions and the state machine of one construct. */
export class Hosting {
  /** The prefix of the resources' names, which is also the name of the deployment in the tags of its interfaces. */
  readonly namePrefix: string;
  /** Creates the log groups. */
  readonly logGroups: LogGroups;
  /** Receives undelivered events. */
  readonly deadLetterQueue: Queue;
  /** The same queue, for the targets of rules. */
  readonly deadLetterQueueForRules: IQueue;

  private readonly logGroupsByName = new Map<string, LogGroup>();

  constructor(
    private readonly scope: Construct,
    private readonly props: HostingProps,
    private readonly resources: ProfileResources,
  ) {
    this.namePrefix = checkedPrefix(
      props.namePrefix ?? Stack.of(scope).stackName,
      Object.keys(FUNCTION_SETTINGS),
    );
    this.logGroups = new LogGroups(scope, {
      retention: props.logRetention,
      encryptionKey: props.encryptionKey,
      removalPolicy: props.removalPolicy,
    });
    this.deadLetterQueue = deadLetterQueue(scope);
    this.deadLetterQueueForRules = queueForRules(scope, this.deadLetterQueue);
  }

  /**
   * Creates a function.
   *
   * @param name the function's name, without the prefix
   * @param stateMachine the state machine that the function lists and starts executions of; only for a function that the
   * state machine does not invoke
   */
  createFunction(name: FunctionName, stateMachine?: StateMachine): Function {
    const settings = FUNCTION_SETTINGS[name];
    const id = pascalCase(name);
    const functionName = `${this.namePrefix}-${name}`;
    const logGroup = this.createLogGroup(name, `/aws/lambda/${functionName}`);
    const role = new Role(this.scope, `${id}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `Permissions of ${functionName} (Hookline)`,
    });
    logGroup.grantWrite(role);
    const allowed = statements(this.scope, {
      grantee: name,
      actions: permissions().get(name) ?? [],
      resources: this.resources,
      deployment: this.namePrefix,
      ...(stateMachine === undefined ? {} : { stateMachines: [stateMachine] }),
    });
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    const reserved = this.props.reservedConcurrentExecutions?.[name];
    const created = this.props.code.create(this.scope, id, name, {
      functionName,
      architecture: this.props.architecture ?? Architecture.ARM_64,
      timeout: settings.timeout,
      memorySize: settings.memorySize,
      environment: { [DEPLOYMENT]: this.namePrefix },
      currentVersionOptions: VERSION,
      role,
      logGroup,
      tracing: Tracing.ACTIVE,
      ...(reserved === undefined ? {} : { reservedConcurrentExecutions: reserved }),
      ...(settings.invokedDirectly
        ? {
            retryAttempts: 2,
            maxEventAge: Duration.hours(1),
            onFailure: failedInvocationsTo(this.deadLetterQueue),
          }
        : {}),
    });
    describeCode(created, `${settings.description} (Hookline)`);
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]':
        'Describe and Get actions of EC2 and Auto Scaling, and X-Ray’s actions that write segments, do not support resource-level permissions.',
    });
    return created;
  }

  /**
   * Creates a state machine. It invokes the current version of each function. Step Functions lets an execution end with the
   * definition that it began with (Step Functions Developer Guide, "Updating a state machine"), so it also ends with the code
   * that it began with.
   *
   * @param machineName the state machine's name, without the prefix
   * @param file the file of its definition
   * @param comment its description
   * @param functions the functions that its placeholders name
   */
  createStateMachine(
    machineName: StateMachineName,
    file: string,
    comment: string,
    functions: ReadonlyMap<FunctionName, Function>,
  ): StateMachine {
    const id = pascalCase(machineName);
    const name = `${this.namePrefix}-${machineName}`;
    const role = new Role(this.scope, `${id}Role`, {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      description: `Permissions of the state machine ${name} (Hookline)`,
    });
    const substitutions: Record<string, string> = {};
    const invoked: Function[] = [];
    for (const [placeholder, functionName] of placeholders([...functions.keys()], file)) {
      if (functionName === PARTITION) {
        substitutions[placeholder] = Stack.of(this.scope).partition;
        continue;
      }
      const invokedFunction = functions.get(functionName);
      if (invokedFunction === undefined) {
        throw new Error(`${functionName} is created after ${machineName}, which invokes it`);
      }
      substitutions[placeholder] = invokedFunction.currentVersion.functionArn;
      invoked.push(invokedFunction);
    }
    const allowed = statements(this.scope, {
      grantee: machineName,
      actions: permissions().get(machineName) ?? [],
      resources: this.resources,
      deployment: this.namePrefix,
      // All versions: running executions invoke earlier ones.
      invoked: invoked.flatMap(({ functionArn }) => [functionArn, `${functionArn}:*`]),
    });
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    // For a log group without the prefix /aws/vendedlogs/, Step Functions adds to a resource policy, whose size is limited
    // (Step Functions Developer Guide, "CloudWatch Logs resource policy size limits").
    const destination = this.createLogGroup(machineName, `/aws/vendedlogs/states/${name}`);
    const machine = new StateMachine(this.scope, id, {
      stateMachineName: name,
      stateMachineType: StateMachineType.STANDARD,
      comment,
      definitionBody: DefinitionBody.fromFile(file),
      definitionSubstitutions: substitutions,
      role,
      logs: {
        destination,
        level: LogLevel.ALL,
        includeExecutionData: this.props.logExecutionData ?? true,
      },
      tracingEnabled: true,
    });
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]':
        'The log delivery actions and X-Ray’s actions that Step Functions needs do not support resource-level permissions.',
    });
    return machine;
  }

  /** Returns the log group of a function or of the state machine. */
  logGroup(name: FunctionName | StateMachineName): LogGroup {
    const found = this.logGroupsByName.get(name);
    if (found === undefined) {
      throw new Error(`${name} is not deployed by this construct`);
    }
    return found;
  }

  private createLogGroup(name: FunctionName | StateMachineName, logGroupName: string): LogGroup {
    const logGroup = this.logGroups.create(this.scope, `${pascalCase(name)}Logs`, logGroupName);
    this.logGroupsByName.set(name, logGroup);
    return logGroup;
  }
}
