/**
 * Examples of user data, one for each operating system and kind of group, for the tests of `node/`: cloud-init parses them, and
 * their scripts run. The bundle is one line in them, `@BUNDLE@`, so that a change of the node's programs does not change them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkNodeGroup } from '../lib/nodegroup/multus-node-group';
import { userData } from '../lib/nodegroup/node-group-template';
import type { NodeGroup } from '../lib/shared/config';
import type { Profile } from '../lib/shared/profile.generated';
import { NODE_BUNDLE, NODE_SIGNAL_BUNDLE, REPOSITORY } from '../lib/shared/repository';

/** The folder of the examples. */
export const USER_DATA = join(REPOSITORY, 'node', 'tests', 'user-data');

const subnets = (kind: string): string[] =>
  ['a', 'b', 'c'].map((az) => `subnet-0${kind}${az}`.padEnd(24, '0'));

/** The profile of the examples. */
export const EXAMPLE_PROFILE: Profile = {
  name: 'upf',
  selector: { tag: { key: 'hookline-profile', value: 'upf' } },
  hook: { name: 'hookline-launch' },
  securityGroupIds: ['sg-0123456789abcdef0'],
  slots: [
    { network: 'signaling', deviceIndex: 1, subnetIds: subnets('1') },
    { network: 'user-plane', subnetIds: subnets('2'), secondaryPrivateAddresses: 4 },
    // With a subnet of another one, so that their device indexes are in the settings.
    { network: 'management é', deviceIndex: 3, subnetIds: [...subnets('3'), ...subnets('1').slice(0, 1)] },
  ],
};

const managed: NodeGroup = {
  name: 'upf',
  profile: 'upf',
  cluster: { name: 'core' },
  subnetIds: subnets('0'),
  instanceTypes: ['m5.4xlarge'],
  maxSize: 10,
  networks: {
    'user-plane': { interfaceName: 'up0', cni: { type: 'ipvlan', routes: [{ dst: '10.8.0.0/16' }] } },
    'management é': { interfaceName: 'mgmt', mtu: 1500, mode: 'os' },
  },
};
const withImage: NodeGroup = {
  ...managed,
  imageId: 'ami-0123456789abcdef0',
  cluster: {
    name: 'core',
    securityGroupId: 'sg-0123456789abcdef1',
    endpoint: 'https://0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com',
    // As long as a real one.
    certificateAuthority: Buffer.from(`-----BEGIN CERTIFICATE-----\n${'MIIC'.repeat(260)}\n`).toString(
      'base64',
    ),
    serviceCidr: '10.100.0.0/16',
  },
  labels: { workload: 'upf', 'example.com/rack': '7' },
  taints: [
    { key: 'multus', value: 'pending', effect: 'NO_SCHEDULE' },
    { key: 'example.com/spare', effect: 'PREFER_NO_SCHEDULE' },
  ],
};

/** Bottlerocket has no interface for the operating system. */
const ofMultus: Required<Pick<NodeGroup, 'networks'>> = {
  networks: { ...managed.networks, 'management é': { interfaceName: 'mgmt', mtu: 1500 } },
};

/** The node group of each example, by its file's name. */
export const EXAMPLE_GROUPS: Readonly<Record<string, NodeGroup>> = {
  'al2023-managed.txt': managed,
  'al2023-managed-with-image.txt': withImage,
  'al2023-self-managed.txt': { ...withImage, management: 'self-managed' },
  'al2023-self-managed-rolling.txt': {
    ...withImage,
    management: 'self-managed',
    rollingUpdate: {},
  },
  'bottlerocket-managed.toml': { ...managed, ...ofMultus, operatingSystem: 'bottlerocket' },
  'bottlerocket-self-managed.toml': {
    ...withImage,
    ...ofMultus,
    management: 'self-managed',
    operatingSystem: 'bottlerocket',
    bootstrapContainerImage: '123456789012.dkr.ecr.us-west-2.amazonaws.com/hookline-bottlerocket:v1',
  },
};

const SIGNAL = { stack: 'hookline', resource: 'NodeGroupupfGroup0123ABCD', region: 'us-west-2' };

/** Returns the examples: file name and content. */
export function userDataExamples(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(EXAMPLE_GROUPS).map(([name, group]) => {
      checkNodeGroup(group, EXAMPLE_PROFILE, name);
      const signal = group.rollingUpdate === undefined ? undefined : SIGNAL;
      const bundle = readFileSync(signal === undefined ? NODE_BUNDLE : NODE_SIGNAL_BUNDLE, 'utf8');
      return [name, userData(group, EXAMPLE_PROFILE, name, signal).replace(bundle, () => '@BUNDLE@\n')];
    }),
  );
}
