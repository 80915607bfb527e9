import { groupWarnings } from '../../lib/nodegroup/group-warnings';
import type { NodeGroup } from '../../lib/shared/config';
import type { Slot } from '../../lib/launch/profile';
import { SLOTS, managedGroup, managedProfile } from './support';

const messages = (group: Partial<NodeGroup>, slots: readonly Slot[] = SLOTS): string[] =>
  groupWarnings(managedGroup({ networks: {}, ...group }), managedProfile({ slots: [...slots] })).map(
    ({ message }) => message,
  );
const ofOneZone = { zones: [{ zone: 'us-west-2a', cidr: '10.0.1.0/24' }] };

test('a group with IPv4, ipvlan and host-device has no warning', () => {
  const networks: NodeGroup['networks'] = {
    signaling: { cni: { type: 'host-device' } },
    'user-plane': { cni: { type: 'ipvlan' } },
  };
  expect(messages({ networks })).toEqual([]);
  expect(
    messages(
      {},
      SLOTS.map((slot) => ({ ...slot, ipv6: 'none' })),
    ),
  ).toEqual([]);
});

test('IPv6 addresses, which nothing configures, have a warning that names their networks', () => {
  const slots = SLOTS.map((slot) => ({ ...slot, ipv6: 'lowest-free' }) as const);
  expect(messages({}, slots)).toEqual([
    expect.stringMatching(/^the interfaces of "signaling", "user-plane" get an IPv6 address .* nothing/),
  ]);
  const networks: NodeGroup['networks'] = {
    signaling: { cni: { type: 'host-device' } },
    'user-plane': { mode: 'os', cni: { type: 'ipvlan' } },
  };
  expect(messages({ networks }, slots)).toEqual([]);
  // One address is none for many pods.
  expect(messages({ networks: { ...networks, signaling: { cni: { type: 'ipvlan' } } } }, slots)).toEqual([
    expect.stringMatching(/^the interfaces of "signaling" get an IPv6 address/),
  ]);
  // The node has nothing to do with an ignored one.
  expect(messages({ networks: { signaling: { ignore: true } } }, slots.slice(0, 1))).toEqual([]);
});

test.each([
  ['on the node', { cni: { type: 'macvlan' } }],
  ['in a definition', { definition: { type: 'macvlan', ipam: 'static', ...ofOneZone } }],
] as const)('macvlan %s has a warning', (_, network) => {
  expect(messages({ networks: { signaling: network as never } })).toEqual([
    expect.stringMatching(/^the pods of "signaling" use macvlan, .* untried/),
  ]);
  expect(messages({ networks: { signaling: { ...network, ignore: true } as never } })).toEqual([]);
});
