/** The placeholders of a state machine's file, which CloudFormation replaces by the functions' ARNs and the partition. */
import { readFileSync } from 'node:fs';
import { type FunctionName, pascalCase } from './functions';

/** The placeholder of the partition, in the ARNs of integrations: `arn:${Partition}:states:::aws-sdk:…`. */
export const PARTITION = 'Partition';

/**
 * Reads which functions a state machine's file invokes: a function's placeholder is its name, as `${TagNodeFunctionArn}`.
 *
 * @param functions the functions that are deployed
 * @param file the state machine's file
 * @returns the function of each placeholder; PARTITION for the partition
 */
export function placeholders(
  functions: readonly FunctionName[],
  file: string,
): Map<string, FunctionName | typeof PARTITION> {
  const functionOf = new Map(functions.map((name) => [`${pascalCase(name)}FunctionArn`, name]));
  const found = new Map<string, FunctionName | typeof PARTITION>();
  for (const [, placeholder = ''] of readFileSync(file, 'utf8').matchAll(/\$\{(\w+)\}/g)) {
    if (placeholder === PARTITION) {
      found.set(placeholder, PARTITION);
      continue;
    }
    const name = functionOf.get(placeholder);
    if (name === undefined) {
      throw new Error(
        `${file} has the placeholder \${${placeholder}}, but functions/permissions.json lists no function for it`,
      );
    }
    found.set(placeholder, name);
  }
  return found;
}
