import { Template } from 'aws-cdk-lib/assertions';
import { Stack } from 'aws-cdk-lib';
import { fromAnEmptyAccount } from '../../examples/from-an-empty-account/app';
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
  const [network, hookline] = [templateOf('upf-network'), templateOf('hookline-upf')];
  network.resourceCountIs('AWS::EKS::Cluster', 1);
  hookline.resourceCountIs('AWS::EKS::Nodegroup', 1);
  const [nodegroup] = [...resources(hookline, 'AWS::EKS::Nodegroup').values()];
  expect(JSON.stringify(nodegroup?.Properties['Subnets'])).toContain('Fn::ImportValue');
  const [template] = [...resources(hookline, 'AWS::EC2::LaunchTemplate').values()];
  const data = template?.Properties['LaunchTemplateData'] as { UserData: { 'Fn::Base64': unknown } };
  expect(text(data.UserData['Fn::Base64'])).toContain('"network":"user-plane","subnetIds":["<');
});
