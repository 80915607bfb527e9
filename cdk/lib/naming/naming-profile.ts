/**
 * A naming profile defines the names and tags of the nodes of groups without a hook. Its type is generated from the Rust types
 * of the functions. A construct checks it by the same JSON Schema and the same rules as the functions.
 */
import { readFileSync } from 'node:fs';
import { ConfigurationError, checkAll, throwAll } from '../shared/configuration-error';
import type { NamingProfile } from '../shared/naming-profile.generated';
import { NAMING_PROFILE_SCHEMA } from '../shared/repository';
import { compileSchema, schemaMistakes } from '../shared/schema-check';
import { soundParts } from '../shared/sound-parts';
import { TAG_FIELDS, checkTags } from '../shared/tag-rules';
import { withPlaceholderIds } from '../shared/tokens';

export type { NamingProfile } from '../shared/naming-profile.generated';

const validate = compileSchema(JSON.parse(readFileSync(NAMING_PROFILE_SCHEMA, 'utf8')) as object);

/**
 * Checks a naming profile: its JSON Schema, its tag templates, and the rules between its fields.
 *
 * The names of groups may be tokens, as the names of constructs of the same app are. A token in any other field is an error,
 * as its value could not be checked.
 *
 * @param profile the value to check
 * @param field the profile's name in an error
 * @throws ConfigurationError that names each field and its remedy
 */
export function checkNamingProfile(profile: unknown, field = 'profile'): asserts profile is NamingProfile {
  const resolved = withPlaceholderIds(profile, field);
  const mistakes = schemaMistakes(validate, field, resolved);
  const sound: Partial<NamingProfile> = soundParts(resolved, mistakes);
  checkAll(
    () => {
      throwAll(mistakes.map(({ error }) => error));
    },
    () => {
      // A field that is wrong is there, so something was to be named.
      if (TAG_FIELDS.every((name) => isEmpty(sound, name)) && !('namePreset' in sound)) {
        throw new ConfigurationError(
          `${field}.nodeTags`,
          'nothing to name or tag',
          'Set namePreset, nodeTags, volumeTags or interfaceTags',
        );
      }
    },
    () => {
      checkTags(sound, field);
    },
  );
}

function isEmpty(profile: Partial<NamingProfile>, name: (typeof TAG_FIELDS)[number]): boolean {
  return !(name in profile) || (profile[name] !== undefined && Object.keys(profile[name]).length === 0);
}
