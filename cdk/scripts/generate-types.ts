/**
 * Generates `lib/shared/*.generated.ts` from JSON Schemas. The schemas of profiles are themselves generated from the Rust types.
 * With `--print` the script prints the files as JSON and writes none; a test compares this output with the files.
 */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { GENERATED, generatedTypes } from './generated-types';

async function main(): Promise<void> {
  const files = await Promise.all(
    GENERATED.map(async (types) => [types.file, await generatedTypes(types)] as const),
  );
  if (process.argv.includes('--print')) {
    console.log(JSON.stringify(Object.fromEntries(files.map(([file, text]) => [basename(file), text]))));
    return;
  }
  for (const [file, text] of files) {
    writeFileSync(file, text);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
