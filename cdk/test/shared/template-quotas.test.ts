/** Each quota of AWS on a template: the largest value that fits has no finding, and one more has one. */
import {
  type CheckedTemplate,
  type ExceededQuota,
  deployedLength,
  exceededQuotas,
} from '../../lib/shared/template-quotas';

type Properties = Readonly<Record<string, unknown>>;

const one = (Type: string, properties: Properties = {}): CheckedTemplate => ({
  Resources: { R: { Type, Properties: properties } },
});

const many = (count: number, Type: string, properties: Properties = {}): CheckedTemplate => ({
  Resources: Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`R${n}`, { Type, Properties: properties }]),
  ),
});

/** A policy document whose length as JSON is the one that is wanted. */
function document(length: number): object {
  const empty = deployedLength({ Statement: [''] });
  return { Statement: ['x'.repeat(length - empty)] };
}

/** A role with policies of its own. */
function role(
  policies: CheckedTemplate['Resources'],
  managedPolicyArns: readonly string[] = [],
): CheckedTemplate {
  return {
    Resources: {
      Role: { Type: 'AWS::IAM::Role', Properties: { ManagedPolicyArns: managedPolicyArns } },
      ...policies,
    },
  };
}

const policy = (Type: string, length: number): { Type: string; Properties: Properties } => ({
  Type,
  Properties: { Roles: [{ Ref: 'Role' }], PolicyDocument: document(length) },
});

/** An event pattern whose length as JSON is the one that is wanted. */
function pattern(length: number): object {
  return { source: ['x'.repeat(length - JSON.stringify({ source: [''] }).length)] };
}

/** A permission, without its source. */
const PERMISSION = { FunctionName: 'f', Action: 'lambda:InvokeFunction' };

interface Quota {
  /** What the quota is about, as the finding says it. */
  readonly of: string;
  readonly quota: number;
  readonly template: (size: number) => CheckedTemplate;
}

const name = (type: string, property: string, quota: number): Quota => ({
  of: `characters of ${property}`,
  quota,
  template: (size) => one(type, { [property]: 'x'.repeat(size) }),
});

const QUOTAS: readonly Quota[] = [
  { of: 'resources', quota: 500, template: (size) => many(size, 'AWS::SNS::Topic') },
  {
    of: 'outputs',
    quota: 200,
    template: (size) => ({
      Outputs: Object.fromEntries(Array.from({ length: size }, (_, n) => [`O${n}`, {}])),
    }),
  },
  {
    of: 'bytes',
    quota: 1_000_000,
    template: (size) => {
      const empty = JSON.stringify(one('AWS::SNS::Topic', { TopicName: '' })).length;
      return one('AWS::SNS::Topic', { TopicName: 'x'.repeat(size - empty) });
    },
  },
  {
    of: 'characters of inline policies',
    quota: 10_240,
    // Of all inline policies of a role together.
    template: (size) =>
      role({
        First: policy('AWS::IAM::Policy', 5000),
        Second: policy('AWS::IAM::Policy', size - 5000),
      }),
  },
  {
    of: 'characters',
    quota: 6144,
    template: (size) => role({ Policy: policy('AWS::IAM::ManagedPolicy', size) }),
  },
  {
    of: 'managed policies',
    quota: 10,
    // Those of the stack and those of AWS together.
    template: (size) =>
      role(
        {
          First: policy('AWS::IAM::ManagedPolicy', 100),
          Second: policy('AWS::IAM::ManagedPolicy', 100),
        },
        Array.from({ length: size - 2 }, (_, n) => `arn:aws:iam::aws:policy/P${n}`),
      ),
  },
  {
    of: 'statements',
    quota: 20,
    template: (size) =>
      one('AWS::SQS::QueuePolicy', {
        PolicyDocument: { Statement: Array.from({ length: size }, () => ({ Effect: 'Allow' })) },
      }),
  },
  {
    of: 'bytes',
    quota: 8192,
    template: (size) => one('AWS::SQS::QueuePolicy', { PolicyDocument: document(size) }),
  },
  { of: 'rules on the default event bus', quota: 300, template: (size) => many(size, 'AWS::Events::Rule') },
  {
    of: 'characters of the event pattern',
    quota: 2048,
    template: (size) => one('AWS::Events::Rule', { EventPattern: pattern(size) }),
  },
  {
    of: 'targets',
    quota: 5,
    template: (size) => one('AWS::Events::Rule', { Targets: Array.from({ length: size }, () => ({})) }),
  },
  ...[
    (input: unknown): object => ({ Input: input }),
    (input: unknown): object => ({ InputTransformer: { InputTemplate: input } }),
  ].flatMap((target) => [
    {
      of: 'characters of a target’s input',
      quota: 8192,
      // Quotes count once, though the template has a backslash before each.
      template: (size: number) => one('AWS::Events::Rule', { Targets: [target('"'.repeat(size))] }),
    },
    {
      of: 'characters of a target’s input',
      quota: 8192,
      template: (size: number) =>
        one('AWS::Events::Rule', {
          Targets: [target({ 'Fn::Join': ['', [{ Ref: 'AWS::AccountId' }, '"'.repeat(size - 12)]] })],
        }),
    },
  ]),
  {
    of: 'bytes of the policy of a function',
    quota: 20_480,
    template: (size) => {
      // Two permissions of one function. Around the properties of each, its statement has the ARN of the function and a frame.
      const around = 243;
      const source = (length: number): Properties => {
        const empty = deployedLength({ ...PERMISSION, SourceArn: '' });
        return { ...PERMISSION, SourceArn: 'x'.repeat(length - empty - around) };
      };
      return {
        Resources: {
          First: { Type: 'AWS::Lambda::Permission', Properties: source(10_000) },
          Second: { Type: 'AWS::Lambda::Permission', Properties: source(size - 10_000) },
        },
      };
    },
  },
  name('AWS::Lambda::Function', 'FunctionName', 64),
  name('AWS::StepFunctions::StateMachine', 'StateMachineName', 80),
  name('AWS::CloudWatch::Alarm', 'AlarmName', 255),
  name('AWS::CloudWatch::Dashboard', 'DashboardName', 255),
  name('AWS::Logs::LogGroup', 'LogGroupName', 512),
  name('AWS::Logs::QueryDefinition', 'Name', 255),
  {
    of: 'metrics of an alarm',
    quota: 10,
    // The expression over them is no metric.
    template: (size) =>
      one('AWS::CloudWatch::Alarm', { Metrics: Array.from({ length: size + 1 }, () => ({})) }),
  },
  name('AWS::CloudWatch::Alarm', 'AlarmDescription', 1024),
];

test.each(QUOTAS.map((quota) => [`${quota.quota} ${quota.of}`, quota] as const))(
  '%s fit, and one more does not',
  (_, { of, quota, template }) => {
    const problems = (size: number): string[] =>
      exceededQuotas(template(size)).map(({ problem }: ExceededQuota) => problem);
    expect(problems(quota)).toEqual([]);
    expect(problems(quota + 1)).toEqual([`${quota + 1} ${of}; the quota is ${quota}`]);
  },
);

test('each role, each queue and each function is counted by itself', () => {
  const roles = ['A', 'B'].flatMap((id) => [
    [`${id}Role`, { Type: 'AWS::IAM::Role' }] as const,
    [
      `${id}Policy`,
      {
        Type: 'AWS::IAM::Policy',
        Properties: { Roles: [{ Ref: `${id}Role` }], PolicyDocument: document(6000) },
      },
    ] as const,
    [
      `${id}Permission`,
      { Type: 'AWS::Lambda::Permission', Properties: { FunctionName: id, SourceArn: 'x'.repeat(15_000) } },
    ] as const,
    [
      `${id}Queue`,
      { Type: 'AWS::SQS::QueuePolicy', Properties: { PolicyDocument: document(6000) } },
    ] as const,
  ]);
  expect(
    exceededQuotas({ Resources: Object.fromEntries<{ Type: string; Properties?: Properties }>(roles) }),
  ).toEqual([]);
});
