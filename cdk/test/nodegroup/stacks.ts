/** Synthesises node groups for the tests, and reads their templates. */
import type { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { NodeLaunchOrchestratorProps } from '../../lib/launch/node-launch-orchestrator';
import type { Profile } from '../../lib/launch/profile';
import { MultusNodeGroup, type MultusNodeGroupProps } from '../../lib/nodegroup/multus-node-group';
import type { NodeGroup } from '../../lib/shared/config';
import { type Resource, orchestratorStack, resources, text } from '../support';
import { managedProfile, selfManagedGroup } from './support';

/** A node group and its template. */
export interface Made {
  readonly app: App;
  readonly stack: Stack;
  readonly group: MultusNodeGroup;
  readonly template: Template;
}

const made = new Map<string, Made>();

/** Synthesises a node group, once for each. */
export function make(
  group: NodeGroup,
  profile: Profile = managedProfile(),
  more: Partial<MultusNodeGroupProps> = {},
  ofOrchestrator: Partial<NodeLaunchOrchestratorProps> = {},
): Made {
  const key = JSON.stringify([group, profile, more, ofOrchestrator]);
  const found = made.get(key) ?? makeNew(group, profile, more, ofOrchestrator);
  made.set(key, found);
  return found;
}

function makeNew(
  group: NodeGroup,
  profile: Profile,
  more: Partial<MultusNodeGroupProps>,
  ofOrchestrator: Partial<NodeLaunchOrchestratorProps>,
): Made {
  const { app, stack, orchestrator } = orchestratorStack({ profiles: [profile], ...ofOrchestrator });
  const construct = new MultusNodeGroup(stack, 'Group', { orchestrator, group, ...more });
  return { app, stack, group: construct, template: Template.fromStack(stack) };
}

/** A group of self-managed nodes has the name that its profile selects. */
export function makeSelfManaged(
  more: Partial<NodeGroup> = {},
  selector: Profile['selector'] = { autoScalingGroupNames: ['upf'] },
): Made {
  return make(selfManagedGroup(more), managedProfile({ selector }));
}

/** Returns the only resource of a type. */
export function only(template: Template, type: string): Resource {
  const found = [...resources(template, type).values()];
  expect(found).toHaveLength(1);
  return found[0] as Resource;
}

/** Returns the logical id of the first resource of a type. */
export function idOf(template: Template, type: string): string {
  return [...resources(template, type).keys()][0] ?? '';
}

/** The settings of a launch template. */
export interface Data {
  readonly UserData: { 'Fn::Base64': unknown };
  readonly [setting: string]: unknown;
}

/** Returns the settings of the only launch template. */
export function launchTemplateData(template: Template): Data {
  return only(template, 'AWS::EC2::LaunchTemplate').Properties['LaunchTemplateData'] as Data;
}

/** A call of a custom resource. */
export function call(
  resource: Resource,
  on: string,
): { action: string; parameters: Record<string, unknown> } {
  return JSON.parse(text(resource.Properties[on])) as { action: string; parameters: Record<string, unknown> };
}
