/** The error of a wrong configuration, a wrong profile or wrong props of a construct. */

/** Reports a wrong value: its field, the problem and the remedy. `cdk synth` fails with it. */
export class ConfigurationError extends Error {
  /**
   * @param field the path of the field, as `profile.slots[0].deviceIndex`
   * @param problem what is wrong
   * @param remedy how to correct it
   */
  constructor(
    readonly field: string,
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(`${field}: ${problem}. ${remedy}`);
    this.name = 'ConfigurationError';
  }
}

/**
 * Runs a program. Of a {@link ConfigurationError} it prints the message, which names the field and the remedy: a stack trace would
 * not help.
 */
export function reportingConfigurationErrors(main: () => void): void {
  try {
    main();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) {
      throw error;
    }
    console.error(error.message);
    process.exitCode = 1;
  }
}
