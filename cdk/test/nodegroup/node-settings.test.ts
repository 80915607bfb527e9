import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Profile, Slot } from '../../lib/launch/profile';
import { checkNodeGroup } from '../../lib/nodegroup/multus-node-group';
import { nodeSettings } from '../../lib/nodegroup/node-settings';
import type { NodeGroup, NodeNetwork } from '../../lib/shared/config';
import { REPOSITORY } from '../../lib/shared/repository';
import { configurationError } from '../support';
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

test('the settings have the networks of the profile, with their places and what the group says of them', () => {
  const networks = { signaling: { mode: 'os' }, 'user-plane': { interfaceName: 'up0', mtu: 8000 } } as const;
  expect(nodeSettings(managedProfile(), networks, '/etc/multus', 'g')).toEqual({
    gate: [
      { network: 'signaling', deviceIndex: 1, subnetIds: SLOTS[0]?.subnetIds, mode: 'os' },
      {
        network: 'user-plane',
        deviceIndex: 2,
        subnetIds: SLOTS[1]?.subnetIds,
        interfaceName: 'up0',
        mtu: 8000,
      },
    ],
    cniConfDir: '/etc/multus',
  });
});

test('a network card and an open device index are kept', () => {
  const slots = SLOTS.map((slot) => ({ ...slot, deviceIndex: null, networkCard: 1 }));
  expect(nodeSettings(managedProfile({ slots }), {}, undefined, 'g').gate).toEqual(
    SLOTS.map(({ network, subnetIds }) => ({ network, subnetIds, networkCard: 1 })),
  );
});

test('an ignored network is not in the settings', () => {
  const { gate } = nodeSettings(managedProfile(), { signaling: { ignore: true } }, undefined, 'g');
  expect(gate.map(({ network }) => network)).toEqual(['user-plane']);
});

test.each<[string, Parameters<typeof nodeSettings>[1], string | undefined, string]>([
  [
    'a network that the profile does not have',
    { upf: {} },
    undefined,
    'g.networks.upf: the profile upf has no network of this name. Use one of signaling, user-plane',
  ],
  [
    'ipvlan on an interface without secondary addresses',
    { signaling: { cni: { type: 'ipvlan' } } },
    undefined,
    'g.networks.signaling.cni: its pods get secondary addresses, and the slot of the profile has none. ',
  ],
  [
    'the folder of the container runtime',
    {},
    '/etc/cni/net.d/',
    'g.cniConfDir: must not be the folder of the container runtime itself. ',
  ],
])('%s is refused', (_, networks, folder, message) => {
  expect(() => nodeSettings(managedProfile(), networks, folder, 'g')).toThrow(message);
});
