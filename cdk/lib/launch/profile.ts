/**
 * A profile defines the interfaces and tags of the nodes of a group. Its type is generated from the Rust types of the
 * functions. A construct checks it by the same JSON Schema and the same rules as the functions.
 */
import { readFileSync } from 'node:fs';
import { mistakesOf, throwAll } from '../shared/configuration-error';
import type { Profile } from '../shared/profile.generated';
import { PROFILE_SCHEMA } from '../shared/repository';
import { compileSchema, schemaMistakes } from '../shared/schema-check';
import { soundParts } from '../shared/sound-parts';
import { withPlaceholderIds } from '../shared/tokens';
import { checkRules } from './profile-rules';

export type { Hook, Profile, Selector, Slot, TagSelector } from '../shared/profile.generated';

const validate = compileSchema(JSON.parse(readFileSync(PROFILE_SCHEMA, 'utf8')) as object);

/**
 * Checks a profile: its JSON Schema, its tag templates, and the rules between its fields.
 *
 * The ids of subnets and security groups and the names of groups may be tokens, as the ids of constructs of the same app are.
 * A token in any other field is an error, as its value could not be checked.
 *
 * @param profile the value to check
 * @param field the profile's name in an error
 * @throws ConfigurationError that names each field and its remedy
 */
export function checkProfile(profile: unknown, field = 'profile'): asserts profile is Profile {
  const resolved = withPlaceholderIds(profile, field);
  const mistakes = schemaMistakes(validate, field, resolved);
  throwAll([
    ...mistakes.map(({ error }) => error),
    ...mistakesOf(() => {
      checkRules(soundParts(resolved, mistakes), field);
    }),
  ]);
}
