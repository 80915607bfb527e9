/** Generates the examples for the tests of `node/`: `user-data/` and `network-definitions.json`. A test compares the files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NETWORK_DEFINITIONS, networkDefinitionExamples } from './network-definitions';
import { USER_DATA, userDataExamples } from './user-data';

mkdirSync(USER_DATA, { recursive: true });
for (const [name, text] of Object.entries(userDataExamples())) {
  writeFileSync(join(USER_DATA, name), text);
}
writeFileSync(NETWORK_DEFINITIONS, networkDefinitionExamples());
