import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { hooklineApp } from '../lib/hookline-app';
import type { Naming } from '../lib/naming/naming-rules';
import { checkConfig, loadConfig } from '../lib/configuration';
import { FUNCTION_SETTINGS, deployedFunctions, pascalCase } from '../lib/shared/functions';
import { code, namingProfile, profile, resources, text } from './support';

/** Synthesises an example, and returns its template. It fails on a finding of cdk-nag. */
function exampleTemplate(file: string): Template {
  const { app, stack } = hooklineApp(loadConfig(join(__dirname, '..', 'examples', file)), code);
  app.synth();
  return Template.fromStack(stack);
}

const perAz = exampleTemplate('one-group-per-az/hookline.config.ts');
const overAzs = exampleTemplate('one-group-over-three-azs/hookline.config.json');

describe.each([
  ['one group per AZ', perAz, ['upf-us-west-2a', 'upf-us-west-2b'], 'hookline-upf'],
  ['one group over three AZs', overAzs, ['smf'], 'hookline-smf'],
])('%s', (_, template, profiles, stackName) => {
  const { Outputs: outputs } = template.toJSON() as { Outputs: Record<string, { Value: unknown }> };

  test('has outputs for its resources', () => {
    expect(Object.keys(outputs)).toEqual(
      expect.arrayContaining([
        'StateMachineArn',
        'DashboardUrl',
        'DeadLetterQueueUrl',
        ...deployedFunctions().map((name) => `${pascalCase(name)}FunctionName`),
      ]),
    );
  });

  test('shows each metric of each profile on the dashboard', () => {
    const [dashboard] = [...resources(template, 'AWS::CloudWatch::Dashboard').values()];
    const body = text(dashboard?.Properties['DashboardBody']);
    const { widgets } = JSON.parse(body) as { widgets: { properties: { metrics?: unknown[][] } }[] };
    const shown = widgets
      .flatMap(({ properties }) => properties.metrics ?? [])
      .map((metric) => JSON.stringify(metric));
    for (const name of profiles) {
      for (const metric of [
        'LaunchesWired',
        'LaunchesAbandoned',
        'LaunchesWaiting',
        'EventToContinue',
        'LateVerdicts',
        'NodesWithoutTags',
        'AddressConflicts',
        'ThrottledCalls',
        'LaunchLoops',
        'HookProblems',
        'NodesWithoutInterfaces',
      ]) {
        expect(
          shown.some((text) =>
            text.startsWith(`["Hookline","${metric}","Deployment","${stackName}","Profile","${name}"`),
          ),
        ).toBe(true);
      }
    }
    expect(shown.filter((text) => text.includes('EventToContinue') && /"p(50|99)"/.test(text)).length).toBe(
      2 * profiles.length,
    );
    for (const metric of [
      'ReconcileStarted',
      'ReconcileAbandoned',
      'ReconcileReleased',
      'ReconcileDeleted',
      'ReconcileLeft',
      'ReconcileRefusedProfiles',
      'LaunchesOverdue',
    ]) {
      expect(shown.some((text) => text.startsWith(`["Hookline","${metric}"`))).toBe(true);
    }
    expect(text(outputs['DashboardUrl']?.Value)).toContain(String(dashboard?.Properties['DashboardName']));
  });

  test('no alarm watches the metrics of another deployment in the Region', () => {
    const ofAlarms = [...resources(template, 'AWS::CloudWatch::Alarm').values()].flatMap(
      ({ Properties: alarm }) => {
        const queries = (alarm['Metrics'] ?? []) as { MetricStat?: { Metric: Record<string, unknown> } }[];
        return [alarm, ...queries.flatMap((query) => (query.MetricStat ? [query.MetricStat.Metric] : []))];
      },
    );
    const ours = ofAlarms.filter(
      (metric) => metric['Namespace'] === 'Hookline' && metric['MetricName'] !== 'FreeAddresses',
    );
    expect(ours.length).toBeGreaterThan(0);
    for (const metric of ours) {
      expect(metric['Dimensions']).toContainEqual({ Name: 'Deployment', Value: stackName });
    }
  });

  test('names the command that shows more in each alarm but those of naming', () => {
    for (const { Properties: alarm } of resources(template, 'AWS::CloudWatch::Alarm').values()) {
      const isOfNaming = String(alarm['AlarmName']).startsWith(`${stackName}-naming`);
      const look = `Look: hookline status --stack ${stackName}.`;
      expect(String(alarm['AlarmDescription']).includes(look)).toBe(!isOfNaming);
    }
  });

  test('has an alarm for each failure that needs an operator', () => {
    const alarms = [...resources(template, 'AWS::CloudWatch::Alarm').values()].map(({ Properties: p }) => [
      p['Namespace'],
      p['MetricName'],
    ]);
    for (const metric of [
      ['AWS/States', 'ExecutionsFailed'],
      ['AWS/States', 'ExecutionsTimedOut'],
      ['AWS/SQS', 'ApproximateNumberOfMessagesVisible'],
      ['AWS/Lambda', 'Errors'],
      ['Hookline', 'LateVerdicts'],
      ['Hookline', 'NodesWithoutTags'],
      ['Hookline', 'LaunchLoops'],
      ['Hookline', 'HookProblems'],
      ['Hookline', 'NodesWithoutInterfaces'],
      ['Hookline', 'LaunchesOverdue'],
      ['Hookline', 'FreeAddresses'],
    ]) {
      expect(alarms).toContainEqual(metric);
    }
  });

  test('has one alarm on the throttles of all functions that the state machine invokes', () => {
    const alarms = [...resources(template, 'AWS::CloudWatch::Alarm').values()];
    const [alarm, ...others] = alarms.filter(({ Properties: one }) =>
      JSON.stringify(one['Metrics'] ?? []).includes('"Throttles"'),
    );
    expect(others).toEqual([]);
    const metrics = alarm?.Properties['Metrics'] as { Expression?: string; MetricStat?: object }[];
    expect(metrics.map(({ Expression }) => Expression).filter((one) => one !== undefined)).toEqual([
      'SUM(METRICS())',
    ]);
    const watched = metrics.flatMap(({ MetricStat: stat }) => (stat === undefined ? [] : [stat]));
    const invoked = deployedFunctions().filter((name) => !FUNCTION_SETTINGS[name].invokedDirectly);
    // CloudWatch takes ten in an alarm.
    expect(watched.length).toBeLessThanOrEqual(10);
    expect(watched).toEqual(
      invoked.map((name) => ({
        Metric: {
          Namespace: 'AWS/Lambda',
          MetricName: 'Throttles',
          Dimensions: [
            { Name: 'FunctionName', Value: { Ref: expect.stringMatching(pascalCase(name)) as string } },
          ],
        },
        Period: 60,
        Stat: 'Sum',
      })),
    );
  });

  test('keeps nothing when it is deleted, except its key for 7 days', () => {
    const { Resources: all } = template.toJSON() as {
      Resources: Record<string, { Type: string; DeletionPolicy?: string }>;
    };
    const retained = Object.entries(all).filter(
      // Lambda deletes the versions of a function with it.
      ([, { DeletionPolicy: policy, Type: type }]) =>
        type !== 'AWS::Lambda::Version' && (policy?.startsWith('Retain') ?? false),
    );
    expect(retained).toEqual([]);
    template.hasResourceProperties('AWS::KMS::Key', { PendingWindowInDays: 7 });
  });
});

test('one group per AZ: each managed node group has a hook', () => {
  perAz.resourceCountIs('Custom::HooklineLifecycleHook', 2);
  perAz.resourceCountIs('AWS::AutoScaling::LifecycleHook', 0);
});

test('one group over three AZs: the group has a hook, the functions have the default architecture, and the alarms notify a topic', () => {
  overAzs.resourceCountIs('AWS::AutoScaling::LifecycleHook', 1);
  overAzs.allResourcesProperties('AWS::Lambda::Function', { Architectures: ['arm64'] });
  overAzs.allResourcesProperties('AWS::CloudWatch::Alarm', {
    AlarmActions: ['arn:aws:sns:us-west-2:123456789012:on-call'],
    OKActions: Match.anyValue(),
  });
  overAzs.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
});

test('one group over three AZs: the naming of another group has outputs, alarms and a dashboard row', () => {
  const { Outputs: outputs } = overAzs.toJSON() as { Outputs: Record<string, unknown> };
  expect(Object.keys(outputs)).toEqual(
    expect.arrayContaining(['NamingStateMachineArn', 'NamingDeadLetterQueueUrl', 'NameNodesFunctionName']),
  );
  overAzs.hasResourceProperties('AWS::StepFunctions::StateMachine', {
    StateMachineName: 'hookline-smf-name-node',
  });
  const alarms = [...resources(overAzs, 'AWS::CloudWatch::Alarm').values()].map(
    ({ Properties: properties }) => properties['AlarmName'],
  );
  for (const name of ['naming-failed', 'naming-timed-out', 'naming-throttles', 'naming-dead-letters']) {
    expect(alarms).toContain(`hookline-smf-${name}`);
  }
  const [dashboard] = [...resources(overAzs, 'AWS::CloudWatch::Dashboard').values()];
  expect(text(dashboard?.Properties['DashboardBody'])).toContain('Naming: executions');
  // The stack has one key for all its logs.
  overAzs.resourceCountIs('AWS::KMS::Key', 1);
  perAz.resourceCountIs('AWS::StepFunctions::StateMachine', 1);
});

test('the alarm of a subnet starts below alarms.fewestFreeAddresses', () => {
  perAz.hasResourceProperties('AWS::CloudWatch::Alarm', {
    MetricName: 'FreeAddresses',
    Dimensions: [{ Name: 'SubnetId', Value: 'subnet-0aaaaaaaaaaaaaaa1' }],
    Threshold: 20,
    ComparisonOperator: 'LessThanThreshold',
    Statistic: 'Minimum',
  });
});

test('the alarms of reconcile need two or three rounds, however far apart they are', () => {
  const config = { stackName: 'hookline', profiles: [profile()] };
  for (const [everyMinutes, periods] of [
    [1, 3],
    [5, 3],
    [7, 5],
    [60, 25],
  ]) {
    const { stack } = hooklineApp(
      { config: { ...config, reconcile: { everyMinutes: everyMinutes ?? 5 } }, folder: '.' },
      code,
    );
    const template = Template.fromStack(stack);
    // A round that fails, and Lambda's two attempts after it, leave their errors in one period or two.
    const between = Math.ceil((everyMinutes ?? 5) / 5);
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: 'hookline-reconcile-failing',
      EvaluationPeriods: 3 * between,
      DatapointsToAlarm: 3,
    });
    for (const metric of ['HookProblems', 'NodesWithoutInterfaces']) {
      template.hasResourceProperties('AWS::CloudWatch::Alarm', {
        MetricName: metric,
        EvaluationPeriods: periods,
        DatapointsToAlarm: 2,
      });
    }
  }
});

test('reconcile gets the heartbeat timeouts of the hooks that the stack puts, and the hooks of other owners', () => {
  const selector = { autoScalingGroupNames: ['a', 'b', 'c'] };
  const observed = profile({
    name: 'observed',
    selector: { autoScalingGroupNames: ['d'] },
    hook: { name: 'of-others', complete: false },
  });
  const config = {
    stackName: 'hookline',
    profiles: [profile({ selector }), observed],
    hooks: [
      { profile: 'upf', autoScalingGroup: 'a', heartbeatTimeoutSeconds: 3600 },
      { profile: 'upf', autoScalingGroup: 'b' },
      { profile: 'upf', autoScalingGroup: 'c' },
      { profile: 'observed', autoScalingGroup: 'd', observeOnly: true },
    ],
    reconcile: { otherHooks: ['drain'] },
  };
  const { stack } = hooklineApp({ config, folder: '.' }, code);
  const [rule] = [...resources(Template.fromStack(stack), 'AWS::Events::Rule').values()].filter(
    ({ Properties: properties }) => properties['ScheduleExpression'] !== undefined,
  );
  const hooks = JSON.stringify({ heartbeatSeconds: { upf: [3600, 1800] }, others: ['drain'] });
  expect(JSON.stringify(rule?.Properties)).toContain(`"hooks":${hooks},"limits"`.replaceAll('"', '\\"'));
});

test('reconcile gets the longest heartbeat timeout of the hooks', () => {
  const hooks = [
    { profile: 'upf', autoScalingGroup: 'a', heartbeatTimeoutSeconds: 3600 },
    { profile: 'upf', autoScalingGroup: 'b' },
  ];
  const profiles = [profile({ selector: { autoScalingGroupNames: ['a', 'b'] } })];
  const { stack } = hooklineApp({ config: { stackName: 'hookline', profiles, hooks }, folder: '.' }, code);
  const [rule] = [...resources(Template.fromStack(stack), 'AWS::Events::Rule').values()].filter(
    ({ Properties: properties }) => properties['ScheduleExpression'] !== undefined,
  );
  expect(JSON.stringify(rule?.Properties)).toContain(
    '\\"limits\\":{\\"overdueSeconds\\":3600,\\"attributesPerRound\\":1000}',
  );
});

describe('a configuration', () => {
  const valid = { stackName: 'hookline', profiles: [profile()] };

  test.each([
    [{ ...valid, stackname: 'x' }, 'stackname: unknown field, expected one of `$schema`, `account`, '],
    [{ profiles: [profile()] }, 'config: missing field `stackName`. Add the field'],
    [
      { ...valid, stackName: '1st' },
      'stackName: "1st" does not match ^[A-Za-z][A-Za-z0-9-]{0,39}$ (The stack\'s name. ',
    ],
    [{ ...valid, architecture: 'arm' }, 'architecture: expected one of "arm64", "x86_64", found "arm"'],
    [
      { ...valid, hooks: [{ profile: 'upf', heartbeatTimeoutSeconds: 5 }] },
      'hooks[0].heartbeatTimeoutSeconds: ',
    ],
    [{ ...valid, naming: [{}] }, 'naming[0]: missing field `profile`. Add the field'],
    [
      { ...valid, naming: [{ profile: {}, onCloudTrail: true }] },
      'naming[0].onCloudTrail: unknown field, expected one of `onLaunchSuccessful`, `onRunInstances`, `profile`',
    ],
    [{ ...valid, logs: { retentionDays: 42 } }, 'logs.retentionDays: expected one of 1, 3, 5, '],
  ])('is rejected with the field and the remedy', (config, message) => {
    expect(() => {
      checkConfig(config);
    }).toThrow(message);
  });

  test('is rejected if a hook has two groups or none', () => {
    const app = (hook: object): unknown =>
      hooklineApp({ config: { ...valid, hooks: [{ profile: 'upf', ...hook }] }, folder: '.' }, code);
    expect(() => app({})).toThrow('hooks[0]: no group. Set either autoScalingGroup or managedNodeGroup');
    expect(() =>
      app({ autoScalingGroup: 'a', managedNodeGroup: { clusterName: 'c', nodegroupName: 'n' } }),
    ).toThrow('hooks[0]: two groups. ');
  });

  test('is rejected if a naming profile is invalid', () => {
    const app = (naming: Naming): unknown =>
      hooklineApp({ config: { ...valid, naming: [naming] }, folder: '.' }, code);
    expect(() => app({ profile: namingProfile({ nodeTags: { Name: 'a\n{{ asg' } }) })).toThrow(
      /^naming\[0\]\.profile\.nodeTags\["Name"\]: line 2, column \d+: syntax error/,
    );
  });

  test('is rejected with the path of a missing or invalid file', () => {
    expect(() => loadConfig('/nowhere/hookline.config.json')).toThrow(
      'config: /nowhere/hookline.config.json does not exist. Give the path of an existing file: -c config=FILE',
    );
    const folder = mkdtempSync(join(tmpdir(), 'hookline-cdk-'));
    try {
      const file = join(folder, 'hookline.config.json');
      writeFileSync(file, '{ "stackName": ');
      expect(() => loadConfig(file)).toThrow(/hookline\.config\.json: SyntaxError: .+\. Correct the JSON$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
