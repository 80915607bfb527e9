/** 50 profiles with hooks and 20 for naming, in one stack: every quota holds. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { hooklineApp } from '../lib/hookline-app';
import { HooklineStack } from '../lib/hookline-stack';
import type { HooklineConfig } from '../lib/shared/config';
import { REPOSITORY } from '../lib/shared/repository';
import {
  type CheckedTemplate,
  TemplateQuotas,
  deployedLength,
  exceededQuotas,
} from '../lib/shared/template-quotas';
import {
  code,
  configurationError,
  namingProfile,
  orchestratorStack,
  profile,
  resources,
  rules,
  slot,
  subnetIds,
  targets,
  text,
} from './support';

const SUFFIX = '06c5c4f3-8ec0-78ca-429c-84bcfac2302e';
const VPC = 'vpc-0123456789abcdef0';

/** A configuration with 50 profiles of four networks in three zones each, each with its group and its hook. */
function large(more: Partial<HooklineConfig> = {}, managed = false): HooklineConfig {
  const names = Array.from({ length: 50 }, (_, n) => `user-plane-function-${n}`);
  return {
    stackName: 'hookline-production-of-the-west',
    account: '123456789012',
    region: 'us-west-2',
    profiles: names.map((name, n) =>
      profile({
        name,
        selector: managed
          ? {
              tags: [
                { key: 'eks:cluster-name', value: 'production-cluster-of-the-west' },
                { key: 'eks:nodegroup-name', value: name },
              ],
            }
          : { autoScalingGroupNames: [`eks-${name}-${SUFFIX}`] },
        hook: { name: managed ? `hookline-launch-${n}` : 'hookline-launch' },
        slots: Array.from({ length: 4 }, (_, network) =>
          slot({
            network: `network-${network}`,
            deviceIndex: network + 1,
            subnetIds: subnetIds(3, 12 * n + 3 * network),
            securityGroupIds: [`sg-${(4 * n + network).toString(16).padStart(17, '0')}`],
          }),
        ),
      }),
    ),
    hooks: names.map((name) =>
      managed
        ? {
            profile: name,
            managedNodeGroup: { clusterName: 'production-cluster-of-the-west', nodegroupName: name },
          }
        : { profile: name, autoScalingGroup: `eks-${name}-${SUFFIX}` },
    ),
    naming: naming(20),
    networkLimit: { vpcIds: [VPC] },
    ...more,
  };
}

/** So many profiles for naming, each with both events. */
function naming(count: number): NonNullable<HooklineConfig['naming']> {
  return Array.from({ length: count }, (_, n) => ({
    profile: namingProfile({
      name: `web-${n}`,
      selector: { autoScalingGroupNames: [`eks-web-${n}-${SUFFIX}`] },
      volumeTags: { Name: '{{ name }}' },
    }),
    onRunInstances: true,
  }));
}

function templateOf(config: HooklineConfig): Template {
  return Template.fromStack(new HooklineStack(new App(), config.stackName, { config, code }));
}

describe.each([
  ['groups by name', false],
  ['managed node groups', true],
])('50 profiles with hooks and 20 for naming: %s', (_, managed) => {
  const template = templateOf(large({}, managed));
  const checked = template.toJSON() as CheckedTemplate;

  test('exceed no quota', () => {
    expect(exceededQuotas(checked)).toEqual([]);
    expect(Object.keys(checked.Resources ?? {}).length).toBeGreaterThan(200);
  });

  test('share the alarms of what reconcile finds, ten profiles each', () => {
    const watched = [...resources(template, 'AWS::CloudWatch::Alarm').values()]
      .filter(({ Properties: alarm }) =>
        /-(launch-loops|hook-problems|nodes-without-interfaces)-\d$/.test(text(alarm['AlarmName'])),
      )
      .map(({ Properties: alarm }) => alarm['Metrics'] as { MetricStat?: object; Expression?: string }[]);
    expect(watched).toHaveLength(3 * 5);
    for (const metrics of watched) {
      expect(metrics.filter(({ MetricStat }) => MetricStat !== undefined)).toHaveLength(10);
      expect(metrics.map(({ Expression }) => Expression)).toContain('MAX(METRICS())');
    }
  });

  test('leave room for the saved queries', () => {
    expect(resources(template, 'AWS::Logs::QueryDefinition').size).toBe(9);
  });

  test('have a rule for each profile and event, and one for each end of an execution', () => {
    const events = rules(template).filter((rule) => rule.Properties['EventPattern'] !== undefined);
    expect(events).toHaveLength(50 + 2 * 20 + 1);
  });

  test('have one statement of each queue for all rules', () => {
    for (const policy of resources(template, 'AWS::SQS::QueuePolicy').values()) {
      const { Statement: statements } = policy.Properties['PolicyDocument'] as { Statement: unknown[] };
      expect(statements).toHaveLength(2);
    }
  });

  test('limit the creation of interfaces by VPC, as networkLimit says', () => {
    const policies = JSON.stringify(resources(template, 'AWS::IAM::Policy').get(policyOf(template)));
    expect(policies).toContain('"ec2:Vpc"');
    expect(policies).toContain(`:vpc/${VPC}`);
    expect(policies).not.toContain(':subnet/subnet-');
  });
});

function policyOf(template: Template): string {
  const ids = [...resources(template, 'AWS::IAM::Policy').keys()];
  return ids.find((id) => id.includes('CreateInterfacesRoleDefaultPolicy')) ?? '';
}

/** What `cdk deploy` sets beside the context of cdk.json: the metadata of paths and assets, and of the CDK's version. */
const CLI_CONTEXT = {
  'aws:cdk:enable-path-metadata': true,
  'aws:cdk:enable-asset-metadata': true,
  'aws:cdk:version-reporting': true,
};

test.each([
  ['groups by name', false],
  ['managed node groups', true],
])('the file of 50 profiles passes the checks of the app, as the CLI writes it: %s', (_, managed) => {
  const { context } = JSON.parse(readFileSync(join(REPOSITORY, 'cdk', 'cdk.json'), 'utf8')) as {
    context: Record<string, unknown>;
  };
  const config = large({}, managed);
  const props = { context: { ...context, ...CLI_CONTEXT } };
  const { app, stack } = hooklineApp({ config, folder: '.' }, code, props);
  const file = readFileSync(app.synth().getStackByName(stack.stackName).templateFullPath, 'utf8');
  expect(file).toContain('"aws:cdk:path"');
  expect(Buffer.byteLength(file)).toBeLessThan(1_000_000);
});

test('the file is measured with all that is in it: indentation, metadata, and characters of several bytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hookline-quotas-'));
  const problems = (file: string): string[] => {
    const path = join(folder, 'a.template.json');
    writeFileSync(path, file);
    const { violations } = new TemplateQuotas().validate({
      templatePaths: [path],
      stackTemplates: [],
      appConstruct: new App(),
    });
    return violations.map(({ description }) => description);
  };
  const resources = { Topic: { Type: 'AWS::SNS::Topic' } };
  expect(problems(JSON.stringify({ Resources: resources }))).toEqual([]);
  for (const file of [
    JSON.stringify({ Resources: resources }) + ' '.repeat(1_000_000),
    JSON.stringify({ Resources: resources, Metadata: 'x'.repeat(1_000_000) }),
    JSON.stringify({ Resources: resources, Metadata: 'é'.repeat(500_000) }),
  ]) {
    expect(problems(file)).toEqual([
      expect.stringMatching(/^template: 1000\d{3} bytes; the quota is 1000000$/),
    ]);
  }
});

test('12 subnets in each of 50 profiles are too many for a role, and the error names the field', () => {
  const { networkLimit, ...config } = large();
  expect(networkLimit).toBeDefined();
  const error = configurationError(() => templateOf(config));
  expect(error.message).toBe(
    'networkLimit: the profiles name 600 subnets and 200 security groups, whose ARNs do not fit the policies of the role of create-interfaces. Limit the role by VPC (networkLimit.vpcIds) or by a tag of the subnets and security groups (networkLimit.tag)',
  );
});

test('networkLimit may be a tag', () => {
  const template = templateOf(large({ networkLimit: { tag: { key: 'multus', value: '*' } } }));
  expect(exceededQuotas(template.toJSON() as CheckedTemplate)).toEqual([]);
  const policy = JSON.stringify(resources(template, 'AWS::IAM::Policy').get(policyOf(template)));
  expect(policy).toContain('"aws:ResourceTag/multus":"*"');
  expect(policy).toContain('"StringEquals"');
});

test('too many groups by name are refused with the field', () => {
  const names = Array.from({ length: 400 }, (_, n) => `eks-${'n'.repeat(60)}-${n}-${SUFFIX}`);
  const error = configurationError(() =>
    orchestratorStack({ profiles: [profile({ selector: { autoScalingGroupNames: names.slice(0, 130) } })] }),
  );
  expect(error.message).toMatch(/^profiles: their selectors name 130 groups, whose ARNs do not fit/);
});

test('a stack that is nearly full saves no queries: they would take the place of profiles', () => {
  const template = templateOf(large({ naming: naming(36) }, true));
  const all = Object.keys((template.toJSON() as CheckedTemplate).Resources ?? {}).length;
  expect(all).toBeGreaterThan(480);
  expect(resources(template, 'AWS::Logs::QueryDefinition').size).toBe(0);
});

test('60 groups in one profile have a pattern that EventBridge takes, and roles that IAM takes', () => {
  const names = Array.from({ length: 60 }, (_, n) => `eks-upf-${n}-${SUFFIX}`);
  const template = Template.fromStack(
    orchestratorStack({ profiles: [profile({ selector: { autoScalingGroupNames: names } })] }).stack,
  );
  expect(exceededQuotas(template.toJSON() as CheckedTemplate)).toEqual([]);
  const [rule] = rules(template).filter((one) => text(one.Properties['Description']).includes('upf'));
  // The function checks the selector again, so the pattern may be wider.
  expect(rule?.Properties['EventPattern']).toEqual({
    source: ['aws.autoscaling'],
    'detail-type': ['EC2 Instance-launch Lifecycle Action'],
    detail: { LifecycleHookName: ['hookline-launch'] },
  });
  expect(text(targets(rule)[0]?.InputTransformer?.InputTemplate)).toContain(names[59]);
});

test('a template that exceeds a quota is reported with its resource and the field to change', () => {
  const statement = { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: { 'Fn::GetAtt': ['Q', 'Arn'] } };
  const role = { Ref: 'CreateInterfacesRole' };
  const exceeded = exceededQuotas({
    Resources: {
      Queue: {
        Type: 'AWS::SQS::QueuePolicy',
        Properties: { PolicyDocument: { Statement: Array.from({ length: 21 }, () => statement) } },
      },
      Rule: { Type: 'AWS::Events::Rule', Properties: { EventPattern: { source: ['x'.repeat(2048)] } } },
      Function: { Type: 'AWS::Lambda::Function', Properties: { FunctionName: 'f'.repeat(65) } },
      CreateInterfacesRole: { Type: 'AWS::IAM::Role' },
      Policy: {
        Type: 'AWS::IAM::Policy',
        Properties: { Roles: [role], PolicyDocument: { Statement: ['x'.repeat(10_240)] } },
      },
    },
  });
  expect(
    exceeded.map(({ resource, remedy }) => [resource, remedy.split(/[ ,(]/).slice(0, 2).join(' ')]),
  ).toEqual([
    ['CreateInterfacesRole', 'Set networkLimit'],
    ['Queue', 'Put profiles'],
    ['Rule', 'Select by'],
    ['Function', 'Use a'],
  ]);
  const many = Object.fromEntries(
    Array.from({ length: 501 }, (_, n) => [`R${n}`, { Type: 'AWS::SNS::Topic' }]),
  );
  expect(exceededQuotas({ Resources: many })).toEqual([
    {
      resource: 'template',
      problem: '501 resources; the quota is 500',
      remedy: 'Put profiles into a second stack',
    },
  ]);
});

test.each([
  ['OrchestratorCreateInterfacesRole1', 'Set networkLimit'],
  ['OrchestratorCustomResourcesRole1', 'Put hooks of fewer clusters into the stack'],
  ['OrchestratorRemoveStartupTaintRole1', 'Put profiles into a second stack'],
  ['OrchestratorTagNodeRole1', 'Select by a tag of the groups'],
])('the remedy for too long policies of %s is about what makes them long', (role, remedy) => {
  const properties = (length: number): Record<string, unknown> => ({
    Roles: [{ Ref: role }],
    PolicyDocument: { Statement: ['x'.repeat(length)] },
  });
  const exceeded = exceededQuotas({
    Resources: {
      [role]: { Type: 'AWS::IAM::Role' },
      Inline: { Type: 'AWS::IAM::Policy', Properties: properties(10_240) },
      Managed: { Type: 'AWS::IAM::ManagedPolicy', Properties: properties(6144) },
    },
  });
  expect(exceeded.map(({ resource, remedy: found }) => [resource, found])).toEqual([
    ['Managed', expect.stringContaining(remedy)],
    [role, expect.stringContaining(remedy)],
  ]);
});

test('a description of an alarm that is too long is not mended by another name of the stack', () => {
  const alarm = (property: string, length: number): CheckedTemplate => ({
    Resources: { A: { Type: 'AWS::CloudWatch::Alarm', Properties: { [property]: 'x'.repeat(length) } } },
  });
  expect(exceededQuotas(alarm('AlarmDescription', 1025))).toEqual([
    {
      resource: 'A',
      problem: '1025 characters of AlarmDescription; the quota is 1024',
      remedy: 'Use a shorter description, or shorter names in it (profiles[].name)',
    },
  ]);
  expect(exceededQuotas(alarm('AlarmName', 256))).toMatchObject([{ remedy: 'Use a shorter stackName' }]);
});

test('the length of a value counts what CloudFormation puts in', () => {
  const arn = { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':ec2:::subnet/*']] };
  expect(deployedLength({ Resource: arn })).toBe('{"Resource":"arn:aws-us-gov:ec2:::subnet/*"}'.length);
});
