/**
 * Generates `tests/fixtures/roles/template.json`. With `--print` the script prints the file and writes none; a test compares
 * this output with the file.
 */
import { writeFileSync } from 'node:fs';
import { ROLES, roles } from './roles';

async function main(): Promise<void> {
  const text = await roles();
  if (process.argv.includes('--print')) {
    process.stdout.write(text);
    return;
  }
  writeFileSync(ROLES, text);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
