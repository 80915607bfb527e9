/** The error of a wrong configuration, a wrong profile or wrong props of a construct. */

/**
 * Reports wrong values: of each its field, the problem and the remedy. `cdk synth` fails with it. A check that finds more than one
 * mistake reports them all in one error, which has the fields of the first.
 */
export class ConfigurationError extends Error {
  /** The path of the field, as `profiles[0].slots[0].deviceIndex`. */
  readonly field: string;
  /** What is wrong. */
  readonly problem: string;
  /** How to correct it. */
  readonly remedy: string;
  private readonly others: readonly ConfigurationError[];

  /**
   * @param field the path of the field, as `profiles[0].slots[0].deviceIndex`
   * @param problem what is wrong
   * @param remedy how to correct it
   * @param others the other mistakes
   */
  constructor(field: string, problem: string, remedy: string, others: readonly ConfigurationError[] = []) {
    super([`${field}: ${problem}. ${remedy}`, ...others.map(({ message }) => message)].join('\n'));
    this.name = 'ConfigurationError';
    this.field = field;
    this.problem = problem;
    this.remedy = remedy;
    this.others = others;
  }

  /** All mistakes, each as an error of its own. */
  get mistakes(): readonly ConfigurationError[] {
    return this.others.length === 0
      ? [this]
      : [new ConfigurationError(this.field, this.problem, this.remedy), ...this.others];
  }
}

/**
 * Runs all checks, also after one that fails.
 *
 * @param checks the checks, in the order in which their mistakes are reported
 * @throws ConfigurationError with the mistakes of all checks, each once
 */
export function checkAll(...checks: readonly (() => void)[]): void {
  throwAll(checks.flatMap((check) => mistakesOf(check)));
}

/**
 * Reports mistakes that are found, if there are any.
 *
 * @param mistakes the mistakes, in the order in which they are reported
 * @throws ConfigurationError with all of them, each once
 */
export function throwAll(mistakes: readonly ConfigurationError[]): void {
  const found = new Map<string, ConfigurationError>();
  for (const mistake of mistakes) {
    found.set(mistake.message, found.get(mistake.message) ?? mistake);
  }
  const [first, ...others] = found.values();
  if (first !== undefined) {
    throw new ConfigurationError(first.field, first.problem, first.remedy, others);
  }
}

/** Returns the mistakes that a check finds. */
export function mistakesOf(check: () => void): readonly ConfigurationError[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return error.mistakes;
    }
    throw error;
  }
}

/**
 * Runs a program. Of a {@link ConfigurationError} it prints the mistakes, which name the field and the remedy: a stack trace would
 * not help.
 */
export function reportingConfigurationErrors(main: () => void): void {
  const mistakes = mistakesOf(main);
  if (mistakes.length === 0) {
    return;
  }
  if (mistakes.length > 1) {
    console.error(`${mistakes.length} mistakes:`);
  }
  for (const { message } of mistakes) {
    console.error(message);
  }
  process.exitCode = 1;
}

/** Notes a mistake, and goes on. The name is that of a field below the one that is checked; empty for that one itself. */
export type Fail = (name: string, problem: string, remedy: string) => void;

/**
 * Runs a check that notes its mistakes, so that it finds more than one.
 *
 * @param field the path of what is checked
 * @param check the check
 * @throws ConfigurationError with all mistakes
 */
export function collecting(field: string, check: (fail: Fail) => void): void {
  const found: ConfigurationError[] = [];
  check((name, problem, remedy) => {
    found.push(new ConfigurationError(name === '' ? field : `${field}.${name}`, problem, remedy));
  });
  throwAll(found);
}
