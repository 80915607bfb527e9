import { Template } from 'aws-cdk-lib/assertions';
import type { Stack } from 'aws-cdk-lib';
import { fromAnEmptyAccount } from '../../examples/from-an-empty-account/app';
import { code, resources, text } from '../support';

test('from an empty account: the node group takes the ids of the network, and cdk-nag finds nothing', () => {
  const app = fromAnEmptyAccount(code);
  app.synth();
  const [network, hookline] = ['upf-network', 'hookline-upf'].map((id) =>
    Template.fromStack(app.node.findChild(id) as Stack),
  );
  expect(network).toBeDefined();
  hookline?.resourceCountIs('AWS::EKS::Nodegroup', 1);
  const [nodegroup] = [...resources(hookline as Template, 'AWS::EKS::Nodegroup').values()];
  expect(JSON.stringify(nodegroup?.Properties['Subnets'])).toContain('Fn::ImportValue');
  const [template] = [...resources(hookline as Template, 'AWS::EC2::LaunchTemplate').values()];
  const data = template?.Properties['LaunchTemplateData'] as { UserData: { 'Fn::Base64': unknown } };
  expect(text(data.UserData['Fn::Base64'])).toContain('"network":"user-plane","subnetIds":["<');
});
