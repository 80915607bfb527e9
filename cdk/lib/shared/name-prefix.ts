/** What the names of a construct's functions, state machines and the rest begin with. */
import { Token } from 'aws-cdk-lib';
import { ConfigurationError } from './configuration-error';

/** Lambda's limit, the least of those that the names have: a state machine's may have 80 characters, a workgroup's 128. */
const LONGEST_NAME = 64;

/**
 * The prefix, if it can begin these names.
 *
 * @param functions what the functions' names end with
 * @throws ConfigurationError when it has other characters than all of the names may have, or is too long for one
 */
export function checkedPrefix(prefix: string, functions: readonly string[]): string {
  const longest = LONGEST_NAME - 1 - Math.max(...functions.map((name) => name.length));
  if (Token.isUnresolved(prefix) || !/^[A-Za-z0-9-]+$/.test(prefix) || prefix.length > longest) {
    throw new ConfigurationError(
      'namePrefix',
      `${JSON.stringify(prefix)} cannot begin the names of functions`,
      `Give 1 to ${longest} letters, digits and -`,
    );
  }
  return prefix;
}
