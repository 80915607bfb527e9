/** `npm run user-data` of a configuration whose ids are those of its network. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { loadConfig } from '../../lib/configuration';
import { hooklineApp } from '../../lib/hookline-app';
import { code, resources, text } from '../support';

const CDK = join(__dirname, '..', '..');
const FILE = join(CDK, 'examples', 'from-an-empty-account', 'hookline.config.json');
const folder = mkdtempSync(join(tmpdir(), 'hookline-user-data-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const { networkStack, stack } = hooklineApp(loadConfig(FILE), code);
const network = Template.fromStack(networkStack ?? stack);
/** The outputs of the network's stack, with `<…>` for each id. */
const outputs = Object.fromEntries(
  Object.entries(network.toJSON()['Outputs'] as Record<string, { Value: unknown }>).map(
    ([name, { Value: value }]) => [name, text(value)],
  ),
);

/** What the command prints, with an AWS CLI that does as the script says. */
function printed(aws: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const program = join(folder, 'aws');
  writeFileSync(program, `#!/bin/sh\necho "$@" > ${folder}/called\n${aws}\n`);
  chmodSync(program, 0o755);
  return spawnSync(
    join(CDK, 'node_modules', '.bin', 'tsx'),
    ['scripts/print-user-data.ts', '--config', FILE, ...args],
    { cwd: CDK, encoding: 'utf8', env: { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` } },
  );
}

/** Returns a command that prints what CloudFormation says of a stack with these outputs. */
function describing(of: Record<string, string>): string {
  const list = Object.entries(of).map(([key, value]) => ({ OutputKey: key, OutputValue: value }));
  writeFileSync(join(folder, 'stacks.json'), JSON.stringify({ Stacks: [{ Outputs: list }] }));
  return `cat ${folder}/stacks.json`;
}

const withoutIds = (userData: string): string => userData.replace(/<[^<>\n]*>/g, '<>');

function deployed(): string {
  const [template] = resources(Template.fromStack(stack), 'AWS::EC2::LaunchTemplate').values();
  const data = template?.Properties['LaunchTemplateData'] as { UserData: { 'Fn::Base64': unknown } };
  return text(data.UserData['Fn::Base64']);
}

test('the ids are those of the deployed stack, and all else is as it is deployed', () => {
  const { status, stdout, stderr } = printed(describing(outputs));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(withoutIds(stdout)).toBe(withoutIds(deployed()));
  expect(stdout).toMatch(/"network":"user-plane","subnetIds":\["<NetworkSubnetuserplane1/);
  const called = spawnSync('cat', [join(folder, 'called')], { encoding: 'utf8' }).stdout;
  expect(called).toContain('describe-stacks --stack-name hookline-upf-network');
  expect(called).toContain('--region us-west-2');
});

test('an option that there is not, or that lacks its value, is told in a line', () => {
  for (const [args, problem] of [
    [['--groups', 'upf'], "Unknown option '--groups'"],
    [['--group'], "Option '--group <value>' argument missing"],
    [['--group', '--outputs', 'file'], "Option '--group' argument is ambiguous"],
    [['upf'], "Unexpected argument 'upf'"],
  ] as const) {
    const { status, stderr } = printed('exit 1', ...args);
    expect([status, stderr.split('\n').length]).toEqual([1, 2]);
    expect(stderr).toContain(`options: ${problem}`);
    expect(stderr).toContain('There are --config, --group, --outputs');
  }
});

test('a file of `cdk deploy --outputs-file` does, without the AWS CLI', () => {
  const file = join(folder, 'outputs.json');
  writeFileSync(file, JSON.stringify({ 'hookline-upf-network': outputs }));
  const { status, stdout } = printed('exit 1', '--outputs', file);
  expect(status).toBe(0);
  expect(withoutIds(stdout)).toBe(withoutIds(deployed()));
  writeFileSync(file, JSON.stringify({ other: {} }));
  expect(printed('exit 1', '--outputs', file).stderr).toContain(
    'has no outputs of the stack hookline-upf-network',
  );
  expect(printed('exit 1', '--outputs', join(folder, 'none.json')).stderr).toContain('--outputs-file');
});

test('a network that is not deployed is named, with the command that deploys it', () => {
  const { status, stderr } = printed(
    'echo "An error occurred (ValidationError): Stack with id hookline-upf-network does not exist" >&2; exit 254',
  );
  expect(status).not.toBe(0);
  expect(stderr).toContain(
    'network: the stack hookline-upf-network, whose ids are in the user data, is not there yet',
  );
  expect(stderr).toContain('Deploy it first: npx cdk deploy hookline-upf-network');
});

test('a network that came into the file after the deployment is named', () => {
  const { NetworkIds2: left, ...others } = outputs;
  expect(left).toContain('user-plane');
  const { stderr } = printed(describing(others));
  expect(stderr).toContain(
    'the stack hookline-upf-network has no output with the ids of the network "user-plane"',
  );
  expect(stderr).toContain('npx cdk deploy hookline-upf-network');
});

test.each<[string, Record<string, string>, string]>([
  [
    'is no JSON',
    { NetworkIds2: '{"network":' },
    'outputs.NetworkIds2: of the stack hookline-upf-network is not JSON. ',
  ],
  [
    'is another value',
    { NodeSubnetIds: '7' },
    'outputs.NodeSubnetIds: of the stack hookline-upf-network is not a JSON object. ',
  ],
  ['lacks a field', { NetworkIds1: '{"network":"signaling"}' }, 'outputs.NetworkIds1.subnetIds: '],
  [
    'has an id that is no text',
    { NetworkIds1: '{"network":"signaling","securityGroupId":"sg-1","subnetIds":{"us-west-2a":7}}' },
    'outputs.NetworkIds1.subnetIds.us-west-2a: of the stack hookline-upf-network is no text. ',
  ],
  ['has half a cluster', { Cluster: '{"name":"core"}' }, 'outputs.Cluster.securityGroupId: '],
])('an output that %s is named, with the remedy', (_, changed, says) => {
  const file = join(folder, 'broken.json');
  writeFileSync(file, JSON.stringify({ 'hookline-upf-network': { ...outputs, ...changed } }));
  const { status, stderr } = printed('exit 1', '--outputs', file);
  expect(status).not.toBe(0);
  expect(stderr).toContain(says);
  expect(stderr).toContain('Write it again: npx cdk deploy hookline-upf-network');
  expect(stderr).not.toContain('SyntaxError');
});

test('a stack of another account or Region than the configuration’s is refused', () => {
  const config = JSON.parse(readFileSync(FILE, 'utf8')) as object;
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ ...config, account: '123456789012' }));
  const of = (aws: string, ...args: string[]): string => printed(aws, '--config', file, ...args).stderr;
  const id = 'arn:aws:cloudformation:eu-west-1:210987654321:stack/hookline-upf-network/1';
  const stacks = JSON.parse(readFileSync(describing(outputs).replace('cat ', ''), 'utf8')) as {
    Stacks: object[];
  };
  writeFileSync(
    join(folder, 'other.json'),
    JSON.stringify({ Stacks: stacks.Stacks.map((stack) => ({ ...stack, StackId: id })) }),
  );
  const said = of(`cat ${folder}/other.json`);
  expect(said).toContain(
    'account: the stack hookline-upf-network that was read is in the account 210987654321, and the configuration is for 123456789012. ',
  );
  expect(said).toContain('region: the stack hookline-upf-network that was read is in the Region eu-west-1');
  // A file of `cdk deploy` has the account as an output.
  const ofFile = join(folder, 'other-account.json');
  writeFileSync(ofFile, JSON.stringify({ 'hookline-upf-network': { ...outputs, Account: '210987654321' } }));
  expect(of('exit 1', '--outputs', ofFile)).toContain('is in the account 210987654321');
});

test('an AWS CLI that prints something else is told', () => {
  for (const aws of ['echo Welcome', 'echo null', `echo '{"Stacks":[]}'`]) {
    const { status, stderr } = printed(aws);
    expect(status).not.toBe(0);
    expect(stderr).toContain('network: what `aws cloudformation describe-stacks` printed');
  }
  const file = join(folder, 'null.json');
  for (const text of ['null', '[]', '{"hookline-upf-network":"text"}']) {
    writeFileSync(file, text);
    expect(printed('exit 1', '--outputs', file).stderr).toContain(
      'has no outputs of the stack hookline-upf-network',
    );
  }
});

test('credentials that are wrong are told in the words of the AWS CLI', () => {
  const { status, stderr } = printed('echo "Unable to locate credentials" >&2; exit 253');
  expect(status).not.toBe(0);
  expect(stderr).toContain('cannot be read: Unable to locate credentials');
});

test('without the AWS CLI the other way is told', () => {
  const { stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'scripts/print-user-data.ts', '--config', FILE],
    { cwd: CDK, encoding: 'utf8', env: { PATH: dirname(process.execPath) + '-none' } },
  );
  expect(stderr).toContain('`aws` cannot be run');
  expect(stderr).toContain('--outputs outputs.json');
});

test('a wrong group is told before AWS is asked', () => {
  const { stderr } = printed('exit 1', '--group', 'none');
  expect(stderr).toContain('--group: there is no node group none. Use one of upf');
});
