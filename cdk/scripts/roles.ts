/**
 * The roles of a configuration as the app synthesises them: the resources of the template that say who may do what, with their
 * references unresolved. The tests of the fake AWS read them, and authorise the calls of the functions against them.
 *
 * `template.json` has those of the configuration. `limited-by-vpc.json` and `limited-by-tag.json` have those that are others with
 * a `networkLimit`, `limited-by-names.json` those with `autoScalingGroupNamePatterns`. `traffic.json` and `traffic-of-others.json` have those of the traffic stack.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format } from 'prettier';
import { hooklineApp } from '../lib/hookline-app';
import { type LoadedConfig, loadConfig } from '../lib/configuration';
import type { HooklineConfig, Traffic } from '../lib/shared/config.generated';
import { FunctionCode } from '../lib/shared/function-code';

const FIXTURES = join(__dirname, '..', '..', 'tests', 'fixtures', 'roles');

/** The properties that matter, by resource type. */
const PROPERTIES: Readonly<Record<string, readonly string[]>> = {
  'AWS::IAM::ManagedPolicy': ['PolicyDocument', 'Roles'],
  'AWS::IAM::Policy': ['PolicyDocument', 'Roles'],
  'AWS::IAM::Role': ['AssumeRolePolicyDocument', 'RoleName', 'ManagedPolicyArns', 'Policies'],
  'AWS::Events::Rule': ['Targets'],
  'AWS::Glue::Table': ['TableInput'],
  'AWS::Lambda::Function': ['FunctionName', 'Role'],
  'AWS::Lambda::Permission': ['FunctionName', 'Principal', 'SourceArn'],
  'AWS::Logs::LogGroup': ['LogGroupName'],
  'AWS::S3::Bucket': ['BucketName'],
  'AWS::Scheduler::Schedule': ['Name', 'Target'],
  'AWS::SQS::Queue': ['QueueName'],
  'AWS::SQS::QueuePolicy': ['PolicyDocument', 'Queues'],
  'AWS::StepFunctions::StateMachine': ['StateMachineName', 'RoleArn'],
};

/** The limits of the variants. The tests of the fake AWS know the ids, the tag and the patterns. */
const LIMITS: Readonly<
  Record<string, Pick<HooklineConfig, 'networkLimit' | 'autoScalingGroupNamePatterns'>>
> = {
  'limited-by-vpc.json': { networkLimit: { vpcIds: ['vpc-00000000000000001'] } },
  'limited-by-tag.json': { networkLimit: { tag: { key: 'hookline-networks', value: 'nodes' } } },
  'limited-by-names.json': { autoScalingGroupNamePatterns: ['smf*', 'amf'] },
};

/** What the traffic stack measures: with flow logs of its own, or with all that can be another owner's. The tests know the names. */
const TRAFFIC: Readonly<Record<string, Traffic>> = {
  'traffic.json': { clusterName: 'prod', vpcId: 'vpc-00000000000000001' },
  'traffic-of-others.json': {
    clusterName: 'prod',
    moreClusters: [
      {
        clusterName: 'edge',
        assumeRoleArn: 'arn:aws:iam::210987654321:role/pods-reader',
        accessEntry: false,
      },
    ],
    flowLogsLocation:
      's3://central-flow-logs/network/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-west-2/',
    flowLogsKeyArn: 'arn:aws:kms:us-west-2:210987654321:key/00000000-0000-4000-8000-000000000001',
    functionSubnetIds: ['subnet-00000000000000001'],
    functionSecurityGroupIds: ['sg-00000000000000001'],
  },
};

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

type Resources = Readonly<Record<string, Resource>>;

/**
 * Returns the files with the roles: path and content. The stack has no account and no Region, so that they stay references.
 *
 * @throws Error if a variant lacks a resource of `template.json`
 */
export async function roles(): Promise<[string, string][]> {
  delete process.env['CDK_DEFAULT_ACCOUNT'];
  delete process.env['CDK_DEFAULT_REGION'];
  const loaded = loadConfig(join(FIXTURES, 'hookline.config.json'));
  const all = synthesised(loaded);
  const files: [string, Resources][] = [['template.json', all]];
  for (const [name, limit] of Object.entries(LIMITS)) {
    const config = { ...loaded.config, ...limit };
    files.push([name, changed(all, synthesised({ ...loaded, config }))]);
  }
  for (const [name, traffic] of Object.entries(TRAFFIC)) {
    files.push([name, synthesised({ ...loaded, config: { ...loaded.config, traffic } }, 'traffic')]);
  }
  return Promise.all(
    files.map(async ([name, resources]): Promise<[string, string]> => {
      const text = JSON.stringify({ Resources: resources });
      return [join(FIXTURES, name), await format(text, { parser: 'json', printWidth: 130 })];
    }),
  );
}

function synthesised(loaded: LoadedConfig, of: 'launches' | 'traffic' = 'launches'): Resources {
  const outdir = mkdtempSync(join(tmpdir(), 'hookline-roles-'));
  try {
    const code = FunctionCode.inBucket('functions', 'v1/');
    const { app, stack, trafficStack } = hooklineApp(loaded, code, { outdir, context: featureFlags() });
    app.synth();
    const { templateFile } = of === 'traffic' && trafficStack !== undefined ? trafficStack : stack;
    const template = JSON.parse(readFileSync(join(outdir, templateFile), 'utf8')) as {
      readonly Resources: Resources;
    };
    const kept = Object.entries(template.Resources).flatMap(([id, resource]) => {
      const properties = PROPERTIES[resource.Type];
      return properties === undefined ? [] : [[id, reduced(resource, properties)] as const];
    });
    return Object.fromEntries(kept);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** The resources of a variant that are others than those of `all`. */
function changed(all: Resources, variant: Resources): Resources {
  const lacking = Object.keys(all).filter((id) => !(id in variant));
  if (lacking.length > 0) {
    throw new Error(`the variant lacks ${lacking.join(', ')}`);
  }
  const differs = ([id, resource]: [string, Resource]): boolean =>
    JSON.stringify(resource) !== JSON.stringify(all[id]);
  return Object.fromEntries(Object.entries(variant).filter(differs));
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
    .map(([name, value]) => [name, partOf(name, value)]);
  return { Type, Properties: Object.fromEntries(kept) as Record<string, unknown> };
}

/**
 * The part of a property that matters: a rule's target without its input, which has the whole profile in it; a schedule's target with it,
 * which has the cluster; of a table only where its files are.
 */
function partOf(name: string, value: unknown): unknown {
  switch (name) {
    case 'Target': {
      const { Arn, Input, RoleArn } = value as Record<string, unknown>;
      return { Arn, Input, RoleArn };
    }
    case 'Targets':
      return (value as Record<string, unknown>[]).map(({ Arn, RoleArn }) => ({ Arn, RoleArn }));
    case 'TableInput': {
      const { Name, StorageDescriptor } = value as Record<string, Record<string, unknown>>;
      return { Name, StorageDescriptor: { Location: StorageDescriptor?.['Location'] } };
    }
    default:
      return value;
  }
}
