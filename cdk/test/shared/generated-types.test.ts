import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// In a process of its own: the generator loads modules in a way that Jest does not offer.
const printed = execFileSync(
  process.execPath,
  ['--import', 'tsx', join(__dirname, '..', '..', 'scripts', 'generate-types.ts'), '--print'],
  { encoding: 'utf8' },
);
const made = JSON.parse(printed) as Record<string, string>;

test.each(['profile.generated.ts', 'naming-profile.generated.ts', 'config.generated.ts'])(
  '%s is what its schema says; `npm run generate` writes it',
  (name) => {
    expect(readFileSync(join(__dirname, '..', '..', 'lib', 'shared', name), 'utf8')).toBe(made[name]);
  },
);
