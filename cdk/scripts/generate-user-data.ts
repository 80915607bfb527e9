/** Generates `node/tests/user-data`; a test compares the files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { USER_DATA, userDataExamples } from './user-data';

mkdirSync(USER_DATA, { recursive: true });
for (const [name, text] of Object.entries(userDataExamples())) {
  writeFileSync(join(USER_DATA, name), text);
}
