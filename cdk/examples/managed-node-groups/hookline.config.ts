/**
 * A managed node group for each AZ, with the node's programs in its user data. The cluster `core` and its VPC exist. Pods select a
 * group by the node label `eks.amazonaws.com/nodegroup`.
 */
import type { HooklineConfig, NodeGroup, Profile } from 'hookline-cdk';

/** The subnets of an AZ: of the nodes' primary interfaces, and of each network. */
interface Zone {
  readonly name: string;
  readonly nodes: string;
  readonly signaling: string;
  readonly userPlane: string;
}

const zones: readonly Zone[] = [
  {
    name: 'us-west-2a',
    nodes: 'subnet-0aaaaaaaaaaaaaaa0',
    signaling: 'subnet-0aaaaaaaaaaaaaaa1',
    userPlane: 'subnet-0aaaaaaaaaaaaaaa2',
  },
  {
    name: 'us-west-2b',
    nodes: 'subnet-0bbbbbbbbbbbbbbb0',
    signaling: 'subnet-0bbbbbbbbbbbbbbb1',
    userPlane: 'subnet-0bbbbbbbbbbbbbbb2',
  },
];

const groupName = (zone: Zone): string => `upf-${zone.name}`;

const profile = (zone: Zone): Profile => ({
  name: groupName(zone),
  selector: { tag: { key: 'eks:nodegroup-name', value: groupName(zone) } },
  hook: { name: 'hookline-launch' },
  nodeTags: { Name: 'upf-{{ az }}-{{ private_ip | dashed }}' },
  securityGroupIds: ['sg-0123456789abcdef0'],
  slots: [
    { network: 'signaling', deviceIndex: 1, subnetIds: [zone.signaling] },
    {
      network: 'user-plane',
      deviceIndex: 2,
      subnetIds: [zone.userPlane],
      // The addresses of the pods.
      secondaryPrivateAddresses: 8,
      sourceDestCheck: false,
    },
  ],
});

const nodeGroup = (zone: Zone): NodeGroup => ({
  name: groupName(zone),
  profile: groupName(zone),
  cluster: { name: 'core' },
  subnetIds: [zone.nodes],
  instanceTypes: ['m5.4xlarge'],
  initialSize: 2,
  maxSize: 20,
  networks: {
    signaling: { cni: { type: 'host-device' } },
    'user-plane': { interfaceName: 'up0', cni: { type: 'ipvlan' } },
  },
});

const config: HooklineConfig = {
  stackName: 'hookline-managed',
  region: 'us-west-2',
  profiles: zones.map(profile),
  nodeGroups: zones.map(nodeGroup),
  autoScalingGroupNamePatterns: ['eks-upf-*'],
};

export default config;
