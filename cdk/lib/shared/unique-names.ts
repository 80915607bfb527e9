/** Checks that the profiles of a construct have different names. */
import { ConfigurationError } from './configuration-error';

/**
 * Checks that no two profiles have the same name.
 *
 * @param profiles the profiles
 * @param field the name, in an error, of the profile at an index
 * @throws ConfigurationError that names both profiles
 */
export function checkUniqueNames(
  profiles: readonly { readonly name: string }[],
  field: (index: number) => string,
): void {
  const indexes = new Map<string, number>();
  for (const [index, { name }] of profiles.entries()) {
    const other = indexes.get(name);
    if (other !== undefined) {
      throw new ConfigurationError(
        `${field(index)}.name`,
        `${JSON.stringify(name)} is also the name of ${field(other)}`,
        'Give each profile a different name',
      );
    }
    indexes.set(name, index);
  }
}
