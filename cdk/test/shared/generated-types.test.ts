import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const CDK = join(__dirname, '..', '..');

// In a process of its own: the generator loads modules in a way that Jest does not support.
const printed = execFileSync(
  process.execPath,
  ['--import', 'tsx', join(CDK, 'scripts', 'generate-types.ts'), '--print'],
  { encoding: 'utf8' },
);
const generated = JSON.parse(printed) as Record<string, string>;

test.each(['profile.generated.ts', 'naming-profile.generated.ts', 'config.generated.ts'])(
  '%s matches its schema (`npm run generate` writes it)',
  (name) => {
    expect(readFileSync(join(CDK, 'lib', 'shared', name), 'utf8')).toBe(generated[name]);
  },
);
