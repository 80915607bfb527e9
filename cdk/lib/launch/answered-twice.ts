/**
 * Two profiles that answer the hook of one launch. Each would start an execution, and both executions would create interfaces for the
 * same node. `hookline check` finds the same in an account (`cli/src/judge/check/answers.rs`).
 */
import { ConfigurationError, checkAll } from '../shared/configuration-error';
import { selectorTags } from '../shared/profile-resources';
import type { Profile } from '../shared/profile.generated';
import { type KnownGroup, surelySelects } from './selection';

const REMEDY = 'Let one profile select the group, or give each profile a hook of its own';

/**
 * Checks that no two profiles with one hook select the same nodes for certain: by the name of one group, or by tags of which one
 * profile requires all that the other does.
 *
 * @param profiles the profiles; undefined for one that is wrong
 * @param field the name, in an error, of the one at an index
 * @throws ConfigurationError that names both profiles
 */
export function checkAnsweredOnce(
  profiles: readonly (Profile | undefined)[],
  field: (index: number) => string,
): void {
  checkAll(
    ...profiles.map((profile, n) => () => {
      for (const other of profiles.slice(0, n)) {
        if (profile !== undefined && other !== undefined && profile.hook.name === other.hook.name) {
          checkPair(profile, other, field(n));
        }
      }
    }),
  );
}

function checkPair(profile: Profile, other: Profile, field: string): void {
  const names = profile.selector.autoScalingGroupNames ?? [];
  const shared = names.findIndex((name) => surelySelects(other, { autoScalingGroupName: name }));
  const answer = `the profiles ${other.name} and ${profile.name} answer the hook ${profile.hook.name}`;
  if (shared >= 0) {
    throw new ConfigurationError(
      `${field}.selector.autoScalingGroupNames[${shared}]`,
      `${answer} of the same group, ${names[shared] ?? ''}`,
      REMEDY,
    );
  }
  const reverse = (other.selector.autoScalingGroupNames ?? []).find((name) =>
    surelySelects(profile, { autoScalingGroupName: name }),
  );
  if (reverse !== undefined) {
    throw new ConfigurationError(`${field}.selector`, `${answer} of the same group, ${reverse}`, REMEDY);
  }
  if (requiresAllOf(profile, other) || requiresAllOf(other, profile)) {
    throw new ConfigurationError(`${field}.selector`, `${answer} of the same nodes`, REMEDY);
  }
}

/** Whether nodes with the tags of one profile have all tags of another. */
function requiresAllOf(one: Profile, other: Profile): boolean {
  const has = selectorTags(one.selector);
  const needs = selectorTags(other.selector);
  return (
    needs.length > 0 &&
    needs.every(({ key, value }) => has.some((tag) => tag.key === key && (value ?? tag.value) === tag.value))
  );
}

/**
 * Checks that no other profile answers the hook that is put on a group.
 *
 * @param profile the profile of the hook
 * @param profiles all profiles
 * @param group the group
 * @param field the hook's name in an error
 * @throws ConfigurationError that names both profiles
 */
export function checkHookAnsweredOnce(
  profile: Profile,
  profiles: readonly Profile[],
  group: KnownGroup,
  field: string,
): void {
  const other = profiles.find(
    (one) => one.name !== profile.name && one.hook.name === profile.hook.name && surelySelects(one, group),
  );
  if (other !== undefined) {
    throw new ConfigurationError(
      field,
      `the profiles ${profile.name} and ${other.name} answer the hook ${profile.hook.name} of the same group`,
      REMEDY,
    );
  }
}
