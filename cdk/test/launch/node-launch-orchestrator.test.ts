import { readFileSync } from 'node:fs';
import { Duration, Lazy, RemovalPolicy } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { FunctionCode } from '../../lib/shared/function-code';
import { FUNCTION_SETTINGS, type FunctionName, deployedFunctions } from '../../lib/shared/functions';
import { LAUNCH_NODE } from '../../lib/shared/repository';
import {
  type Resource,
  deliveredInput,
  orchestratorStack,
  profile,
  resources,
  resourcesOfAction,
  rules,
  slot,
  statementsOfRole,
  subnetIds,
  targets,
  text,
} from '../support';

const { stack } = orchestratorStack({
  profiles: [profile(), profile({ name: 'smf', selector: { tag: { key: 'app', value: 'smf' } } })],
  architecture: Architecture.X86_64,
  reconcileLimits: { deletesPerRound: 10 },
});
const template = Template.fromStack(stack);

function launchRules(from: Template): Resource[] {
  return rules(from).filter((rule) => targets(rule).some((target) => target.InputTransformer !== undefined));
}

function scheduledRules(from: Template): Resource[] {
  return rules(from).filter((rule) => rule.Properties['ScheduleExpression'] !== undefined);
}

describe('the functions', () => {
  test('are those of functions/permissions.json, with the configured architecture', () => {
    const functions = [...resources(template, 'AWS::Lambda::Function').values()];
    expect(functions.map((fn) => fn.Properties['FunctionName']).sort()).toEqual(
      deployedFunctions()
        .map((name) => `hookline-${name}`)
        .sort(),
    );
    for (const { Properties: properties } of functions) {
      expect(properties).toMatchObject({
        Runtime: 'provided.al2023',
        Handler: 'bootstrap',
        Architectures: ['x86_64'],
        TracingConfig: { Mode: 'Active' },
      });
      // They tag and find their interfaces by it.
      expect(properties['Environment']).toEqual({ Variables: { HOOKLINE_DEPLOYMENT: 'hookline' } });
      expect(properties['ReservedConcurrentExecutions']).toBeUndefined();
    }
  });

  test('that a task invokes have a shorter timeout than the task', () => {
    const definition = JSON.parse(readFileSync(LAUNCH_NODE, 'utf8')) as {
      States: Record<string, { Resource?: string; TimeoutSeconds?: number }>;
    };
    const shortest = Math.min(
      ...Object.values(definition.States)
        .filter((state) => state.Resource?.includes('FunctionArn'))
        .map((state) => state.TimeoutSeconds ?? Infinity),
    );
    for (const { Properties: properties } of resources(template, 'AWS::Lambda::Function').values()) {
      const name = String(properties['FunctionName']).replace('hookline-', '') as FunctionName;
      const limit = FUNCTION_SETTINGS[name].invokedDirectly ? 301 : shortest;
      expect(Number(properties['Timeout'])).toBeLessThan(limit);
    }
  });

  test('without zip files are reported with every way to get them', () => {
    expect(() => orchestratorStack({ code: FunctionCode.packaged('/nowhere') })).toThrow(
      'functions: /nowhere/arm64/tag-node.zip does not exist. Package the functions (cargo xtask package --arch arm64), or unpack those of a release (docs/deploy.md). To look at the template without them: -c functions=stand-in',
    );
  });

  test('may have their code in a bucket', () => {
    const inBucket = Template.fromStack(
      orchestratorStack({ code: FunctionCode.inBucket('artefacts', 'hookline/1.0.0/') }).stack,
    );
    inBucket.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'hookline-tag-node',
      Code: { S3Bucket: 'artefacts', S3Key: 'hookline/1.0.0/arm64/tag-node.zip' },
    });
  });

  test('may have reserved concurrent executions', () => {
    Template.fromStack(
      orchestratorStack({ reservedConcurrentExecutions: { reconcile: 2 } }).stack,
    ).hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'hookline-reconcile',
      ReservedConcurrentExecutions: 2,
    });
  });
});

describe('the state machine', () => {
  test('gets a function for each placeholder of its file, and the partition', () => {
    const [machine] = [...resources(template, 'AWS::StepFunctions::StateMachine').values()];
    const substitutions = machine?.Properties['DefinitionSubstitutions'] as Record<string, unknown>;
    const placeholders = [...readFileSync(LAUNCH_NODE, 'utf8').matchAll(/\$\{(\w+)\}/g)].map(
      ([, name]) => name,
    );
    expect(Object.keys(substitutions).sort()).toEqual([...new Set(placeholders)].sort());
    const { Partition: partition, ...functions } = substitutions;
    expect(partition).toEqual({ Ref: 'AWS::Partition' });
    for (const [placeholder, arn] of Object.entries(functions)) {
      expect(text(arn)).toMatch(
        new RegExp(`^<Orchestrator${placeholder.replace(/FunctionArn$/, '')}CurrentVersion[0-9A-Za-z]+>$`),
      );
    }
  });

  test('logs all events with data, and is traced', () => {
    template.hasResourceProperties('AWS::StepFunctions::StateMachine', {
      StateMachineName: 'hookline-launch-node',
      StateMachineType: 'STANDARD',
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: true },
      TracingConfiguration: { Enabled: true },
    });
  });

  test('omits execution data from its logs if logExecutionData is false', () => {
    Template.fromStack(orchestratorStack({ logExecutionData: false }).stack).hasResourceProperties(
      'AWS::StepFunctions::StateMachine',
      { LoggingConfiguration: { IncludeExecutionData: false } },
    );
  });
});

describe('the rule of a profile', () => {
  test('matches the launch events of its groups at its hook', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.autoscaling'],
        'detail-type': ['EC2 Instance-launch Lifecycle Action'],
        detail: { LifecycleHookName: ['hookline-launch'], AutoScalingGroupName: ['upf'] },
      },
    });
  });

  test('matches by the hook only if the profile selects by tag', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      Description: Match.stringLikeRegexp('smf'),
      EventPattern: {
        detail: { LifecycleHookName: ['hookline-launch'], AutoScalingGroupName: Match.absent() },
      },
    });
  });

  test('starts an execution with the event and the unchanged profile', () => {
    const [upf, smf] = launchRules(template).flatMap(targets);
    expect(deliveredInput(upf)).toEqual({ event: { id: '1' }, profile: profile() });
    expect(deliveredInput(smf)).toMatchObject({ event: { id: '1' }, profile: { name: 'smf' } });
  });

  test('retries for up to 30 minutes and then uses the dead-letter queue', () => {
    const queue = [...resources(template, 'AWS::SQS::Queue').keys()][0];
    for (const target of rules(template).flatMap(targets)) {
      expect(target.DeadLetterConfig).toEqual({ Arn: { 'Fn::GetAtt': [queue, 'Arn'] } });
      expect(target.RetryPolicy?.MaximumRetryAttempts).toBe(185);
      expect(target.RetryPolicy?.MaximumEventAgeInSeconds).toBeLessThanOrEqual(1800);
    }
  });

  test('is the only sender that the queue allows', () => {
    for (const policy of resources(template, 'AWS::SQS::QueuePolicy').values()) {
      const { Statement: statements } = policy.Properties['PolicyDocument'] as {
        Statement: { Effect: string; Condition?: Record<string, Record<string, unknown>> }[];
      };
      for (const { Effect: effect, Condition: condition } of statements) {
        expect(effect === 'Deny' || condition?.['ArnEquals']?.['aws:SourceArn'] !== undefined).toBe(true);
      }
      expect(statements.some(({ Effect: effect }) => effect === 'Deny')).toBe(true);
    }
  });

  test('does not read < in a profile as a variable of its template', () => {
    const withAngleBrackets = profile({
      nodeTags: { Name: "{% if tags['n'] | default(0) < 3 %}<few>{% endif %}" },
    });
    const [rule] = launchRules(
      Template.fromStack(orchestratorStack({ profiles: [withAngleBrackets] }).stack),
    );
    const [target] = targets(rule);
    expect(text(target?.InputTransformer?.InputTemplate).match(/<[^>]*>/g)).toEqual([
      '<aws.events.event.json>',
    ]);
    expect(deliveredInput(target)).toMatchObject({ profile: withAngleBrackets });
  });

  test('contains the ids of constructs of the same app', () => {
    const subnet = Lazy.string({ produce: () => 'subnet-00000000000000abc' });
    const [rule] = launchRules(
      Template.fromStack(
        orchestratorStack({ profiles: [profile({ slots: [slot({ subnetIds: [subnet] })] })] }).stack,
      ),
    );
    expect(text(targets(rule)[0]?.InputTransformer?.InputTemplate)).toContain(
      '"subnetIds":["subnet-00000000000000abc"]',
    );
  });

  test('is rejected if its input exceeds EventBridge’s limit', () => {
    const slots = Array.from({ length: 3 }, (_, n) =>
      slot({
        network: `n${n}`,
        deviceIndex: n + 1,
        subnetIds: subnetIds(110, 200 * n),
      }),
    );
    expect(() =>
      orchestratorStack({ profiles: [profile(), profile({ name: 'wide', hook: { name: 'wide' }, slots })] }),
    ).toThrow(
      /^profiles\[1\]: the InputTemplate of its rule would have \d+ characters; EventBridge's limit is 8192\. Split /,
    );
  });
});

test('a retired profile starts no execution, and keeps its place in the roles and, as retired, in reconcile', () => {
  const retired = profile({
    name: 'old',
    selector: { autoScalingGroupNames: ['old'] },
    slots: [slot({ subnetIds: ['subnet-00000000000000001'] })],
  });
  const { orchestrator, stack } = orchestratorStack({ retiredProfiles: [retired] });
  const template = Template.fromStack(stack);
  expect([...orchestrator.rules.keys()]).toEqual(['upf']);
  const launches = rules(template).filter((rule) =>
    JSON.stringify(rule.Properties['EventPattern'] ?? '').includes('EC2 Instance-launch'),
  );
  expect(launches).toHaveLength(1);
  expect(JSON.stringify(launches)).not.toContain('"old"');
  const [schedule] = scheduledRules(template);
  const inputs = targets(schedule).map(({ Input: input }) => JSON.parse(text(input)) as object);
  expect(inputs).toEqual([expect.objectContaining({ profiles: [profile()], retiredProfiles: [retired] })]);
  for (const [role, action, resource] of [
    ['CreateInterfaces', 'ec2:CreateNetworkInterface', ':subnet/subnet-00000000000000001'],
    ['CompleteHook', 'autoscaling:CompleteLifecycleAction', ':autoScalingGroupName/old'],
  ] as const) {
    const statements = statementsOfRole(template, new RegExp(`^Orchestrator${role}Role`));
    expect(resourcesOfAction(statements, action).some((arn) => arn.endsWith(resource))).toBe(true);
  }
});

describe('reconcile', () => {
  test('runs every five minutes with the state machine, the profiles and the limits', () => {
    const [rule, ...others] = scheduledRules(template);
    expect(others).toEqual([]);
    expect(rule?.Properties['ScheduleExpression']).toBe('rate(5 minutes)');
    const inputs = targets(rule).map((target) => JSON.parse(text(target.Input)) as object);
    expect(inputs).toEqual([
      {
        stateMachineArn: expect.stringMatching(/^<OrchestratorLaunchNode/) as string,
        profiles: [profile(), profile({ name: 'smf', selector: { tag: { key: 'app', value: 'smf' } } })],
        limits: { deletesPerRound: 10, attributesPerRound: 1000 },
      },
    ]);
  });

  test('sets attributes for a part of the time between two rounds', () => {
    const { stack } = orchestratorStack({ reconcileEvery: Duration.minutes(1) });
    const [target] = scheduledRules(Template.fromStack(stack)).flatMap(targets);
    expect(JSON.parse(text(target?.Input))).toMatchObject({ limits: { attributesPerRound: 200 } });
  });

  test('splits many profiles among several targets and rules', () => {
    const profiles = Array.from({ length: 7 }, (_, n) =>
      profile({
        name: `p${n}`,
        selector: { autoScalingGroupNames: [`g${n}`] },
        hook: { name: `hook-${n % 2}` },
        slots: [slot({ subnetIds: subnetIds(200, 1000 * n) })],
      }),
    );
    const networkLimit = { vpcIds: ['vpc-0123456789abcdef0'] };
    const found = scheduledRules(Template.fromStack(orchestratorStack({ profiles, networkLimit }).stack));
    expect(found.map((rule) => targets(rule).length)).toEqual([5, 2]);
    const inputs = found.flatMap(targets).map((target) => text(target.Input));
    for (const input of inputs) {
      expect(input.length).toBeLessThanOrEqual(8192);
    }
    interface Input {
      readonly profiles: { name: string }[];
      readonly otherTargets?: boolean;
      readonly hooks?: object;
      readonly limits: { attributesPerRound: number };
    }
    const parts = inputs.map((input) => JSON.parse(input) as Input);
    expect(parts.flatMap((part) => part.profiles)).toEqual(profiles);
    // All see the same interfaces: one of them sets the attributes.
    expect(parts.map((part) => part.limits.attributesPerRound)).toEqual([1000, 0, 0, 0, 0, 0, 0]);
    expect(parts.every((part) => part.otherTargets)).toBe(true);
    // The hooks of the other targets' profiles are answered.
    expect(parts.map((part) => part.hooks)).toEqual(
      profiles.map((_, n) => ({ others: [`hook-${(n + 1) % 2}`] })),
    );
  });

  test('splits retired profiles, too', () => {
    const profiles = Array.from({ length: 3 }, (_, n) =>
      profile({
        name: `p${n}`,
        selector: { autoScalingGroupNames: [`g${n}`] },
        slots: [slot({ subnetIds: subnetIds(200, 1000 * n) })],
      }),
    );
    const [first, ...retiredProfiles] = profiles;
    const networkLimit = { vpcIds: ['vpc-0123456789abcdef0'] };
    const { stack } = orchestratorStack({
      profiles: first === undefined ? [] : [first],
      retiredProfiles,
      networkLimit,
    });
    const inputs = scheduledRules(Template.fromStack(stack)).flatMap(targets);
    const parts = inputs.map((target) => JSON.parse(text(target.Input)) as object);
    expect(parts).toEqual([
      expect.objectContaining({ profiles: [first] }),
      expect.objectContaining({ profiles: [], retiredProfiles: [profiles[1]] }),
      expect.objectContaining({ profiles: [], retiredProfiles: [profiles[2]] }),
    ]);
  });

  test('is invoked by each execution that failed, timed out or was stopped', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [Match.anyValue()], status: ['TIMED_OUT', 'ABORTED', 'FAILED'] },
      },
      Targets: [Match.objectLike({ Input: Match.absent(), InputTransformer: Match.absent() })],
    });
  });

  test('and adopt are retried twice, and then their event goes to the dead-letter queue', () => {
    template.resourceCountIs('AWS::Lambda::EventInvokeConfig', 2);
    template.allResourcesProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 2,
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
    });
  });
});

describe('logs and messages', () => {
  test('are encrypted, and logs are kept for three months', () => {
    const groups = [...resources(template, 'AWS::Logs::LogGroup').values()];
    expect(groups.length).toBe(deployedFunctions().length + 1);
    for (const { Properties: properties } of groups) {
      expect(properties['RetentionInDays']).toBe(90);
      expect(text(properties['KmsKeyId'])).toMatch(/^<OrchestratorLogKey/);
    }
    template.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
    template.hasResourceProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
  });

  test('are deleted with the stack', () => {
    for (const type of ['AWS::Logs::LogGroup', 'AWS::KMS::Key', 'AWS::SQS::Queue', 'AWS::Lambda::Function']) {
      for (const resource of resources(template, type).values()) {
        expect(resource.DeletionPolicy ?? 'Delete').toBe('Delete');
      }
    }
  });

  test('are kept, with their key, if the removal policy is RETAIN', () => {
    const kept = Template.fromStack(orchestratorStack({ removalPolicy: RemovalPolicy.RETAIN }).stack);
    for (const type of ['AWS::Logs::LogGroup', 'AWS::KMS::Key']) {
      for (const resource of resources(kept, type).values()) {
        expect(resource.DeletionPolicy).toBe('Retain');
      }
    }
  });
});

describe('the orchestrator rejects', () => {
  test('an invalid profile', () => {
    const invalid = profile({ slots: [slot(), slot()] });
    expect(() => orchestratorStack({ profiles: [profile(), { ...invalid, name: 'b' }] })).toThrow(
      'profiles[1].slots[1].deviceIndex: device index 1 of network card 0 is also that of profiles[1].slots[0]. ' +
        'Give each slot of a network card a device index of its own',
    );
  });

  test('two profiles with the same name', () => {
    expect(() => orchestratorStack({ profiles: [profile(), profile()] })).toThrow(
      'profiles[1].name: "upf" is also the name of profiles[0]. Give each profile a different name',
    );
  });

  test('a prefix that makes a function’s name too long', () => {
    expect(() => orchestratorStack({ namePrefix: 'x'.repeat(60) })).toThrow(/^namePrefix: /);
  });
});
