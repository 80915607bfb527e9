import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { hooklineApp } from '../../lib/hookline-app';
import { HooklineStack } from '../../lib/hookline-stack';
import { checkConfig } from '../../lib/configuration';
import { FunctionCode } from '../../lib/shared/function-code';
import { REPOSITORY } from '../../lib/shared/repository';
import { RULE, STAND_IN } from '../../lib/shared/stand-in';
import { code, orchestratorStack, profile, resources } from '../support';

const config = {
  stackName: 'hookline',
  profiles: [profile()],
  hooks: [{ profile: 'upf', autoScalingGroup: 'upf' }],
};

describe('a template with the stand-in', () => {
  const { stack } = orchestratorStack({ code: FunctionCode.standIn() });
  const template = Template.fromStack(stack);

  test('has a rule that no Region fulfils, which says why', () => {
    const { Rules: rules } = template.toJSON() as {
      Rules: Record<string, { Assertions: { Assert: object; AssertDescription: string }[] }>;
    };
    expect(rules[RULE]?.Assertions).toEqual([
      {
        Assert: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'for looking only'] },
        AssertDescription: expect.stringMatching(
          /looking only.*would be abandoned.*without functions=stand-in/,
        ) as string,
      },
    ]);
  });

  test('warns of it once', () => {
    const found = Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp('for looking only'));
    expect(found).toHaveLength(1);
  });

  test('has the same resources as one with the functions', () => {
    const types = (one: Template): string[] =>
      Object.values((one.toJSON() as { Resources: Record<string, { Type: string }> }).Resources)
        .map(({ Type }) => Type)
        .sort();
    expect(types(template)).toEqual(types(Template.fromStack(orchestratorStack().stack)));
  });

  test('has a program that cannot serve', () => {
    expect(() => execFileSync(join(STAND_IN, 'bootstrap'), { stdio: 'pipe' })).toThrow(/prepares no node/);
  });
});

test('a template with the functions has no such rule', () => {
  const template = Template.fromStack(orchestratorStack().stack).toJSON() as { Rules?: object };
  expect(Object.keys(template.Rules ?? {})).not.toContain(RULE);
});

test('the stand-in is chosen by the context, or by the configuration', () => {
  const rules = (stack: HooklineStack): string[] =>
    Object.keys((Template.fromStack(stack).toJSON() as { Rules?: object }).Rules ?? {});
  const app = new App({ context: { functions: 'stand-in' } });
  expect(rules(new HooklineStack(app, 'hookline', { config }))).toContain(RULE);
  const given = { ...config, functions: { standIn: true } } as const;
  checkConfig(given);
  expect(rules(hooklineApp({ config: given, folder: '.' }).stack)).toContain(RULE);
});

test('the functions are for arm64 by default, here and in `cargo xtask package`', () => {
  const architectures = (given: object): unknown[] => {
    const template = Template.fromStack(
      hooklineApp({ config: { ...config, ...given }, folder: '.' }, code).stack,
    );
    return [...resources(template, 'AWS::Lambda::Function').values()].map(
      ({ Properties: properties }) => properties['Architectures'],
    );
  };
  expect(new Set(architectures({}).flat())).toEqual(new Set(['arm64']));
  expect(new Set(architectures({ architecture: 'x86_64' }).flat())).toEqual(new Set(['x86_64']));
  expect(readFileSync(join(REPOSITORY, 'xtask/src/package.rs'), 'utf8')).toMatch(
    /default_value = "arm64"\)\]\n {4}arch: Arch/,
  );
});
