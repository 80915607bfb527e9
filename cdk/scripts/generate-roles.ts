/**
 * Generates the roles in `tests/fixtures/roles`. With `--print` the script prints the files, a JSON object by path, and writes none;
 * a test compares this output with the files.
 */
import { writeFileSync } from 'node:fs';
import { roles } from './roles';

async function main(): Promise<void> {
  const files = await roles();
  if (process.argv.includes('--print')) {
    process.stdout.write(JSON.stringify(Object.fromEntries(files)));
    return;
  }
  for (const [path, text] of files) {
    writeFileSync(path, text);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
