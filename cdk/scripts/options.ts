/** The options of the scripts. A mistake in them is told in a line, as one in the configuration is: a stack trace would not help. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConfigurationError } from '../lib/shared/configuration-error';

/**
 * Returns the values of the options that this program was given.
 *
 * @param options the options that there are, as `parseArgs` takes them
 * @throws ConfigurationError if an option is unknown, or has no value or one that it does not take
 */
export function given<const T extends NonNullable<ParseArgsConfig['options']>>(
  options: T,
): ReturnType<typeof parseArgs<{ options: T }>>['values'] {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    // Node.js documentation, "Errors": ERR_PARSE_ARGS_UNKNOWN_OPTION and others.
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
      const names = Object.keys(options).map((name) => `--${name}`);
      throw new ConfigurationError(
        'options',
        error.message.replace(/\.?(\n.*)?$/s, ''),
        `There are ${names.join(', ')}`,
      );
    }
    throw error;
  }
}
