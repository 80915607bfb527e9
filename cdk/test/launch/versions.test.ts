import { Tags } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { FunctionCode } from '../../lib/shared/function-code';
import { FUNCTION_SETTINGS, deployedFunctions } from '../../lib/shared/functions';
import { code, orchestratorStack, profile, resources } from '../support';

/** The logical ids of the versions. CDK makes another id when a function changes. */
function versionIds(source: FunctionCode, profiles = [profile()]): string[] {
  const template = Template.fromStack(orchestratorStack({ code: source, profiles }).stack);
  return [...resources(template, 'AWS::Lambda::Version').keys()].sort();
}

test('each function that the state machine invokes has a version, which an update leaves', () => {
  const template = Template.fromStack(orchestratorStack().stack);
  const invoked = deployedFunctions().filter((name) => !FUNCTION_SETTINGS[name].invokedDirectly);
  const versions = [...resources(template, 'AWS::Lambda::Version').values()];
  expect(versions).toHaveLength(invoked.length);
  for (const version of versions) {
    expect(version).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
  }
});

test('another release has other versions, and another profile has the same', () => {
  const now = versionIds(code);
  expect(versionIds(code, [profile({ name: 'other' })])).toEqual(now);
  const before = versionIds(FunctionCode.inBucket('artefacts', '1.0.0'));
  const after = versionIds(FunctionCode.inBucket('artefacts', '1.1.0'));
  expect(before).toHaveLength(now.length);
  expect(after.filter((id) => before.includes(id))).toEqual([]);
});

/** The descriptions of the functions, by logical id. They are settings of the function, and its code's place is none. */
function descriptions(source: FunctionCode): Map<string, unknown> {
  const template = Template.fromStack(orchestratorStack({ code: source }).stack);
  return new Map(
    [...resources(template, 'AWS::Lambda::Function')].map(([id, one]) => [id, one.Properties['Description']]),
  );
}

test('code at another place changes a setting of each function, so that Lambda publishes a version of equal code', () => {
  const before = descriptions(FunctionCode.inBucket('artefacts', '1.0.0'));
  for (const other of [
    FunctionCode.inBucket('artefacts', '1.0.1'),
    FunctionCode.inBucket('other-artefacts', '1.0.0'),
  ]) {
    const after = descriptions(other);
    expect(after.size).toBe(before.size);
    for (const [id, description] of after) {
      expect(description).not.toEqual(before.get(id));
      expect(String(description).length).toBeLessThanOrEqual(256);
    }
  }
  expect(descriptions(FunctionCode.inBucket('artefacts', '1.0.0'))).toEqual(before);
});

test('tags and reserved concurrency, of which Lambda publishes no version, make none', () => {
  const ids = (tag: string, reserved: number): string[] => {
    const { app, stack } = orchestratorStack({ reservedConcurrentExecutions: { 'tag-node': reserved } });
    Tags.of(app).add('team', tag);
    return [...resources(Template.fromStack(stack), 'AWS::Lambda::Version').keys()].sort();
  };
  expect(ids('a', 5)).toEqual(ids('b', 6));
});
