/** The cross-AZ traffic (docs/cross-az-traffic.md): everything that computes the table, each hour. */
import { Duration, RemovalPolicy, Stack, TimeZone } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  ContextAttribute,
  Schedule,
  ScheduleExpression,
  ScheduleTargetInput,
} from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../shared/acknowledgements';
import { ConfigurationError } from '../shared/configuration-error';
import { deadLetterQueue } from '../shared/dead-letter-queue';
import type { FunctionCode } from '../shared/function-code';
import { LogGroups } from '../shared/log-groups';
import { checkedPrefix } from '../shared/name-prefix';
import { PARTITION } from '../shared/state-machine-placeholders';
import { machineDefinition, metricsStatement, storeStatement } from './definitions';
import { ExtractPods, type ListedCluster } from './extract-pods';
import { putMetricsStatement, queryStatements, storeTrafficStatements } from './policy-statements';
import { type TrafficSource, TrafficStore } from './traffic-store';
import { TrafficTable } from './traffic-table';

/** The names of the functions, without the prefix. */
const FUNCTIONS = ['extract-pods', 'traffic-table'];
/** The flow logs of an hour are delivered about ten minutes after its end. */
const MIN_MINUTE = 10;

/** Props of {@link CrossAzTraffic}. */
export interface CrossAzTrafficProps {
  /** The cluster whose traffic is measured. */
  readonly cluster: ListedCluster;
  /** The network of the cluster. */
  readonly source: TrafficSource;
  /** The source of the function's code. */
  readonly code: FunctionCode;
  /**
   * The function's processor architecture.
   *
   * @default Architecture.ARM_64
   */
  readonly architecture?: Architecture;
  /**
   * The prefix of the resources' names.
   *
   * @default - the stack's name
   */
  readonly namePrefix?: string;
  /**
   * The label keys that name a pod's group. The first key that the pod has applies. With an empty list, the pod's owner names
   * its group.
   *
   * @default - `app.kubernetes.io/name`, then `app`
   */
  readonly groupLabels?: readonly string[];
  /**
   * The price in US dollars of a GB that leaves a zone. A GB that enters a zone has the same price.
   *
   * @default 0.01
   */
  readonly usdPerGb?: number;
  /**
   * The number of pairs of groups, those with the most bytes across zones, that get CloudWatch metrics each hour.
   *
   * @default 10
   */
  readonly topPairs?: number;
  /**
   * The maximum amount of data that a query may scan, in GiB.
   *
   * @default 100
   */
  readonly scanLimitGiB?: number;
  /**
   * How long flow logs and listings are kept. An hour can be computed again for as long.
   *
   * @default Duration.days(30)
   */
  readonly keepInputs?: Duration;
  /**
   * The minute of each hour at which the execution starts, from 10 to 59.
   *
   * @default 20
   */
  readonly minute?: number;
  /**
   * What happens to the buckets, their objects and the database when the construct is removed: RETAIN or DESTROY.
   *
   * @default RemovalPolicy.RETAIN - past traffic cannot be recorded again
   */
  readonly removalPolicy?: RemovalPolicy.RETAIN | RemovalPolicy.DESTROY;
  /**
   * What happens to the logs, and to a key that the construct creates, when the construct is removed.
   *
   * @default RemovalPolicy.DESTROY
   */
  readonly logRemovalPolicy?: RemovalPolicy;
  /**
   * How long logs are kept.
   *
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: RetentionDays;
  /**
   * The key that encrypts the logs.
   *
   * @default - a key that the construct creates; KMS rotates it each year
   */
  readonly encryptionKey?: IKey;
}

/** A run that a schedule starts. */
interface ScheduledRun {
  readonly name: string;
  readonly description: string;
  /** The time, in UTC. */
  readonly time: { readonly hour?: string; readonly minute: string };
  /** Whether the run settles two days. */
  readonly settle?: boolean;
}

/** The flow logs, the function that lists pods, the state machine that queries Athena, and the schedule that starts it. */
export class CrossAzTraffic extends Construct {
  /** The buckets, tables, workgroup and queries. */
  readonly store: TrafficStore;
  /** The function extract-pods and its role. */
  readonly extractPods: ExtractPods;
  /** The state machine that computes the traffic of three hours. */
  readonly stateMachine: StateMachine;
  /** Starts the state machine each hour. */
  readonly schedule: Schedule;
  /** Starts the state machine each night, to settle two days and to keep up the tables. */
  readonly nightlySchedule: Schedule;
  /** Receives the executions that the schedule could not start. */
  readonly deadLetterQueue: Queue;
  /** The prefix of the resources' names. */
  readonly namePrefix: string;

  private readonly logGroups: LogGroups;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: CrossAzTrafficProps,
  ) {
    super(scope, id);
    checkProps(props);
    this.namePrefix = checkedPrefix(props.namePrefix ?? Stack.of(this).stackName, FUNCTIONS);
    this.logGroups = new LogGroups(this, {
      retention: props.logRetention,
      encryptionKey: props.encryptionKey,
      removalPolicy: props.logRemovalPolicy,
    });
    this.store = new TrafficStore(this, 'Store', {
      namePrefix: this.namePrefix,
      source: props.source,
      keepInputs: props.keepInputs ?? Duration.days(30),
      scanLimitGiB: props.scanLimitGiB ?? 100,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });
    const functionName = `${this.namePrefix}-extract-pods`;
    this.extractPods = new ExtractPods(this, 'ExtractPods', {
      cluster: props.cluster,
      bucket: this.store.trafficBucket,
      code: props.code,
      architecture: props.architecture ?? Architecture.ARM_64,
      functionName,
      logGroup: this.logGroups.create(this, 'ExtractPodsLogs', `/aws/lambda/${functionName}`),
    });
    const table = new TrafficTable(this, 'Table', {
      store: this.store,
      logGroup: this.logGroups.create(this, 'TableLogs', `/aws/lambda/${this.namePrefix}-traffic-table`),
    });
    this.stateMachine = this.createStateMachine();
    this.deadLetterQueue = deadLetterQueue(this);
    const { minute = 20 } = props;
    this.schedule = this.createSchedule('Schedule', {
      name: `${this.namePrefix}-cross-az-traffic`,
      description: 'Computes the cross-AZ traffic of the last three hours (Hookline)',
      time: { minute: String(minute) },
    });
    this.nightlySchedule = this.createSchedule('NightlySchedule', {
      name: `${this.namePrefix}-cross-az-traffic-nightly`,
      description:
        'Counts the late files of two days in the cross-AZ traffic, and keeps up its tables (Hookline)',
      time: { hour: '2', minute: String((minute + 30) % 60) },
      settle: true,
    });
    for (const schedule of [this.schedule, this.nightlySchedule]) {
      schedule.node.addDependency(table);
    }
  }

  private createStateMachine(): StateMachine {
    const name = `${this.namePrefix}-cross-az-traffic`;
    const role = new Role(this, 'StateMachineRole', {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      description: `Permissions of the state machine ${name} (Hookline)`,
    });
    const { functionArn } = this.extractPods.function;
    const allowed = [
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [functionArn] }),
      ...queryStatements(this.store),
      ...storeTrafficStatements(this.store),
      putMetricsStatement(),
    ];
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    const machine = new StateMachine(this, 'StateMachine', {
      stateMachineName: name,
      stateMachineType: StateMachineType.STANDARD,
      comment: 'Computes the cross-AZ traffic of three hours (Hookline)',
      // Not a substitution of CloudFormation, which would not escape the line breaks of the SQL for JSON.
      definitionBody: DefinitionBody.fromString(
        machineDefinition({
          store: storeStatement(this.props.usdPerGb ?? 0.01),
          metrics: metricsStatement(this.props.topPairs ?? 10),
        }),
      ),
      definitionSubstitutions: {
        [PARTITION]: Stack.of(this).partition,
        ExtractPodsFunctionArn: functionArn,
        WorkGroup: this.store.workGroupName,
        Database: this.store.databaseName,
      },
      role,
      logs: {
        destination: this.logGroups.create(this, 'StateMachineLogs', `/aws/vendedlogs/states/${name}`),
        level: LogLevel.ALL,
        includeExecutionData: true,
      },
      tracingEnabled: true,
    });
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]':
        'The log delivery actions and X-Ray’s actions that Step Functions needs, and lakeformation:GetDataAccess, which Lake Formation’s own grants limit, do not support resource-level permissions. A condition limits PutMetricData to the namespace.',
    });
    return machine;
  }

  private createSchedule(id: string, { name, description, time, settle = false }: ScheduledRun): Schedule {
    const { cluster, groupLabels } = this.props;
    return new Schedule(this, id, {
      scheduleName: name,
      description,
      schedule: ScheduleExpression.cron({ ...time, timeZone: TimeZone.ETC_UTC }),
      target: new StepFunctionsStartExecution(this.stateMachine, {
        input: ScheduleTargetInput.fromObject({
          until: ContextAttribute.scheduledTime,
          ...(settle ? { settle } : {}),
          pods: {
            cluster: cluster.clusterName,
            bucket: this.store.trafficBucket.bucketName,
            ...(cluster.region === undefined ? {} : { region: cluster.region }),
            ...(cluster.assumeRoleArn === undefined ? {} : { assumeRoleArn: cluster.assumeRoleArn }),
            ...(groupLabels === undefined ? {} : { group: { labels: groupLabels } }),
          },
        }),
        // The next two executions compute the same hours, and the next night settles the same days but one.
        maxEventAge: Duration.minutes(30),
        retryAttempts: 10,
        deadLetterQueue: this.deadLetterQueue,
      }),
    });
  }
}

function checkProps({
  source,
  usdPerGb,
  topPairs,
  scanLimitGiB,
  minute,
  keepInputs,
}: CrossAzTrafficProps): void {
  if ('subnetIds' in source && source.subnetIds.length === 0) {
    throw new ConfigurationError('source.subnetIds', 'no subnet', 'Add the subnets of the nodes');
  }
  for (const [field, value, min, max] of [
    ['usdPerGb', usdPerGb, 0, 1000],
    // The metrics of an execution must fit the payload limit of a state (256 KiB), and each pair costs as a custom metric.
    ['topPairs', topPairs, 0, 50],
    // Athena's minimum is 10 MB.
    ['scanLimitGiB', scanLimitGiB, 1, 100_000],
    ['minute', minute, MIN_MINUTE, 59],
    // The nightly execution settles two days, and S3 deletes expired objects at midnight.
    ['keepInputs', keepInputs?.toDays(), 4, 3650],
  ] as const) {
    if (value !== undefined && !(value >= min && value <= max)) {
      throw new ConfigurationError(field, `${value} is out of range`, `Use a value from ${min} to ${max}`);
    }
  }
}
