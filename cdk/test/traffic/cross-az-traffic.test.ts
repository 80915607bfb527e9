import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { DefinitionBody, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { AthenaStartQueryExecution } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { CROSS_AZ_TRAFFIC, REPOSITORY } from '../../lib/shared/repository';
import {
  checkInputsStatement,
  metricsStatement,
  storeInputsStatement,
  storeStatement,
} from '../../lib/traffic/definitions';
import { KUBERNETES_GROUP } from '../../lib/traffic/extract-pods';
import {
  ENV,
  HARMLESS_ACTION,
  type Resource,
  type Statement,
  list,
  resources,
  resourcesOfAction,
  statementsOfRole,
  text,
} from '../support';
import { trafficTemplate } from './support';

const template = trafficTemplate();
const trafficFunctions = resources(template, 'AWS::Lambda::Function').size;

/** The custom resource of a result table, with its id. */
function tables(name: string): [string, Resource][] {
  return [...resources(template, 'Custom::HooklineTrafficTable')].filter(
    ([, table]) => table.Properties['Table'] === name,
  );
}

describe('the result tables', () => {
  test.each([
    ['cross_az_traffic', 'cross-az-traffic'],
    ['cross_az_inputs', 'cross-az-inputs'],
  ])('%s is created by its statement before the schedules', (name, folder) => {
    const [[id, resource] = ['', undefined]] = tables(name);
    expect(text(resource?.Properties['Statement'])).toMatch(
      new RegExp(
        `^CREATE TABLE IF NOT EXISTS ${name} [^]*LOCATION 's3://<TrafficStoreTraffic\\w+>/${folder}/'`,
      ),
    );
    expect(resource?.Properties['Database']).toBe('hookline_traffic');
    const schedules = [...resources(template, 'AWS::Scheduler::Schedule').values()].filter(
      ({ Properties: properties }) => text(properties['Name']).includes('cross-az-traffic'),
    );
    expect(schedules).toHaveLength(2);
    for (const schedule of schedules) {
      expect(schedule.DependsOn).toContain(id);
    }
    // The custom resource depends on the policy of its role.
    expect(resource?.DependsOn?.some((other) => other.startsWith('TrafficTableRoleDefaultPolicy'))).toBe(
      true,
    );
  });
});

test('the result table gets the columns of the clusters before the state machine uses them', () => {
  const [[id, resource] = ['', undefined]] = tables('cross_az_traffic');
  expect(resource?.Properties).toMatchObject({
    Columns: ['cluster', 'peer_cluster'],
    AddColumns: 'ALTER TABLE cross_az_traffic ADD COLUMNS (cluster string, peer_cluster string)',
  });
  const [[, inputs] = ['', undefined]] = tables('cross_az_inputs');
  expect(inputs?.Properties['AddColumns']).toBeUndefined();
  const [machine] = [...resources(template, 'AWS::StepFunctions::StateMachine').values()];
  expect(machine?.DependsOn).toContain(id);
  const role = statementsOfRole(template, /^TrafficTableRole/);
  expect(resourcesOfAction(role, 'athena:GetTableMetadata')).toEqual([
    'arn:aws:athena:us-west-2:123456789012:datacatalog/AwsDataCatalog',
  ]);
});

describe('several clusters', () => {
  const assumeRoleArn = 'arn:aws:iam::210987654321:role/pods';
  const several = trafficTemplate({
    moreClusters: [{ clusterName: 'batch' }, { clusterName: 'far', region: 'us-east-1', assumeRoleArn }],
    topPairs: 16,
  });

  test('each has a schedule that lists it, and the first one is listed by the state machine too', () => {
    const schedules = [...resources(several, 'AWS::Scheduler::Schedule').values()].map(
      ({ Properties: properties }) => ({
        name: properties['Name'],
        rate: properties['ScheduleExpression'],
        input: JSON.parse(text((properties['Target'] as { Input: unknown }).Input)) as {
          cluster?: string;
          pods?: { cluster: string };
        },
      }),
    );
    expect(schedules.map(({ name, input }) => [name, input.cluster ?? input.pods?.cluster])).toEqual([
      ['hookline-cross-az-traffic', 'prod'],
      ['hookline-cross-az-traffic-nightly', 'prod'],
      ['hookline-extract-pods', 'prod'],
      ['hookline-deleted-pods', 'prod'],
      ['hookline-extract-pods-batch', 'batch'],
      ['hookline-deleted-pods-batch', 'batch'],
      ['hookline-extract-pods-far', 'far'],
      ['hookline-deleted-pods-far', 'far'],
    ]);
    expect(schedules[6]).toMatchObject({
      rate: 'cron(0/5 * * * ? *)',
      input: {
        execution: '<aws.scheduler.execution-id>',
        hour: '<aws.scheduler.scheduled-time>',
        bucket: expect.stringMatching(/^<TrafficStoreTraffic/) as string,
        region: 'us-east-1',
        assumeRoleArn,
      },
    });
  });

  test('one function may read them all, and has an access entry in each that is its own', () => {
    several.resourceCountIs('AWS::Lambda::Function', trafficFunctions);
    const role = statementsOfRole(several, /^TrafficExtractPodsRole/);
    expect(resourcesOfAction(role, 'eks:DescribeCluster')).toEqual([
      'arn:aws:eks:us-west-2:123456789012:cluster/prod',
      'arn:aws:eks:us-west-2:123456789012:cluster/batch',
    ]);
    expect(resourcesOfAction(role, 'sts:AssumeRole')).toEqual([assumeRoleArn]);
    const entries = [...resources(several, 'AWS::EKS::AccessEntry').values()];
    expect(entries.map(({ Properties: properties }) => properties['ClusterName'])).toEqual(['prod', 'batch']);
  });

  test('the statements have their names', () => {
    const [machine] = [...resources(several, 'AWS::StepFunctions::StateMachine').values()];
    const { States: states } = JSON.parse(text(machine?.Properties['DefinitionString'])) as {
      States: Record<string, { Result?: string }>;
    };
    const names = ['prod', 'batch', 'far'];
    expect(states['WriteCheck']?.Result).toBe(checkInputsStatement(1, names));
    expect(states['WriteSettlingCheck']?.Result).toBe(checkInputsStatement(24, names));
    expect(states['WriteMetricsStatement']?.Result).toBe(metricsStatement(16, names));
    expect(metricsStatement(16, names)).toContain("ARRAY['prod', 'batch', 'far']");
  });

  test('are named once each, and have fifty pairs together', () => {
    const moreClusters = [{ clusterName: 'batch' }];
    expect(() => trafficTemplate({ moreClusters: [{ clusterName: 'prod' }] })).toThrow(
      'moreClusters: a cluster is there twice',
    );
    expect(() => trafficTemplate({ moreClusters, topPairs: 26 })).toThrow(
      'topPairs: 2 clusters have 52 pairs. Use 25 at most',
    );
  });

  test('may have names that are longer than that of a schedule', () => {
    const clusters = ['b', 'c'].map((last) => ({ clusterName: `${'a'.repeat(99)}${last}` }));
    const several = trafficTemplate({ moreClusters: clusters });
    const names = [...resources(several, 'AWS::Scheduler::Schedule').values()].map(
      ({ Properties: properties }) => text(properties['Name']),
    );
    expect(new Set(names).size).toBe(names.length);
    expect(Math.max(...names.map((name) => name.length))).toBe(64);
  });
});

describe('a network for extract-pods', () => {
  const functionNetwork = {
    subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
    securityGroupIds: ['sg-0123456789abcdef0'],
  };
  const inVpc = trafficTemplate({ functionNetwork });
  const role = statementsOfRole(inVpc, /^TrafficExtractPodsRole/);

  test('puts the function, and no other, into the subnets', () => {
    const configs = [...resources(inVpc, 'AWS::Lambda::Function').values()].map(
      ({ Properties: properties }) => properties['VpcConfig'],
    );
    expect(configs.filter((config) => config !== undefined)).toEqual([
      { SubnetIds: functionNetwork.subnetIds, SecurityGroupIds: functionNetwork.securityGroupIds },
    ]);
    template.allResourcesProperties('AWS::Lambda::Function', { VpcConfig: Match.absent() });
  });

  // AWS Managed Policy Reference, AWSLambdaVPCAccessExecutionRole, version 3.
  test.each([
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:UnassignPrivateIpAddresses',
  ])('lets Lambda call %s with the role', (action) => {
    const allowed = role.filter(
      ({ Effect: effect, Action: actions }) => effect === 'Allow' && list(actions).includes(action),
    );
    expect(allowed).not.toEqual([]);
  });

  test('denies the function itself what writes', () => {
    const [denied] = role.filter(({ Effect: effect }) => effect === 'Deny');
    expect(denied).toMatchObject({
      Action: [
        'ec2:AssignPrivateIpAddresses',
        'ec2:CreateNetworkInterface',
        'ec2:DeleteNetworkInterface',
        'ec2:UnassignPrivateIpAddresses',
      ],
      Resource: '*',
    });
    expect(denied?.Condition).toEqual({
      ArnEquals: {
        'lambda:SourceFunctionArn': expect.objectContaining({
          'Fn::Join': [
            '',
            expect.arrayContaining([':lambda:us-west-2:123456789012:function:hookline-extract-pods']),
          ],
        }) as unknown,
      },
    });
    expect(statementsOfRole(template, /^TrafficExtractPodsRole/).map(({ Effect: e }) => e)).not.toContain(
      'Deny',
    );
  });

  test('needs subnets and security groups', () => {
    expect(() => trafficTemplate({ functionNetwork: { ...functionNetwork, securityGroupIds: [] } })).toThrow(
      'functionNetwork: no subnet or no security group',
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
    expect(states['WriteCheck']?.Result).toBe(checkInputsStatement(1, ['prod']));
    expect(states['WriteSettlingCheck']?.Result).toBe(checkInputsStatement(24, ['prod']));
    expect(states['WriteInputsStatement']?.Result).toBe(storeInputsStatement());
    expect(states['WriteStatement']?.Result).toBe(storeStatement(0.01, 1));
    expect(states['WriteMetricsStatement']?.Result).toBe(metricsStatement(10, ['prod']));
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
  const input = (from: Template, name = 'hookline-cross-az-traffic'): unknown => {
    const [schedule] = [...resources(from, 'AWS::Scheduler::Schedule').values()].filter(
      ({ Properties: properties }) => properties['Name'] === name,
    );
    return JSON.parse(text((schedule?.Properties['Target'] as { Input: unknown }).Input));
  };

  test('settles three days each night, half an hour after an hourly run', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      Name: 'hookline-cross-az-traffic-nightly',
      ScheduleExpression: 'cron(50 2 * * ? *)',
      ScheduleExpressionTimezone: 'Etc/UTC',
      Target: { DeadLetterConfig: Match.anyValue(), RetryPolicy: { MaximumEventAgeInSeconds: 1800 } },
    });
    expect(input(template, 'hookline-cross-az-traffic-nightly')).toEqual({
      ...(input(template) as object),
      settle: true,
    });
    trafficTemplate({ minute: 45 }).hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(15 2 * * ? *)',
    });
  });

  test('and those of the listings have roles for the account’s own schedules only', () => {
    const more = [{ clusterName: 'edge' }];
    const roles = [...resources(trafficTemplate({ moreClusters: more }), 'AWS::IAM::Role').values()];
    const statements = roles.flatMap(
      ({ Properties: p }) =>
        (p['AssumeRolePolicyDocument'] as { Statement: Record<string, unknown>[] }).Statement,
    );
    const ofSchedules = statements.filter((one) => JSON.stringify(one).includes('scheduler.amazonaws.com'));
    expect(ofSchedules).toHaveLength(3);
    for (const statement of ofSchedules) {
      expect(statement['Condition']).toEqual({
        StringEquals: {
          'aws:SourceAccount': ENV.account,
          'aws:SourceArn': {
            'Fn::Join': [
              '',
              [
                'arn:',
                { Ref: 'AWS::Partition' },
                `:scheduler:${ENV.region}:${ENV.account}:schedule-group/default`,
              ],
            ],
          },
        },
      });
    }
  });

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

  test('lists the cluster every five minutes, or as often as the props say, with the payload of extract-pods', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      Name: 'hookline-extract-pods',
      ScheduleExpression: 'cron(0/5 * * * ? *)',
      ScheduleExpressionTimezone: 'Etc/UTC',
      Target: {
        Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^TrafficExtractPodsFunction'), 'Arn'] },
        RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 },
      },
    });
    expect(input(template, 'hookline-extract-pods')).toEqual({
      execution: '<aws.scheduler.execution-id>',
      hour: '<aws.scheduler.scheduled-time>',
      ...(input(template) as { pods: object }).pods,
    });
    trafficTemplate({ listEveryMinutes: 1 }).hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(0/1 * * * ? *)',
    });
  });

  test.each([5, 30])(
    'reads the deleted pods each minute, with listings every %s minutes',
    (listEveryMinutes) => {
      const listed = trafficTemplate({ listEveryMinutes });
      listed.hasResourceProperties('AWS::Scheduler::Schedule', {
        Name: 'hookline-deleted-pods',
        ScheduleExpression: 'cron(* * * * ? *)',
        Target: {
          Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^TrafficExtractPodsFunction'), 'Arn'] },
          RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 },
        },
      });
      expect(input(listed, 'hookline-deleted-pods')).toEqual({
        ...(input(listed, 'hookline-extract-pods') as object),
        deletedPods: true,
      });
    },
  );

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
        // Whoever may ask Lake Formation for credentials gets those of its own grants only.
        const harmless = (action: string): boolean =>
          HARMLESS_ACTION.test(action) || action === 'lakeformation:GetDataAccess';
        if (list(statement.Action).some((action) => !harmless(action))) {
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
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/cross-az-inputs\/\*$/),
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/cross-az-traffic\/\*$/),
    ]);
    expect(resourcesOfAction(machine, 's3:DeleteObject').sort()).toEqual([
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/cross-az-inputs\/\*$/),
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/cross-az-traffic\/\*$/),
    ]);
    expect(resourcesOfAction(machine, 'glue:UpdateTable').filter((arn) => arn.includes(':table/'))).toEqual([
      'arn:aws:glue:us-west-2:123456789012:table/hookline_traffic/cross_az_traffic',
      'arn:aws:glue:us-west-2:123456789012:table/hookline_traffic/cross_az_inputs',
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

  // The template of an Athena task in aws-cdk-lib, which is that of the Step Functions Developer Guide.
  test.each([
    ['the state machine', /^TrafficStateMachineRole/],
    ['the function that creates the tables', /^TrafficTableRole/],
  ])('%s may do what AWS’s template grants for a query, but creates and deletes nothing else', (_, role) => {
    const stack = new Stack(new App(), 'aws', { env: ENV });
    const machineOfAws = new StateMachine(stack, 'Machine', {
      definitionBody: DefinitionBody.fromChainable(
        new AthenaStartQueryExecution(stack, 'Query', { queryString: 'SELECT 1', workGroup: 'w' }),
      ),
    });
    expect(machineOfAws).toBeDefined();
    const granted = [...resources(Template.fromStack(stack), 'AWS::IAM::Policy').values()]
      .flatMap(
        ({ Properties: properties }) =>
          (properties['PolicyDocument'] as { Statement: Statement[] }).Statement,
      )
      .flatMap(({ Action: action }) => list(action))
      .map((action) => action.replace(/:(\w)/, (first) => first.toUpperCase()));
    expect(granted).toContain('athena:GetDataCatalog');
    const withheld =
      /^(s3:CreateBucket|glue:(Batch)?(Create|Delete|Update)(Database|Table|Partition)|glue:(Batch)?(GetPartitions?))$/;
    for (const action of granted.filter((name) => !withheld.test(name))) {
      expect([action, resourcesOfAction(statementsOfRole(template, role), action)]).not.toEqual([action, []]);
    }
  });

  test('the state machine puts metrics of Hookline’s namespace only', () => {
    const [put] = machine.filter(({ Action: action }) => list(action).includes('cloudwatch:PutMetricData'));
    expect(put).toMatchObject({
      Action: 'cloudwatch:PutMetricData',
      Condition: { StringEquals: { 'cloudwatch:namespace': 'Hookline' } },
    });
  });

  test('extract-pods describes the cluster, its instances and the interfaces of its VPC, and writes listings', () => {
    const role = statementsOfRole(template, /^TrafficExtractPodsRole/);
    const actions = role
      .flatMap(({ Action: action }) => list(action))
      .filter((action) => !/^(logs|xray):/.test(action));
    expect(actions.sort()).toEqual([
      'ec2:DescribeInstances',
      'ec2:DescribeNetworkInterfaces',
      'eks:DescribeCluster',
      's3:GetObject',
      's3:PutObject',
    ]);
    expect(resourcesOfAction(role, 's3:GetObject')).toEqual([
      expect.stringMatching(/^<TrafficStoreTraffic\w+\.Arn>\/pods\/_watch\/prod\.json$/),
    ]);
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
    expect(resourcesOfAction(role, 'ec2:DescribeInstances')).toEqual([]);
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
  expect(() => trafficTemplate({ listEveryMinutes: 7 })).toThrow('Use one of 1, 2, 5, 10, 15, 30');
  expect(() => trafficTemplate({ minute: 5 })).toThrow(
    'minute: 5 is out of range. Use a value from 10 to 59',
  );
  expect(() => trafficTemplate({ keepInputs: Duration.days(4) })).toThrow(
    'keepInputs: 4 is out of range. Use a value from 5 to 3650',
  );
  expect(() => trafficTemplate({ topPairs: -1 })).toThrow(
    'topPairs: -1 is out of range. Use a value from 0 to 50',
  );
  expect(() => trafficTemplate({ usdPerGb: NaN })).toThrow('usdPerGb: NaN is out of range');
  expect(() => trafficTemplate({ source: { subnetIds: [] } })).toThrow('source.subnetIds: no subnet');
  expect(() => trafficTemplate({ namePrefix: 'a_b' })).toThrow(/^namePrefix: /);
});
