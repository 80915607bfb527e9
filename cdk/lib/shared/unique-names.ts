/** Checks that the profiles of a construct, or its node groups, have different names. */
import { ConfigurationError, checkAll } from './configuration-error';

/**
 * Checks that no two profiles or node groups have the same name.
 *
 * @param profiles the profiles or node groups; a name that is no text is left out
 * @param field the name, in an error, of the one at an index
 * @param kind what they are, in an error
 * @throws ConfigurationError that names both
 */
export function checkUniqueNames(
  profiles: readonly { readonly name?: unknown }[],
  field: (index: number) => string,
  kind = 'profile',
): void {
  const indexes = new Map<string, number>();
  checkAll(
    ...profiles.map(({ name }, index) => () => {
      if (typeof name !== 'string') {
        return;
      }
      const other = indexes.get(name);
      indexes.set(name, index);
      if (other !== undefined) {
        throw new ConfigurationError(
          `${field(index)}.name`,
          `${JSON.stringify(name)} is also the name of ${field(other)}`,
          `Give each ${kind} a different name`,
        );
      }
    }),
  );
}
