import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Profile, Slot } from '../../lib/launch/profile';
import { checkNodeGroup } from '../../lib/nodegroup/multus-node-group';
import { type NodeSettings, nodeSettings } from '../../lib/nodegroup/node-settings';
import type { NodeGroup, NodeNetwork } from '../../lib/shared/config';
import { REPOSITORY } from '../../lib/shared/repository';
import { configurationError, subnetIds } from '../support';
import { SLOTS, managedGroup, managedProfile } from './support';

/** A case of `node/tests/settings.json`: settings that the node refuses, and the end of the field that the CDK names. */
interface Case {
  readonly networks: Record<string, unknown>[];
  readonly node: string;
  readonly cdk: string;
}

const cases = JSON.parse(readFileSync(join(REPOSITORY, 'node', 'tests', 'settings.json'), 'utf8')) as Case[];

/** Splits the settings of a case into what the profile has and what the node group has. */
function split(networks: Case['networks']): { profile: Profile; group: NodeGroup } {
  const slots: unknown[] = [];
  const settings: Record<string, unknown> = {};
  for (const { interfaceName, mtu, mode, cni, ...slot } of networks) {
    const subnets = slot['subnetIds'] as string[] | undefined;
    slots.push({
      ...slot,
      ...(subnets === undefined
        ? {}
        : { subnetIds: subnets.map((id) => id.replace('subnet-0', 'subnet-0000000000000000')) }),
      // Else the case would be refused for another reason.
      secondaryPrivateAddresses: 1,
    });
    settings[String(slot['network'])] = Object.fromEntries(
      Object.entries({ interfaceName, mtu, mode, cni }).filter(([, value]) => value !== undefined),
    );
  }
  return {
    profile: managedProfile({ slots: slots as Slot[] }),
    group: managedGroup({ networks: settings as Record<string, NodeNetwork> }),
  };
}

test.each(cases.map((one) => [one.node, one] as const))(
  'settings that the node refuses are refused: %s',
  (_, { networks, cdk }) => {
    const { profile, group } = split(networks);
    const error = configurationError(() => {
      checkNodeGroup(group, profile, 'nodeGroup upf');
    });
    expect(error.field.endsWith(cdk)).toBe(true);
  },
);

/** The settings of a group's nodes. */
const settings = (slots: readonly Slot[], more: Partial<NodeGroup> = {}): NodeSettings =>
  nodeSettings(managedGroup({ networks: {}, ...more }), managedProfile({ slots: [...slots] }), 'g');

test('the settings have the networks of the profile, with their subnets and what the group says of them', () => {
  const networks = { signaling: { mode: 'os' }, 'user-plane': { interfaceName: 'up0', mtu: 8000 } } as const;
  expect(settings(SLOTS, { networks, cniConfDir: '/etc/multus' })).toEqual({
    gate: [
      { network: 'signaling', subnetIds: SLOTS[0]?.subnetIds, mode: 'os' },
      { network: 'user-plane', subnetIds: SLOTS[1]?.subnetIds, interfaceName: 'up0', mtu: 8000 },
    ],
    cniConfDir: '/etc/multus',
  });
});

describe('a device index is in the settings', () => {
  const [signaling, userPlane] = SLOTS as [Slot, Slot];
  const indexes = ({ gate }: NodeSettings): unknown[] => gate.map(({ deviceIndex }) => deviceIndex);

  test('where another slot has the subnet', () => {
    const beside = { ...userPlane, subnetIds: signaling.subnetIds.slice(0, 1) };
    expect(indexes(settings([signaling, beside]))).toEqual([1, 2]);
    expect(indexes(settings([signaling, { ...beside, deviceIndex: null }]))).toEqual([1, undefined]);
  });

  test('where the nodes themselves have the subnet', () => {
    expect(indexes(settings(SLOTS, { subnetIds: userPlane.subnetIds }))).toEqual([undefined, 2]);
  });

  test('where the VPC CNI may have any subnet', () => {
    expect(indexes(settings(SLOTS, { customNetworking: true }))).toEqual([1, 2]);
  });

  test('and nowhere else, because a node of the old template would wait for it for ever after a change', () => {
    const without = SLOTS.slice(0, 1).map((slot) => ({ ...slot, deviceIndex: null }));
    const moved = without.map((slot) => ({ ...slot, deviceIndex: 5, networkCard: 1 }));
    expect(settings(moved)).toEqual(settings(without));
    expect(indexes(settings(SLOTS))).toEqual([undefined, undefined]);
  });
});

test('a network card is in the settings with its device index', () => {
  const slots = SLOTS.map((slot, n) => ({
    ...slot,
    subnetIds: subnetIds(2),
    deviceIndex: 1,
    networkCard: n,
  }));
  expect(settings(slots).gate).toEqual([
    { network: 'signaling', subnetIds: subnetIds(2), deviceIndex: 1 },
    { network: 'user-plane', subnetIds: subnetIds(2), deviceIndex: 1, networkCard: 1 },
  ]);
});

describe('an ignored network', () => {
  const [signaling, userPlane] = SLOTS as [Slot, Slot];
  const networks = { signaling: { ignore: true } };

  test('is not in the settings', () => {
    expect(settings(SLOTS, { networks })).toEqual({
      gate: [{ network: 'user-plane', subnetIds: userPlane.subnetIds }],
    });
  });

  test('has its place in the settings if another network has its subnet, so that the other does not get its interface', () => {
    const beside = { ...userPlane, subnetIds: signaling.subnetIds, deviceIndex: null };
    expect(settings([{ ...signaling, networkCard: 1 }, beside], { networks })).toEqual({
      gate: [{ network: 'user-plane', subnetIds: signaling.subnetIds }],
      claimed: [{ subnetIds: signaling.subnetIds, deviceIndex: 1, networkCard: 1 }],
    });
  });
});

test.each<[string, Partial<NodeGroup>, string]>([
  [
    'a network that the profile does not have',
    { networks: { upf: {} } },
    'g.networks.upf: the profile upf has no network of this name. Use one of signaling, user-plane',
  ],
  [
    'ipvlan on an interface without secondary addresses',
    { networks: { signaling: { cni: { type: 'ipvlan' } } } },
    'g.networks.signaling.cni: its pods get secondary addresses, and the slot of the profile has none. ',
  ],
  [
    'the folder of the container runtime',
    { cniConfDir: '/etc/cni/net.d/' },
    'g.cniConfDir: must not be the folder of the container runtime itself. ',
  ],
])('%s is refused', (_, group, message) => {
  expect(() => settings(SLOTS, group)).toThrow(message);
});
