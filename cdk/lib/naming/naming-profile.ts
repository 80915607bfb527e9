/**
 * A naming profile says what the nodes of groups without a hook are called and tagged. Its type is generated from the Rust
 * types of the functions; here it is checked, when a construct is made, by the same JSON Schema and the same rules.
 */
import { readFileSync } from 'node:fs';
import type { NamingProfile } from '../shared/naming-profile.generated';
import { withStandIns } from '../launch/profile';
import { checkNamingRules } from '../launch/profile-rules';
import { NAMING_PROFILE_SCHEMA } from '../shared/repository';
import { checkSchema, compileSchema } from '../shared/schema-check';

export type { NamingProfile } from '../shared/naming-profile.generated';

const validate = compileSchema(JSON.parse(readFileSync(NAMING_PROFILE_SCHEMA, 'utf8')) as object);

/**
 * Checks a naming profile: its shape, its limits, its templates, and what its fields say together. A group's name may be a
 * token, that of a construct of the same app; anywhere else a token is refused, as it could not be checked.
 *
 * @param profile what to check; anything, as it may come from a file
 * @param field what the profile's fields are named after
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkNamingProfile(profile: unknown, field = 'profile'): asserts profile is NamingProfile {
  const plain = withStandIns(profile, field, new Map());
  checkSchema(validate, field, plain);
  checkNamingRules(plain as NamingProfile, field);
}
