/** The state machine's file: what has to be put in place of its placeholders, and how long an execution may take. */
import { readFileSync } from 'node:fs';
import { type FunctionName, pascalCase } from './functions';
import { LAUNCH_NODE } from './repository';

interface Definition {
  readonly TimeoutSeconds?: number;
}

/** The longest that an execution may take, in seconds: the machine's TimeoutSeconds. */
export function executionTimeoutSeconds(file: string = LAUNCH_NODE): number {
  const { TimeoutSeconds: seconds } = JSON.parse(readFileSync(file, 'utf8')) as Definition;
  if (seconds === undefined) {
    throw new Error(`${file} has no TimeoutSeconds, so its hooks' timeouts cannot be held against it`);
  }
  return seconds;
}

/** The functions whose ARN the file has a placeholder for, `${TagNodeFunctionArn}`: placeholder → function. */
export function placeholders(
  functions: readonly FunctionName[],
  file: string = LAUNCH_NODE,
): Map<string, FunctionName> {
  const named = new Map(functions.map((name) => [`${pascalCase(name)}FunctionArn`, name]));
  const found = new Map<string, FunctionName>();
  for (const [, placeholder = ''] of readFileSync(file, 'utf8').matchAll(/\$\{(\w+)\}/g)) {
    const name = named.get(placeholder);
    if (name === undefined) {
      throw new Error(
        `${file} speaks of \${${placeholder}}, and no function of functions/permissions.json is meant by it`,
      );
    }
    found.set(placeholder, name);
  }
  return found;
}
