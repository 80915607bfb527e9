/** What the tests share: functions without code, a profile that is right, an app with an orchestrator. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack, type StackProps } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { FunctionCode } from '../lib/shared/function-code';
import { FUNCTION_SETTINGS } from '../lib/shared/functions';
import type { NamingProfile } from '../lib/naming/naming-profile';
import {
  NodeLaunchOrchestrator,
  type NodeLaunchOrchestratorProps,
} from '../lib/launch/node-launch-orchestrator';
import type { Profile, Slot } from '../lib/launch/profile';

/** A folder as `cargo xtask package` makes it, of files that are no functions: synthesising reads their bytes only. */
export function packagedFunctions(): string {
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

/** The functions' code of all tests. */
export const code = FunctionCode.packaged(packagedFunctions());

/** A slot that is right. */
export function slot(more: Partial<Slot> = {}): Slot {
  return { network: 'signaling', deviceIndex: 1, subnetIds: ['subnet-0123456789abcdef0'], ...more };
}

/** A naming profile that is right. */
export function namingProfile(more: Partial<NamingProfile> = {}): NamingProfile {
  return {
    name: 'web',
    selector: { autoScalingGroupNames: ['web'] },
    nodeTags: { Name: 'web-{{ private_ip | dashed }}' },
    ...more,
  };
}

/** A profile that is right. */
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

/** A stack of a known account and region with an orchestrator. */
export function orchestrated(
  props: Partial<NodeLaunchOrchestratorProps> = {},
  stackProps: StackProps = { env: { account: '123456789012', region: 'us-west-2' } },
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

/** A resource of a template. */
export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: string[];
}

/** The resources of a type, by their logical id. */
export function resources(template: Template, type: string): Map<string, Resource> {
  return new Map(Object.entries(template.findResources(type)) as [string, Resource][]);
}

/** A value with the intrinsics in it written out as text: `{ Ref: 'AWS::Partition' }` becomes `aws`. */
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
