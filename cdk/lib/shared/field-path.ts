/** The paths of fields in errors, as a person wrote them: `profiles[0].slots[1].tags["team"]`. */

/** Objects whose keys are names that a person chose with any characters: their keys are always in quotes. */
const OF_NAMES = /(^|\.)([a-z]\w*)?(tags|Tags|labels)$/;

/**
 * Returns the path of a member of an object.
 *
 * @param field the path of the object; empty for the configuration itself
 * @param key the member's key
 */
export function memberOf(field: string, key: string): string {
  if (!/^[$A-Za-z]\w*$/.test(key) || OF_NAMES.test(field)) {
    return `${field}[${JSON.stringify(key)}]`;
  }
  return field === '' ? key : `${field}.${key}`;
}

/**
 * Whether a field is another one, or a part of it.
 *
 * @param field the path of the field
 * @param of the path of the other one
 */
export function isWithin(field: string, of: string): boolean {
  return field === of || field.startsWith(`${of}.`) || field.startsWith(`${of}[`);
}
