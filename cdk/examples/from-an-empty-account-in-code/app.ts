/**
 * All from an empty account: a stack with the VPC, the subnets of two networks and the cluster, and a stack with Hookline and a
 * managed node group over two AZs. The second stack takes ids from the first, so the configuration is code.
 *
 * npx cdk deploy --all --app 'npx tsx examples/from-an-empty-account-in-code/app.ts'
 */
import { App, type AppProps, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { FunctionCode, type HooklineConfig, HooklineStack, MultusNetwork } from 'hookline-cdk';

const env = { region: 'us-west-2' };

/** Creates the stack of the network, and returns the configuration of Hookline with its ids. */
function createNetwork(app: App): HooklineConfig {
  const stack = new Stack(app, 'hookline-upf-network', { env });
  const network = new MultusNetwork(stack, 'Network', {
    zones: ['us-west-2a', 'us-west-2b'],
    networks: [{ name: 'signaling', prefixLength: 26 }, { name: 'user-plane' }],
    cluster: { name: 'core', version: '1.33', publicEndpoint: true },
  });
  const { cluster } = network;
  if (cluster === undefined) {
    throw new Error('no cluster');
  }
  return {
    stackName: 'hookline-upf',
    profiles: [
      {
        name: 'upf',
        selector: { tag: { key: 'eks:nodegroup-name', value: 'upf' } },
        hook: { name: 'hookline-launch' },
        nodeTags: { Name: 'upf-{{ az }}-{{ private_ip | dashed }}' },
        slots: [
          {
            network: 'signaling',
            subnetIds: network.subnetIds('signaling'),
            securityGroupIds: [network.securityGroupId('signaling')],
          },
          {
            network: 'user-plane',
            subnetIds: network.subnetIds('user-plane'),
            securityGroupIds: [network.securityGroupId('user-plane')],
            secondaryPrivateAddresses: 8,
          },
        ],
      },
    ],
    nodeGroups: [
      {
        name: 'upf',
        profile: 'upf',
        cluster,
        subnetIds: [...network.nodeSubnetIds.values()],
        instanceTypes: ['m5.4xlarge'],
        initialSize: 2,
        maxSize: 20,
        networks: {
          signaling: { cni: { type: 'host-device' } },
          'user-plane': { interfaceName: 'up0', cni: { type: 'ipvlan' } },
        },
      },
    ],
    autoScalingGroupNamePatterns: ['eks-upf-*'],
  };
}

/** Creates the app. */
export function fromAnEmptyAccount(code?: FunctionCode, props?: AppProps): App {
  const app = new App(props);
  const config = createNetwork(app);
  new HooklineStack(app, config.stackName, { config, env, ...(code === undefined ? {} : { code }) });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}

/** The configuration, for `npm run manifests -- --app`. */
export default (): HooklineConfig => createNetwork(new App());

if (require.main === module) {
  fromAnEmptyAccount().synth();
}
