/** The prefix of the names of a construct's functions, state machines and other resources. */
import { Token } from 'aws-cdk-lib';
import { ConfigurationError } from './configuration-error';

/**
 * Lambda's limit of a function's name, in characters. It is the lowest limit of all names with the prefix: a state machine's
 * is 80, a workgroup's 128.
 */
const MAX_FUNCTION_NAME_LENGTH = 64;

/**
 * Checks a name prefix and returns it.
 *
 * @param prefix the prefix
 * @param functions the names of the functions, without the prefix
 * @throws ConfigurationError if the prefix is a token, has characters that a name may not have, or makes a name too long
 */
export function checkedPrefix(prefix: string, functions: readonly string[]): string {
  const maxLength = MAX_FUNCTION_NAME_LENGTH - 1 - Math.max(...functions.map((name) => name.length));
  if (Token.isUnresolved(prefix) || !/^[A-Za-z0-9-]+$/.test(prefix) || prefix.length > maxLength) {
    throw new ConfigurationError(
      'namePrefix',
      `${JSON.stringify(prefix)} is not a valid prefix of function names`,
      `Use 1 to ${maxLength} letters, digits and hyphens`,
    );
  }
  return prefix;
}
