import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { Stack } from 'aws-cdk-lib';
import { fromAnEmptyAccount } from '../../examples/from-an-empty-account-in-code/app';
import { code, resources, text } from '../support';

test('from an empty account: the node group takes the ids of the network, and cdk-nag finds nothing', () => {
  const app = fromAnEmptyAccount(code);
  app.synth();
  const templateOf = (id: string): Template => {
    const stack = app.node.findChild(id);
    if (!(stack instanceof Stack)) {
      throw new Error(`${id} is no stack`);
    }
    return Template.fromStack(stack);
  };
  const [network, hookline] = [templateOf('hookline-upf-network'), templateOf('hookline-upf')];
  network.resourceCountIs('AWS::EKS::Cluster', 1);
  hookline.resourceCountIs('AWS::EKS::Nodegroup', 1);
  const [nodegroup] = [...resources(hookline, 'AWS::EKS::Nodegroup').values()];
  expect(JSON.stringify(nodegroup?.Properties['Subnets'])).toContain('Fn::ImportValue');
  const [template] = [...resources(hookline, 'AWS::EC2::LaunchTemplate').values()];
  const data = template?.Properties['LaunchTemplateData'] as { UserData: { 'Fn::Base64': unknown } };
  expect(text(data.UserData['Fn::Base64'])).toContain('"network":"user-plane","subnetIds":["<');
});

describe('npm run manifests -- --app', () => {
  const CDK = join(__dirname, '..', '..');
  const PROGRAM = [join(CDK, 'node_modules', '.bin', 'tsx'), join(CDK, 'scripts', 'manifests.ts')] as const;
  const APP = join(CDK, 'examples', 'from-an-empty-account-in-code', 'app.ts');

  test('prints the definitions and the demo application of the app, as docs/node-groups.md says', () => {
    const [program, script] = PROGRAM;
    const printed = execFileSync(program, [script, '--app', APP, '--demo', 'upf'], {
      cwd: CDK,
      encoding: 'utf8',
    });
    const { items } = JSON.parse(printed) as { items: { kind: string; metadata: { name: string } }[] };
    expect(items.map(({ kind, metadata }) => [kind, metadata.name])).toEqual([
      ['NetworkAttachmentDefinition', 'signaling'],
      ['NetworkAttachmentDefinition', 'user-plane'],
      ['Deployment', 'hookline-networks-demo'],
    ]);
    // What the cluster gets has no token in it.
    expect(printed).not.toContain('Token[');
  });

  test.each([
    ['does not exist', 'none.ts'],
    ['has no function as its default export', 'lib/shared/config.ts'],
  ])('says that a file %s', (problem, file) => {
    const [program, script] = PROGRAM;
    const { status, stderr } = spawnSync(program, [script, '--app', file], { cwd: CDK, encoding: 'utf8' });
    expect(status).not.toBe(0);
    expect(stderr).toContain(problem);
  });
});
