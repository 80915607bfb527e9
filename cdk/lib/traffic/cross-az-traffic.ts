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
  type ScheduleProps,
  ScheduleTargetInput,
} from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke, StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../shared/acknowledgements';
import { deadLetterQueue } from '../shared/dead-letter-queue';
import type { FunctionCode } from '../shared/function-code';
import { LogGroups } from '../shared/log-groups';
import { checkedPrefix } from '../shared/name-prefix';
import { PARTITION } from '../shared/state-machine-placeholders';
import { machineDefinition, metricsStatement, storeStatement } from './definitions';
import { ExtractPods, type FunctionNetwork, type ListedCluster } from './extract-pods';
import { putMetricsStatement, queryStatements, storeTrafficStatements } from './policy-statements';
import { crossAzUsdPerGb, otherPrices } from './prices';
import { scheduleName } from './schedule-name';
import { DEFAULT_PAIRS, checkProps } from './traffic-rules';
import { type TrafficSource, TrafficStore } from './traffic-store';
import { TrafficTable } from './traffic-table';

/** The names of the functions, without the prefix. */
const FUNCTIONS = ['extract-pods', 'traffic-table'];

/** Props of {@link CrossAzTraffic}. */
export interface CrossAzTrafficProps {
  /** The cluster whose traffic is measured. Rows of a table from before the column `cluster` have none until `backfill-cluster.sql` has run. */
  readonly cluster: ListedCluster;
  /**
   * Other clusters in the same VPC. One deployment lists them all: their traffic is in the same flow logs, and an address is
   * given to one of them only if it is known who else may have it.
   *
   * @default - none
   */
  readonly moreClusters?: readonly ListedCluster[];
  /**
   * The network of extract-pods, for clusters that have a private endpoint only.
   *
   * @default - the function is in no VPC
   */
  readonly functionNetwork?: FunctionNetwork;
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
   * @default 0.01 - `crossAz` in `traffic/prices.json`
   */
  readonly usdPerGb?: number;
  /**
   * The price in US dollars of a GB that a NAT gateway processes. The named query nat-and-internet shows it.
   *
   * @default - the price of the stack's Region in `traffic/prices.json`; without one, the query shows no such cost
   */
  readonly natGatewayUsdPerGb?: number;
  /**
   * The price in US dollars of a GB to the internet. The named query nat-and-internet shows it.
   *
   * @default - as natGatewayUsdPerGb
   */
  readonly internetUsdPerGb?: number;
  /**
   * The table of an export of AWS Data Exports (CUR 2.0) in Athena, `DATABASE.TABLE`.
   *
   * @default - there is no named query reconcile
   */
  readonly costAndUsageTable?: string;
  /**
   * The number of pairs of groups, those with the most bytes across zones, that get CloudWatch metrics each hour, for each
   * cluster. All clusters together have 50 at most.
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
   * How often extract-pods lists the cluster, in minutes: 1, 2, 5, 10, 15 or 30.
   *
   * @default 5
   */
  readonly listEveryMinutes?: number;
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
  /** Whether the run settles three days. */
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
  /** The names of the clusters. */
  readonly clusterNames: readonly string[];
  /** Invokes extract-pods every few minutes for the first cluster. */
  readonly listingSchedule: Schedule;
  /** Invokes extract-pods every minute for the pods of the first cluster that were deleted. */
  readonly deletedPodsSchedule: Schedule;
  /** The interval between two listings, in minutes. */
  readonly listEveryMinutes: number;
  /** Starts the state machine each night, to settle three days and to keep up the tables. */
  readonly nightlySchedule: Schedule;
  /** Receives the executions that the schedule could not start. */
  readonly deadLetterQueue: Queue;
  /** The prefix of the resources' names. */
  readonly namePrefix: string;

  private readonly logGroups: LogGroups;
  private readonly usdPerGb: number;
  private readonly intervalMinutes: number;
  private readonly flowLogsVpcId: string | undefined;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: CrossAzTrafficProps,
  ) {
    super(scope, id);
    checkProps(props);
    const clusters = [props.cluster, ...(props.moreClusters ?? [])];
    this.clusterNames = clusters.map(({ clusterName }) => clusterName);
    this.usdPerGb = props.usdPerGb ?? crossAzUsdPerGb();
    const { flowLogsIntervalMinutes = 1, flowLogsVpcId } =
      'flowLogsLocation' in props.source ? props.source : {};
    this.intervalMinutes = flowLogsIntervalMinutes;
    this.flowLogsVpcId = flowLogsVpcId;
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
      queries: {
        usdPerGb: this.usdPerGb,
        intervalMinutes: this.intervalMinutes,
        prices: otherPrices(Stack.of(this).region, props),
        region: Stack.of(this).region,
        ...(props.costAndUsageTable === undefined ? {} : { costAndUsageTable: props.costAndUsageTable }),
        ...(flowLogsVpcId === undefined ? {} : { flowLogsVpcId }),
      },
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });
    const functionName = `${this.namePrefix}-extract-pods`;
    this.extractPods = new ExtractPods(this, 'ExtractPods', {
      clusters,
      ...(props.functionNetwork === undefined ? {} : { network: props.functionNetwork }),
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
    // Its statements need the columns of the tables.
    this.stateMachine.node.addDependency(table);
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
        'Counts the late files of three days in the cross-AZ traffic, and keeps up its tables (Hookline)',
      time: { hour: '2', minute: String((minute + 30) % 60) },
      settle: true,
    });
    for (const schedule of [this.schedule, this.nightlySchedule]) {
      schedule.node.addDependency(table);
    }
    this.listEveryMinutes = props.listEveryMinutes ?? 5;
    [this.listingSchedule, this.deletedPodsSchedule] = this.createListingSchedules(props.cluster);
    for (const other of props.moreClusters ?? []) {
      this.createListingSchedules(other, other.clusterName);
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
          store: storeStatement(this.usdPerGb, this.intervalMinutes, this.flowLogsVpcId),
          metrics: metricsStatement(this.props.topPairs ?? DEFAULT_PAIRS, this.clusterNames),
          clusters: this.clusterNames,
          flowLogsVpcId: this.flowLogsVpcId,
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

  /** The schedules of a cluster: of its listings, and of its pods that were deleted. Both invoke the function with one role. */
  private createListingSchedules(cluster: ListedCluster, suffix?: string): [Schedule, Schedule] {
    const { function: target } = this.extractPods;
    const id = (name: string): string => (suffix === undefined ? name : `${name}-${suffix}`);
    const name = scheduleName(`${this.namePrefix}-extract-pods`, suffix);
    const role = new Role(this, `${id('ListingSchedule')}Role`, {
      // As the roles that the CDK makes for schedules: not for one of another account (the confused deputy).
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: {
          StringEquals: {
            'aws:SourceAccount': Stack.of(this).account,
            'aws:SourceArn': Stack.of(this).formatArn({
              service: 'scheduler',
              resource: 'schedule-group',
              resourceName: 'default',
            }),
          },
        },
      }),
      description: `Permissions of the schedule ${name} (Hookline)`,
    });
    // The target grants the function's versions too.
    acknowledgeWildcards(role, [new PolicyStatement({ resources: [`${target.functionArn}:*`] })]);
    const every = (
      minute: string,
      more: Record<string, unknown> = {},
    ): Pick<ScheduleProps, 'schedule' | 'target'> => ({
      schedule: ScheduleExpression.cron({ minute, timeZone: TimeZone.ETC_UTC }),
      target: new LambdaInvoke(target, {
        role,
        input: ScheduleTargetInput.fromObject({
          execution: ContextAttribute.executionId,
          hour: ContextAttribute.scheduledTime,
          ...this.listingInput(cluster),
          ...more,
        }),
        // The next one is soon. A late listing says nothing of its time.
        maxEventAge: Duration.minutes(1),
        retryAttempts: 0,
        deadLetterQueue: this.deadLetterQueue,
      }),
    });
    return [
      new Schedule(this, id('ListingSchedule'), {
        scheduleName: name,
        description: 'Lists the nodes and pods of the cluster (Hookline)',
        ...every(`0/${this.listEveryMinutes}`),
      }),
      new Schedule(this, id('DeletedPodsSchedule'), {
        scheduleName: scheduleName(`${this.namePrefix}-deleted-pods`, suffix),
        description: 'Lists the pods of the cluster that were deleted (Hookline)',
        // The API server remembers little more than a minute, however often the cluster is listed.
        ...every('*', { deletedPods: true }),
      }),
    ];
  }

  /** The part of the payload of extract-pods that is the same in each run for a cluster. */
  private listingInput(cluster: ListedCluster): Record<string, unknown> {
    const { groupLabels } = this.props;
    return {
      cluster: cluster.clusterName,
      bucket: this.store.trafficBucket.bucketName,
      ...(cluster.region === undefined ? {} : { region: cluster.region }),
      ...(cluster.assumeRoleArn === undefined ? {} : { assumeRoleArn: cluster.assumeRoleArn }),
      ...(groupLabels === undefined ? {} : { group: { labels: groupLabels } }),
    };
  }

  private createSchedule(id: string, { name, description, time, settle = false }: ScheduledRun): Schedule {
    return new Schedule(this, id, {
      scheduleName: name,
      description,
      schedule: ScheduleExpression.cron({ ...time, timeZone: TimeZone.ETC_UTC }),
      target: new StepFunctionsStartExecution(this.stateMachine, {
        input: ScheduleTargetInput.fromObject({
          until: ContextAttribute.scheduledTime,
          ...(settle ? { settle } : {}),
          pods: this.listingInput(this.props.cluster),
        }),
        // The next two executions compute the same hours, and the next night settles the same days but one.
        maxEventAge: Duration.minutes(30),
        retryAttempts: 10,
        deadLetterQueue: this.deadLetterQueue,
      }),
    });
  }
}
