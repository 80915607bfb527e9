/**
 * A naming profile defines the names and tags of the nodes of groups without a hook. Its type is generated from the Rust types
 * of the functions. A construct checks it by the same JSON Schema and the same rules as the functions.
 */
import { readFileSync } from 'node:fs';
import { ConfigurationError } from '../shared/configuration-error';
import type { NamingProfile } from '../shared/naming-profile.generated';
import { NAMING_PROFILE_SCHEMA } from '../shared/repository';
import { checkSchema, compileSchema } from '../shared/schema-check';
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
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkNamingProfile(profile: unknown, field = 'profile'): asserts profile is NamingProfile {
  const resolved = withPlaceholderIds(profile, field);
  checkSchema(validate, field, resolved);
  checkNamingRules(resolved as NamingProfile, field);
}

/** Checks the rules that a JSON Schema cannot express. */
function checkNamingRules(profile: NamingProfile, field: string): void {
  const hasNoTags = TAG_FIELDS.every((name) => Object.keys(profile[name] ?? {}).length === 0);
  if (typeof profile.namePreset !== 'string' && hasNoTags) {
    throw new ConfigurationError(
      `${field}.nodeTags`,
      'the profile defines no name and no tags',
      'Set namePreset, nodeTags, volumeTags or interfaceTags',
    );
  }
  checkTags(profile, field);
}
