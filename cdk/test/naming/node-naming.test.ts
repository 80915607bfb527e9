import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { App, Lazy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { ConfigurationError } from '../../lib/shared/configuration-error';
import { checkNamingProfile } from '../../lib/naming/naming-profile';
import type { Naming } from '../../lib/naming/naming-rules';
import { NodeNaming } from '../../lib/naming/node-naming';
import { type Resource, code, namingProfile, resources, text } from '../support';

const FIXTURES = join(__dirname, '..', '..', '..', 'functions', 'fixtures', 'naming-profiles');
const DOCUMENT = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'naming.md'), 'utf8');

interface Invalid {
  readonly profile: unknown;
  readonly field: string;
}

function fixtures(kind: 'valid' | 'invalid'): [string, unknown][] {
  return readdirSync(join(FIXTURES, kind)).map((name) => [
    name,
    JSON.parse(readFileSync(join(FIXTURES, kind, name), 'utf8')),
  ]);
}

function refusal(value: unknown): ConfigurationError {
  try {
    checkNamingProfile(value);
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return error;
    }
    throw error;
  }
  throw new Error('the profile was taken');
}

/** A stack with nothing but what names nodes. */
function named(...naming: Naming[]): { app: App; template: Template } {
  const app = new App();
  const stack = new Stack(app, 'hookline', { env: { account: '123456789012', region: 'us-west-2' } });
  new NodeNaming(stack, 'Naming', { code, naming });
  return { app, template: Template.fromStack(stack) };
}

interface Target {
  readonly InputTransformer: { readonly InputTemplate: unknown };
  readonly DeadLetterConfig?: unknown;
  readonly RetryPolicy?: unknown;
}

function rules(template: Template): Resource[] {
  return [...resources(template, 'AWS::Events::Rule').values()];
}

function pattern(rule: Resource | undefined): unknown {
  return rule?.Properties['EventPattern'];
}

/** The event patterns of docs/naming.md, in their order. */
const documented = [...DOCUMENT.matchAll(/```json\n(\{\n {2}"source"[^]*?)```/g)].map(
  ([, json = '']) => JSON.parse(json) as unknown,
);
const documentedGroup = 'eks-web-06c5c4f3-8ec0-78ca-429c-84bcfac2302e';

describe('a naming profile', () => {
  test('has fixtures of both kinds', () => {
    expect(fixtures('valid').length).toBeGreaterThan(1);
    expect(fixtures('invalid').length).toBeGreaterThan(5);
  });

  test.each(fixtures('valid'))('%s is taken', (_, value) => {
    expect(() => {
      checkNamingProfile(value);
    }).not.toThrow();
  });

  test.each(fixtures('invalid'))('%s is refused, and its field is named', (_, value) => {
    const { profile: wrong, field } = value as Invalid;
    const error = refusal(wrong);
    expect(error.field).toBe(`profile.${field}`);
    expect(error.problem).not.toBe('');
    expect(error.remedy).not.toBe('');
  });

  test.each(['nodeTags', 'volumeTags', 'interfaceTags'])('has the place of a mistake in %s', (field) => {
    expect(refusal(namingProfile({ [field]: { x: 'a\n{{ az | }}' } })).message).toMatch(
      new RegExp(
        `^profile\\.${field}\\["x"\\]: line 2, column \\d+: syntax error: .+\\. Correct the template`,
      ),
    );
  });

  test('has a name of one making, and room for it', () => {
    const preset = { namePreset: 'cluster-ip' } as const;
    expect(refusal(namingProfile(preset)).field).toBe('profile.nodeTags["Name"]');
    const nodeTags = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, 'v']));
    expect(refusal(namingProfile({ ...preset, nodeTags })).message).toMatch(
      /^profile\.nodeTags: 51 tags, at most 50\. /,
    );
    expect(() => {
      checkNamingProfile(namingProfile({ nodeTags }));
    }).not.toThrow();
  });

  test('has no control characters in its keys', () => {
    expect(refusal(namingProfile({ volumeTags: { 'a\u0007b': 'x' } })).problem).toBe(
      'control characters in the key',
    );
  });

  test('may have a token for the name of a group only', () => {
    const token = (): string => Lazy.string({ produce: () => 'x' });
    expect(() => {
      checkNamingProfile(namingProfile({ selector: { autoScalingGroupNames: [token()] } }));
    }).not.toThrow();
    expect(refusal(namingProfile({ nodeTags: { Name: token() } })).field).toBe('profile.nodeTags.Name');
  });
});

describe('the rules', () => {
  const selector = { autoScalingGroupNames: [documentedGroup] };

  test('are one unless told: EC2 Instance Launch Successful of the groups, as docs/naming.md has it', () => {
    const found = rules(named({ profile: namingProfile({ selector }) }).template);
    expect(found.map(pattern)).toEqual([documented[0]]);
  });

  test('are two with RunInstances, as docs/naming.md has it', () => {
    const found = rules(named({ profile: namingProfile({ selector }), onRunInstances: true }).template);
    expect(documented).toHaveLength(2);
    expect(found.map(pattern)).toEqual(documented);
  });

  test('can be RunInstances alone', () => {
    const found = rules(
      named({ profile: namingProfile({ selector }), onLaunchSuccessful: false, onRunInstances: true })
        .template,
    );
    expect(found.map(pattern)).toEqual([documented[1]]);
  });

  test('leave it to the selector when the groups are not known, or too many for a pattern', () => {
    const many = Array.from({ length: 20 }, (_, n) => `${documentedGroup.repeat(3)}-${n}`);
    for (const wide of [{ tag: { key: 'Env', value: 'prod' } }, { autoScalingGroupNames: many }]) {
      const found = rules(
        named({ profile: namingProfile({ selector: wide }), onRunInstances: true }).template,
      );
      expect(found.map(pattern)).toEqual([
        { source: ['aws.autoscaling'], 'detail-type': ['EC2 Instance Launch Successful'] },
        {
          source: ['aws.ec2'],
          'detail-type': ['AWS API Call via CloudTrail'],
          detail: {
            eventSource: ['ec2.amazonaws.com'],
            eventName: ['RunInstances'],
            sourceIPAddress: ['autoscaling.amazonaws.com'],
            errorCode: [{ exists: false }],
          },
        },
      ]);
    }
  });

  test('start the state machine with the event and the profile, try again, and keep what is lost', () => {
    const profile = namingProfile({ nodeTags: { Name: "{% if az < 'b' %}<first>{% endif %}" } });
    const { template } = named({ profile, onRunInstances: true });
    const [queue] = resources(template, 'AWS::SQS::Queue').keys();
    const targets = rules(template).flatMap((rule) => rule.Properties['Targets'] as Target[]);
    expect(targets).toHaveLength(2);
    for (const target of targets) {
      const input = text(target.InputTransformer.InputTemplate);
      expect(input.match(/<[^>]*>/g)).toEqual(['<aws.events.event.json>']);
      expect(JSON.parse(input.replace('<aws.events.event.json>', '{"id":"1"}'))).toEqual({
        event: { id: '1' },
        profile,
      });
      expect(target.DeadLetterConfig).toEqual({ Arn: { 'Fn::GetAtt': [queue, 'Arn'] } });
      expect(target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 });
    }
  });
});

describe('the state machine', () => {
  const { app, template } = named({ profile: namingProfile() });

  test('is the file, with the function for its placeholder, logged and traced', () => {
    template.hasResourceProperties('AWS::StepFunctions::StateMachine', {
      StateMachineName: 'hookline-name-node',
      StateMachineType: 'STANDARD',
      DefinitionSubstitutions: {
        NameNodesFunctionArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^NamingNameNodes'), 'Arn'] },
      },
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: true },
      TracingConfiguration: { Enabled: true },
    });
  });

  test('has one function, which ends before its task does', () => {
    template.resourceCountIs('AWS::Lambda::Function', 1);
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'hookline-name-nodes',
      Runtime: 'provided.al2023',
      Timeout: 60,
      TracingConfig: { Mode: 'Active' },
    });
  });

  test('is started by EventBridge, and nothing else by its role', () => {
    const [machine] = resources(template, 'AWS::StepFunctions::StateMachine').keys();
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [{ Action: 'states:StartExecution', Effect: 'Allow', Resource: { Ref: machine } }],
      },
      Roles: [{ Ref: Match.stringLikeRegexp('^NamingStartNamingRole') }],
    });
  });

  test('stands without an orchestrator, with logs that are encrypted, and no finding of cdk-nag', () => {
    template.allResourcesProperties('AWS::Logs::LogGroup', {
      KmsKeyId: Match.anyValue(),
      RetentionInDays: 90,
    });
    template.resourceCountIs('AWS::Logs::LogGroup', 2);
    expect(new AwsSolutionsChecks(app).validateScope(app).violations).toEqual([]);
  });
});

describe('refused, when the construct is made:', () => {
  test.each<[string, Naming[], RegExp]>([
    ['no profile at all', [], /^naming: no naming profile\. /],
    [
      'two profiles of one name',
      [{ profile: namingProfile() }, { profile: namingProfile() }],
      /^naming\[1\]\.profile\.name: "web" is also the name of naming\[0\]\.profile\. /,
    ],
    [
      'a profile without an event',
      [{ profile: namingProfile(), onLaunchSuccessful: false }],
      /^naming\[0\]: no event brings its nodes\. Set onLaunchSuccessful or onRunInstances$/,
    ],
    [
      'a profile that makes the input longer than EventBridge takes',
      [
        { profile: namingProfile() },
        { profile: namingProfile({ name: 'long', nodeTags: { A: 'a'.repeat(4096), B: 'b'.repeat(4096) } }) },
      ],
      /^naming\[1\]\.profile: the InputTemplate of its rule would have \d+ characters, EventBridge takes 8192\. Shorten/,
    ],
  ])('%s', (_, naming, says) => {
    expect(() => named(...naming)).toThrow(says);
  });
});
