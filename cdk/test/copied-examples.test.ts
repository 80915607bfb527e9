/** Each example is copied as docs/deploy.md says, and synthesised without the functions. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RULE } from '../lib/shared/stand-in';

const CDK = join(__dirname, '..');
const EXAMPLES = join(CDK, 'examples');
/** What is beside the configuration in `cdk/`. */
const BESIDE = ['bin', 'lib', 'node_modules', 'cdk.json', 'package.json', 'tsconfig.json'];

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hookline-copied-'));
  for (const name of BESIDE) {
    symlinkSync(join(CDK, name), join(folder, name));
  }
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

interface Template {
  readonly Rules: Readonly<Record<string, { readonly Assertions: readonly object[] }>>;
  readonly Resources: Readonly<Record<string, { readonly Type: string }>>;
}

function templates(): Template[] {
  const out = join(folder, 'cdk.out');
  return readdirSync(out)
    .filter((name) => name.endsWith('.template.json'))
    .map((name) => JSON.parse(readFileSync(join(out, name), 'utf8')) as Template);
}

const hasFunctions = ({ Resources }: Template): boolean =>
  Object.values(Resources).some(({ Type }) => Type === 'AWS::StepFunctions::StateMachine');

function run(program: string, ...args: readonly string[]): void {
  const { context } = JSON.parse(readFileSync(join(CDK, 'cdk.json'), 'utf8')) as { context: object };
  execFileSync(join('node_modules', '.bin', program), args, {
    cwd: folder,
    env: {
      ...process.env,
      CDK_OUTDIR: join(folder, 'cdk.out'),
      CDK_CONTEXT_JSON: JSON.stringify({ ...context, functions: 'stand-in' }),
      CDK_HOME: folder,
      CDK_DISABLE_CLI_TELEMETRY: '1',
    },
    stdio: 'pipe',
  });
}

test.each(readdirSync(EXAMPLES))(
  '%s, copied, is synthesised into a template that refuses to be deployed',
  (name) => {
    const files = readdirSync(join(EXAMPLES, name));
    for (const file of files) {
      cpSync(join(EXAMPLES, name, file), join(folder, file));
    }
    if (files.includes('hookline.config.json')) {
      const config = JSON.parse(readFileSync(join(folder, 'hookline.config.json'), 'utf8')) as {
        readonly $schema: string;
      };
      expect(existsSync(join(folder, config.$schema))).toBe(true);
    }
    run('tsx', files.includes('app.ts') ? 'app.ts' : 'bin/hookline.ts');
    const withFunctions = templates().filter(hasFunctions);
    expect(withFunctions).toHaveLength(1);
    expect(Object.keys(withFunctions[0]?.Rules ?? {})).toContain(RULE);
  },
);

test('the quick start of docs/deploy.md ends in a template', () => {
  const page = readFileSync(join(CDK, '..', 'docs', 'deploy.md'), 'utf8');
  const [copy, synth] = [
    'cp examples/one-group-over-three-azs/hookline.config.json .',
    'npx cdk synth --quiet -c functions=stand-in',
  ];
  for (const command of [copy, synth]) {
    expect(page).toContain(`\n${command}`);
  }
  cpSync(
    join(EXAMPLES, 'one-group-over-three-azs/hookline.config.json'),
    join(folder, 'hookline.config.json'),
  );
  run('cdk', 'synth', '--quiet', '--no-notices', '-c', 'functions=stand-in');
  expect(templates().filter(hasFunctions)).toHaveLength(1);
});
