import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Naming } from '../../lib/naming/naming-rules';
import { NodeNaming } from '../../lib/naming/node-naming';
import { REPOSITORY } from '../../lib/shared/repository';
import {
  ENV,
  type Resource,
  code,
  deliveredInput,
  namingProfile,
  resources,
  rules,
  targets,
  text,
} from '../support';

const DOCUMENT = readFileSync(join(REPOSITORY, 'docs', 'naming.md'), 'utf8');

/** Creates a stack with NodeNaming only. */
function namingStack(...naming: Naming[]): { app: App; template: Template } {
  const app = new App();
  const stack = new Stack(app, 'hookline', { env: ENV });
  new NodeNaming(stack, 'Naming', { code, naming });
  return { app, template: Template.fromStack(stack) };
}

function pattern(rule: Resource | undefined): unknown {
  return rule?.Properties['EventPattern'];
}

/** The event patterns of docs/naming.md, in their order. */
const documented = [...DOCUMENT.matchAll(/```json\n(\{\n {2}"source"[^]*?)```/g)].map(
  ([, json = '']) => JSON.parse(json) as unknown,
);
const documentedGroup = 'eks-web-06c5c4f3-8ec0-78ca-429c-84bcfac2302e';

describe('the rules of a naming profile', () => {
  const selector = { autoScalingGroupNames: [documentedGroup] };

  test('are by default one rule with the first event pattern of docs/naming.md', () => {
    const found = rules(namingStack({ profile: namingProfile({ selector }) }).template);
    expect(found.map(pattern)).toEqual([documented[0]]);
  });

  test('are with RunInstances two rules with both event patterns of docs/naming.md', () => {
    const found = rules(namingStack({ profile: namingProfile({ selector }), onRunInstances: true }).template);
    expect(documented).toHaveLength(2);
    expect(found.map(pattern)).toEqual(documented);
  });

  test('may be one rule for RunInstances', () => {
    const found = rules(
      namingStack({ profile: namingProfile({ selector }), onLaunchSuccessful: false, onRunInstances: true })
        .template,
    );
    expect(found.map(pattern)).toEqual([documented[1]]);
  });

  test('omit the groups from the pattern if they are unknown or too many', () => {
    const many = Array.from({ length: 20 }, (_, n) => `${documentedGroup.repeat(3)}-${n}`);
    for (const wide of [{ tag: { key: 'Env', value: 'prod' } }, { autoScalingGroupNames: many }]) {
      const found = rules(
        namingStack({ profile: namingProfile({ selector: wide }), onRunInstances: true }).template,
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

  test('start executions with the event and the profile, and retry for a day before the dead-letter queue', () => {
    const profile = namingProfile({ nodeTags: { Name: "{% if az < 'b' %}<first>{% endif %}" } });
    const { template } = namingStack({ profile, onRunInstances: true });
    const [queue] = resources(template, 'AWS::SQS::Queue').keys();
    const found = rules(template).flatMap(targets);
    expect(found).toHaveLength(2);
    for (const target of found) {
      expect(text(target.InputTransformer?.InputTemplate).match(/<[^>]*>/g)).toEqual([
        '<aws.events.event.json>',
      ]);
      expect(deliveredInput(target)).toEqual({ event: { id: '1' }, profile });
      expect(target.DeadLetterConfig).toEqual({ Arn: { 'Fn::GetAtt': [queue, 'Arn'] } });
      expect(target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 });
    }
  });
});

describe('the state machine', () => {
  const { app, template } = namingStack({ profile: namingProfile() });

  test('gets the function for its placeholder, and is logged and traced', () => {
    template.hasResourceProperties('AWS::StepFunctions::StateMachine', {
      StateMachineName: 'hookline-name-node',
      StateMachineType: 'STANDARD',
      DefinitionSubstitutions: {
        NameNodesFunctionArn: { Ref: Match.stringLikeRegexp('^NamingNameNodesCurrentVersion') },
      },
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: true },
      TracingConfiguration: { Enabled: true },
    });
  });

  test('invokes one function, whose timeout is shorter than its task’s', () => {
    template.resourceCountIs('AWS::Lambda::Function', 1);
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'hookline-name-nodes',
      Runtime: 'provided.al2023',
      Timeout: 60,
      TracingConfig: { Mode: 'Active' },
    });
  });

  test('is all that the role of EventBridge may start', () => {
    const [machine] = resources(template, 'AWS::StepFunctions::StateMachine').keys();
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [{ Action: 'states:StartExecution', Effect: 'Allow', Resource: { Ref: machine } }],
      },
      Roles: [{ Ref: Match.stringLikeRegexp('^NamingStartNamingRole') }],
    });
  });

  test('without an orchestrator has encrypted logs and no finding of cdk-nag', () => {
    template.allResourcesProperties('AWS::Logs::LogGroup', {
      KmsKeyId: Match.anyValue(),
      RetentionInDays: 90,
    });
    template.resourceCountIs('AWS::Logs::LogGroup', 2);
    expect(new AwsSolutionsChecks(app).validateScope(app).violations).toEqual([]);
  });
});

describe('NodeNaming rejects', () => {
  test.each<[string, Naming[], RegExp]>([
    ['an empty list of profiles', [], /^naming: no naming profile\. /],
    [
      'two profiles with the same name',
      [{ profile: namingProfile() }, { profile: namingProfile() }],
      /^naming\[1\]\.profile\.name: "web" is also the name of naming\[0\]\.profile\. Give each profile a different name$/,
    ],
    [
      'a profile without an event',
      [{ profile: namingProfile(), onLaunchSuccessful: false }],
      /^naming\[0\]: no event starts its executions\. Set onLaunchSuccessful or onRunInstances to true$/,
    ],
    [
      'a profile that exceeds EventBridge’s limit of an input',
      [
        { profile: namingProfile() },
        { profile: namingProfile({ name: 'long', nodeTags: { A: 'a'.repeat(4096), B: 'b'.repeat(4096) } }) },
      ],
      /^naming\[1\]\.profile: the InputTemplate of its rule would have \d+ characters; EventBridge's limit is 8192\. Shorten/,
    ],
  ])('%s', (_, naming, message) => {
    expect(() => namingStack(...naming)).toThrow(message);
  });
});
