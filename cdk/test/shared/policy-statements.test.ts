import { Template } from 'aws-cdk-lib/assertions';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { NodeNaming } from '../../lib/naming/node-naming';
import {
  LAUNCH_STATE_MACHINE,
  NAMING_STATE_MACHINE,
  PEOPLE,
  deployedFunctions,
  pascalCase,
  permissions,
} from '../../lib/shared/functions';
import { statements } from '../../lib/shared/policy-statements';
import { ProfileResources } from '../../lib/shared/profile-resources';
import {
  HARMLESS_ACTION,
  type Statement,
  code,
  list,
  namingProfile,
  orchestratorStack,
  profile,
  resources,
  resourcesOfAction,
  slot,
  statementsOfRole,
  subnetIds,
  text,
} from '../support';

/** The stack's name, which is the name of the deployment. */
const DEPLOYMENT = 'hookline';
/** The condition on an interface of the deployment. */
const OWN = {
  StringLike: { 'aws:ResourceTag/hookline:instance-id': 'i-*' },
  StringEquals: { 'aws:ResourceTag/hookline:deployment': DEPLOYMENT },
};

// Profiles with each kind of selector and tag, so that the template has all kinds of statements.
const { app, stack } = orchestratorStack({
  profiles: [
    profile({ brake: true }),
    profile({
      name: 'smf',
      selector: { tag: { key: 'eks:nodegroup-name', value: 'smf' } },
      nodeTags: { Zone: '{{ az }}' },
      slots: [slot({ subnetIds: ['subnet-0123456789abcdef1'], securityGroupIds: ['sg-0123456789abcdef1'] })],
    }),
    profile({
      name: 'amf',
      selector: { tag: { key: 'amf' } },
      slots: [],
      startupTaint: { cluster: 'prod' },
    }),
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

/** The actions that Lambda and Step Functions need in a role, in addition to those of `functions/permissions.json`. */
const INFRASTRUCTURE = {
  function: [
    'logs:CreateLogStream',
    'logs:PutLogEvents',
    'xray:PutTelemetryRecords',
    'xray:PutTraceSegments',
  ],
  // A function that an event invokes has a destination for failed invocations.
  invokedDirectly: ['sqs:SendMessage'],
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
/** The statements of a function or a state machine. */
function statementsOf(name: string): Statement[] {
  return statementsOfRole(template, new RegExp(`^(Orchestrator|Naming)${pascalCase(name)}Role[0-9A-F]{8}$`));
}

function actionsOf(statements: Statement[]): string[] {
  return [...new Set(statements.flatMap((statement) => list(statement.Action)))].sort();
}

/** The statements for an action of a function or a state machine. */
function statementsFor(name: string, action: string): Statement[] {
  return statementsOf(name).filter((statement) => list(statement.Action).includes(action));
}

/** The conditions of the statements for an action that apply to a kind of EC2 resource. */
function conditionsFor(name: string, action: string, kind: string): Statement['Condition'][] {
  return statementsFor(name, action)
    .filter((statement) => list(statement.Resource).some((arn) => text(arn).endsWith(`:${kind}/*`)))
    .map((statement) => statement.Condition);
}

const machines: readonly string[] = [LAUNCH_STATE_MACHINE, NAMING_STATE_MACHINE];
const functions = [...deployedFunctions(), ...deployedFunctions(NAMING_STATE_MACHINE)];
const roles = [...functions, ...machines];

test('functions/permissions.json lists the deployed functions, state machines and policies for people only', () => {
  expect([...permissions().keys()].sort()).toEqual([...roles, ...PEOPLE].sort());
});

test('each function and each state machine has a role of its own', () => {
  template.resourceCountIs('AWS::Lambda::Function', functions.length);
  const used = [...resources(template, 'AWS::Lambda::Function').values()].map((fn) =>
    text(fn.Properties['Role']),
  );
  expect(new Set(used).size).toBe(functions.length);
  // EventBridge has a role for each state machine that it starts.
  template.resourceCountIs('AWS::IAM::Role', roles.length + machines.length);
});

test.each(roles)('%s is allowed exactly the actions of functions/permissions.json', (name) => {
  const more = machines.includes(name)
    ? INFRASTRUCTURE.stateMachine
    : [
        ...INFRASTRUCTURE.function,
        ...(name === 'reconcile' || name === 'adopt' ? INFRASTRUCTURE.invokedDirectly : []),
      ];
  expect(actionsOf(statementsOf(name))).toEqual([...(permissions().get(name) ?? []), ...more].sort());
});

test('no role has an AWS managed policy or an inline policy', () => {
  for (const role of resources(template, 'AWS::IAM::Role').values()) {
    expect(role.Properties['ManagedPolicyArns']).toBeUndefined();
    expect(role.Properties['Policies']).toBeUndefined();
  }
});

test.each(roles)('the write actions of %s are limited by resource or by condition', (name) => {
  for (const statement of statementsOf(name)) {
    const writes = list(statement.Action).filter((action) => !HARMLESS_ACTION.test(action));
    if (writes.length > 0) {
      const arns = list(statement.Resource).map(text);
      expect(arns).not.toContain('*');
      // A statement on all resources of a kind needs a condition.
      if (arns.some((arn) => arn.endsWith('/*'))) {
        expect(statement.Condition).toBeDefined();
      }
    }
  }
});

test('interfaces are created only in the subnets and security groups of the profiles, and only with Hookline’s tags', () => {
  const statements = statementsFor('create-interfaces', 'ec2:CreateNetworkInterface');
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
  const [interfaceStatement] = statements.filter((statement) =>
    text(list(statement.Resource)[0]).endsWith('interface/*'),
  );
  expect(interfaceStatement?.Condition).toEqual({
    StringLike: { 'aws:RequestTag/hookline:instance-id': 'i-*' },
    StringEquals: {
      'aws:RequestTag/hookline:deployment': DEPLOYMENT,
      'aws:RequestTag/node.k8s.amazonaws.com/no_manage': 'true',
    },
  });
});

test('remove-startup-taint looks up only the clusters of the profiles', () => {
  const arns = statementsFor('remove-startup-taint', 'eks:DescribeCluster').flatMap(({ Resource: arn }) =>
    list(arn).map(text),
  );
  expect(arns).toEqual(['arn:aws:eks:us-west-2:123456789012:cluster/prod']);
});

test('create-interfaces sets tags only when it creates an interface', () => {
  expect(
    statementsFor('create-interfaces', 'ec2:CreateTags').map((statement) => statement.Condition),
  ).toEqual([{ StringEquals: { 'ec2:CreateAction': 'CreateNetworkInterface' } }]);
});

test.each(['attach-interfaces', 'create-interfaces', 'release-interfaces', 'reconcile'] as const)(
  '%s deletes only interfaces of its deployment',
  (name) => {
    expect(conditionsFor(name, 'ec2:DeleteNetworkInterface', 'network-interface')).toEqual([OWN]);
  },
);

test.each([
  ['attach-interfaces', 'ec2:AttachNetworkInterface'],
  ['attach-interfaces', 'ec2:ModifyNetworkInterfaceAttribute'],
  ['set-delete-on-termination', 'ec2:ModifyNetworkInterfaceAttribute'],
  ['release-interfaces', 'ec2:DetachNetworkInterface'],
  ['reconcile', 'ec2:DetachNetworkInterface'],
  ['reconcile', 'ec2:ModifyNetworkInterfaceAttribute'],
] as const)('%s: %s is not allowed on interfaces of another deployment', (name, action) => {
  expect(conditionsFor(name, action, 'network-interface')).toEqual([
    {
      StringLike: { 'aws:ResourceTag/hookline:instance-id': 'i-*' },
      StringEqualsIfExists: { 'aws:ResourceTag/hookline:deployment': DEPLOYMENT },
    },
  ]);
});

test.each([
  ['attach-interfaces', 'ec2:AttachNetworkInterface'],
  ['attach-interfaces', 'ec2:ModifyNetworkInterfaceAttribute'],
  ['release-interfaces', 'ec2:DetachNetworkInterface'],
])('%s: %s is limited to instances of the profiles', (name, action) => {
  expect(conditionsFor(name, action, 'instance')).toEqual([
    { StringEquals: { 'aws:ResourceTag/aws:autoscaling:groupName': ['upf'] } },
    { StringEquals: { 'aws:ResourceTag/eks:nodegroup-name': ['smf'] } },
    { Null: { 'aws:ResourceTag/amf': 'false' } },
  ]);
});

test.each([
  ['tag-node', ['Name', 'Zone', 'hookline:launched-at']],
  ['complete-hook', ['hookline:execution', 'hookline:launched-at', 'hookline:verdict']],
] as const)('%s sets only the tag keys %j, on instances of the profiles', (name, keys) => {
  const statements = statementsFor(name, 'ec2:CreateTags');
  expect(statements).toHaveLength(3);
  for (const { Condition: condition, Resource: resource } of statements) {
    expect(text(resource)).toBe('arn:aws:ec2:us-west-2:123456789012:instance/*');
    expect(condition?.['ForAllValues:StringEquals']).toEqual({ 'aws:TagKeys': keys });
    // ForAllValues also matches a request without tags.
    expect(condition?.['Null']?.['aws:TagKeys']).toBe('false');
    expect(JSON.stringify(condition)).toContain('aws:ResourceTag/');
  }
});

test('name-nodes sets only the tag keys of the naming profiles, by kind of resource', () => {
  const onlyKeys = (keys: string[], absent?: string): object => ({
    'ForAllValues:StringEquals': { 'aws:TagKeys': keys },
    Null: {
      'aws:TagKeys': 'false',
      ...(absent === undefined ? {} : { [`aws:ResourceTag/${absent}`]: 'true' }),
    },
  });
  const allowed = statementsFor('name-nodes', 'ec2:CreateTags').map(
    ({ Resource: resource, Condition: condition }) => [list(resource).map(text), condition],
  );
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
    [arn('volume'), onlyKeys(['Disk', 'Team'], 'ebs.csi.aws.com/cluster')],
    [arn('network-interface'), onlyKeys(['Net'], 'hookline:instance-id')],
  ]);
});

test('reconcile suspends and tags only the groups of profiles with a brake', () => {
  const group = (name: string): string => `autoScalingGroup:*:autoScalingGroupName/${name}`;
  const keys = ['hookline:braked-at', 'hookline:braked-by', 'hookline:braked-profile', 'hookline:resumed-at'];
  for (const [action, condition] of [
    ['autoscaling:SuspendProcesses', undefined],
    ['autoscaling:CreateOrUpdateTags', { 'ForAllValues:StringEquals': { 'aws:TagKeys': keys } }],
  ] as const) {
    const allowed = statementsFor('reconcile', action);
    expect(allowed.flatMap(({ Resource: resource }) => list(resource).map(text))).toEqual([
      `arn:aws:autoscaling:us-west-2:123456789012:${group('upf')}`,
    ]);
    expect(allowed.map(({ Condition: found }) => found)).toEqual([condition]);
  }
});

test('without a brake, reconcile may neither suspend nor tag a group; by a tag, it may those that carry it', () => {
  const policies = (brake: boolean): string => {
    const { stack: other } = orchestratorStack({
      profiles: [profile({ brake, selector: { tag: { key: 'multus', value: 'smf' } } })],
    });
    return JSON.stringify(Template.fromStack(other).findResources('AWS::IAM::Policy'));
  };
  expect(policies(false)).not.toMatch(/SuspendProcesses|CreateOrUpdateTags/);
  expect(policies(true)).toMatch(
    /"Action":"autoscaling:SuspendProcesses","Condition":\{"StringEquals":\{"autoscaling:ResourceTag\/multus":\["smf"\]\}\}/,
  );
});

test('name-node invokes name-nodes only', () => {
  const invoked = resourcesOfAction(statementsOf(NAMING_STATE_MACHINE), 'lambda:InvokeFunction');
  // The versions of the function, too: a running execution invokes the one that it began with.
  expect(invoked).toEqual([
    expect.stringMatching(/^<NamingNameNodes[0-9A-F]{8}\.Arn>$/),
    expect.stringMatching(/^<NamingNameNodes[0-9A-F]{8}\.Arn>:\*$/),
  ]);
});

test('tag-node sets only the tag keys of the profiles on volumes and on interfaces of the launch', () => {
  const { stack: tagging } = orchestratorStack({
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
  for (const keys of [['Disk'], ['Net'], ['Name', 'hookline:launched-at']]) {
    expect(policies).toContain(`"ForAllValues:StringEquals":{"aws:TagKeys":${JSON.stringify(keys)}}`);
  }
});

test('a group name with special characters allows that group only', () => {
  const names = ['upf-*', 'a?b', '${aws:username}', 'with space/and slash'];
  const { stack: odd } = orchestratorStack({
    profiles: [profile({ selector: { autoScalingGroupNames: names } })],
  });
  const policies = JSON.stringify(Template.fromStack(odd).findResources('AWS::IAM::Policy'));
  for (const name of ['upf-${*}', 'a${?}b', '${$}{aws:username}', 'with space/and slash']) {
    expect(policies).toContain(`:autoScalingGroupName/${name}"`);
  }
  // StringEquals has no wildcards.
  const inConditions = JSON.stringify(['upf-*', 'a?b', '${$}{aws:username}', 'with space/and slash']);
  expect(policies).toContain(`"aws:ResourceTag/aws:autoscaling:groupName":${inConditions}`);
});

test('a selector by the tag value * allows that value only', () => {
  const { stack: odd } = orchestratorStack({
    profiles: [profile({ selector: { tag: { key: 'multus', value: '*' } } })],
  });
  const policies = JSON.stringify(Template.fromStack(odd).findResources('AWS::IAM::Policy'));
  expect(policies).toContain('"StringEquals":{"aws:ResourceTag/multus":["*"]}');
});

test('tag-node may mark launches of profiles with slots only', () => {
  const tagKeys = (slots: ReturnType<typeof profile>['slots']): string => {
    const { stack: tagging } = orchestratorStack({ profiles: [profile({ nodeTags: {}, slots })] });
    const policies = Object.entries(Template.fromStack(tagging).findResources('AWS::IAM::Policy'));
    return JSON.stringify(policies.filter(([id]) => id.includes('TagNode')));
  };
  expect(tagKeys(profile().slots)).toContain('hookline:launched-at');
  expect(tagKeys([])).not.toContain('hookline:launched-at');
});

test('reconcile sets and deletes only its own tag key, on Hookline’s interfaces', () => {
  for (const action of ['ec2:CreateTags', 'ec2:DeleteTags']) {
    expect(statementsFor('reconcile', action).map((statement) => statement.Condition)).toEqual([
      {
        ...OWN,
        'ForAllValues:StringEquals': { 'aws:TagKeys': ['hookline:unowned-since'] },
        Null: { 'aws:TagKeys': 'false' },
      },
    ]);
  }
});

test('complete-hook completes hooks of the profiles’ groups only', () => {
  const arns = resourcesOfAction(statementsOf('complete-hook'), 'autoscaling:CompleteLifecycleAction');
  expect(arns).toEqual(
    ['upf', 'eks-smf-*'].map(
      (name) => `arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:*:autoScalingGroupName/${name}`,
    ),
  );
});

test('a hook with hook.complete false may not be completed', () => {
  const observed = orchestratorStack({
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

test('a policy that is too long is split', () => {
  const ids = subnetIds(200);
  const large = orchestratorStack({
    profiles: [0, 1].map((n) =>
      profile({
        name: `p${n}`,
        hook: { name: `h${n}` },
        slots: [slot({ subnetIds: ids.slice(100 * n, 100 * n + 100) })],
      }),
    ),
  });
  const synthesised = Template.fromStack(large.stack);
  for (const type of ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']) {
    for (const policy of resources(synthesised, type).values()) {
      // IAM does not count white space. Intrinsic functions are longer than their values.
      const limit = type === 'AWS::IAM::Policy' ? 10_240 : 6_144;
      const document = JSON.stringify(policy.Properties['PolicyDocument'], (_, value: unknown) =>
        typeof value === 'object' && value !== null && 'Fn::Join' in value ? text(value) : value,
      );
      expect(document.length).toBeLessThanOrEqual(limit);
    }
  }
  const all = JSON.stringify(synthesised.toJSON());
  expect(ids.filter((id) => !all.includes(`subnet/${id}`))).toEqual([]);
});

describe('cdk-nag, AwsSolutions', () => {
  test('reports no finding without an acknowledgement', () => {
    expect(new AwsSolutionsChecks(app).validateScope(app).violations).toEqual([]);
  });

  test('reports a finding for a queue that does not require TLS', () => {
    const unsafe = orchestratorStack();
    new Queue(unsafe.stack, 'Open');
    const rules = new AwsSolutionsChecks(unsafe.app)
      .validateScope(unsafe.app)
      .violations.map(({ ruleName }) => ruleName);
    expect(rules).toContain('AwsSolutions-SQS4');
  });
});

test('adopt tags instances of the profiles and reads executions of the state machine', () => {
  const { stack: adopting, orchestrator } = orchestratorStack();
  const allowed = statements(adopting, {
    grantee: 'adopt',
    actions: ['ec2:DescribeInstances', 'ec2:CreateTags', 'states:StartExecution', 'states:DescribeExecution'],
    resources: new ProfileResources(adopting, [profile()], ['*']),
    deployment: DEPLOYMENT,
    stateMachines: [orchestrator.stateMachine],
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

test('an action without a statement is an error', () => {
  const { stack: unknown } = orchestratorStack();
  const named = new ProfileResources(unknown, [profile()], ['*']);
  expect(() =>
    statements(unknown, {
      grantee: 'tag-node',
      actions: ['ec2:TerminateInstances'],
      resources: named,
      deployment: DEPLOYMENT,
    }),
  ).toThrow(
    'tag-node calls ec2:TerminateInstances, which has no statement. Add one to cdk/lib/shared/policy-statements.ts',
  );
});
