import { Template } from 'aws-cdk-lib/assertions';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Fleet } from '../../lib/shared/fleet';
import {
  NAMING_STATE_MACHINE,
  STATE_MACHINE,
  deployedFunctions,
  pascalCase,
  permissions,
} from '../../lib/shared/functions';
import { NodeNaming } from '../../lib/naming/node-naming';
import { statements } from '../../lib/shared/policy-statements';
import { type Resource, code, namingProfile, orchestrated, profile, resources, slot, text } from '../support';

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: Record<string, Record<string, string | string[]>>;
}

// Profiles of each kind, so that each function has all of its statements.
const { app, stack } = orchestrated({
  profiles: [
    profile(),
    profile({
      name: 'smf',
      selector: { tag: { key: 'eks:nodegroup-name', value: 'smf' } },
      nodeTags: { Zone: '{{ az }}' },
      slots: [slot({ subnetIds: ['subnet-0123456789abcdef1'], securityGroupIds: ['sg-0123456789abcdef1'] })],
    }),
    profile({ name: 'amf', selector: { tag: { key: 'amf' } }, slots: [] }),
  ],
  autoScalingGroupNamePatterns: ['eks-smf-*'],
});
new NodeNaming(stack, 'Naming', {
  code,
  naming: [
    {
      profile: namingProfile({
        namePreset: 'cluster-ip',
        nodeTags: { Team: 'web' },
        volumeTags: { Disk: '{{ name }}', Team: 'web' },
        interfaceTags: { Net: '{{ name }}' },
      }),
      onRunInstances: true,
    },
    {
      profile: namingProfile({ name: 'prod', selector: { tag: { key: 'Env', value: 'prod' } } }),
    },
  ],
});
const template = Template.fromStack(stack);

/** Beside the actions of `functions/permissions.json`: what Lambda and Step Functions do in a role's name. */
const INFRASTRUCTURE = {
  function: [
    'logs:CreateLogStream',
    'logs:PutLogEvents',
    'xray:PutTelemetryRecords',
    'xray:PutTraceSegments',
  ],
  // What is invoked by an event has a destination for what failed.
  byItself: ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:SendMessage'],
  stateMachine: [
    'logs:CreateLogDelivery',
    'logs:DeleteLogDelivery',
    'logs:DescribeLogGroups',
    'logs:DescribeResourcePolicies',
    'logs:GetLogDelivery',
    'logs:ListLogDeliveries',
    'logs:PutResourcePolicy',
    'logs:UpdateLogDelivery',
    'xray:GetSamplingRules',
    'xray:GetSamplingTargets',
    'xray:PutTelemetryRecords',
    'xray:PutTraceSegments',
  ],
};
/** These do not change anything, or only write what is being watched. */
const HARMLESS = /:(Describe|Get|List)|^(logs|xray):/;

/** The policies that are attached to a role, however many there are. */
function statementsOf(name: string): Statement[] {
  const role = [...resources(template, 'AWS::IAM::Role').keys()].find((id) =>
    new RegExp(`^(Orchestrator|Naming)${pascalCase(name)}Role[0-9A-F]{8}$`).test(id),
  );
  expect(role).toBeDefined();
  const attached = (policy: Resource): boolean =>
    (policy.Properties['Roles'] as { Ref: string }[]).some((ref) => ref.Ref === role);
  return ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']
    .flatMap((type) => [...resources(template, type).values()])
    .filter(attached)
    .flatMap((policy) => (policy.Properties['PolicyDocument'] as { Statement: Statement[] }).Statement);
}

function list<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

function actionsOf(statements: Statement[]): string[] {
  return [...new Set(statements.flatMap((statement) => list(statement.Action)))].sort();
}

function of(name: string, action: string): Statement[] {
  return statementsOf(name).filter((statement) => list(statement.Action).includes(action));
}

const machines: readonly string[] = [STATE_MACHINE, NAMING_STATE_MACHINE];
const functions = [...deployedFunctions(), ...deployedFunctions(NAMING_STATE_MACHINE)];
const roles = [...functions, ...machines];

test('functions/permissions.json speaks of nothing else', () => {
  expect([...permissions().keys()].sort()).toEqual([...roles].sort());
});

test('each function and each state machine is deployed with a role of its own', () => {
  template.resourceCountIs('AWS::Lambda::Function', functions.length);
  const used = [...resources(template, 'AWS::Lambda::Function').values()].map((fn) =>
    text(fn.Properties['Role']),
  );
  expect(new Set(used).size).toBe(functions.length);
  // And one for EventBridge to start the executions of each machine by.
  template.resourceCountIs('AWS::IAM::Role', roles.length + machines.length);
});

test.each(roles)('%s may do what functions/permissions.json says, no more and no less', (name) => {
  const more = machines.includes(name)
    ? INFRASTRUCTURE.stateMachine
    : [
        ...INFRASTRUCTURE.function,
        ...(name === 'reconcile' || name === 'adopt' ? INFRASTRUCTURE.byItself : []),
      ];
  expect(actionsOf(statementsOf(name))).toEqual([...(permissions().get(name) ?? []), ...more].sort());
});

test('no role has a managed policy of AWS or an inline policy beside', () => {
  for (const role of resources(template, 'AWS::IAM::Role').values()) {
    expect(role.Properties['ManagedPolicyArns']).toBeUndefined();
    expect(role.Properties['Policies']).toBeUndefined();
  }
});

test.each(roles)('what %s may change is limited by resource, or by a condition', (name) => {
  for (const statement of statementsOf(name)) {
    const changes = list(statement.Action).filter((action) => !HARMLESS.test(action));
    if (changes.length > 0) {
      const arns = list(statement.Resource).map(text);
      expect(arns).not.toContain('*');
      // All of a kind is too much without a condition on which.
      if (arns.some((arn) => arn.endsWith('/*'))) {
        expect(statement.Condition).toBeDefined();
      }
    }
  }
});

test('interfaces are created in the subnets and security groups of the profiles, and with our tags only', () => {
  const statements = of('create-interfaces', 'ec2:CreateNetworkInterface');
  const arns = statements.flatMap((statement) => list(statement.Resource).map(text)).sort();
  expect(arns).toEqual(
    [
      'network-interface/*',
      'security-group/sg-0123456789abcdef0',
      'security-group/sg-0123456789abcdef1',
      'subnet/subnet-0123456789abcdef0',
      'subnet/subnet-0123456789abcdef1',
    ].map((resource) => `arn:aws:ec2:us-west-2:123456789012:${resource}`),
  );
  const [ofInterface] = statements.filter((statement) =>
    text(list(statement.Resource)[0]).endsWith('interface/*'),
  );
  expect(ofInterface?.Condition).toEqual({
    StringLike: { 'aws:RequestTag/hookline:instance-id': 'i-*' },
    StringEquals: { 'aws:RequestTag/node.k8s.amazonaws.com/no_manage': 'true' },
  });
});

test('tags are set by CreateNetworkInterface, and on no interface that is there', () => {
  expect(of('create-interfaces', 'ec2:CreateTags').map((statement) => statement.Condition)).toEqual([
    { StringEquals: { 'ec2:CreateAction': 'CreateNetworkInterface' } },
  ]);
});

test.each([
  ['attach-interfaces', 'ec2:AttachNetworkInterface'],
  ['attach-interfaces', 'ec2:ModifyNetworkInterfaceAttribute'],
  ['attach-interfaces', 'ec2:DeleteNetworkInterface'],
  ['create-interfaces', 'ec2:DeleteNetworkInterface'],
  ['release-interfaces', 'ec2:DetachNetworkInterface'],
  ['release-interfaces', 'ec2:DeleteNetworkInterface'],
  ['reconcile', 'ec2:DetachNetworkInterface'],
  ['reconcile', 'ec2:DeleteNetworkInterface'],
])('%s: %s only on interfaces that carry our tag', (name, action) => {
  const onInterfaces = of(name, action).filter((statement) =>
    list(statement.Resource).some((arn) => text(arn).endsWith(':network-interface/*')),
  );
  expect(onInterfaces.map((statement) => statement.Condition)).toEqual([
    { StringLike: { 'aws:ResourceTag/hookline:instance-id': 'i-*' } },
  ]);
});

test.each([
  ['attach-interfaces', 'ec2:AttachNetworkInterface'],
  ['attach-interfaces', 'ec2:ModifyNetworkInterfaceAttribute'],
  ['release-interfaces', 'ec2:DetachNetworkInterface'],
])('%s: %s only on instances of the profiles', (name, action) => {
  const onInstances = of(name, action).filter((statement) =>
    list(statement.Resource).some((arn) => text(arn).endsWith(':instance/*')),
  );
  expect(onInstances.map((statement) => statement.Condition)).toEqual([
    { StringEquals: { 'aws:ResourceTag/aws:autoscaling:groupName': ['upf'] } },
    { StringEquals: { 'aws:ResourceTag/eks:nodegroup-name': ['smf'] } },
    { Null: { 'aws:ResourceTag/amf': 'false' } },
  ]);
});

test('tag-node sets the tags that the profiles name, on instances of the profiles', () => {
  const statements = of('tag-node', 'ec2:CreateTags');
  expect(statements).toHaveLength(3);
  for (const { Condition: condition, Resource: resource } of statements) {
    expect(text(resource)).toBe('arn:aws:ec2:us-west-2:123456789012:instance/*');
    expect(condition?.['ForAllValues:StringEquals']).toEqual({ 'aws:TagKeys': ['Name', 'Zone'] });
    // ForAllValues holds for a request without tags as well.
    expect(condition?.['Null']?.['aws:TagKeys']).toBe('false');
    expect(JSON.stringify(condition)).toContain('aws:ResourceTag/');
  }
});

test('name-nodes sets the tags that the naming profiles name, each kind of resource its own', () => {
  const onlyKeys = (keys: string[]): object => ({
    'ForAllValues:StringEquals': { 'aws:TagKeys': keys },
    Null: { 'aws:TagKeys': 'false' },
  });
  const allowed = of('name-nodes', 'ec2:CreateTags').map(({ Resource: resource, Condition: condition }) => [
    list(resource).map(text),
    condition,
  ]);
  const arn = (resource: string): string[] => [`arn:aws:ec2:us-west-2:123456789012:${resource}/*`];
  expect(allowed).toEqual([
    [
      arn('instance'),
      {
        ...onlyKeys(['Name', 'Team']),
        StringEquals: { 'aws:ResourceTag/aws:autoscaling:groupName': ['web'] },
      },
    ],
    [arn('instance'), { ...onlyKeys(['Name', 'Team']), StringEquals: { 'aws:ResourceTag/Env': ['prod'] } }],
    [arn('volume'), onlyKeys(['Disk', 'Team'])],
    [arn('network-interface'), onlyKeys(['Net'])],
  ]);
});

test('name-node invokes name-nodes, and nothing else', () => {
  const invoked = of(NAMING_STATE_MACHINE, 'lambda:InvokeFunction').flatMap((statement) =>
    list(statement.Resource).map(text),
  );
  expect(invoked).toEqual([expect.stringMatching(/^<NamingNameNodes[0-9A-F]{8}\.Arn>$/)]);
});

test('tags of volumes and of interfaces from the launch are limited to what the profiles name', () => {
  const { stack: tagging } = orchestrated({
    profiles: [
      profile({
        volumeTags: { Disk: 'x' },
        interfaceTags: { Net: 'y' },
        namePreset: 'cluster-ip',
        nodeTags: {},
      }),
    ],
  });
  const policies = JSON.stringify(Template.fromStack(tagging).findResources('AWS::IAM::Policy'));
  for (const key of ['Disk', 'Net', 'Name']) {
    expect(policies).toContain(`"ForAllValues:StringEquals":{"aws:TagKeys":["${key}"]}`);
  }
});

test('reconcile sets and takes away its own tag only, on our interfaces only', () => {
  for (const action of ['ec2:CreateTags', 'ec2:DeleteTags']) {
    expect(of('reconcile', action).map((statement) => statement.Condition)).toEqual([
      {
        StringLike: { 'aws:ResourceTag/hookline:instance-id': 'i-*' },
        'ForAllValues:StringEquals': { 'aws:TagKeys': ['hookline:unowned-since'] },
        Null: { 'aws:TagKeys': 'false' },
      },
    ]);
  }
});

test('hooks are completed on the groups of the profiles', () => {
  const arns = of('complete-hook', 'autoscaling:CompleteLifecycleAction').flatMap((statement) =>
    list(statement.Resource).map(text),
  );
  expect(arns).toEqual(
    ['upf', 'eks-smf-*'].map(
      (name) => `arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:*:autoScalingGroupName/${name}`,
    ),
  );
});

test('a hook that is somebody else’s may not be completed', () => {
  const observed = orchestrated({
    profiles: [
      profile(),
      profile({
        name: 'theirs',
        selector: { autoScalingGroupNames: ['theirs'] },
        hook: { name: 'Launch-LC-Hook', complete: false },
      }),
    ],
  });
  const policies = JSON.stringify(Template.fromStack(observed.stack).findResources('AWS::IAM::Policy'));
  expect(policies).toContain('autoScalingGroupName/upf');
  expect(policies).not.toContain('autoScalingGroupName/theirs');
});

test('a policy that is too long is divided', () => {
  const subnetIds = Array.from({ length: 200 }, (_, n) => `subnet-${n.toString(16).padStart(17, '0')}`);
  const large = orchestrated({
    profiles: [0, 1].map((n) =>
      profile({ name: `p${n}`, slots: [slot({ subnetIds: subnetIds.slice(100 * n, 100 * n + 100) })] }),
    ),
  });
  const synthesised = Template.fromStack(large.stack);
  for (const type of ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']) {
    for (const policy of resources(synthesised, type).values()) {
      // IAM counts without white space, and intrinsics are longer than what they become.
      const longest = type === 'AWS::IAM::Policy' ? 10_240 : 6_144;
      const document = JSON.stringify(policy.Properties['PolicyDocument'], (_, value: unknown) =>
        typeof value === 'object' && value !== null && 'Fn::Join' in value ? text(value) : value,
      );
      expect(document.length).toBeLessThanOrEqual(longest);
    }
  }
  const all = JSON.stringify(synthesised.toJSON());
  expect(subnetIds.filter((id) => !all.includes(`subnet/${id}`))).toEqual([]);
});

describe('cdk-nag, AwsSolutions', () => {
  test('has no finding that nobody gave a reason for', () => {
    expect(new AwsSolutionsChecks(app).validateScope(app).violations).toEqual([]);
  });

  test('would have one for something that is not as it should be', () => {
    const worse = orchestrated();
    new Queue(worse.stack, 'Open');
    const rules = new AwsSolutionsChecks(worse.app)
      .validateScope(worse.app)
      .violations.map(({ ruleName }) => ruleName);
    expect(rules).toContain('AwsSolutions-SQS4');
  });
});

test('adopt, where it is deployed, marks instances of the profiles and starts executions', () => {
  const { stack: adopting, orchestrator } = orchestrated();
  const allowed = statements(adopting, {
    functionName: 'adopt',
    actions: ['ec2:DescribeInstances', 'ec2:CreateTags', 'states:StartExecution', 'states:DescribeExecution'],
    fleet: new Fleet(adopting, [profile()], ['*']),
    stateMachine: orchestrator.stateMachine,
  }).map((statement) => adopting.resolve(statement.toStatementJson()) as Statement);
  expect(allowed.filter(({ Action: action }) => action === 'ec2:CreateTags')).toEqual([
    {
      Effect: 'Allow',
      Action: 'ec2:CreateTags',
      Resource: expect.anything() as unknown,
      Condition: {
        StringEquals: { 'aws:ResourceTag/aws:autoscaling:groupName': ['upf'] },
        'ForAllValues:StringEquals': { 'aws:TagKeys': ['hookline:adopted-at'] },
        Null: { 'aws:TagKeys': 'false' },
      },
    },
  ]);
  const executions = allowed.find(({ Action: action }) => action === 'states:DescribeExecution');
  expect(text(executions?.Resource)).toMatch(
    /^arn:aws:states:us-west-2:123456789012:execution:<\w+\.Name>:\*$/,
  );
});

test('an action that nobody thought of is no permission, but an error', () => {
  const { stack: unknown } = orchestrated();
  const fleet = new Fleet(unknown, [profile()], ['*']);
  expect(() =>
    statements(unknown, { functionName: 'tag-node', actions: ['ec2:TerminateInstances'], fleet }),
  ).toThrow(
    'tag-node calls ec2:TerminateInstances: say in cdk/lib/shared/policy-statements.ts what it is allowed on',
  );
});
