/**
 * The rules of the tags of a profile of either kind, which a JSON Schema cannot express. The functions check the same rules, in the
 * same words; the fixtures of `functions/fixtures/profiles` and `naming-profiles` test both implementations.
 */
import { ConfigurationError, checkAll } from './configuration-error';
import { memberOf } from './field-path';
import type { NamingProfile } from './naming-profile.generated';
import type { Profile } from './profile.generated';
import { templateProblems } from './templates';

/** The fields of a profile of either kind that define tags. */
export const TAG_FIELDS = ['nodeTags', 'volumeTags', 'interfaceTags'] as const;
/** EC2's limit of the tags of a resource; tags with the prefix `aws:` do not count (EC2 User Guide, "Tag restrictions"). */
const MAX_TAGS = 50;

/**
 * Checks the tags of a profile, and those of its selector.
 *
 * @param profile the profile, without what its JSON Schema refuses
 * @param field the profile's name in an error
 * @throws ConfigurationError that names each field and its remedy
 */
export function checkTags(profile: Partial<Profile> | Partial<NamingProfile>, field: string): void {
  checkAll(
    () => {
      checkSelectorTags(profile, field);
    },
    () => {
      checkName(profile, field);
    },
    ...TAG_FIELDS.flatMap((name) =>
      Object.entries(profile[name] ?? {})
        .filter((tag): tag is [string, string] => typeof tag[1] === 'string')
        .map(([key, template]) => () => {
          checkTag(memberOf(`${field}.${name}`, key), key, template, name !== 'nodeTags');
        }),
    ),
  );
}

function checkSelectorTags({ selector }: Partial<Profile> | Partial<NamingProfile>, field: string): void {
  const keys = (selector?.tags ?? []).map(({ key }) => key);
  const twice = keys.findIndex((key, n) => keys.indexOf(key) < n);
  if (twice >= 0) {
    throw new ConfigurationError(
      `${field}.selector.tags[${twice}].key`,
      `${JSON.stringify(keys[twice])} is named twice`,
      'Name each key once: a node must carry all of the tags',
    );
  }
}

function checkName(profile: Partial<Profile> | Partial<NamingProfile>, field: string): void {
  const hasPreset = typeof profile.namePreset === 'string';
  if (hasPreset && profile.nodeTags?.['Name'] !== undefined) {
    throw new ConfigurationError(
      `${field}.nodeTags["Name"]`,
      'namePreset makes the name already',
      'Remove one of the two',
    );
  }
  const count = Object.keys(profile.nodeTags ?? {}).length + (hasPreset ? 1 : 0);
  if (count > MAX_TAGS) {
    throw new ConfigurationError(
      `${field}.nodeTags`,
      `${count} tags, at most ${MAX_TAGS}`,
      'Remove some: EC2 takes 50 on a resource',
    );
  }
}

function checkTag(field: string, key: string, template: string, hasName: boolean): void {
  checkAll(
    () => {
      if (/\p{Cc}/u.test(key)) {
        throw new ConfigurationError(field, 'control characters in the key', 'Use printable characters');
      }
    },
    ...templateProblems(template, hasName).map(({ problem, remedy }) => () => {
      throw new ConfigurationError(field, problem, remedy);
    }),
  );
}
