/** Checks that the profiles of a construct, or its node groups, have different names. */
import { ConfigurationError } from './configuration-error';

/**
 * Checks that no two profiles or node groups have the same name.
 *
 * @param profiles the profiles or node groups
 * @param field the name, in an error, of the one at an index
 * @param kind what they are, in an error
 * @throws ConfigurationError that names both
 */
export function checkUniqueNames(
  profiles: readonly { readonly name: string }[],
  field: (index: number) => string,
  kind = 'profile',
): void {
  const indexes = new Map<string, number>();
  for (const [index, { name }] of profiles.entries()) {
    const other = indexes.get(name);
    if (other !== undefined) {
      throw new ConfigurationError(
        `${field(index)}.name`,
        `${JSON.stringify(name)} is also the name of ${field(other)}`,
        `Give each ${kind} a different name`,
      );
    }
    indexes.set(name, index);
  }
}
