import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { CROSS_AZ_TRAFFIC, REPOSITORY } from '../../lib/shared/repository';
import { metricsStatement, storeStatement } from '../../lib/traffic/definitions';
import { KUBERNETES_GROUP } from '../../lib/traffic/extract-pods';
import {
  HARMLESS_ACTION,
  type Statement,
  list,
  resources,
  resourcesOfAction,
  statementsOfRole,
  text,
} from '../support';
import { trafficTemplate } from './support';

const template = trafficTemplate();

describe('the result table', () => {
  test('is created by its statement before the schedule', () => {
    const [[id, resource] = ['', undefined]] = [...resources(template, 'Custom::HooklineTrafficTable')];
    expect(text(resource?.Properties['Statement'])).toMatch(
      /^CREATE TABLE IF NOT EXISTS cross_az_traffic [^]*LOCATION 's3:\/\/<TrafficStoreTraffic\w+>\/cross-az-traffic\/'/,
    );
    expect(resource?.Properties['Database']).toBe('hookline_traffic');
    const [schedule] = [...resources(template, 'AWS::Scheduler::Schedule').values()];
    expect(schedule?.DependsOn).toContain(id);
    // The custom resource depends on the policy of its role.
    expect(resource?.DependsOn?.some((other) => other.startsWith('TrafficTableRoleDefaultPolicy'))).toBe(
      true,
    );
  });
});

describe('the state machine', () => {
  test('contains the SQL statements, and CloudFormation replaces its other placeholders', () => {
    const [machine] = [...resources(template, 'AWS::StepFunctions::StateMachine').values()];
    const definition = text(machine?.Properties['DefinitionString']);
    const { States: states } = JSON.parse(definition) as {
      States: Record<string, { Result?: string }>;
    };
    expect(states['WriteStatement']?.Result).toBe(storeStatement(0.01));
    expect(states['WriteMetricsStatement']?.Result).toBe(metricsStatement(10));
    const unresolved = new Set([...definition.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
    const substitutions = machine?.Properties['DefinitionSubstitutions'] as Record<string, unknown>;
    expect([...unresolved].sort()).toEqual(Object.keys(substitutions).sort());
    expect(substitutions['Partition']).toEqual({ Ref: 'AWS::Partition' });
    expect(machine?.Properties).toMatchObject({
      LoggingConfiguration: { Level: 'ALL' },
      TracingConfiguration: { Enabled: true },
    });
  });
});

describe('the schedule', () => {
  const input = (from: Template): unknown => {
    const [schedule] = [...resources(from, 'AWS::Scheduler::Schedule').values()];
    return JSON.parse(text((schedule?.Properties['Target'] as { Input: unknown }).Input));
  };

  test('gives the state machine its input, at minute 20', () => {
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

  test('passes the cluster’s Region, the role and the labels', () => {
    const other = trafficTemplate({
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

describe('permissions', () => {
  test('no role may write to all resources without a condition', () => {
    for (const policy of resources(template, 'AWS::IAM::Policy').values()) {
      for (const statement of (policy.Properties['PolicyDocument'] as { Statement: Statement[] }).Statement) {
        if (list(statement.Action).some((action) => !HARMLESS_ACTION.test(action))) {
          // An action without resource-level permissions is limited by a condition.
          expect(list(statement.Resource).map(text).includes('*') && statement.Condition === undefined).toBe(
            false,
          );
        }
      }
    }
  });

  const machine = statementsOfRole(template, /^TrafficStateMachineRole/);
  test('the state machine writes query results and the table’s files, and deletes the table’s files only', () => {
    expect(resourcesOfAction(machine, 's3:PutObject').sort()).toEqual([
      expect.stringMatching(/^<TrafficStoreQueryResults\w+\.Arn>\/\*$/),
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/cross-az-traffic\/\*$/),
    ]);
    expect(resourcesOfAction(machine, 's3:DeleteObject')).toEqual([
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/cross-az-traffic\/\*$/),
    ]);
    expect(resourcesOfAction(machine, 'glue:UpdateTable').filter((arn) => arn.includes(':table/'))).toEqual([
      'arn:aws:glue:us-west-2:123456789012:table/hookline_traffic/cross_az_traffic',
    ]);
    expect(resourcesOfAction(machine, 'athena:StartQueryExecution')).toEqual([
      'arn:aws:athena:us-west-2:123456789012:workgroup/hookline-traffic',
    ]);
    expect(resourcesOfAction(machine, 'lambda:InvokeFunction')).toEqual([
      expect.stringMatching(/^<TrafficExtractPodsFunction\w+\.Arn>$/),
    ]);
  });

  test('the state machine may call each API action of its definition', () => {
    const actions = [...readFileSync(CROSS_AZ_TRAFFIC, 'utf8').matchAll(/aws-sdk:(\w+):(\w)(\w+)/g)].map(
      ([, service, first = '', rest]) => `${service}:${first.toUpperCase()}${rest}`,
    );
    expect(actions.length).toBeGreaterThan(0);
    for (const action of actions) {
      expect(resourcesOfAction(machine, action)).not.toEqual([]);
    }
  });

  test('the state machine puts metrics of Hookline’s namespace only', () => {
    const [put] = machine.filter(({ Action: action }) => list(action).includes('cloudwatch:PutMetricData'));
    expect(put).toMatchObject({
      Action: 'cloudwatch:PutMetricData',
      Condition: { StringEquals: { 'cloudwatch:namespace': 'Hookline' } },
    });
  });

  test('extract-pods describes the cluster and writes listings', () => {
    const role = statementsOfRole(template, /^TrafficExtractPodsRole/);
    const actions = role
      .flatMap(({ Action: action }) => list(action))
      .filter((action) => !/^(logs|xray):/.test(action));
    expect(actions.sort()).toEqual(['eks:DescribeCluster', 's3:PutObject']);
    expect(resourcesOfAction(role, 'eks:DescribeCluster')).toEqual([
      'arn:aws:eks:us-west-2:123456789012:cluster/prod',
    ]);
    expect(resourcesOfAction(role, 's3:PutObject')).toEqual([
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/pods\/\*$/),
    ]);
  });

  test('extract-pods assumes only the role of assumeRoleArn', () => {
    const assumeRoleArn = 'arn:aws:iam::210987654321:role/pods';
    const other = trafficTemplate({ cluster: { clusterName: 'prod', assumeRoleArn } });
    const role = statementsOfRole(other, /^TrafficExtractPodsRole/);
    expect(resourcesOfAction(role, 'sts:AssumeRole')).toEqual([assumeRoleArn]);
    expect(resourcesOfAction(role, 'eks:DescribeCluster')).toEqual([]);
    other.resourceCountIs('AWS::EKS::AccessEntry', 0);
  });

  test('the access entry has the group of the ClusterRoleBinding', () => {
    const manifest = readFileSync(
      join(REPOSITORY, 'traffic', 'kubernetes', 'extract-pods-role.yaml'),
      'utf8',
    );
    expect(/kind: Group\s+name: (\S+)/.exec(manifest)?.[1]).toBe(KUBERNETES_GROUP);
    template.hasResourceProperties('AWS::EKS::AccessEntry', {
      ClusterName: 'prod',
      KubernetesGroups: [KUBERNETES_GROUP],
      AccessPolicies: Match.absent(),
    });
    trafficTemplate({ cluster: { clusterName: 'prod', accessEntry: false } }).resourceCountIs(
      'AWS::EKS::AccessEntry',
      0,
    );
  });
});

test('CrossAzTraffic rejects invalid props', () => {
  expect(() => trafficTemplate({ minute: 5 })).toThrow(
    'minute: 5 is out of range. Use a value from 10 to 59',
  );
  expect(() => trafficTemplate({ topPairs: -1 })).toThrow(
    'topPairs: -1 is out of range. Use a value from 0 to 50',
  );
  expect(() => trafficTemplate({ usdPerGb: NaN })).toThrow('usdPerGb: NaN is out of range');
  expect(() => trafficTemplate({ source: { subnetIds: [] } })).toThrow('source.subnetIds: no subnet');
  expect(() => trafficTemplate({ namePrefix: 'a_b' })).toThrow(/^namePrefix: /);
});
