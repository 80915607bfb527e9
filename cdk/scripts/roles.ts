/**
 * The roles of a configuration as the app synthesises them: the resources of the template that say who may do what, with their
 * references unresolved. The tests of the fake AWS read them, and authorise the calls of the functions against them.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format } from 'prettier';
import { hooklineApp } from '../lib/hookline-app';
import { loadConfig } from '../lib/configuration';
import { FunctionCode } from '../lib/shared/function-code';

const FIXTURES = join(__dirname, '..', '..', 'tests', 'fixtures', 'roles');

/** The file of the roles. */
export const ROLES = join(FIXTURES, 'template.json');

/** The properties that matter, by resource type. */
const PROPERTIES: Readonly<Record<string, readonly string[]>> = {
  'AWS::IAM::ManagedPolicy': ['PolicyDocument', 'Roles'],
  'AWS::IAM::Policy': ['PolicyDocument', 'Roles'],
  'AWS::IAM::Role': ['RoleName', 'ManagedPolicyArns', 'Policies'],
  'AWS::Events::Rule': ['Targets'],
  'AWS::Lambda::Function': ['FunctionName', 'Role'],
  'AWS::Lambda::Permission': ['FunctionName', 'Principal', 'SourceArn'],
  'AWS::Logs::LogGroup': ['LogGroupName'],
  'AWS::SQS::Queue': ['QueueName'],
  'AWS::StepFunctions::StateMachine': ['StateMachineName', 'RoleArn'],
};

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

/** Returns the content of {@link ROLES}. The stack has no account and no Region, so that they stay references. */
export async function roles(): Promise<string> {
  delete process.env['CDK_DEFAULT_ACCOUNT'];
  delete process.env['CDK_DEFAULT_REGION'];
  const outdir = mkdtempSync(join(tmpdir(), 'hookline-roles-'));
  try {
    const code = FunctionCode.inBucket('functions', 'v1/');
    const loaded = loadConfig(join(FIXTURES, 'hookline.config.json'));
    const { app, stack } = hooklineApp(loaded, code, { outdir, context: featureFlags() });
    app.synth();
    const template = JSON.parse(readFileSync(join(outdir, stack.templateFile), 'utf8')) as {
      readonly Resources: Readonly<Record<string, Resource>>;
    };
    const kept = Object.entries(template.Resources).flatMap(([id, resource]) => {
      const properties = PROPERTIES[resource.Type];
      return properties === undefined ? [] : [[id, reduced(resource, properties)] as const];
    });
    const text = JSON.stringify({ Resources: Object.fromEntries(kept) });
    return await format(text, { parser: 'json', printWidth: 130 });
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** The feature flags of the app. One of them lets the CDK merge the statements of a policy. */
function featureFlags(): Record<string, unknown> {
  const file = JSON.parse(readFileSync(join(__dirname, '..', 'cdk.json'), 'utf8')) as {
    readonly context: Record<string, unknown>;
  };
  return file.context;
}

function reduced({ Type, Properties = {} }: Resource, properties: readonly string[]): Resource {
  const kept = Object.entries(Properties)
    .filter(([name]) => properties.includes(name))
    .map(([name, value]) => [name, name === 'Targets' ? targets(value) : value]);
  return { Type, Properties: Object.fromEntries(kept) as Record<string, unknown> };
}

/** A target without its input, which has the whole profile in it. */
function targets(value: unknown): unknown {
  return (value as Record<string, unknown>[]).map(({ Arn, RoleArn }) => ({ Arn, RoleArn }));
}
