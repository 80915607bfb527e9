/** The rules of a launch hook: whether its profile selects the group, and whether Hookline can complete it there. */
import { Duration, Token } from 'aws-cdk-lib';
import { ConfigurationError, checkAll } from '../shared/configuration-error';
import { matches } from '../shared/name-pattern';
import { selectorTags } from '../shared/profile-resources';
import type { Profile } from '../shared/profile.generated';
import { checkHookAnsweredOnce } from './answered-twice';
import { checkTagsOfManagedGroup } from './group-tags';
import { DEFAULT_HEARTBEAT, checkHeartbeat } from './hook-timeouts';
import { type KnownGroup, whyNotSelected } from './selection';

/** The launch hook that EKS puts on the group of each managed node group. EKS completes it. */
export const EKS_LAUNCH_HOOK = 'Launch-LC-Hook';

/** A hook that is to be put on a group, or only observed. */
export interface CheckedHook {
  /** The profile, which has passed its own check. */
  readonly profile: Profile;
  /** All profiles of the deployment. */
  readonly profiles: readonly Profile[];
  /** The group. */
  readonly group: KnownGroup;
  /** The patterns of the names of groups whose hooks may be completed. */
  readonly patterns: readonly string[] | undefined;
  /** Whether the hook exists already, and someone else completes it. */
  readonly observeOnly: boolean;
  /** HeartbeatTimeout. */
  readonly heartbeat: Duration;
}

/** The paths of fields in errors about a hook. */
export interface HookFields {
  /** The group that the hook is put on. */
  readonly group: string;
  /** The profile. */
  readonly profile: string;
  /** HeartbeatTimeout. */
  readonly heartbeat: string;
}

/**
 * Checks a launch hook.
 *
 * @param hook the hook
 * @param fields the paths of its fields
 * @throws ConfigurationError that names each field and its remedy
 */
export function checkHook(hook: CheckedHook, fields: HookFields): void {
  const { profile, profiles, group, observeOnly, heartbeat } = hook;
  checkAll(
    () => {
      const why = whyNotSelected(profile, group, `${fields.profile}.selector`);
      if (why !== undefined) {
        throw new ConfigurationError(
          fields.group,
          `the profile ${profile.name} ${why.problem}, so no node of the group would be prepared`,
          why.remedy,
        );
      }
    },
    () => {
      checkHookAnsweredOnce(profile, profiles, group, fields.group);
    },
    ...(observeOnly
      ? [
          () => {
            checkObserved(hook, fields);
          },
        ]
      : [
          () => {
            checkCompleted(profile, fields.profile);
          },
          () => {
            checkOwnName(profile, group, fields.profile);
          },
          () => {
            checkHeartbeat(heartbeat, fields.heartbeat);
          },
          () => {
            checkPermitted(hook, fields);
          },
        ]),
  );
}

/**
 * Checks that Hookline completes the hook of a profile.
 *
 * @param profile the profile
 * @param field its path in an error
 * @throws ConfigurationError if nothing would complete the hook
 */
export function checkCompleted({ hook }: Profile, field: string): void {
  if (!(hook.complete ?? true)) {
    throw new ConfigurationError(
      `${field}.hook.complete`,
      'with false, nothing completes this hook, and Auto Scaling abandons each node',
      'Remove hook.complete from the profile, or set observeOnly',
    );
  }
}

function checkObserved({ profile: { hook }, group }: CheckedHook, fields: HookFields): void {
  checkAll(
    () => {
      if (hook.complete ?? true) {
        throw new ConfigurationError(
          `${fields.profile}.hook.complete`,
          'with true, Hookline would complete a hook that it only observes',
          'Set hook.complete to false',
        );
      }
    },
    () => {
      if ('managedNodeGroup' in group && hook.name !== EKS_LAUNCH_HOOK) {
        throw new ConfigurationError(
          `${fields.profile}.hook.name`,
          `${JSON.stringify(hook.name)} is not the hook that EKS puts on a managed node group`,
          `Use ${EKS_LAUNCH_HOOK}`,
        );
      }
    },
  );
}

/**
 * Checks that the hook of a profile would not overwrite EKS's own.
 *
 * @param profile the profile
 * @param group the group that the hook is put on
 * @param field the profile's path in an error
 * @throws ConfigurationError if EKS has a hook of this name on the group
 */
export function checkOwnName({ hook }: Profile, group: KnownGroup, field: string): void {
  if ('managedNodeGroup' in group && hook.name === EKS_LAUNCH_HOOK) {
    throw new ConfigurationError(
      `${field}.hook.name`,
      `${EKS_LAUNCH_HOOK} is the name of EKS's hook, which would be overwritten`,
      'Use another name, for example hookline-launch, or set observeOnly',
    );
  }
}

/** Checks that the roles may complete the hook, as far as the name of the group is known. */
function checkPermitted({ profile, group, patterns }: CheckedHook, fields: HookFields): void {
  if (selectorTags(profile.selector).length === 0) {
    return;
  }
  if (patterns === undefined) {
    if ('managedNodeGroup' in group) {
      const { nodegroupName } = group.managedNodeGroup;
      checkTagsOfManagedGroup(profile, nodegroupName, patterns, `${fields.profile}.selector`);
    }
    return;
  }
  const name =
    'managedNodeGroup' in group
      ? `eks-${group.managedNodeGroup.nodegroupName}-…`
      : group.autoScalingGroupName;
  if (Token.isUnresolved(name) || patterns.some((pattern) => mayMatch(pattern, group))) {
    return;
  }
  throw new ConfigurationError(
    fields.group,
    `autoScalingGroupNamePatterns do not match ${name}, so Hookline could not complete the hook`,
    `Add ${name.replace(/…$/, '*')} to autoScalingGroupNamePatterns`,
  );
}

/** Whether a pattern may match the name of a group. EKS names the group of a managed node group `eks-NODEGROUP-UUID`, before 2021 `eks-UUID`. */
function mayMatch(pattern: string, group: KnownGroup): boolean {
  if (!('managedNodeGroup' in group)) {
    return matches(pattern, group.autoScalingGroupName);
  }
  if (Token.isUnresolved(pattern)) {
    return true;
  }
  const start = `eks-${group.managedNodeGroup.nodegroupName}-`;
  const [literal = ''] = pattern.split(/[*?]/);
  return literal.startsWith(start) || start.startsWith(literal) || /^eks-[0-9a-f]{8}-/.test(literal);
}

/** The timeout of a hook whose configuration has it in seconds. */
export function heartbeatOf(seconds: number | undefined): Duration {
  return seconds === undefined ? DEFAULT_HEARTBEAT : Duration.seconds(seconds);
}
