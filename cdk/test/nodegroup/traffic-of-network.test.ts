/** `traffic` of a configuration that has a `network`: its VPC and its cluster follow from it. */
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { checkConfig, loadConfig } from '../../lib/configuration';
import { hooklineApp } from '../../lib/hookline-app';
import type { HooklineConfigFile } from '../../lib/shared/config';
import { mistakesOf } from '../../lib/shared/configuration-error';
import { code, resources, text } from '../support';

const CDK = join(__dirname, '..', '..');
const FILE = join(CDK, 'examples', 'from-an-empty-account', 'hookline.config.json');

/** The example, with `traffic`, and with other fields of its cluster. */
function example(traffic: object, cluster: object = {}): HooklineConfigFile {
  const config = JSON.parse(JSON.stringify(loadConfig(FILE).config)) as HooklineConfigFile;
  const of = { name: 'core', version: '1.33', ...cluster };
  return {
    ...config,
    traffic,
    network: { ...(config.network ?? { zones: [], networks: [] }), cluster: of },
  };
}

function made(config: HooklineConfigFile): { network: Template; traffic: Template; dependencies: string[] } {
  checkConfig(config);
  const { app, networkStack, trafficStack } = hooklineApp({ config, folder: CDK }, code);
  // Synthesis fails on a finding of cdk-nag.
  app.synth();
  if (networkStack === undefined || trafficStack === undefined) {
    throw new Error('a stack is missing');
  }
  return {
    network: Template.fromStack(networkStack),
    traffic: Template.fromStack(trafficStack),
    dependencies: trafficStack.dependencies.map(({ stackName }) => stackName),
  };
}

/** What each flow log is of. */
function flowLogs(template: Template): unknown[] {
  return [...resources(template, 'AWS::EC2::FlowLog').values()].map(
    ({ Properties: properties }) => properties['ResourceId'],
  );
}

/** The network of extract-pods. */
function functionNetwork(template: Template): Record<string, unknown[]> | undefined {
  const [found] = [...resources(template, 'AWS::Lambda::Function').values()].filter(
    ({ Properties: properties }) => text(properties['FunctionName'] ?? '').endsWith('extract-pods'),
  );
  return found?.Properties['VpcConfig'] as Record<string, unknown[]> | undefined;
}

test('traffic without an id is that of the network’s VPC and cluster', () => {
  const { network, traffic, dependencies } = made(example({}, { publicEndpoint: true }));
  const [vpc] = flowLogs(traffic);
  const exported = JSON.stringify(network.toJSON()['Outputs']);
  expect(JSON.stringify(vpc)).toContain('hookline-upf-network:ExportsOutputRefNetworkVpc');
  expect(exported).toContain((vpc as { 'Fn::ImportValue': string })['Fn::ImportValue']);
  traffic.hasResourceProperties('AWS::EKS::AccessEntry', { ClusterName: 'core' });
  expect(dependencies).toContain('hookline-upf-network');
  expect(functionNetwork(traffic)).toBeUndefined();
});

test('with a private endpoint the function runs in the nodes’ subnets, with the cluster’s security group', () => {
  const found = functionNetwork(made(example({})).traffic);
  expect(found?.['SubnetIds']).toHaveLength(2);
  expect(JSON.stringify(found?.['SecurityGroupIds'])).toContain('ClusterSecurityGroupId');
  const own = {
    functionSubnetIds: ['subnet-0123456789abcdef0'],
    functionSecurityGroupIds: ['sg-0123456789abcdef0'],
  };
  expect(functionNetwork(made(example(own)).traffic)).toMatchObject({ SubnetIds: own.functionSubnetIds });
});

test('ids that the file has stay', () => {
  const { traffic } = made(example({ clusterName: 'old', vpcId: 'vpc-0123456789abcdef0' }));
  expect(flowLogs(traffic)).toEqual(['vpc-0123456789abcdef0']);
  traffic.hasResourceProperties('AWS::EKS::AccessEntry', { ClusterName: 'old' });
  expect(functionNetwork(traffic)).toBeUndefined();
  const subnetIds = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
  expect(flowLogs(made(example({ subnetIds })).traffic)).toEqual(subnetIds);
});

test('the VPC stays exported without traffic, so that traffic can be removed in one deployment', () => {
  const config = example({});
  const before = Object.keys(made(config).network.toJSON()['Outputs'] as object);
  delete config.traffic;
  const { app, networkStack } = hooklineApp({ config, folder: CDK }, code);
  app.synth();
  const after = networkStack === undefined ? {} : Template.fromStack(networkStack).toJSON();
  expect(Object.keys(after['Outputs'] as object).sort()).toEqual(before.sort());
});

test.each<[string, HooklineConfigFile, string[]]>([
  [
    'neither a network nor ids',
    { stackName: 'hookline', profiles: [], traffic: {} },
    ['traffic: missing field `clusterName`. Add the field'],
  ],
  [
    'a network without a cluster',
    {
      ...example({}),
      network: {
        zones: ['us-west-2a', 'us-west-2b'],
        networks: [{ name: 'signaling' }, { name: 'user-plane' }],
      },
      nodeGroups: [],
    },
    ['traffic: missing field `clusterName`. Add the field'],
  ],
  [
    'half a network of the function',
    example({ functionSubnetIds: ['subnet-0123456789abcdef0'] }),
    ['traffic: functionSubnetIds and functionSecurityGroupIds need each other. Set both, or none'],
  ],
])('%s is refused', (_, config, expected) => {
  const found = mistakesOf(() => {
    checkConfig(config);
  }).map(({ message }) => message);
  expect(found).toEqual(expect.arrayContaining(expected));
});
