/** What the tests of node groups share. */
import type { Profile, Slot } from '../../lib/launch/profile';
import type { NodeGroup } from '../../lib/shared/config';
import { profile, slot, subnetIds } from '../support';

/** Everything that describe-cluster says. */
export const CLUSTER = {
  name: 'core',
  securityGroupId: 'sg-00000000000000c1a',
  endpoint: 'https://0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com',
  certificateAuthority: Buffer.from(`-----BEGIN CERTIFICATE-----\n${'A'.repeat(1000)}`).toString('base64'),
  serviceCidr: '10.100.0.0/16',
};

/** Two networks over two AZs. */
export const SLOTS: readonly Slot[] = [
  slot({ network: 'signaling', deviceIndex: 1, subnetIds: subnetIds(2, 10) }),
  slot({ network: 'user-plane', deviceIndex: 2, subnetIds: subnetIds(2, 20), secondaryPrivateAddresses: 4 }),
];

/** A valid profile of a managed node group. */
export function managedProfile(more: Partial<Profile> = {}): Profile {
  return profile({
    selector: { tag: { key: 'eks:nodegroup-name', value: 'upf' } },
    slots: [...SLOTS],
    ...more,
  });
}

/** A valid managed node group. */
export function managedGroup(more: Partial<NodeGroup> = {}): NodeGroup {
  return {
    name: 'upf',
    profile: 'upf',
    cluster: { name: 'core' },
    subnetIds: subnetIds(2),
    instanceTypes: ['m5.4xlarge'],
    maxSize: 10,
    networks: { 'user-plane': { interfaceName: 'up0', cni: { type: 'ipvlan' } } },
    ...more,
  };
}

/** A valid group of self-managed nodes. */
export function selfManagedGroup(more: Partial<NodeGroup> = {}): NodeGroup {
  return managedGroup({
    management: 'self-managed',
    cluster: CLUSTER,
    imageId: 'ami-0123456789abcdef0',
    ...more,
  });
}
