/**
 * One managed node group for each AZ, and one profile for each group: its subnets are all in the group's AZ. A pod chooses
 * a group by `eks.amazonaws.com/nodegroup`.
 *
 * The groups are there already, in the cluster `core`. EKS names their Auto Scaling groups, so each profile selects its
 * nodes by the tag that EKS puts on them, and Hookline's hook is put on the group that EKS tells.
 */
import type { HooklineConfig } from '../../lib/shared/config';
import type { Profile } from '../../lib/launch/profile';

/** The subnets of an AZ: one for each network. */
interface Zone {
  readonly name: string;
  readonly signaling: string;
  /** Two: the second is used when the first is full. */
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
    { network: 'signaling', deviceIndex: 1, subnetIds: [zone.signaling], sourceDestCheck: false },
    {
      network: 'user-plane',
      deviceIndex: 2,
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
