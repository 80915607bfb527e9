/** The traffic across Availability Zones (docs/cross-az-traffic.md): what makes the table, each hour. */
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
import { deadLetters } from '../shared/dead-letter-queue';
import { ExtractPods, type ListedCluster } from './extract-pods';
import type { FunctionCode } from '../shared/function-code';
import { Logs } from '../shared/log-groups';
import { checkedPrefix } from '../shared/name-prefix';
import { mayPutMetrics, mayQuery, mayStoreTraffic } from './policy-statements';
import { type TrafficSource, TrafficStore } from './traffic-store';
import { TrafficTable } from './traffic-table';
import { machineDefinition, metricsStatement, storeStatement } from './definitions';

/** The functions, by what their names end with. */
const FUNCTIONS = ['extract-pods', 'traffic-table'];
/** Flow logs of an hour are delivered some ten minutes after it. */
const EARLIEST_MINUTE = 10;

/** Props of {@link CrossAzTraffic}. */
export interface CrossAzTrafficProps {
  /** The cluster whose pods are looked at. */
  readonly cluster: ListedCluster;
  /** The network that the cluster is in. */
  readonly source: TrafficSource;
  /** Where the function's code comes from. */
  readonly code: FunctionCode;
  /** The processor that the function runs on. @default Architecture.ARM_64 */
  readonly architecture?: Architecture;
  /** What names begin with. @default the stack's name */
  readonly namePrefix?: string;
  /** The labels that name a pod's group: the first of them that it has. @default those of extract-pods */
  readonly groupLabels?: readonly string[];
  /** US dollars for a GB that leaves a zone, and again for one that enters another. @default 0.01 */
  readonly usdPerGb?: number;
  /** How many pairs of groups of each hour, those with most bytes across zones, become metrics of CloudWatch. @default 10 */
  readonly topPairs?: number;
  /** The most that one query may scan, in GiB. @default 100 */
  readonly scanLimitGiB?: number;
  /** How long flow logs and listings are kept: that far back an hour can be computed again. @default 30 days */
  readonly keepInputs?: Duration;
  /** The minute of each hour at which it begins, from 10 to 59. @default 20 */
  readonly minute?: number;
  /**
   * What becomes of the buckets, with what is in them, and of the database when the construct is removed: RETAIN or
   * DESTROY. @default RemovalPolicy.RETAIN, as nobody can have the traffic of the past recorded again
   */
  readonly removalPolicy?: RemovalPolicy.RETAIN | RemovalPolicy.DESTROY;
  /** What becomes of the logs, and of the construct's own key. @default RemovalPolicy.DESTROY */
  readonly logRemovalPolicy?: RemovalPolicy;
  /** How long logs are kept. @default RetentionDays.THREE_MONTHS */
  readonly logRetention?: RetentionDays;
  /** Encrypts the logs. @default a key of the construct's own, rotated each year */
  readonly encryptionKey?: IKey;
}

/** Flow logs, the function that lists pods, the state machine that asks Athena, and the schedule that starts it. */
export class CrossAzTraffic extends Construct {
  /** Buckets, tables, workgroup and queries. */
  readonly store: TrafficStore;
  /** The function extract-pods and its role. */
  readonly extractPods: ExtractPods;
  /** The state machine. */
  readonly stateMachine: StateMachine;
  /** Starts it each hour. */
  readonly schedule: Schedule;
  /** Takes what the schedule could not start. */
  readonly deadLetterQueue: Queue;
  /** What names begin with. */
  readonly namePrefix: string;

  private readonly logs: Logs;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: CrossAzTrafficProps,
  ) {
    super(scope, id);
    check(props);
    this.namePrefix = checkedPrefix(props.namePrefix ?? Stack.of(this).stackName, FUNCTIONS);
    this.logs = new Logs(this, {
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
      logGroup: this.logs.group(this, 'ExtractPodsLogs', `/aws/lambda/${functionName}`),
    });
    const table = new TrafficTable(this, 'Table', {
      store: this.store,
      logGroup: this.logs.group(this, 'TableLogs', `/aws/lambda/${this.namePrefix}-traffic-table`),
    });
    this.stateMachine = this.makeStateMachine();
    this.deadLetterQueue = deadLetters(this);
    this.schedule = this.makeSchedule();
    this.schedule.node.addDependency(table);
  }

  private makeStateMachine(): StateMachine {
    const name = `${this.namePrefix}-cross-az-traffic`;
    const role = new Role(this, 'StateMachineRole', {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      description: `What the state machine ${name} may do (Hookline)`,
    });
    const { functionArn } = this.extractPods.function;
    const allowed = [
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [functionArn] }),
      ...mayQuery(this.store),
      ...mayStoreTraffic(this.store),
      mayPutMetrics(),
    ];
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    const machine = new StateMachine(this, 'StateMachine', {
      stateMachineName: name,
      stateMachineType: StateMachineType.STANDARD,
      comment: 'Computes the traffic across Availability Zones of three hours (Hookline)',
      // The statements are put in here and not by CloudFormation, which would not escape their line breaks for JSON.
      definitionBody: DefinitionBody.fromString(
        machineDefinition({
          store: storeStatement(this.props.usdPerGb ?? 0.01),
          metrics: metricsStatement(this.props.topPairs ?? 10),
        }),
      ),
      definitionSubstitutions: {
        ExtractPodsFunctionArn: functionArn,
        WorkGroup: this.store.workGroupName,
        Database: this.store.databaseName,
      },
      role,
      logs: {
        destination: this.logs.group(this, 'StateMachineLogs', `/aws/vendedlogs/states/${name}`),
        level: LogLevel.ALL,
        includeExecutionData: true,
      },
      tracingEnabled: true,
    });
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]':
        'Step Functions needs the log delivery actions and those of X-Ray on all resources: neither can be limited. A condition limits PutMetricData to the namespace.',
    });
    return machine;
  }

  private makeSchedule(): Schedule {
    const { cluster, groupLabels, minute = 20 } = this.props;
    return new Schedule(this, 'Schedule', {
      scheduleName: `${this.namePrefix}-cross-az-traffic`,
      description: 'Computes the traffic across Availability Zones of the three hours before (Hookline)',
      schedule: ScheduleExpression.cron({ minute: String(minute), timeZone: TimeZone.ETC_UTC }),
      target: new StepFunctionsStartExecution(this.stateMachine, {
        input: ScheduleTargetInput.fromObject({
          until: ContextAttribute.scheduledTime,
          pods: {
            cluster: cluster.clusterName,
            bucket: this.store.trafficBucket.bucketName,
            ...(cluster.region === undefined ? {} : { region: cluster.region }),
            ...(cluster.assumeRoleArn === undefined ? {} : { assumeRoleArn: cluster.assumeRoleArn }),
            ...(groupLabels === undefined ? {} : { group: { labels: groupLabels } }),
          },
        }),
        // The two runs after compute the same hours.
        maxEventAge: Duration.minutes(30),
        retryAttempts: 10,
        deadLetterQueue: this.deadLetterQueue,
      }),
    });
  }
}

function check({ source, usdPerGb, topPairs, scanLimitGiB, minute, keepInputs }: CrossAzTrafficProps): void {
  if ('subnetIds' in source && source.subnetIds.length === 0) {
    throw new ConfigurationError('source.subnetIds', 'no subnet', 'Name those that the nodes are in');
  }
  for (const [field, value, least, most] of [
    ['usdPerGb', usdPerGb, 0, 1000],
    // All that one execution puts must fit into its input, 256 KiB, and each pair costs what a metric does.
    ['topPairs', topPairs, 0, 50],
    // Athena's own least is 10 MB.
    ['scanLimitGiB', scanLimitGiB, 1, 100_000],
    ['minute', minute, EARLIEST_MINUTE, 59],
    // A run reads the hours before, and those of the day before shortly after midnight.
    ['keepInputs', keepInputs?.toDays(), 2, 3650],
  ] as const) {
    if (value !== undefined && !(value >= least && value <= most)) {
      throw new ConfigurationError(field, `${value} is not possible`, `Give ${least} to ${most}`);
    }
  }
}
