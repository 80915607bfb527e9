/** The package of the constructs, as a stranger's app uses it: nothing of the repository is beside it. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const CDK = join(__dirname, '..');
const MODULES = join(CDK, 'node_modules');

interface Manifest {
  readonly types: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const folder = mkdtempSync(join(tmpdir(), 'hookline-stranger-'));
const modules = join(folder, 'node_modules');
const installed = join(modules, 'hookline-cdk');

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs a program in the stranger's app. */
function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, CDK_OUTDIR: join(folder, 'cdk.out') },
  });
}

/** Links a package of this app: no registry is asked. The packages that it needs itself are beside the original. */
function link(name: string): void {
  const path = join(modules, name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(MODULES, name), path);
}

beforeAll(() => {
  execFileSync('npm', ['pack', '--offline', '--silent', '--pack-destination', folder], {
    cwd: CDK,
    stdio: 'pipe',
  });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  mkdirSync(installed, { recursive: true });
  run('tar', '-xzf', tarball, '-C', installed, '--strip-components=1');
  const { dependencies, peerDependencies } = JSON.parse(
    readFileSync(join(installed, 'package.json'), 'utf8'),
  ) as Manifest;
  for (const name of [...Object.keys(dependencies), ...Object.keys(peerDependencies), '@types/node']) {
    link(name);
  }
});

test('the package has its types, its README and its licence, and no tests', () => {
  const files = readdirSync(installed, { recursive: true }).map(String);
  const { types, dependencies } = JSON.parse(
    readFileSync(join(installed, 'package.json'), 'utf8'),
  ) as Manifest;
  expect(files).toEqual(expect.arrayContaining([types, 'README.md', join('dist', 'LICENSE')]));
  expect(
    files.filter((file) => /\.test\.|(^|\/)(test|scripts|examples|node_modules)(\/|$)/.test(file)),
  ).toEqual([]);
  expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
  // Two copies of the CDK in one app do not know each other's constructs.
  expect(Object.keys(dependencies)).not.toContain('aws-cdk-lib');
});

test('each class, interface and function that the package exports has a comment, and so has each of its fields', () => {
  const lib = join(installed, 'dist', 'lib');
  const sources = [...readFileSync(join(lib, 'index.d.ts'), 'utf8').matchAll(/from '(\.\/[^']+)'/g)].map(
    ([, file = '']) => `${file}.d.ts`,
  );
  expect(sources.length).toBeGreaterThan(20);
  const undocumented = sources.flatMap((file) => {
    const lines = readFileSync(join(lib, file), 'utf8').split('\n');
    let isExported = false;
    return lines.flatMap((line, n) => {
      const starts = /^export (declare (abstract )?(class|function)|interface|type \w+ =)/.test(line);
      isExported = (starts && line.endsWith('{')) || (isExported && line !== '}');
      const declares = starts || (isExported && /^ {4}(readonly|static|abstract|get) /.test(line));
      const isCommented = (lines[n - 1] ?? '').trimEnd().endsWith('*/');
      return !declares || isCommented ? [] : [`${file}: ${line}`];
    });
  });
  expect(undocumented).toEqual([]);
});

test('an app of its user is compiled and synthesised', () => {
  const readme = readFileSync(join(installed, 'README.md'), 'utf8');
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  expect(example).toContain("FunctionCode.packaged('dist/functions')");
  writeFileSync(
    join(folder, 'app.ts'),
    `${example.replace("FunctionCode.packaged('dist/functions')", 'FunctionCode.standIn()')}
import {
  ConfigurationError,
  CrossAzTraffic,
  HooklineStack,
  type HooklineConfig,
  LaunchAlarms,
  LaunchDashboard,
  MultusNodeGroup,
  NodeNaming,
  checkProfile,
} from 'hookline-cdk';

new LaunchAlarms(stack, 'Alarms', { orchestrator });
new LaunchDashboard(stack, 'Dashboard', { orchestrator });
const config: HooklineConfig = {
  stackName: 'by-config',
  functions: { standIn: true },
  profiles: [
    {
      name: 'smf',
      selector: { tag: { key: 'eks:nodegroup-name', value: 'smf' } },
      hook: { name: 'hookline-launch' },
      securityGroupIds: ['sg-0123456789abcdef0'],
      slots: [{ network: 'signaling', deviceIndex: 1, subnetIds: ['subnet-0123456789abcdef0'] }],
    },
  ],
  nodeGroups: [
    {
      name: 'smf',
      profile: 'smf',
      cluster: { name: 'core' },
      subnetIds: ['subnet-0123456789abcdef1'],
      instanceTypes: ['m5.4xlarge'],
      maxSize: 2,
    },
  ],
  naming: [{ profile: { name: 'web', selector: { autoScalingGroupNames: ['web'] }, namePreset: 'cluster-ip' } }],
};
const app = stack.node.root as App;
new HooklineStack(app, 'by-config', { config });
new CrossAzTraffic(new Stack(app, 'traffic'), 'Traffic', {
  cluster: { clusterName: 'core' },
  source: { vpcId: 'vpc-0123456789abcdef0' },
  code: FunctionCode.standIn(),
});
try {
  checkProfile({ name: 'x' });
} catch (error) {
  console.log(error instanceof ConfigurationError && error.mistakes.length);
}
try {
  FunctionCode.cargoLambda();
} catch (error) {
  console.log(String(error));
}
export type { MultusNodeGroup, NodeNaming };
app.synth();
`,
  );
  const options = {
    target: 'ES2022',
    module: 'CommonJS',
    moduleResolution: 'Node10',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
  };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['app.ts'] }),
  );
  run(process.execPath, join(MODULES, 'typescript', 'bin', 'tsc'));
  const said = run(process.execPath, 'app.js');
  expect(said).toMatch(/^2\n.*functions\.cargoLambda: .*Cargo\.toml does not exist/);
  for (const name of ['nodes', 'by-config', 'traffic']) {
    expect(existsSync(join(folder, 'cdk.out', `${name}.template.json`))).toBe(true);
  }
});
