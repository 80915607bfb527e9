/** How functions and state machines are made: with a role and a log group each, one prefix of their names, one key. */
import { Duration, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, type Function, Tracing } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import type { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from './acknowledgements';
import { deadLetters } from './dead-letter-queue';
import type { Fleet } from './fleet';
import type { FunctionCode } from './function-code';
import {
  FUNCTION_SETTINGS,
  type FunctionName,
  type StateMachineName,
  pascalCase,
  permissions,
} from './functions';
import { Logs } from './log-groups';
import { checkedPrefix } from './name-prefix';
import { statements } from './policy-statements';
import { placeholders } from './state-machine-definition';

/** What a construct with functions and a state machine is told about them. */
export interface HostingProps {
  /** Where the functions' code comes from. */
  readonly code: FunctionCode;
  /** The processor that the functions run on. @default Architecture.ARM_64 */
  readonly architecture?: Architecture;
  /** What the names of the functions, the state machine and its logs begin with. @default the stack's name */
  readonly namePrefix?: string;
  /** How long logs are kept. @default RetentionDays.THREE_MONTHS */
  readonly logRetention?: RetentionDays;
  /** Whether the state machine's logs have the input and output of each state: the event, the profile, addresses, tags. @default true */
  readonly logExecutionData?: boolean;
  /** Encrypts the logs. @default a key of the construct's own, rotated each year */
  readonly encryptionKey?: IKey;
  /** What becomes of the logs, and of the construct's own key, when the construct is removed. @default RemovalPolicy.DESTROY */
  readonly removalPolicy?: RemovalPolicy;
  /** Executions that each function keeps free for itself; without it they share the account's. @default none */
  readonly reservedConcurrentExecutions?: Partial<Record<FunctionName, number>>;
}

/** Makes the functions and the state machine of one construct. */
export class Hosting {
  /** What the names of its resources begin with. */
  readonly namePrefix: string;
  /** How the logs are kept. */
  readonly logs: Logs;
  /** Takes what could not be delivered. */
  readonly deadLetterQueue: Queue;
  /** The log groups of the functions and of the state machine, by name. */
  readonly logGroups = new Map<string, LogGroup>();

  constructor(
    private readonly scope: Construct,
    private readonly props: HostingProps,
    private readonly fleet: Fleet,
  ) {
    this.namePrefix = checkedPrefix(
      props.namePrefix ?? Stack.of(scope).stackName,
      Object.keys(FUNCTION_SETTINGS),
    );
    this.logs = new Logs(scope, {
      retention: props.logRetention,
      encryptionKey: props.encryptionKey,
      removalPolicy: props.removalPolicy,
    });
    this.deadLetterQueue = deadLetters(scope);
  }

  /** A function; `stateMachine` is for one that looks at the state machine, and is not invoked by it. */
  makeFunction(name: FunctionName, stateMachine?: StateMachine): Function {
    const settings = FUNCTION_SETTINGS[name];
    const id = pascalCase(name);
    const functionName = `${this.namePrefix}-${name}`;
    const logGroup = this.logs.group(this.scope, `${id}Logs`, `/aws/lambda/${functionName}`);
    this.logGroups.set(name, logGroup);
    const role = new Role(this.scope, `${id}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What ${functionName} may do (Hookline)`,
    });
    logGroup.grantWrite(role);
    const allowed = statements(this.scope, {
      functionName: name,
      actions: permissions().get(name) ?? [],
      fleet: this.fleet,
      ...(stateMachine === undefined ? {} : { stateMachine }),
    });
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    const reserved = this.props.reservedConcurrentExecutions?.[name];
    const made = this.props.code.create(this.scope, id, name, {
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

  /** The state machine of a file, with a function for each of its placeholders. */
  makeStateMachine(
    machineName: StateMachineName,
    file: string,
    comment: string,
    functions: ReadonlyMap<FunctionName, Function>,
  ): StateMachine {
    const id = pascalCase(machineName);
    const name = `${this.namePrefix}-${machineName}`;
    const role = new Role(this.scope, `${id}Role`, {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      description: `What the state machine ${name} may do (Hookline)`,
    });
    const substitutions: Record<string, string> = {};
    const invoked: string[] = [];
    for (const [placeholder, functionName] of placeholders([...functions.keys()], file)) {
      const arn = functions.get(functionName)?.functionArn ?? '';
      substitutions[placeholder] = arn;
      invoked.push(arn);
    }
    const allowed = statements(this.scope, {
      functionName: machineName,
      actions: permissions().get(machineName) ?? [],
      fleet: this.fleet,
      invoked,
    });
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    // Step Functions adds to a resource policy for each log group whose name does not begin so, and that policy is soon
    // full (Step Functions Developer Guide, "CloudWatch Logs resource policy size limits").
    const logGroup = this.logs.group(this.scope, `${id}Logs`, `/aws/vendedlogs/states/${name}`);
    this.logGroups.set(machineName, logGroup);
    const machine = new StateMachine(this.scope, id, {
      stateMachineName: name,
      stateMachineType: StateMachineType.STANDARD,
      comment,
      definitionBody: DefinitionBody.fromFile(file),
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
}
