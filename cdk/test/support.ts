/** What the tests share: valid profiles, a stack with an orchestrator, and helpers that read templates. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack, type StackProps } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  NodeLaunchOrchestrator,
  type NodeLaunchOrchestratorProps,
} from '../lib/launch/node-launch-orchestrator';
import type { Profile, Slot } from '../lib/launch/profile';
import type { NamingProfile } from '../lib/naming/naming-profile';
import { ConfigurationError } from '../lib/shared/configuration-error';
import { FunctionCode } from '../lib/shared/function-code';
import { FUNCTION_SETTINGS } from '../lib/shared/functions';
import { REPOSITORY } from '../lib/shared/repository';

/** The account and Region of the stacks. */
export const ENV = { account: '123456789012', region: 'us-west-2' };

/** Writes a folder as `cargo xtask package` does. The zip files are not functions: synthesis only hashes them. */
function packagedFunctions(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hookline-cdk-'));
  for (const architecture of ['arm64', 'x86_64']) {
    mkdirSync(join(folder, architecture));
    for (const name of Object.keys(FUNCTION_SETTINGS)) {
      writeFileSync(join(folder, architecture, `${name}.zip`), `${name} for ${architecture}`);
    }
  }
  process.on('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** The functions' code. */
export const code = FunctionCode.packaged(packagedFunctions());

/** A valid slot. */
export function slot(more: Partial<Slot> = {}): Slot {
  return { network: 'signaling', deviceIndex: 1, subnetIds: ['subnet-0123456789abcdef0'], ...more };
}

/** A valid naming profile. */
export function namingProfile(more: Partial<NamingProfile> = {}): NamingProfile {
  return {
    name: 'web',
    selector: { autoScalingGroupNames: ['web'] },
    nodeTags: { Name: 'web-{{ private_ip | dashed }}' },
    ...more,
  };
}

/** A valid profile. */
export function profile(more: Partial<Profile> = {}): Profile {
  return {
    name: 'upf',
    selector: { autoScalingGroupNames: ['upf'] },
    hook: { name: 'hookline-launch' },
    nodeTags: { Name: 'upf-{{ private_ip | dashed }}' },
    securityGroupIds: ['sg-0123456789abcdef0'],
    slots: [slot()],
    ...more,
  };
}

/** A number of subnet ids. */
export function subnetIds(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, n) => `subnet-${(first + n).toString(16).padStart(17, '0')}`);
}

/** Creates a stack with an orchestrator. */
export function orchestratorStack(
  props: Partial<NodeLaunchOrchestratorProps> = {},
  stackProps: StackProps = { env: ENV },
): { app: App; stack: Stack; orchestrator: NodeLaunchOrchestrator } {
  const app = new App();
  const stack = new Stack(app, 'hookline', stackProps);
  const orchestrator = new NodeLaunchOrchestrator(stack, 'Orchestrator', {
    profiles: [profile()],
    code,
    ...props,
  });
  return { app, stack, orchestrator };
}

/** The JSON files of a folder of `functions/fixtures`: name and content. */
export function fixtures(folder: string, kind: 'valid' | 'invalid'): [string, unknown][] {
  const path = join(REPOSITORY, 'functions', 'fixtures', folder, kind);
  return readdirSync(path)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name, JSON.parse(readFileSync(join(path, name), 'utf8'))]);
}

/** The content of an invalid fixture. */
export interface InvalidFixture {
  /** The invalid profile. */
  readonly profile: unknown;
  /** The field that an error must name. */
  readonly field: string;
}

/** Returns the error of a check that must fail. */
export function configurationError(check: () => void): ConfigurationError {
  try {
    check();
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return error;
    }
    throw error;
  }
  throw new Error('the check found no error');
}

/** A resource of a template. */
export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly DeletionPolicy?: string;
  readonly UpdatePolicy?: unknown;
  readonly DependsOn?: string[];
}

/** Returns the resources of a type, by their logical id. */
export function resources(template: Template, type: string): Map<string, Resource> {
  return new Map(Object.entries(template.findResources(type)) as [string, Resource][]);
}

/** Returns the EventBridge rules of a template. */
export function rules(template: Template): Resource[] {
  return [...resources(template, 'AWS::Events::Rule').values()];
}

/** A target of an EventBridge rule. */
export interface Target {
  readonly Input?: unknown;
  readonly InputTransformer?: { readonly InputTemplate: unknown; readonly InputPathsMap?: unknown };
  readonly DeadLetterConfig?: unknown;
  readonly RetryPolicy?: { readonly MaximumEventAgeInSeconds: number; readonly MaximumRetryAttempts: number };
}

/** Returns the targets of an EventBridge rule. */
export function targets(rule: Resource | undefined): Target[] {
  return (rule?.Properties['Targets'] ?? []) as Target[];
}

/** Returns the input that EventBridge would give to a target for the event `{ "id": "1" }`. */
export function deliveredInput(target: Target | undefined): unknown {
  return JSON.parse(
    text(target?.InputTransformer?.InputTemplate).replace('<aws.events.event.json>', '{"id":"1"}'),
  );
}

/** A statement of an IAM policy. */
export interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: Record<string, Record<string, string | string[]>>;
}

/** Actions that change nothing, or only write logs and traces. */
export const HARMLESS_ACTION = /:(Describe|Get|List)|^(logs|xray):/;

/** Returns the statements of all policies of the role whose logical id matches. */
export function statementsOfRole(template: Template, roleId: RegExp): Statement[] {
  const role = [...resources(template, 'AWS::IAM::Role').keys()].find((id) => roleId.test(id));
  expect(role).toBeDefined();
  const isAttached = (policy: Resource): boolean =>
    (policy.Properties['Roles'] as { Ref: string }[]).some((ref) => ref.Ref === role);
  return ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']
    .flatMap((type) => [...resources(template, type).values()])
    .filter(isAttached)
    .flatMap((policy) => (policy.Properties['PolicyDocument'] as { Statement: Statement[] }).Statement);
}

/** Returns the resources that statements allow an action on, as text. */
export function resourcesOfAction(statements: Statement[], action: string): string[] {
  return statements
    .filter((statement) => list(statement.Action).includes(action))
    .flatMap((statement) => list(statement.Resource).map(text));
}

/** Returns a value of CloudFormation that may be a list, as a list. */
export function list<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

/** Returns a value as text, with its intrinsic functions resolved: `{ Ref: 'AWS::Partition' }` becomes `aws`. */
export function text(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  const intrinsic = value as { Ref?: string; 'Fn::GetAtt'?: string[]; 'Fn::Join'?: [string, unknown[]] };
  if (intrinsic['Fn::Join'] !== undefined) {
    return intrinsic['Fn::Join'][1].map(text).join(intrinsic['Fn::Join'][0]);
  }
  const pseudo: Record<string, string> = { 'AWS::Partition': 'aws', 'AWS::URLSuffix': 'amazonaws.com' };
  return pseudo[intrinsic.Ref ?? ''] ?? `<${intrinsic.Ref ?? intrinsic['Fn::GetAtt']?.join('.') ?? '?'}>`;
}

/** All that must be there before a resource, directly or not. */
export function dependencies(template: Template, id: string): Set<string> {
  const { Resources: all } = template.toJSON() as { Resources: Record<string, Resource> };
  const found = new Set<string>();
  const visit = (one: string): void => {
    for (const next of all[one]?.DependsOn ?? []) {
      if (!found.has(next)) {
        found.add(next);
        visit(next);
      }
    }
  };
  visit(id);
  return found;
}
