/**
 * Builds what the package of the constructs has, in `dist/`: the compiled library with its types, the files beside it, and a copy of the
 * repository's files that it reads. `npm pack` runs it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FILES_READ, REPOSITORY } from '../lib/shared/repository';

const CDK = join(__dirname, '..');
const DIST = join(CDK, 'dist');

rmSync(DIST, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [require.resolve('typescript/bin/tsc'), '--project', 'tsconfig.package.json'],
  {
    cwd: CDK,
    stdio: 'inherit',
  },
);
const besideCode = readdirSync(join(CDK, 'lib'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.endsWith('.ts'))
  .map(({ parentPath, name }) => join(parentPath, name));
for (const [from, to] of [
  ...besideCode.map((path) => [path, join(DIST, path.slice(CDK.length))] as const),
  ...FILES_READ.map((path) => [join(REPOSITORY, path), join(DIST, 'data', path)] as const),
  [join(REPOSITORY, 'LICENSE'), join(DIST, 'LICENSE')] as const,
]) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}
