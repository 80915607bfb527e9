import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const CDK = join(__dirname, '..', '..');

// In a process of its own: synthesis reads the environment, and prettier loads modules in a way that Jest does not support.
test('the roles that the tests of the fake AWS use are those of the app (`npm run generate` writes them)', () => {
  const printed = execFileSync(
    process.execPath,
    ['--import', 'tsx', join(CDK, 'scripts', 'generate-roles.ts'), '--print'],
    { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 },
  );
  const files = Object.entries(JSON.parse(printed) as Record<string, string>);
  expect(files.length).toBeGreaterThan(1);
  for (const [path, text] of files) {
    expect(readFileSync(path, 'utf8')).toBe(text);
  }
}, 120_000);
