/** Patterns of names, as IAM has them. */

/**
 * Whether a pattern with `*` and `?` matches a name, as IAM matches them.
 *
 * @param pattern the pattern
 * @param name the name
 */
export function matches(pattern: string, name: string): boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(name);
}
