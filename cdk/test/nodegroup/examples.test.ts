import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { hooklineApp } from '../../lib/hookline-app';
import { loadConfig } from '../../lib/configuration';
import { code, resources } from '../support';

/** Synthesises an example, and returns its template. It fails on a finding of cdk-nag. */
function exampleTemplate(file: string): Template {
  const loaded = loadConfig(join(__dirname, '..', '..', 'examples', file));
  const { app, stack } = hooklineApp(loaded, code);
  app.synth();
  return Template.fromStack(stack);
}

test('managed node groups: one for each AZ, each with its hook and its first nodes', () => {
  const template = exampleTemplate('managed-node-groups/hookline.config.ts');
  for (const type of [
    'AWS::EKS::Nodegroup',
    'AWS::EC2::LaunchTemplate',
    'Custom::HooklineLifecycleHook',
    'Custom::HooklineFirstNodes',
  ]) {
    template.resourceCountIs(type, 2);
  }
  template.resourceCountIs('AWS::EKS::AccessEntry', 0);
  const ids = [...resources(template, 'AWS::EKS::Nodegroup').keys()];
  expect(ids.map((id) => /^NodeGroupupfuswest2[ab]Nodegroup/.test(id))).toEqual([true, true]);
});

test('self-managed nodes: one group over three AZs', () => {
  const template = exampleTemplate('self-managed-nodes/hookline.config.json');
  template.resourceCountIs('AWS::AutoScaling::AutoScalingGroup', 1);
  template.resourceCountIs('AWS::EKS::AccessEntry', 1);
  template.resourceCountIs('AWS::EKS::Nodegroup', 0);
});

test('reconcile gets the longest heartbeat timeout of the node groups', () => {
  const { config, folder } = loadConfig(
    join(__dirname, '..', '..', 'examples/self-managed-nodes/hookline.config.json'),
  );
  const nodeGroups = (config.nodeGroups ?? []).map((group) => ({ ...group, heartbeatTimeoutSeconds: 3600 }));
  const { stack } = hooklineApp({ config: { ...config, nodeGroups }, folder }, code);
  const [rule] = [...resources(Template.fromStack(stack), 'AWS::Events::Rule').values()].filter(
    ({ Properties: properties }) => properties['ScheduleExpression'] !== undefined,
  );
  expect(JSON.stringify(rule?.Properties)).toContain(
    '\\"limits\\":{\\"overdueSeconds\\":3600,\\"attributesPerRound\\":1000}',
  );
});

test('two node groups of one name are refused', () => {
  const { config, folder } = loadConfig(
    join(__dirname, '..', '..', 'examples/self-managed-nodes/hookline.config.json'),
  );
  const nodeGroups = [...(config.nodeGroups ?? []), ...(config.nodeGroups ?? [])];
  expect(() => hooklineApp({ config: { ...config, nodeGroups }, folder }, code)).toThrow(
    /^nodeGroups\[1\]\.name: /,
  );
});

test('a node group whose hook Hookline may not complete is refused', () => {
  const { config, folder } = loadConfig(
    join(__dirname, '..', '..', 'examples/managed-node-groups/hookline.config.ts'),
  );
  const given = { ...config, autoScalingGroupNamePatterns: ['eks-smf-*'] };
  expect(() => hooklineApp({ config: given, folder }, code)).toThrow(
    'nodeGroups[0].name: autoScalingGroupNamePatterns do not match eks-upf-us-west-2a-…',
  );
});
