/**
 * The quotas of AWS on what a template creates, checked when the app is synthesised: what exceeds one fails only during the
 * deployment, and leaves a stack that is rolled back. The limits of one profile's rule are checked by its construct, which can name
 * the profile.
 */
import { readFileSync } from 'node:fs';
import type {
  IPolicyValidationContext,
  IPolicyValidationPlugin,
  PolicyValidationPluginReport,
} from 'aws-cdk-lib';
import { MAX_PATTERN_LENGTH } from './event-pattern';
import { MAX_INPUT_LENGTH } from './execution-input';

/** A quota that a template exceeds. */
export interface ExceededQuota {
  /** The logical id of the resource; the template itself if there is none. */
  readonly resource: string;
  /** What exceeds the quota, with the quota. */
  readonly problem: string;
  /** The field of the configuration to change. */
  readonly remedy: string;
}

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

/** A CloudFormation template, as far as the quotas are about it. */
export interface CheckedTemplate {
  readonly Resources?: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, unknown>>;
}

/** The longest that AWS's pseudo parameters and the attributes of resources become, in characters. */
const LONGEST: Readonly<Record<string, number>> = {
  'AWS::Partition': 'aws-us-gov'.length,
  'AWS::Region': 'ap-southeast-2'.length,
  'AWS::AccountId': 12,
  'AWS::URLSuffix': 'amazonaws.com.cn'.length,
};
/** An ARN of a resource of the stack. Names have at most 80 characters. */
const LONGEST_ARN = 'arn:aws-us-gov:states:ap-southeast-2:123456789012:stateMachine:'.length + 80;

const NETWORKS = 'Set networkLimit, or put profiles into a second stack';
const GROUPS = 'Select by a tag of the groups (profiles[].selector), or put profiles into a second stack';
const PROFILES = 'Put profiles into a second stack';
const CLUSTERS = 'Put hooks of fewer clusters into the stack (hooks, nodeGroups)';
const NAME = 'Use a shorter stackName';
const DESCRIPTION = 'Use a shorter description, or shorter names in it (profiles[].name)';

/** What makes the policies of a role long, by a part of its logical id. Those of the other roles name groups. */
const REMEDIES_OF_ROLES: readonly (readonly [string, string])[] = [
  ['CreateInterfaces', NETWORKS],
  ['CustomResources', CLUSTERS],
  ['RemoveStartupTaint', PROFILES],
];

function remedyOfRole(id: string): string {
  return REMEDIES_OF_ROLES.find(([part]) => id.includes(part))?.[1] ?? GROUPS;
}

/** Returns the length of a value of a template as JSON, once CloudFormation has resolved it. */
export function deployedLength(value: unknown): number {
  return JSON.stringify(value, (_, one: unknown) => (isIntrinsic(one) ? 'x'.repeat(lengthOf(one)) : one))
    .length;
}

function isIntrinsic(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const [key, ...more] = Object.keys(value);
  return more.length === 0 && key !== undefined && (key === 'Ref' || key.startsWith('Fn::'));
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') {
    // As JSON has it, without the quotes.
    return JSON.stringify(value).length - 2;
  }
  if (!isIntrinsic(value)) {
    return LONGEST_ARN;
  }
  const join = value['Fn::Join'];
  if (Array.isArray(join)) {
    const [separator, parts] = join as [string, unknown[]];
    return parts.reduce<number>((sum, part) => sum + lengthOf(part) + separator.length, 0);
  }
  return LONGEST[String(value['Ref'])] ?? LONGEST_ARN;
}

/**
 * Returns the quotas that a template exceeds.
 *
 * @param template the template
 * @param bytes the size of its file, with indentation and the metadata of the CDK: CloudFormation counts all of it
 *
 * Sources: CloudFormation User Guide, "Understand CloudFormation quotas"; IAM User Guide, "IAM and AWS STS quotas"; SQS Developer
 * Guide, "Amazon SQS policy quotas"; EventBridge User Guide, "Amazon EventBridge quotas"; Lambda Developer Guide, "Lambda
 * quotas".
 */
export function exceededQuotas(
  template: CheckedTemplate,
  bytes: number = Buffer.byteLength(JSON.stringify(template)),
): ExceededQuota[] {
  const { Resources = {}, Outputs = {} } = template;
  const exceeded: ExceededQuota[] = [];
  const check = (resource: string, what: string, found: number, quota: number, remedy: string): void => {
    if (found > quota) {
      exceeded.push({ resource, problem: `${found} ${what}; the quota is ${quota}`, remedy });
    }
  };
  const all = Object.entries(Resources);
  const ofType = (type: string): [string, Readonly<Record<string, unknown>>][] =>
    all.filter(([, { Type }]) => Type === type).map(([id, { Properties = {} }]) => [id, Properties]);
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

  check('template', 'resources', all.length, 500, PROFILES);
  check('template', 'outputs', Object.keys(Outputs).length, 200, PROFILES);
  check('template', 'bytes', bytes, 1_000_000, PROFILES);

  const rolesOf = (properties: Readonly<Record<string, unknown>>): string[] =>
    list(properties['Roles']).map((role) => String((role as { Ref?: string }).Ref));
  const inline = new Map<string, number>();
  const managed = new Map<string, number>();
  for (const [, properties] of ofType('AWS::IAM::Policy')) {
    for (const role of rolesOf(properties)) {
      inline.set(role, (inline.get(role) ?? 0) + deployedLength(properties['PolicyDocument']));
    }
  }
  for (const [id, properties] of ofType('AWS::IAM::ManagedPolicy')) {
    const [role = id] = rolesOf(properties);
    check(id, 'characters', deployedLength(properties['PolicyDocument']), 6144, remedyOfRole(role));
    for (const role of rolesOf(properties)) {
      managed.set(role, (managed.get(role) ?? 0) + 1);
    }
  }
  for (const [id, properties] of ofType('AWS::IAM::Role')) {
    const remedy = remedyOfRole(id);
    check(id, 'characters of inline policies', inline.get(id) ?? 0, 10_240, remedy);
    const attached = (managed.get(id) ?? 0) + list(properties['ManagedPolicyArns']).length;
    check(id, 'managed policies', attached, 10, remedy);
  }
  for (const [id, properties] of ofType('AWS::SQS::QueuePolicy')) {
    const document = properties['PolicyDocument'] as { readonly Statement?: unknown[] } | undefined;
    check(id, 'statements', document?.Statement?.length ?? 0, 20, PROFILES);
    check(id, 'bytes', deployedLength(document), 8192, PROFILES);
  }
  check('rules', 'rules on the default event bus', ofType('AWS::Events::Rule').length, 300, PROFILES);
  for (const [id, properties] of ofType('AWS::Events::Rule')) {
    if (properties['EventPattern'] !== undefined) {
      check(
        id,
        'characters of the event pattern',
        deployedLength(properties['EventPattern']),
        MAX_PATTERN_LENGTH,
        GROUPS,
      );
    }
    const targets = list(properties['Targets']) as {
      readonly Input?: unknown;
      readonly InputTransformer?: { readonly InputTemplate?: unknown };
    }[];
    check(id, 'targets', targets.length, 5, PROFILES);
    for (const { Input, InputTransformer } of targets) {
      const input = Input ?? InputTransformer?.InputTemplate ?? '';
      // The length of the text itself, not of the text as JSON.
      const length = typeof input === 'string' ? input.length : unescapedLength(input);
      check(
        id,
        'characters of a target’s input',
        length,
        MAX_INPUT_LENGTH,
        'Split the profile into profiles with fewer slots or subnets each',
      );
    }
  }
  const permissions = new Map<string, number>();
  for (const [, properties] of ofType('AWS::Lambda::Permission')) {
    const name = JSON.stringify(properties['FunctionName']);
    // A statement's Sid, principal, action and resource, and its condition.
    permissions.set(name, (permissions.get(name) ?? 0) + deployedLength(properties) + LONGEST_ARN + 100);
  }
  for (const [name, length] of permissions) {
    check(name, 'bytes of the policy of a function', length, 20_480, PROFILES);
  }
  for (const [type, property, quota] of [
    ['AWS::Lambda::Function', 'FunctionName', 64],
    ['AWS::StepFunctions::StateMachine', 'StateMachineName', 80],
    ['AWS::CloudWatch::Alarm', 'AlarmName', 255],
    ['AWS::CloudWatch::Dashboard', 'DashboardName', 255],
    ['AWS::Logs::LogGroup', 'LogGroupName', 512],
    ['AWS::Logs::QueryDefinition', 'Name', 255],
  ] as const) {
    for (const [id, properties] of ofType(type)) {
      const name = properties[property];
      check(id, `characters of ${property}`, typeof name === 'string' ? name.length : 0, quota, NAME);
    }
  }
  for (const [id, properties] of ofType('AWS::CloudWatch::Alarm')) {
    check(id, 'metrics of an alarm', list(properties['Metrics']).length - 1, 10, PROFILES);
    const description = properties['AlarmDescription'];
    check(
      id,
      'characters of AlarmDescription',
      typeof description === 'string' ? description.length : 0,
      1024,
      DESCRIPTION,
    );
  }
  return exceeded;
}

/** The length of a text with intrinsic functions, once CloudFormation has resolved it. */
function unescapedLength(value: unknown): number {
  const join = isIntrinsic(value) ? value['Fn::Join'] : undefined;
  if (!Array.isArray(join)) {
    return lengthOf(value);
  }
  const [, parts] = join as [string, unknown[]];
  return parts.reduce<number>(
    (sum, part) => sum + (typeof part === 'string' ? part.length : lengthOf(part)),
    0,
  );
}

/** Fails the synthesis if a template of the app exceeds a quota. */
export class TemplateQuotas implements IPolicyValidationPlugin {
  readonly name = 'Hookline quotas';

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const violations = context.templatePaths.flatMap((templatePath) => {
      const file = readFileSync(templatePath);
      const template = JSON.parse(file.toString('utf8')) as CheckedTemplate;
      return exceededQuotas(template, file.length).map(({ resource, problem, remedy }) => ({
        ruleName: 'quota',
        description: `${resource}: ${problem}`,
        fix: remedy,
        violatingResources: [{ resourceLogicalId: resource, templatePath, locations: [] }],
      }));
    });
    return { success: violations.length === 0, violations };
  }
}
