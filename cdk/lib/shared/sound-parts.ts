/** The parts of a profile that have the right form: the rules between fields are checked on them, also if other parts are wrong. */
import type { SchemaMistake } from './schema-check';

type Json = Record<string, unknown>;

/**
 * Returns a copy of a profile without what its JSON Schema refuses: of the slots that are wrong nothing is left, of tags the wrong ones are
 * left out, of other objects all. Lists keep their places.
 *
 * @param value the profile
 * @param mistakes what its JSON Schema refuses. Fields that it does not know may stay
 */
export function soundParts(value: unknown, mistakes: readonly SchemaMistake[]): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return {};
  }
  // An absent field and one that is wrong differ: the latter is there, and undefined.
  const sound: Json = Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));
  for (const { path, isUnknownField } of mistakes) {
    const [field, inner] = path;
    if (field === undefined || isUnknownField) {
      continue;
    }
    const part = sound[field];
    if (inner === undefined || typeof part !== 'object' || part === null || field === 'selector') {
      sound[field] = undefined;
    } else if (Array.isArray(part)) {
      sound[field] = part.map((item: unknown, n) => (String(n) === inner ? undefined : item));
    } else {
      sound[field] = { ...part, [inner]: undefined };
    }
  }
  return sound;
}
