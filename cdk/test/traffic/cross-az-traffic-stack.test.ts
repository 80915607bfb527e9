import { readFileSync } from 'node:fs';
import { Template } from 'aws-cdk-lib/assertions';
import { hooklineApp } from '../../lib/hookline-app';
import { checkConfig } from '../../lib/configuration';
import { CROSS_AZ_TRAFFIC } from '../../lib/shared/repository';
import { sql } from '../../lib/traffic/definitions';
import { ENV, code, profile, resources, text } from '../support';

/**
 * Synthesises the traffic stack of a configuration, and returns its template. It fails on a finding of cdk-nag.
 *
 * @param more fields of `traffic`
 * @param rest other fields of the configuration
 */
function stackTemplate(more: object = {}, rest: object = {}): Template {
  const values = {
    stackName: 'hookline',
    ...ENV,
    profiles: [profile()],
    ...rest,
    traffic: { clusterName: 'prod', vpcId: 'vpc-0123456789abcdef0', ...more },
  };
  // Without the fields that are undefined.
  const config: unknown = JSON.parse(JSON.stringify(values));
  checkConfig(config);
  const { app, trafficStack } = hooklineApp({ config, folder: '.' }, code);
  app.synth();
  if (trafficStack === undefined) {
    throw new Error('the app has no traffic stack');
  }
  return Template.fromStack(trafficStack);
}

describe('the traffic stack', () => {
  test.each([
    ['with kept data', {}],
    ['with data that is deleted with the stack', { keep: false }],
    ['with a role of another account', { assumeRoleArn: 'arn:aws:iam::210987654321:role/pods' }],
    [
      'with flow logs of another account and its bill',
      {
        vpcId: undefined,
        flowLogsLocation:
          's3://logs/AWSLogs/aws-account-id=210987654321/aws-service=vpcflowlogs/aws-region=us-west-2/',
        flowLogsVpcId: 'vpc-0123456789abcdef0',
        flowLogsKeyArn: 'arn:aws:kms:us-west-2:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab',
        costAndUsageTable: 'billing.data',
      },
    ],
    [
      'with several clusters, and a network for the function',
      {
        moreClusters: [{ clusterName: 'batch', clusterRegion: 'us-east-1', accessEntry: false }],
        functionSubnetIds: ['subnet-0123456789abcdef0'],
        functionSecurityGroupIds: ['sg-0123456789abcdef0'],
      },
    ],
  ])('%s has its outputs and no finding of cdk-nag', (_, more) => {
    const outputs = stackTemplate(more).toJSON() as { Outputs: object };
    expect(Object.keys(outputs.Outputs)).toEqual(
      expect.arrayContaining(['StateMachineArn', 'WorkGroup', 'TrafficBucket', 'ExtractPodsRoleArn']),
    );
  });

  test('notifies the topic if an execution fails or none succeeds', () => {
    const topicArn = 'arn:aws:sns:us-west-2:123456789012:on-call';
    const alarming = stackTemplate({}, { alarms: { topicArn } });
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

  test.each([
    ['its default interval', {}, 300],
    ['an interval of 30 minutes', { listEveryMinutes: 30 }, 1800],
    ['five minutes, if the interval is shorter', { listEveryMinutes: 1 }, 300],
  ])('has an alarm for each cluster that has no listing in three times %s', (_, more, seconds) => {
    const template = stackTemplate({ ...more, moreClusters: [{ clusterName: 'batch' }] });
    const alarms = [...resources(template, 'AWS::CloudWatch::Alarm').values()].map((a) => a.Properties);
    const found = alarms.filter((alarm) => alarm['MetricName'] === 'ListingsWritten');
    const alarm = {
      Namespace: 'Hookline',
      Statistic: 'Sum',
      Period: seconds,
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      EvaluationPeriods: 3,
      TreatMissingData: 'breaching',
    };
    expect(found).toMatchObject([
      {
        ...alarm,
        AlarmName: expect.stringMatching(/-listings-fail$/) as unknown,
        Dimensions: [{ Name: 'Cluster', Value: 'prod' }],
      },
      {
        ...alarm,
        AlarmName: expect.stringMatching(/-listings-fail-batch$/) as unknown,
        Dimensions: [{ Name: 'Cluster', Value: 'batch' }],
      },
    ]);
  });

  test('counts the listings of each cluster, and what its replays missed, by the log of the function', () => {
    const template = stackTemplate({});
    const filters = [...resources(template, 'AWS::Logs::MetricFilter').values()];
    const [logGroup] = new Set(
      filters.map((filter) => (filter.Properties['LogGroupName'] as { Ref: string }).Ref),
    );
    expect(
      resources(template, 'AWS::Logs::LogGroup').get(logGroup ?? '')?.Properties['LogGroupName'],
    ).toMatch(/^\/aws\/lambda\/.*-extract-pods$/);
    // The lines of the function, as traffic/extract-pods/tests/extract_pods/services.rs and deleted_pods.rs have them.
    const counted = [
      ['written', 'ListingsWritten'],
      ['deletions missed', 'DeletionsMissed'],
    ];
    expect(filters.map((filter) => filter.Properties)).toEqual(
      counted.map(([message, name]) => ({
        LogGroupName: { Ref: logGroup },
        FilterPattern: `{ ($.message = "${message}") && ($.cluster = "*") }`,
        MetricTransformations: [
          {
            MetricNamespace: 'Hookline',
            MetricName: name,
            MetricValue: '1',
            Dimensions: [{ Key: 'Cluster', Value: '$.cluster' }],
          },
        ],
      })),
    );
  });

  test('has alarms on what the runs read, and on the cost if there is a threshold', () => {
    const alarms = (more: object): Record<string, unknown> => {
      const found: Record<string, unknown> = {};
      for (const { Properties: alarm } of resources(stackTemplate(more), 'AWS::CloudWatch::Alarm').values()) {
        if (alarm['Namespace'] === 'Hookline' && alarm['MetricName'] !== 'ListingsWritten') {
          expect(alarm).toMatchObject({
            Period: 3600,
            Statistic: 'Maximum',
            Dimensions: [
              { Name: 'Cluster', Value: 'prod' },
              { Name: 'Destination', Value: '(all)' },
              { Name: 'Source', Value: '(all)' },
            ],
          });
          found[String(alarm['MetricName'])] = [
            alarm['ComparisonOperator'],
            alarm['Threshold'],
            alarm['EvaluationPeriods'],
          ];
        }
      }
      return found;
    };
    const always = {
      NewestRecordAge: ['GreaterThanThreshold', 7200, 1],
      RecordsRead: ['LessThanThreshold', 1, 1],
      UnknownShare: ['GreaterThanThreshold', 25, 3],
    };
    expect(alarms({})).toEqual(always);
    expect(alarms({ usdPerDayAlarm: 40, unknownPercentAlarm: 5 })).toEqual({
      ...always,
      UnknownShare: ['GreaterThanThreshold', 5, 3],
      CrossAzUsdLastDay: ['GreaterThanThreshold', 40, 1],
    });
  });

  test('has alarms on what the runs read for each of several clusters', () => {
    const several = stackTemplate({ moreClusters: [{ clusterName: 'batch' }], usdPerDayAlarm: 40 });
    const alarms = [...resources(several, 'AWS::CloudWatch::Alarm').values()].map((a) => a.Properties);
    const named = (name: string): Record<string, unknown>[] =>
      alarms.filter((alarm) => String(alarm['AlarmName']).includes(name));
    for (const name of ['unknown-share', 'cross-az-traffic-cost']) {
      expect(
        named(name)
          .map((alarm) => (alarm['Dimensions'] as { Value: string }[])[0]?.Value)
          .sort(),
      ).toEqual(['batch', 'prod']);
    }
    expect(named('no-records')).toHaveLength(1);
  });

  test('shows the metrics of each of several clusters', () => {
    const several = stackTemplate({ moreClusters: [{ clusterName: 'batch' }] });
    const [dashboard] = [...resources(several, 'AWS::CloudWatch::Dashboard').values()];
    const body = text(dashboard?.Properties['DashboardBody']);
    for (const cluster of ['prod', 'batch']) {
      for (const name of ['CrossAzBytes', 'CrossAzUsd', 'UnknownShare']) {
        expect(body).toContain(
          `"Hookline","${name}","Cluster","${cluster}","Destination","(all)","Source","(all)"`,
        );
      }
      expect(body).toContain(String.raw`Cluster=\"${cluster}\" NOT Source`);
    }
  });

  test('shows the metrics that the state machine writes', () => {
    const [dashboard] = [...resources(stackTemplate(), 'AWS::CloudWatch::Dashboard').values()];
    const body = text(dashboard?.Properties['DashboardBody']);
    const names = [
      ...sql('metrics').matchAll(/'(\w+)' AS metric|\('(\w+)', '(?:Count|Seconds|Percent|None)'\)/g),
    ].map(([, hourly, run]) => hourly ?? run ?? '');
    expect([...new Set(names)].sort()).toEqual([
      'CrossAzBytes',
      'CrossAzUsd',
      'CrossAzUsdLastDay',
      'InZoneBytes',
      'NewestRecordAge',
      'RecordsRead',
      'UnknownShare',
    ]);
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

  test('rejects an invalid configuration', () => {
    expect(() => stackTemplate({ vpcId: undefined })).toThrow(
      'traffic: no network. Set either vpcId, subnetIds or flowLogsLocation',
    );
    expect(() => stackTemplate({ subnetIds: ['subnet-0123456789abcdef0'] })).toThrow('traffic: two networks');
    expect(() =>
      stackTemplate({
        flowLogsKeyArn: 'arn:aws:kms:us-west-2:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      }),
    ).toThrow('traffic.flowLogsKeyArn: there is no flowLogsLocation');
    expect(() => stackTemplate({ flowLogsKeyArn: 'arn:aws:kms:us-west-2:210987654321:alias/logs' })).toThrow(
      'traffic.flowLogsKeyArn: ',
    );
    expect(() => stackTemplate({ flowLogsIntervalMinutes: 10 })).toThrow(
      'traffic.flowLogsIntervalMinutes: there is no flowLogsLocation',
    );
    expect(() => stackTemplate({ flowLogsVpcId: 'vpc-0123456789abcdef0' })).toThrow(
      'traffic.flowLogsVpcId: there is no flowLogsLocation',
    );
    expect(() => stackTemplate({ functionSubnetIds: ['subnet-0123456789abcdef0'] })).toThrow(
      'traffic: functionSubnetIds and functionSecurityGroupIds need each other',
    );
    expect(() => stackTemplate({ moreClusters: [{ clusterName: "a'b" }] })).toThrow('traffic.moreClusters');
    expect(() => stackTemplate({ minute: 5 })).toThrow('traffic.minute: ');
    expect(() => stackTemplate({ topPairs: 51 })).toThrow('traffic.topPairs: ');
  });
});
