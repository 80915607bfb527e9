/**
 * Writes `lib/*.generated.ts` from their JSON Schemas; that of a profile is generated from the Rust types in its turn. A
 * test holds the files against the schemas.
 */
import { writeFileSync } from 'node:fs';
import { GENERATED, generatedTypes } from './generated-types';

async function main(): Promise<void> {
  for (const types of GENERATED) {
    writeFileSync(types.file, await generatedTypes(types));
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
