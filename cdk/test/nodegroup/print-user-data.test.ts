/** `npm run user-data` of a configuration whose ids are those of its network. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
