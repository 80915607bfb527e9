import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { REPOSITORY, TRAFFIC_SQL, TRAFFIC_TABLES } from '../../lib/shared/repository';
import { NAMED_QUERIES } from '../../lib/traffic/definitions';
import { otherPrices } from '../../lib/traffic/prices';
import { resources, text } from '../support';
import { trafficTemplate } from './support';

interface Table {
  readonly Name: string;
  readonly Parameters: Record<string, unknown>;
  readonly PartitionKeys: readonly { readonly Name: string }[];
  readonly StorageDescriptor: {
    readonly Location: unknown;
    readonly Columns: readonly { readonly Name: string }[];
  };
}

const template = trafficTemplate();
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
  test('has the fields of its table in the same order', () => {
    const fields = String(flowLog?.Properties['LogFormat'])
      .split(' ')
      .map((field) => /^\$\{([a-z-]+)\}$/.exec(field)?.[1]?.replaceAll('-', '_'));
    expect(fields).toEqual(table('flow_logs').StorageDescriptor.Columns.map(({ Name }) => Name));
    expect(fields).toHaveLength(17);
  });

  test('has the LogFormat of docs/cross-az-traffic/by-hand.md', () => {
    const document = readFileSync(join(REPOSITORY, 'docs', 'cross-az-traffic', 'by-hand.md'), 'utf8');
    expect(document).toContain(`\n${String(flowLog?.Properties['LogFormat'])}\n`);
  });

  test('writes Parquet in Hive-compatible hourly partitions, aggregated by minute', () => {
    expect(flowLog?.Properties).toMatchObject({
      ResourceType: 'VPC',
      ResourceId: 'vpc-0123456789abcdef0',
      TrafficType: 'ALL',
      LogDestinationType: 's3',
      MaxAggregationInterval: 60,
      DestinationOptions: { FileFormat: 'parquet', HiveCompatiblePartitions: true, PerHourPartition: true },
    });
  });

  test('is created for each subnet if the source names subnets', () => {
    const subnetIds = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
    const logs = [...resources(trafficTemplate({ source: { subnetIds } }), 'AWS::EC2::FlowLog').values()];
    expect(logs.map(({ Properties: p }) => [p['ResourceType'], p['ResourceId']])).toEqual(
      subnetIds.map((id) => ['Subnet', id]),
    );
  });

  test('is delivered for this account only, and is created after the bucket policy', () => {
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

describe('the Glue tables', () => {
  test.each(['flow_logs', 'pods'])(
    '%s: the partitions are projected onto the location of the files',
    (name) => {
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
    },
  );

  test('have all columns and settings of their files, and no unresolved parameter', () => {
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
});

describe('the Athena workgroup', () => {
  test('enforces a scan limit, engine version 3, encrypted results and metrics', () => {
    trafficTemplate({ scanLimitGiB: 7 }).hasResourceProperties('AWS::Athena::WorkGroup', {
      WorkGroupConfiguration: {
        BytesScannedCutoffPerQuery: 7 * 1024 ** 3,
        EnforceWorkGroupConfiguration: true,
        EngineVersion: { SelectedEngineVersion: 'Athena engine version 3' },
        PublishCloudWatchMetricsEnabled: true,
        ResultConfiguration: { EncryptionConfiguration: { EncryptionOption: 'SSE_S3' } },
      },
    });
  });

  test('has the named queries, each with its purpose', () => {
    const queries = [...resources(template, 'AWS::Athena::NamedQuery').values()].map((q) => q.Properties);
    const names = Object.keys(NAMED_QUERIES).filter((name) => name !== 'reconcile');
    expect(queries.map((query) => query['Name'])).toEqual(names);
    for (const query of queries) {
      const name = String(query['Name']);
      expect(query['QueryString']).not.toMatch(/(?<![:\d]):[a-z_]+|^\s*--/m);
      if (!['ports', 'not-measured', 'flow-log-fields', 'logged-twice'].includes(name)) {
        expect(query['QueryString']).toContain(
          `hour >= CAST(current_timestamp AS timestamp) - INTERVAL '${NAMED_QUERIES[name]}' DAY`,
        );
      }
      if (name === 'by-service-and-port') {
        // The text of cross-az.sql, with its lines for the ports.
        expect(query['QueryString']).toContain('FROM flow_logs');
        expect(query['QueryString']).toContain(', r.port\n');
        expect(String(query['QueryString']).length).toBeLessThan(262_144);
      }
      expect(readFileSync(join(TRAFFIC_SQL, `${name}.sql`), 'utf8')).toContain(
        String(query['Description']).slice(0, 40),
      );
    }
  });
});

test('the query of NAT gateways has the prices of the Region, and those that are given', () => {
  const query = (props: Parameters<typeof trafficTemplate>[0]): string =>
    String(
      [...resources(trafficTemplate(props), 'AWS::Athena::NamedQuery').values()].find(
        ({ Properties: { Name: name } }) => name === 'nat-and-internet',
      )?.Properties['QueryString'],
    );
  // The test's Region, us-west-2, has no price.
  expect(query({})).toContain('CAST(NULL AS double)');
  const given = query({ natGatewayUsdPerGb: 0.05, internetUsdPerGb: 0.1 });
  expect(given).toContain('1073741824 * CAST(0.05 AS double)');
  expect(given).toContain('1073741824 * CAST(0.1 AS double)');
  expect(otherPrices('us-east-1', { internetUsdPerGb: 0.1 })).toEqual({
    natGatewayUsdPerGb: 0.045,
    internetUsdPerGb: 0.1,
  });
  // A Region may have one of them.
  expect(otherPrices('eu-central-1', {})).toEqual({ natGatewayUsdPerGb: 0.052 });
  expect(otherPrices('ap-south-1', { natGatewayUsdPerGb: 0.06 })).toEqual({
    natGatewayUsdPerGb: 0.06,
    internetUsdPerGb: 0.1093,
  });
});

test('flow logs that exist already are read where they are', () => {
  const flowLogsLocation =
    's3://central-logs/team/AWSLogs/aws-account-id=210987654321/aws-service=vpcflowlogs/aws-region=us-west-2/';
  const existing = trafficTemplate({ source: { flowLogsLocation } });
  existing.resourceCountIs('AWS::EC2::FlowLog', 0);
  existing.resourceCountIs('AWS::S3::Bucket', 2);
  existing.hasResourceProperties('AWS::Glue::Table', {
    TableInput: { Name: 'flow_logs', StorageDescriptor: { Location: flowLogsLocation } },
  });
  expect(JSON.stringify(existing.toJSON())).toContain(
    ':s3:::central-logs/team/AWSLogs/aws-account-id=210987654321/aws-service=vpcflowlogs/aws-region=us-west-2/*',
  );
  expect(() => trafficTemplate({ source: { flowLogsLocation: 's3://central-logs/team/' } })).toThrow(
    'is not a folder of flow logs',
  );
});

test('the key of flow logs that exist already may be used to decrypt them, and no other key', () => {
  const source = {
    flowLogsLocation:
      's3://central-logs/AWSLogs/aws-account-id=210987654321/aws-service=vpcflowlogs/aws-region=us-west-2/',
  };
  const flowLogsKeyArn = 'arn:aws:kms:us-west-2:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const keyStatements = (props: Parameters<typeof trafficTemplate>[0]): unknown[] =>
    [...resources(trafficTemplate(props), 'AWS::IAM::Policy').entries()].flatMap(([id, policy]) => {
      const { Statement } = policy.Properties['PolicyDocument'] as {
        Statement: { Action: string | string[]; Resource: unknown }[];
      };
      return Statement.filter(({ Action }) => JSON.stringify(Action).includes('kms:')).map(
        ({ Action, Resource }) => [id.replace(/Default.*/, ''), Action, Resource],
      );
    });
  expect(keyStatements({ source })).toEqual([]);
  expect(keyStatements({ source: { ...source, flowLogsKeyArn } })).toEqual([
    [expect.stringContaining('StateMachine'), 'kms:Decrypt', flowLogsKeyArn],
  ]);
});

test('of the flow logs of several VPCs, one VPC counts in every statement that reads them', () => {
  const flowLogsVpcId = 'vpc-0fedcba9876543210';
  const flowLogsLocation =
    's3://central-logs/AWSLogs/aws-account-id=210987654321/aws-service=vpcflowlogs/aws-region=us-west-2/';
  const one = trafficTemplate({ source: { flowLogsLocation, flowLogsVpcId } });
  const condition = `coalesce(nullif(vpc_id, '-'), '${flowLogsVpcId}') = '${flowLogsVpcId}'`;
  const machines = one.findResources('AWS::StepFunctions::StateMachine');
  // The check of an hourly run, that of a nightly one, and the statement that stores, which both run.
  expect(JSON.stringify(machines).split(condition).length - 1).toBeGreaterThanOrEqual(3);
  const queries = [...resources(one, 'AWS::Athena::NamedQuery').values()].map((query) => query.Properties);
  const reading = queries.filter((query) => text(query['QueryString']).includes('FROM flow_logs'));
  expect(reading.map((query) => query['Name']).sort()).toEqual([
    'by-service-and-port',
    'flow-log-fields',
    'logged-twice',
    'not-measured',
    'ports',
  ]);
  for (const query of reading) {
    expect(text(query['QueryString'])).toContain(condition);
  }
  one.hasResourceProperties('AWS::Glue::Table', {
    TableInput: {
      Name: 'flow_logs',
      StorageDescriptor: { Columns: Match.arrayWith([{ Name: 'vpc_id', Type: 'string' }]) },
    },
  });
  const all = trafficTemplate({ source: { flowLogsLocation } });
  expect(JSON.stringify(all.toJSON())).not.toContain('vpc_id');
  expect(() => trafficTemplate({ source: { flowLogsLocation, flowLogsVpcId: "vpc-0' OR true" } })).toThrow(
    'source.flowLogsVpcId',
  );
});

test('the interval of flow logs that exist already is in the statements', () => {
  const flowLogsLocation =
    's3://central-logs/AWSLogs/aws-account-id=210987654321/aws-service=vpcflowlogs/aws-region=us-west-2/';
  const interval = (flowLogsIntervalMinutes?: number): string[] => {
    const template = trafficTemplate({
      source: {
        flowLogsLocation,
        ...(flowLogsIntervalMinutes === undefined ? {} : { flowLogsIntervalMinutes }),
      },
    });
    const text = JSON.stringify(template.toJSON());
    return [
      ...new Set([
        ...[...text.matchAll(/start < hour_s \+ 60 \+ (\d+)/g)].map((match) => String(match[1])),
        ...[...text.matchAll(/start <= 60 \+ (\d+)/g)].map((match) => String(match[1])),
      ]),
    ];
  };
  expect(interval()).toEqual(['60']);
  expect(interval(10)).toEqual(['600']);
  expect(() => interval(5)).toThrow(
    'source.flowLogsIntervalMinutes: 5 is not an interval of flow logs. Use 1 or 10',
  );
});

test('the bill is reconciled with the table of its export', () => {
  const withBill = trafficTemplate({ costAndUsageTable: 'billing.data' });
  withBill.hasResourceProperties('AWS::Athena::NamedQuery', {
    Name: 'reconcile',
    QueryString: Match.stringLikeRegexp("FROM billing\\.data AS b[\\s\\S]*'us-west-2'"),
  });
  expect(() => trafficTemplate({ costAndUsageTable: 'billing.data; DROP' })).toThrow(
    'costAndUsageTable: not a table',
  );
});

describe('the buckets', () => {
  test('are encrypted, block public access and require TLS', () => {
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

  test('expire their objects, except the table’s files', () => {
    const expirations = new Map(
      [...resources(trafficTemplate({ keepInputs: Duration.days(9) }), 'AWS::S3::Bucket')].map(
        ([id, bucket]) => [
          id.replace(/^TrafficStore|[0-9A-F]{8}$/g, ''),
          (
            bucket.Properties['LifecycleConfiguration'] as {
              Rules: { ExpirationInDays?: number; Prefix?: string }[];
            }
          ).Rules.filter((rule) => rule.ExpirationInDays !== undefined).map((rule) => [
            rule.Prefix,
            rule.ExpirationInDays,
          ]),
        ],
      ),
    );
    expect(Object.fromEntries(expirations)).toEqual({
      FlowLogs: [[undefined, 9]],
      Traffic: [['pods/', 9]],
      QueryResults: [[undefined, 7]],
    });
  });

  test('and the database are kept when the stack is deleted, unless the removal policy is DESTROY', () => {
    const kinds = ['AWS::S3::Bucket', 'AWS::Glue::Database', 'AWS::Glue::Table'];
    const policies = (from: Template): Set<string | undefined> =>
      new Set(
        kinds.flatMap((kind) =>
          [...resources(from, kind).values()].map((resource) => resource.DeletionPolicy),
        ),
      );
    expect([...policies(template)]).toEqual(['Retain']);
    const destroyed = trafficTemplate({ removalPolicy: RemovalPolicy.DESTROY });
    expect([...policies(destroyed)]).toEqual(['Delete']);
    destroyed.resourceCountIs('Custom::S3AutoDeleteObjects', 3);
  });
});
