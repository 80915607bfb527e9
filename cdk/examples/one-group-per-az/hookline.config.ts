/**
 * One managed node group for each AZ, and one profile for each group: the subnets of a profile are in the group's AZ. Pods
 * select a group by the node label `eks.amazonaws.com/nodegroup`.
 *
 * The node groups exist already, in the cluster `core`. EKS chooses the names of their Auto Scaling groups. Each profile
 * therefore selects its nodes by a tag that EKS sets, and the stack reads the name of the group for the hook from EKS.
 */
import type { HooklineConfig, Profile } from 'hookline-cdk';

/** The subnets of an AZ, by network. */
interface Zone {
  readonly name: string;
  readonly signaling: string;
  /** Two subnets: Hookline uses the second when the first is full. */
  readonly userPlane: readonly [string, string];
}

const clusterName = 'core';
const zones: readonly Zone[] = [
  {
    name: 'us-west-2a',
    signaling: 'subnet-0aaaaaaaaaaaaaaa1',
    userPlane: ['subnet-0aaaaaaaaaaaaaaa2', 'subnet-0aaaaaaaaaaaaaaa3'],
  },
  {
    name: 'us-west-2b',
    signaling: 'subnet-0bbbbbbbbbbbbbbb1',
    userPlane: ['subnet-0bbbbbbbbbbbbbbb2', 'subnet-0bbbbbbbbbbbbbbb3'],
  },
];

const nodegroup = (zone: Zone): string => `upf-${zone.name}`;

const profile = (zone: Zone): Profile => ({
  name: nodegroup(zone),
  selector: { tag: { key: 'eks:nodegroup-name', value: nodegroup(zone) } },
  hook: { name: 'hookline-launch' },
  nodeTags: { Name: `upf-{{ az }}-{{ private_ip | dashed }}` },
  securityGroupIds: ['sg-0123456789abcdef0'],
  slots: [
    { network: 'signaling', subnetIds: [zone.signaling], sourceDestCheck: false },
    {
      network: 'user-plane',
      subnetIds: [...zone.userPlane],
      secondaryPrivateAddresses: 4,
      sourceDestCheck: false,
    },
  ],
});

const config: HooklineConfig = {
  stackName: 'hookline-upf',
  region: 'us-west-2',
  profiles: zones.map(profile),
  hooks: zones.map((zone) => ({
    profile: nodegroup(zone),
    managedNodeGroup: { clusterName, nodegroupName: nodegroup(zone) },
  })),
  autoScalingGroupNamePatterns: ['eks-upf-*'],
  alarms: { fewestFreeAddresses: 20 },
};

export default config;
