/** What is said of a profile, a configuration or a construct's props that cannot be. */

/** Something in the configuration is wrong: where, what, and what to do. `cdk synth` fails with it. */
export class ConfigurationError extends Error {
  /**
   * @param field where it is, as `profile.slots[0].deviceIndex`
   * @param problem what is wrong
   * @param remedy what to do about it
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
