import { readFileSync } from 'node:fs';
import { Lazy, RemovalPolicy } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { FunctionCode } from '../../lib/shared/function-code';
import { FUNCTION_SETTINGS, type FunctionName, deployedFunctions } from '../../lib/shared/functions';
import { LAUNCH_NODE } from '../../lib/shared/repository';
import { type Resource, orchestrated, profile, resources, slot, text } from '../support';

const { stack } = orchestrated({
  profiles: [profile(), profile({ name: 'smf', selector: { tag: { key: 'app', value: 'smf' } } })],
  architecture: Architecture.X86_64,
  reconcileLimits: { deletesPerRound: 10 },
});
const template = Template.fromStack(stack);

interface Target {
  readonly Input?: unknown;
  readonly InputTransformer?: { readonly InputTemplate: unknown; readonly InputPathsMap?: unknown };
  readonly DeadLetterConfig?: unknown;
  readonly RetryPolicy?: { readonly MaximumEventAgeInSeconds: number; readonly MaximumRetryAttempts: number };
}

function targets(rule: Resource): Target[] {
  return rule.Properties['Targets'] as Target[];
}

function rules(from: Template): Resource[] {
  return [...resources(from, 'AWS::Events::Rule').values()];
}

function launchRules(from: Template): Resource[] {
  return rules(from).filter((rule) => targets(rule).some((target) => target.InputTransformer !== undefined));
}

function scheduled(from: Template): Resource[] {
  return rules(from).filter((rule) => rule.Properties['ScheduleExpression'] !== undefined);
}

/** What EventBridge makes of a template for an event. */
function delivered(target: Target | undefined): unknown {
  return JSON.parse(
    text(target?.InputTransformer?.InputTemplate).replace('<aws.events.event.json>', '{"id":"1"}'),
  );
}

describe('functions', () => {
  test('are what the Rust side builds, for the architecture that was asked for', () => {
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
      // A function reads no configuration.
      expect(properties['Environment']).toBeUndefined();
      expect(properties['ReservedConcurrentExecutions']).toBeUndefined();
    }
  });

  test('of the state machine end before its tasks do', () => {
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
      const longest = FUNCTION_SETTINGS[name].byItself ? 301 : shortest;
      expect(Number(properties['Timeout'])).toBeLessThan(longest);
    }
  });

  test('that are not packaged are missed, with the command that packages them', () => {
    expect(() => orchestrated({ code: FunctionCode.packaged('/nowhere') })).toThrow(
      'functions: /nowhere/arm64/tag-node.zip does not exist. Build the functions: cargo xtask package --arch arm64',
    );
  });

  test('can lie in a bucket', () => {
    const inBucket = Template.fromStack(
      orchestrated({ code: FunctionCode.inBucket('artefacts', 'hookline/1.0.0/') }).stack,
    );
    inBucket.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'hookline-tag-node',
      Code: { S3Bucket: 'artefacts', S3Key: 'hookline/1.0.0/arm64/tag-node.zip' },
    });
  });

  test('can have executions of their own', () => {
    Template.fromStack(
      orchestrated({ reservedConcurrentExecutions: { reconcile: 2 } }).stack,
    ).hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'hookline-reconcile',
      ReservedConcurrentExecutions: 2,
    });
  });
});

describe('the state machine', () => {
  test('is the file, with a function for each of its placeholders', () => {
    const [machine] = [...resources(template, 'AWS::StepFunctions::StateMachine').values()];
    const substitutions = machine?.Properties['DefinitionSubstitutions'] as Record<string, unknown>;
    const placeholders = [...readFileSync(LAUNCH_NODE, 'utf8').matchAll(/\$\{(\w+)\}/g)].map(
      ([, name]) => name,
    );
    expect(Object.keys(substitutions).sort()).toEqual([...new Set(placeholders)].sort());
    for (const [placeholder, arn] of Object.entries(substitutions)) {
      expect(text(arn)).toMatch(
        new RegExp(`^<Orchestrator${placeholder.replace(/FunctionArn$/, '')}[0-9A-F]{8}\\.Arn>$`),
      );
    }
  });

  test('logs everything, and is traced', () => {
    template.hasResourceProperties('AWS::StepFunctions::StateMachine', {
      StateMachineName: 'hookline-launch-node',
      StateMachineType: 'STANDARD',
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: true },
      TracingConfiguration: { Enabled: true },
    });
  });

  test('can keep the data of executions out of its logs', () => {
    Template.fromStack(orchestrated({ logExecutionData: false }).stack).hasResourceProperties(
      'AWS::StepFunctions::StateMachine',
      { LoggingConfiguration: { IncludeExecutionData: false } },
    );
  });
});

describe('the rule of a profile', () => {
  test('matches launches of its groups at its hook', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.autoscaling'],
        'detail-type': ['EC2 Instance-launch Lifecycle Action'],
        detail: { LifecycleHookName: ['hookline-launch'], AutoScalingGroupName: ['upf'] },
      },
    });
  });

  test('matches by the hook alone when the profile selects by tag', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      Description: Match.stringLikeRegexp('smf'),
      EventPattern: {
        detail: { LifecycleHookName: ['hookline-launch'], AutoScalingGroupName: Match.absent() },
      },
    });
  });

  test('starts the execution with the event and the profile as it was given', () => {
    const [upf, smf] = launchRules(template).flatMap(targets);
    expect(delivered(upf)).toEqual({ event: { id: '1' }, profile: profile() });
    expect(delivered(smf)).toMatchObject({ event: { id: '1' }, profile: { name: 'smf' } });
  });

  test('retries, and keeps what could not be delivered', () => {
    const queue = [...resources(template, 'AWS::SQS::Queue').keys()][0];
    for (const target of rules(template).flatMap(targets)) {
      expect(target.DeadLetterConfig).toEqual({ Arn: { 'Fn::GetAtt': [queue, 'Arn'] } });
      expect(target.RetryPolicy?.MaximumRetryAttempts).toBe(185);
      expect(target.RetryPolicy?.MaximumEventAgeInSeconds).toBeLessThanOrEqual(1800);
    }
  });

  test('may be sent to the queue by its rules only', () => {
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

  test('does not take a < in a profile for a variable of its template', () => {
    const odd = profile({ nodeTags: { Name: "{% if tags['n'] | default(0) < 3 %}<few>{% endif %}" } });
    const [rule] = launchRules(Template.fromStack(orchestrated({ profiles: [odd] }).stack));
    const [target] = rule === undefined ? [] : targets(rule);
    expect(text(target?.InputTransformer?.InputTemplate).match(/<[^>]*>/g)).toEqual([
      '<aws.events.event.json>',
    ]);
    expect(delivered(target)).toMatchObject({ profile: odd });
  });

  test('takes the ids of constructs of the same app', () => {
    const subnet = Lazy.string({ produce: () => 'subnet-00000000000000abc' });
    const [rule] = launchRules(
      Template.fromStack(
        orchestrated({ profiles: [profile({ slots: [slot({ subnetIds: [subnet] })] })] }).stack,
      ),
    );
    expect(text(rule === undefined ? '' : targets(rule)[0]?.InputTransformer?.InputTemplate)).toContain(
      '"subnetIds":["subnet-00000000000000abc"]',
    );
  });

  test('is refused when its input would be longer than EventBridge takes', () => {
    const slots = Array.from({ length: 3 }, (_, n) =>
      slot({
        network: `n${n}`,
        deviceIndex: n + 1,
        subnetIds: Array.from(
          { length: 110 },
          (_, m) => `subnet-${(200 * n + m).toString(16).padStart(17, '0')}`,
        ),
      }),
    );
    expect(() => orchestrated({ profiles: [profile(), profile({ name: 'wide', slots })] })).toThrow(
      /^profiles\[1\]: the InputTemplate of its rule would have \d+ characters, EventBridge takes 8192\. /,
    );
  });
});

describe('reconcile', () => {
  test('has its rounds every five minutes, with the state machine, the profiles and the limits', () => {
    const [rule, ...others] = scheduled(template);
    expect(others).toEqual([]);
    expect(rule?.Properties['ScheduleExpression']).toBe('rate(5 minutes)');
    const inputs =
      rule === undefined ? [] : targets(rule).map((target) => JSON.parse(text(target.Input)) as object);
    expect(inputs).toEqual([
      {
        stateMachineArn: expect.stringMatching(/^<OrchestratorLaunchNode/) as string,
        profiles: [profile(), profile({ name: 'smf', selector: { tag: { key: 'app', value: 'smf' } } })],
        limits: { deletesPerRound: 10 },
      },
    ]);
  });

  test('divides its profiles among targets, and these among rules', () => {
    const wide = (n: number): ReturnType<typeof profile> =>
      profile({
        name: `p${n}`,
        slots: [
          slot({
            subnetIds: Array.from(
              { length: 200 },
              (_, m) => `subnet-${(1000 * n + m).toString(16).padStart(17, '0')}`,
            ),
          }),
        ],
      });
    const profiles = Array.from({ length: 7 }, (_, n) => wide(n));
    const found = scheduled(Template.fromStack(orchestrated({ profiles }).stack));
    expect(found.map((rule) => targets(rule).length)).toEqual([5, 2]);
    const inputs = found.flatMap(targets).map((target) => text(target.Input));
    for (const input of inputs) {
      expect(input.length).toBeLessThanOrEqual(8192);
    }
    expect(
      inputs.flatMap((input) => (JSON.parse(input) as { profiles: { name: string }[] }).profiles),
    ).toEqual(profiles);
  });

  test('sees to each execution that ended otherwise than well', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [Match.anyValue()], status: ['TIMED_OUT', 'ABORTED', 'FAILED'] },
      },
      Targets: [Match.objectLike({ Input: Match.absent(), InputTransformer: Match.absent() })],
    });
  });

  test('is done again twice when it fails, and then kept, as adopt is', () => {
    template.resourceCountIs('AWS::Lambda::EventInvokeConfig', 2);
    template.allResourcesProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 2,
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
    });
  });
});

describe('what is written', () => {
  test('is encrypted, and kept for three months', () => {
    const groups = [...resources(template, 'AWS::Logs::LogGroup').values()];
    expect(groups.length).toBe(deployedFunctions().length + 1);
    for (const { Properties: properties } of groups) {
      expect(properties['RetentionInDays']).toBe(90);
      expect(text(properties['KmsKeyId'])).toMatch(/^<OrchestratorLogKey/);
    }
    template.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
    template.hasResourceProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
  });

  test('goes when the stack goes', () => {
    for (const type of ['AWS::Logs::LogGroup', 'AWS::KMS::Key', 'AWS::SQS::Queue', 'AWS::Lambda::Function']) {
      for (const resource of resources(template, type).values()) {
        expect(resource.DeletionPolicy ?? 'Delete').toBe('Delete');
      }
    }
  });

  test('stays, with its key, when it is to be kept', () => {
    const kept = Template.fromStack(orchestrated({ removalPolicy: RemovalPolicy.RETAIN }).stack);
    for (const type of ['AWS::Logs::LogGroup', 'AWS::KMS::Key']) {
      for (const resource of resources(kept, type).values()) {
        expect(resource.DeletionPolicy).toBe('Retain');
      }
    }
  });
});

describe('refused, when the construct is made:', () => {
  test('a profile that is wrong', () => {
    const wrong = profile({ slots: [slot(), slot()] });
    expect(() => orchestrated({ profiles: [profile(), { ...wrong, name: 'b' }] })).toThrow(
      'profiles[1].slots[1].deviceIndex: device index 1 of network card 0 is also that of profiles[1].slots[0]. ' +
        'Give each slot of a network card a device index of its own',
    );
  });

  test('two profiles of one name', () => {
    expect(() => orchestrated({ profiles: [profile(), profile()] })).toThrow(
      'profiles[1].name: "upf" is also the name of profiles[0]. Give each profile a name of its own',
    );
  });

  test('a prefix that makes names too long', () => {
    expect(() => orchestrated({ namePrefix: 'x'.repeat(60) })).toThrow(/^namePrefix: /);
  });
});
