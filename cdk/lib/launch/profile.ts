/**
 * A profile says what a node of one group must get. Its type is generated from the Rust types of the functions; here it
 * is checked, when a construct is made, by the same JSON Schema and the same rules as the functions check it by.
 */
import { readFileSync } from 'node:fs';
import { Token } from 'aws-cdk-lib';
import { ConfigurationError } from '../shared/configuration-error';
import { checkRules } from './profile-rules';
import type { Profile } from '../shared/profile.generated';
import { PROFILE_SCHEMA } from '../shared/repository';
import { checkSchema, compileSchema } from '../shared/schema-check';

export type { Hook, Profile, Selector, Slot, TagSelector } from '../shared/profile.generated';

/** The JSON Schema of a profile. */
export const profileSchema = {
  ...(JSON.parse(readFileSync(PROFILE_SCHEMA, 'utf8')) as object),
  $id: 'profile',
};

/** Auto Scaling's limit of a group's name. */
const LONGEST_GROUP_NAME = 255;

const validate = compileSchema(profileSchema);

/**
 * Checks a profile: its shape, its limits, its templates, and what its fields say together.
 *
 * Where the schema wants the id of a subnet or a security group, or a group's name, the id of a construct of the same app
 * may stand: it is a token, which CloudFormation resolves. Anywhere else a token is refused, as it could not be checked.
 *
 * @param profile what to check; anything, as it may come from a file
 * @param field what the profile's fields are named after
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkProfile(profile: unknown, field = 'profile'): asserts profile is Profile {
  const known = new Map<string, string>();
  const plain = withStandIns(profile, field, known);
  checkSchema(validate, field, plain);
  checkRules(plain as Profile, field);
}

/** The profile, with ids as long as any that its tokens can become. */
export function withLongestIds<P extends object>(profile: P): P {
  return withStandIns(profile, 'profile', new Map()) as P;
}

/** Ids that are tokens become ids of the right form, another one for each token, so that the rules can be checked. */
export function withStandIns(value: unknown, field: string, known: Map<string, string>): unknown {
  if (typeof value === 'string') {
    return Token.isUnresolved(value) ? standIn(value, field, known) : value;
  }
  if (Array.isArray(value)) {
    if (Token.isUnresolved(value)) {
      throw new ConfigurationError(
        field,
        'a list that is known at deployment only',
        'Give a list of the ids themselves: each of them may be a token, the list may not',
      );
    }
    return value.map((item, n) => withStandIns(item, `${field}[${n}]`, known));
  }
  if (Token.isUnresolved(value)) {
    throw new ConfigurationError(field, 'a value that is known at deployment only', 'Give the value itself');
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, withStandIns(item, `${field}.${key}`, known)]),
    );
  }
  return value;
}

function standIn(token: string, field: string, known: Map<string, string>): string {
  const kind = /\.(subnetIds|securityGroupIds|autoScalingGroupNames)\[\d+\]$/.exec(field)?.[1];
  if (kind === undefined) {
    throw new ConfigurationError(field, 'a value that is known at deployment only', 'Give the value itself');
  }
  const number = known.get(token) ?? (known.size + 1).toString(16).padStart(17, '0');
  known.set(token, number);
  const prefix = { subnetIds: 'subnet-', securityGroupIds: 'sg-' }[kind];
  return prefix === undefined ? number.padStart(LONGEST_GROUP_NAME, 'g') : `${prefix}${number}`;
}
