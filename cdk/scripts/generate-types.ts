/**
 * Writes `lib/shared/*.generated.ts` from their JSON Schemas; those of profiles are generated from the Rust types in their turn.
 * `--print` writes them to the output instead, as JSON: a test holds the files against it.
 */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { GENERATED, generatedTypes } from './generated-types';

async function main(): Promise<void> {
  const made = await Promise.all(
    GENERATED.map(async (types) => [types.file, await generatedTypes(types)] as const),
  );
  if (process.argv.includes('--print')) {
    console.log(JSON.stringify(Object.fromEntries(made.map(([file, text]) => [basename(file), text]))));
    return;
  }
  for (const [file, text] of made) {
    writeFileSync(file, text);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
