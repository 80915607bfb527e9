import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { checkConfig } from '../../lib/shared/config';
import { CrossAzTraffic, type CrossAzTrafficProps } from '../../lib/traffic/cross-az-traffic';
import { KUBERNETES_GROUP } from '../../lib/traffic/extract-pods';
import { FunctionCode } from '../../lib/shared/function-code';
import { hooklineApp } from '../../lib/hookline-app';
import { CROSS_AZ_TRAFFIC, TRAFFIC_SQL, TRAFFIC_TABLES } from '../../lib/shared/repository';
import {
  NAMED_QUERIES,
  createTableStatement,
  metricsStatement,
  sql,
  storeStatement,
} from '../../lib/traffic/definitions';
import { packagedFunctions, profile, resources, text } from '../support';

const code = FunctionCode.packaged(packagedFunctions());
const traffic = { clusterName: 'prod', vpcId: 'vpc-0123456789abcdef0' };

function made(props: Partial<CrossAzTrafficProps> = {}): Template {
  const stack = new Stack(new App(), 'hookline', { env: { account: '123456789012', region: 'us-west-2' } });
  new CrossAzTraffic(stack, 'Traffic', {
    cluster: { clusterName: 'prod' },
    source: { vpcId: 'vpc-0123456789abcdef0' },
    code,
    ...props,
  });
  return Template.fromStack(stack);
}

/** The app with a configuration of this traffic; synthesising it fails on a finding of cdk-nag. */
function deployed(more: object = {}, rest: object = {}): Template {
  const config: unknown = {
    stackName: 'hookline',
    account: '123456789012',
    region: 'us-west-2',
    profiles: [profile()],
    ...rest,
    traffic: { ...traffic, ...more },
  };
  checkConfig(config);
  const { app, trafficStack } = hooklineApp({ config, folder: '.' }, code);
  app.synth();
  if (trafficStack === undefined) {
    throw new Error('no stack of the traffic');
  }
  return Template.fromStack(trafficStack);
}

interface Table {
  readonly Name: string;
  readonly Parameters: Record<string, unknown>;
  readonly PartitionKeys: readonly { readonly Name: string }[];
  readonly StorageDescriptor: {
    readonly Location: unknown;
    readonly Columns: readonly { readonly Name: string }[];
  };
}

const template = made();
const [flowLog] = [...resources(template, 'AWS::EC2::FlowLog').values()];

function table(name: string): Table {
  const found = [...resources(template, 'AWS::Glue::Table').values()]
    .map(({ Properties: properties }) => properties['TableInput'] as Table)
    .find(({ Name }) => Name === name);
  if (found === undefined) {
    throw new Error(`no table ${name}`);
  }
  return found;
}

describe('the flow log', () => {
  test('has the fields of its table, in their order', () => {
    const fields = String(flowLog?.Properties['LogFormat'])
      .split(' ')
      .map((field) => /^\$\{([a-z-]+)\}$/.exec(field)?.[1]?.replaceAll('-', '_'));
    expect(fields).toEqual(table('flow_logs').StorageDescriptor.Columns.map(({ Name }) => Name));
    expect(fields).toHaveLength(21);
  });

  test('is that of the documents', () => {
    const documents = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'cross-az-traffic.md'), 'utf8');
    expect(documents).toContain(`\n${String(flowLog?.Properties['LogFormat'])}\n`);
  });

  test('is Parquet in Hive-compatible partitions by hour, each minute', () => {
    expect(flowLog?.Properties).toMatchObject({
      ResourceType: 'VPC',
      ResourceId: 'vpc-0123456789abcdef0',
      TrafficType: 'ALL',
      LogDestinationType: 's3',
      MaxAggregationInterval: 60,
      DestinationOptions: { FileFormat: 'parquet', HiveCompatiblePartitions: true, PerHourPartition: true },
    });
  });

  test('is made for each subnet, where there is no VPC', () => {
    const subnetIds = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
    const logs = [...resources(made({ source: { subnetIds } }), 'AWS::EC2::FlowLog').values()];
    expect(logs.map(({ Properties: p }) => [p['ResourceType'], p['ResourceId']])).toEqual(
      subnetIds.map((id) => ['Subnet', id]),
    );
  });

  test('may be delivered for this account only, and not before the bucket’s policy is there', () => {
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Sid: 'AWSLogDeliveryWrite',
            Action: 's3:PutObject',
            Principal: { Service: 'delivery.logs.amazonaws.com' },
            Condition: {
              StringEquals: {
                'aws:SourceAccount': { Ref: 'AWS::AccountId' },
                's3:x-amz-acl': 'bucket-owner-full-control',
              },
              ArnLike: { 'aws:SourceArn': Match.anyValue() },
            },
          }),
        ]),
      },
    });
    expect(flowLog?.DependsOn?.some((id) => id.startsWith('TrafficStoreFlowLogsPolicy'))).toBe(true);
  });
});

describe('the tables', () => {
  test.each(['flow_logs', 'pods'])('%s: partitions are projected, from where the files are', (name) => {
    const { Parameters: parameters, PartitionKeys: keys, StorageDescriptor: storage } = table(name);
    const location = text(parameters['storage.location.template']);
    expect(parameters['projection.enabled']).toBe('true');
    for (const { Name: key } of keys) {
      expect(parameters[`projection.${key}.type`]).toBeDefined();
      expect(location).toContain(`${key}=\${${key}}/`);
    }
    expect(location.startsWith(text(storage.Location))).toBe(true);
    expect(text(storage.Location)).toMatch(
      name === 'pods'
        ? /^s3:\/\/<TrafficStoreTraffic\w+>\/pods\/$/
        : /^s3:\/\/<TrafficStoreFlowLogs\w+>\/AWSLogs\/aws-account-id=<AWS::AccountId>\/aws-service=vpcflowlogs\/aws-region=us-west-2\/$/,
    );
  });

  test('have every column and setting of their files, and no parameter that is left', () => {
    for (const name of ['flow_logs', 'pods']) {
      const file = JSON.parse(readFileSync(join(TRAFFIC_TABLES, `${name}.json`), 'utf8')) as Table;
      const { Parameters: parameters, ...rest } = table(name);
      expect(Object.keys(parameters)).toEqual(Object.keys(file.Parameters));
      expect(rest.PartitionKeys).toEqual(file.PartitionKeys);
      expect(rest.StorageDescriptor).toEqual({
        ...file.StorageDescriptor,
        Location: rest.StorageDescriptor.Location,
      });
      expect(JSON.stringify(table(name))).not.toContain('_location');
    }
  });

  test('that of the results is made by its statement, before the schedule begins', () => {
    const [[id, resource] = ['', undefined]] = [...resources(template, 'Custom::HooklineTrafficTable')];
    expect(text(resource?.Properties['Statement'])).toMatch(
      /^CREATE TABLE IF NOT EXISTS cross_az_traffic [^]*LOCATION 's3:\/\/<TrafficStoreTraffic\w+>\/cross-az-traffic\/'/,
    );
    expect(resource?.Properties['Database']).toBe('hookline_traffic');
    const [schedule] = [...resources(template, 'AWS::Scheduler::Schedule').values()];
    expect(schedule?.DependsOn).toContain(id);
    // By then its role may do what it has to.
    expect(resource?.DependsOn?.some((other) => other.startsWith('TrafficTableRoleDefaultPolicy'))).toBe(
      true,
    );
  });
});

describe('Athena', () => {
  test('scans up to a limit, by engine 3, with encrypted results and metrics, whatever a client says', () => {
    made({ scanLimitGiB: 7 }).hasResourceProperties('AWS::Athena::WorkGroup', {
      WorkGroupConfiguration: {
        BytesScannedCutoffPerQuery: 7 * 1024 ** 3,
        EnforceWorkGroupConfiguration: true,
        EngineVersion: { SelectedEngineVersion: 'Athena engine version 3' },
        PublishCloudWatchMetricsEnabled: true,
        ResultConfiguration: { EncryptionConfiguration: { EncryptionOption: 'SSE_S3' } },
      },
    });
  });

  test('has the queries that people want, each with what it is for', () => {
    const queries = [...resources(template, 'AWS::Athena::NamedQuery').values()].map((q) => q.Properties);
    expect(queries.map((query) => query['Name'])).toEqual([...NAMED_QUERIES]);
    for (const query of queries) {
      const name = String(query['Name']);
      expect(query['QueryString']).toBe(sql(name as (typeof NAMED_QUERIES)[number]));
      expect(readFileSync(join(TRAFFIC_SQL, `${name}.sql`), 'utf8')).toContain(
        String(query['Description']).slice(0, 40),
      );
    }
  });
});

describe('the statements of the state machine', () => {
  test.each([
    ['AskToStore', storeStatement(0.02), "CAST('0.02' AS double)"],
    ['AskForMetrics', metricsStatement(7), 'place <= 7'],
  ])('%s: no comment and no parameter left, and a place for each argument', (state, statement, parameter) => {
    expect(statement).not.toMatch(/^\s*--/m);
    expect(statement.replaceAll('{}', '')).not.toMatch(/(?<![:\d]):[a-z_]+|[{}\\]/);
    expect(statement).toContain(parameter);
    const { States: states } = JSON.parse(readFileSync(CROSS_AZ_TRAFFIC, 'utf8')) as {
      States: Record<string, { Parameters: Record<string, string> }>;
    };
    const call = /^States\.Format\(\$\.statement, (.*)\)$/.exec(
      states[state]?.Parameters['statement.$'] ?? '',
    )?.[1];
    expect(statement.split('{}').length - 1).toBe(call?.split(', ').length);
  });

  test('are in it; CloudFormation fills its other placeholders', () => {
    const [machine] = [...resources(template, 'AWS::StepFunctions::StateMachine').values()];
    const definition = text(machine?.Properties['DefinitionString']);
    const { States: states } = JSON.parse(definition) as {
      States: Record<string, { Result?: string }>;
    };
    expect(states['WriteStatement']?.Result).toBe(storeStatement(0.01));
    expect(states['WriteMetricsStatement']?.Result).toBe(metricsStatement(10));
    const left = new Set([...definition.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
    expect([...left].sort()).toEqual(
      Object.keys(machine?.Properties['DefinitionSubstitutions'] as object).sort(),
    );
    expect(machine?.Properties).toMatchObject({
      LoggingConfiguration: { Level: 'ALL' },
      TracingConfiguration: { Enabled: true },
    });
  });

  test('fill the parameters of the table’s', () => {
    expect(createTableStatement('s3://a/b/')).toContain("LOCATION 's3://a/b/'");
    expect(createTableStatement('s3://a/b/')).not.toContain(':location');
  });
});

describe('the schedule', () => {
  const input = (from: Template): unknown => {
    const [schedule] = [...resources(from, 'AWS::Scheduler::Schedule').values()];
    return JSON.parse(text((schedule?.Properties['Target'] as { Input: unknown }).Input));
  };

  test('says what the state machine wants, at twenty past', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(20 * * * ? *)',
      ScheduleExpressionTimezone: 'Etc/UTC',
      Target: { DeadLetterConfig: Match.anyValue(), RetryPolicy: { MaximumEventAgeInSeconds: 1800 } },
    });
    expect(input(template)).toEqual({
      until: '<aws.scheduler.scheduled-time>',
      pods: { cluster: 'prod', bucket: expect.stringMatching(/^<TrafficStoreTraffic/) as string },
    });
  });

  test('passes on the cluster’s region, the role and the labels', () => {
    const other = made({
      cluster: {
        clusterName: 'prod',
        region: 'us-east-2',
        assumeRoleArn: 'arn:aws:iam::210987654321:role/pods',
      },
      groupLabels: ['team'],
    });
    expect(input(other)).toMatchObject({
      pods: {
        region: 'us-east-2',
        assumeRoleArn: 'arn:aws:iam::210987654321:role/pods',
        group: { labels: ['team'] },
      },
    });
  });
});

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

function list<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

/** The statements of the role whose logical id begins so. */
function statementsOf(from: Template, role: RegExp): Statement[] {
  const id = [...resources(from, 'AWS::IAM::Role').keys()].find((name) => role.test(name));
  expect(id).toBeDefined();
  return [...resources(from, 'AWS::IAM::Policy').values()]
    .filter((policy) => (policy.Properties['Roles'] as { Ref: string }[]).some((ref) => ref.Ref === id))
    .flatMap((policy) => (policy.Properties['PolicyDocument'] as { Statement: Statement[] }).Statement);
}

function resourcesOf(statements: Statement[], action: string): string[] {
  return statements
    .filter((statement) => list(statement.Action).includes(action))
    .flatMap((statement) => list(statement.Resource).map(text));
}

const HARMLESS = /^(logs|xray):|:(Describe|Get|List)/;

describe('permissions', () => {
  test('nobody may change anything of all resources', () => {
    for (const policy of resources(template, 'AWS::IAM::Policy').values()) {
      for (const statement of (policy.Properties['PolicyDocument'] as { Statement: Statement[] }).Statement) {
        if (list(statement.Action).some((action) => !HARMLESS.test(action))) {
          // What knows no resource is limited by a condition.
          expect(list(statement.Resource).map(text).includes('*') && statement.Condition === undefined).toBe(
            false,
          );
        }
      }
    }
  });

  const machine = statementsOf(template, /^TrafficStateMachineRole/);
  test('the state machine writes results and the table’s files, and deletes nothing but the latter', () => {
    expect(resourcesOf(machine, 's3:PutObject').sort()).toEqual([
      expect.stringMatching(/^<TrafficStoreQueryResults\w+\.Arn>\/\*$/),
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/cross-az-traffic\/\*$/),
    ]);
    expect(resourcesOf(machine, 's3:DeleteObject')).toEqual([
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/cross-az-traffic\/\*$/),
    ]);
    expect(resourcesOf(machine, 'glue:UpdateTable').filter((arn) => arn.includes(':table/'))).toEqual([
      'arn:aws:glue:us-west-2:123456789012:table/hookline_traffic/cross_az_traffic',
    ]);
    expect(resourcesOf(machine, 'athena:StartQueryExecution')).toEqual([
      'arn:aws:athena:us-west-2:123456789012:workgroup/hookline-traffic',
    ]);
    expect(resourcesOf(machine, 'lambda:InvokeFunction')).toEqual([
      expect.stringMatching(/^<TrafficExtractPodsFunction\w+\.Arn>$/),
    ]);
  });

  test('it may do every API action of its definition', () => {
    const called = [...readFileSync(CROSS_AZ_TRAFFIC, 'utf8').matchAll(/aws-sdk:(\w+):(\w)(\w+)/g)].map(
      ([, service, first = '', rest]) => `${service}:${first.toUpperCase()}${rest}`,
    );
    expect(called.length).toBeGreaterThan(0);
    for (const action of called) {
      expect(resourcesOf(machine, action)).not.toEqual([]);
    }
  });

  test('it puts metrics of Hookline’s namespace only', () => {
    const [put] = machine.filter(({ Action: action }) => list(action).includes('cloudwatch:PutMetricData'));
    expect(put).toMatchObject({
      Action: 'cloudwatch:PutMetricData',
      Condition: { StringEquals: { 'cloudwatch:namespace': 'Hookline' } },
    });
  });

  test('extract-pods describes the cluster, and writes listings', () => {
    const role = statementsOf(template, /^TrafficExtractPodsRole/);
    const actions = role
      .flatMap(({ Action: action }) => list(action))
      .filter((action) => !/^(logs|xray):/.test(action));
    expect(actions.sort()).toEqual(['eks:DescribeCluster', 's3:PutObject']);
    expect(resourcesOf(role, 'eks:DescribeCluster')).toEqual([
      'arn:aws:eks:us-west-2:123456789012:cluster/prod',
    ]);
    expect(resourcesOf(role, 's3:PutObject')).toEqual([
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/pods\/\*$/),
    ]);
  });

  test('it assumes a role only where one is given, and then that one', () => {
    const assumeRoleArn = 'arn:aws:iam::210987654321:role/pods';
    const other = made({ cluster: { clusterName: 'prod', assumeRoleArn } });
    const role = statementsOf(other, /^TrafficExtractPodsRole/);
    expect(resourcesOf(role, 'sts:AssumeRole')).toEqual([assumeRoleArn]);
    expect(resourcesOf(role, 'eks:DescribeCluster')).toEqual([]);
    other.resourceCountIs('AWS::EKS::AccessEntry', 0);
  });

  test('the cluster knows it by the group that the ClusterRoleBinding names', () => {
    const manifest = readFileSync(
      join(__dirname, '..', '..', '..', 'traffic', 'kubernetes', 'extract-pods-role.yaml'),
      'utf8',
    );
    expect(/kind: Group\s+name: (\S+)/.exec(manifest)?.[1]).toBe(KUBERNETES_GROUP);
    template.hasResourceProperties('AWS::EKS::AccessEntry', {
      ClusterName: 'prod',
      KubernetesGroups: [KUBERNETES_GROUP],
      AccessPolicies: Match.absent(),
    });
    made({ cluster: { clusterName: 'prod', accessEntry: false } }).resourceCountIs(
      'AWS::EKS::AccessEntry',
      0,
    );
  });
});

describe('what is kept', () => {
  test('is encrypted, closed to the public, and read over TLS only', () => {
    template.resourceCountIs('AWS::S3::Bucket', 3);
    template.resourceCountIs('AWS::S3::BucketPolicy', 3);
    template.allResourcesProperties('AWS::S3::Bucket', {
      BucketEncryption: Match.anyValue(),
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
    for (const { Properties: properties } of resources(template, 'AWS::S3::BucketPolicy').values()) {
      expect(JSON.stringify(properties['PolicyDocument'])).toContain('"aws:SecureTransport":"false"');
    }
  });

  test('ends after its time, but for the table’s files', () => {
    const rules = new Map(
      [...resources(made({ keepInputs: Duration.days(9) }), 'AWS::S3::Bucket')].map(([id, bucket]) => [
        id.replace(/^TrafficStore|[0-9A-F]{8}$/g, ''),
        (
          bucket.Properties['LifecycleConfiguration'] as {
            Rules: { ExpirationInDays?: number; Prefix?: string }[];
          }
        ).Rules.filter((rule) => rule.ExpirationInDays !== undefined).map((rule) => [
          rule.Prefix,
          rule.ExpirationInDays,
        ]),
      ]),
    );
    expect(Object.fromEntries(rules)).toEqual({
      FlowLogs: [[undefined, 9]],
      Traffic: [['pods/', 9]],
      QueryResults: [[undefined, 7]],
    });
  });

  test('stays when the stack goes, unless it is not to', () => {
    const kinds = ['AWS::S3::Bucket', 'AWS::Glue::Database', 'AWS::Glue::Table'];
    const policies = (from: Template): Set<string | undefined> =>
      new Set(
        kinds.flatMap((kind) =>
          [...resources(from, kind).values()].map((resource) => resource.DeletionPolicy),
        ),
      );
    expect([...policies(template)]).toEqual(['Retain']);
    const gone = made({ removalPolicy: RemovalPolicy.DESTROY });
    expect([...policies(gone)]).toEqual(['Delete']);
    gone.resourceCountIs('Custom::S3AutoDeleteObjects', 3);
  });
});

describe('a stack of the app', () => {
  test.each([
    ['kept', {}],
    ['not kept', { keep: false }],
    ['with a role of another account', { assumeRoleArn: 'arn:aws:iam::210987654321:role/pods' }],
  ])('%s: cdk-nag finds nothing that nobody gave a reason for', (_, more) => {
    const outputs = deployed(more).toJSON() as { Outputs: object };
    expect(Object.keys(outputs.Outputs)).toEqual(
      expect.arrayContaining(['StateMachineArn', 'WorkGroup', 'TrafficBucket', 'ExtractPodsRoleArn']),
    );
  });

  test('tells somebody when an execution fails, or none succeeds', () => {
    const topicArn = 'arn:aws:sns:us-west-2:123456789012:on-call';
    const alarming = deployed({}, { alarms: { topicArn } });
    const alarms = [...resources(alarming, 'AWS::CloudWatch::Alarm').values()].map((a) => a.Properties);
    expect(alarms.map((alarm) => alarm['MetricName'])).toEqual(
      expect.arrayContaining([
        'ExecutionsFailed',
        'ExecutionsTimedOut',
        'ExecutionsSucceeded',
        'ApproximateNumberOfMessagesVisible',
      ]),
    );
    alarming.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: [topicArn] });
    alarming.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'ExecutionsSucceeded',
      TreatMissingData: 'breaching',
    });
  });

  test('shows what the state machine puts, by the names that it has there', () => {
    const [dashboard] = [...resources(deployed(), 'AWS::CloudWatch::Dashboard').values()];
    const body = text(dashboard?.Properties['DashboardBody']);
    const names = [...sql('metrics').matchAll(/'(\w+)' AS metric/g)].map(([, name = '']) => name);
    expect([...new Set(names)].sort()).toEqual(['CrossAzBytes', 'CrossAzUsd', 'InZoneBytes']);
    const cluster = '"Cluster","prod","Destination","(all)","Source","(all)"';
    for (const name of names) {
      expect(body).toContain(`"Hookline","${name}",${cluster}`);
    }
    expect(body).toContain(
      String.raw`SORT(SEARCH('{Hookline,Cluster,Destination,Source} MetricName=\"CrossAzBytes\" Cluster=\"prod\" NOT Source=\"(all)\"', 'Maximum', 3600), SUM, DESC, 10)`,
    );
    const data = readFileSync(CROSS_AZ_TRAFFIC, 'utf8');
    for (const dimension of ['Cluster', 'Source', 'Destination']) {
      expect(data).toContain(`"Name": "${dimension}"`);
    }
  });

  test('is refused where it cannot be', () => {
    expect(() => deployed({ vpcId: undefined })).toThrow(
      'config.traffic: no network. Name either a vpcId or subnetIds',
    );
    expect(() => deployed({ subnetIds: ['subnet-0123456789abcdef0'] })).toThrow(
      'config.traffic: two networks',
    );
    expect(() => deployed({ minute: 5 })).toThrow('config.traffic.minute: ');
    expect(() => made({ minute: 5 })).toThrow('minute: 5 is not possible. Give 10 to 59');
    expect(() => deployed({ topPairs: 51 })).toThrow('config.traffic.topPairs: ');
    expect(() => made({ topPairs: -1 })).toThrow('topPairs: -1 is not possible. Give 0 to 50');
    expect(() => made({ usdPerGb: NaN })).toThrow('usdPerGb: NaN is not possible');
    expect(() => made({ source: { subnetIds: [] } })).toThrow('source.subnetIds: no subnet');
    expect(() => made({ namePrefix: 'a_b' })).toThrow(/^namePrefix: /);
  });
});
