import { readFileSync } from 'node:fs';
import { demoApplication } from '../../lib/nodegroup/demo-application';
import { contains, ofCidr, ofRange, toAddress } from '../../lib/nodegroup/ipv4';
import { definitionNames, networkDefinitions } from '../../lib/nodegroup/network-definitions';
import type { HooklineConfig, NodeGroup, NodeNetwork } from '../../lib/shared/config';
import { NETWORK_DEFINITIONS, networkDefinitionExamples } from '../../scripts/network-definitions';
import { slot } from '../support';
import { managedGroup, managedProfile } from './support';

type Definition = NonNullable<NodeNetwork['definition']>;

const ZONE = { zone: 'us-west-2a', cidr: '10.0.1.0/24', podRange: '10.0.1.128/26', reserved: true };
const DEFINITION: Definition = { type: 'ipvlan', ipam: 'whereabouts', zones: [ZONE] };

function config(...networks: Record<string, NodeNetwork>[]): Pick<HooklineConfig, 'profiles' | 'nodeGroups'> {
  return {
    profiles: [managedProfile()],
    nodeGroups: networks.map((one, n) => managedGroup({ name: `g${n}`, networks: one })),
  };
}

/** The configuration of the only definition. */
function cniOf(network: NodeNetwork): Record<string, unknown> {
  const [made, ...rest] = networkDefinitions(config({ signaling: network }), 'ns');
  expect(rest).toEqual([]);
  return JSON.parse(made?.spec?.config ?? 'null') as Record<string, unknown>;
}

test('the examples for the tests of node/ are current (`npm run generate` writes them)', () => {
  expect(readFileSync(NETWORK_DEFINITIONS, 'utf8')).toBe(networkDefinitionExamples());
});

test('a network whose configuration the node writes has one definition, without a spec', () => {
  const networks = {
    signaling: { cni: { type: 'host-device' } },
    'user-plane': { cni: { type: 'ipvlan', name: 'up' } },
  } as const;
  expect(networkDefinitions(config(networks, networks), 'ns')).toEqual(
    ['signaling', 'up'].map((name) => ({
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name, namespace: 'ns' },
    })),
  );
});

test('a network that pods do not use has none', () => {
  expect(
    networkDefinitions(
      config({ signaling: {}, 'user-plane': { ignore: true, cni: { type: 'ipvlan' } } }),
      'ns',
    ),
  ).toEqual([]);
});

test('a network with a definition has one for each zone', () => {
  const zones = [ZONE, { ...ZONE, zone: 'us-west-2b', cidr: '10.0.2.0/24', podRange: '10.0.2.128/26' }];
  const networks = { 'user-plane': { interfaceName: 'up0', definition: { ...DEFINITION, zones } } };
  const made = networkDefinitions(config(networks), 'ns');
  expect(made.map(({ metadata }) => metadata.name)).toEqual([
    'user-plane-us-west-2a',
    'user-plane-us-west-2b',
  ]);
  expect(made.map(({ spec }) => JSON.parse(spec?.config ?? '') as unknown)).toEqual([
    {
      cniVersion: '1.0.0',
      name: 'user-plane-us-west-2a',
      type: 'ipvlan',
      master: 'up0',
      mode: 'l2',
      mtu: 9001,
      ipam: {
        type: 'whereabouts',
        range: '10.0.1.0/24',
        range_start: '10.0.1.128',
        range_end: '10.0.1.191',
        gateway: '10.0.1.1',
        routes: [],
      },
    },
    expect.objectContaining({
      ipam: expect.objectContaining({ range_end: '10.0.2.191', gateway: '10.0.2.1' }) as unknown,
    }),
  ]);
});

test('a static definition takes the address from the pod, and its routes have the gateway of the subnet', () => {
  const routes = [{ dst: '10.8.0.0/16' }, { dst: '10.9.0.0/16', gw: '10.0.1.7' }];
  expect(cniOf({ definition: { ...DEFINITION, type: 'host-device', ipam: 'static', routes } })).toEqual({
    cniVersion: '1.0.0',
    name: 'signaling-us-west-2a',
    type: 'host-device',
    device: 'signaling',
    capabilities: { ips: true },
    ipam: {
      type: 'static',
      routes: [
        { dst: '10.8.0.0/16', gw: '10.0.1.1' },
        { dst: '10.9.0.0/16', gw: '10.0.1.7' },
      ],
    },
  });
});

test('the MTU in the pod can be less than the interface’s', () => {
  expect(cniOf({ mtu: 8000, definition: DEFINITION })['mtu']).toBe(8000);
  expect(cniOf({ mtu: 8000, definition: { ...DEFINITION, mtu: 1500 } })['mtu']).toBe(1500);
});

test('pods of a range that is excluded in the slot need no reservation', () => {
  const slots = [slot({ network: 'signaling', excludedRanges: ['2001:db8::/64', '10.0.1.120-10.0.1.200'] })];
  const zones = [{ ...ZONE, reserved: false }];
  const given = {
    ...config({ signaling: { definition: { ...DEFINITION, zones } } }),
    profiles: [managedProfile({ slots })],
  };
  expect(networkDefinitions(given, 'ns')).toHaveLength(1);
});

describe('a definition is refused', () => {
  const zone = (more: Partial<typeof ZONE>): Partial<Definition> => ({ zones: [{ ...ZONE, ...more }] });

  test.each<[string, NodeNetwork, Partial<Definition>, string]>([
    [
      'beside a cni of the same interface',
      { cni: { type: 'ipvlan' } },
      {},
      'definition: and cni both give the interface to pods',
    ],
    [
      'with host-local',
      {},
      { ipam: 'host-local' },
      'definition.ipam: host-local keeps its state on the node, so two nodes give',
    ],
    [
      'with macvlan that is not passthru',
      {},
      { type: 'macvlan', mode: 'bridge' },
      'definition.mode: a VPC delivers only to',
    ],
    [
      'with a mode that ipvlan does not have',
      {},
      { mode: 'passthru' },
      'definition.mode: ipvlan has no mode passthru',
    ],
    [
      'with routes that ipvlan in mode l3 does not follow',
      {},
      { mode: 'l3', routes: [{ dst: '10.8.0.0/16' }] },
      'definition.routes: the node routes for pods of ipvlan in the mode l3',
    ],
    [
      'with a mode of host-device',
      {},
      { type: 'host-device', mode: 'l2' },
      'definition.mode: host-device has no mode',
    ],
    [
      'with an MTU of host-device',
      {},
      { type: 'host-device', mtu: 1500 },
      'definition.mtu: host-device gives the interface as it is',
    ],
    [
      'with a greater MTU than the interface',
      { mtu: 1500 },
      { mtu: 1501 },
      "definition.mtu: 1501 is more than the interface's 1500",
    ],
    [
      'that takes an interface of the operating system',
      { mode: 'os' },
      { type: 'macvlan' },
      'definition.type: macvlan takes the whole',
    ],
    ['with a zone twice', {}, { zones: [ZONE, ZONE] }, 'definition.zones: a zone is there twice'],
    [
      'with a wrong route',
      {},
      { routes: [{ dst: '10.0.0.0' }] },
      'definition.routes[0].dst: "10.0.0.0" is not',
    ],
    [
      'with a wrong subnet',
      {},
      zone({ cidr: '10.0.1.1/24' }),
      'definition.zones[0].cidr: "10.0.1.1/24" is not an IPv4 CIDR block',
    ],
    [
      'with a range outside the subnet',
      {},
      zone({ podRange: '10.0.2.0/26' }),
      'definition.zones[0].podRange: 10.0.2.0/26 is not within 10.0.1.4-10.0.1.254',
    ],
    [
      "with AWS's first addresses",
      {},
      zone({ podRange: '10.0.1.0/26' }),
      'definition.zones[0].podRange: 10.0.1.0/26 is not within',
    ],
    [
      "with AWS's last address",
      {},
      zone({ podRange: '10.0.1.192/26' }),
      'definition.zones[0].podRange: 10.0.1.192/26 is not within',
    ],
    [
      'with a range that interfaces could take',
      {},
      zone({ reserved: false }),
      'definition.zones[0].podRange: Hookline could give addresses',
    ],
    [
      'with a gateway of another subnet',
      {},
      { routes: [{ dst: '10.8.0.0/16', gw: '10.0.2.1' }] },
      'definition.zones[0].cidr: the gateway 10.0.2.1 of definition.routes[0] is not in',
    ],
  ])('%s', (_, network, definition, message) => {
    const networks = { signaling: { ...network, definition: { ...DEFINITION, ...definition } } };
    expect(() => networkDefinitions(config(networks), 'ns')).toThrow(
      `nodeGroups[0].networks.signaling.${message}`,
    );
  });

  test('if its network cannot name it', () => {
    const given = {
      ...config({ 'User Plane': { definition: DEFINITION } }),
      profiles: [managedProfile({ slots: [slot({ network: 'User Plane' })] })],
    };
    expect(() => networkDefinitions(given, 'ns')).toThrow('definition.name: "User Plane" cannot be the name');
  });

  test('if another group has the same name for something else', () => {
    const other = { ...DEFINITION, mode: 'l3' } as const;
    expect(() =>
      networkDefinitions(
        config({ signaling: { definition: DEFINITION } }, { signaling: { definition: other } }),
        'ns',
      ),
    ).toThrow(
      'nodeGroups[1].networks.signaling: its NetworkAttachmentDefinition "signaling-us-west-2a" differs from that of nodeGroups[0].networks.signaling',
    );
  });
});

describe('the demo application', () => {
  const group = (more: Partial<NodeGroup>): Pick<HooklineConfig, 'nodeGroups'> => ({
    nodeGroups: [managedGroup(more)],
  });
  const podOf = (
    more: Partial<NodeGroup>,
    zone?: string,
  ): { metadata: { annotations: Record<string, string> }; spec: Record<string, unknown> } =>
    (demoApplication(group(more), 'upf', 'ns', zone).spec as { template: never }).template;

  test('asks for each network of the group', () => {
    const networks = {
      signaling: { cni: { type: 'host-device' } },
      'user-plane': { cni: { type: 'ipvlan', name: 'up' } },
    } as const;
    expect(JSON.parse(podOf({ networks }).metadata.annotations['k8s.v1.cni.cncf.io/networks'] ?? '')).toEqual(
      [
        { name: 'signaling', interface: 'net1' },
        { name: 'up', interface: 'net2' },
      ],
    );
  });

  test('runs on the nodes of the group, in the zone of its definitions', () => {
    const networks = { signaling: { definition: DEFINITION } };
    expect(podOf({ networks }, 'us-west-2a').spec['nodeSelector']).toEqual({
      'eks.amazonaws.com/nodegroup': 'upf',
      'topology.kubernetes.io/zone': 'us-west-2a',
    });
    const labels = { workload: 'upf' };
    expect(podOf({ networks, labels, management: 'self-managed' }).spec['nodeSelector']).toEqual(labels);
  });

  test('is refused without a zone if the definitions have several, and without a second interface', () => {
    const zones = [ZONE, { ...ZONE, zone: 'us-west-2b' }];
    expect(() => podOf({ networks: { signaling: { definition: { ...DEFINITION, zones } } } })).toThrow(
      'Name the zone: us-west-2a, us-west-2b',
    );
    expect(() => podOf({ networks: {} })).toThrow('a pod has no second interface');
    expect(() =>
      podOf({ networks: { signaling: { definition: { ...DEFINITION, ipam: 'static' } } } }),
    ).toThrow('a pod has no second interface');
    expect(() => demoApplication(group({}), 'smf', 'ns')).toThrow(
      'nodeGroup smf: there is no node group of this name. Use one of upf',
    );
  });
});

test('the names of a group’s definitions are those of the zone', () => {
  const zones = [ZONE, { ...ZONE, zone: 'us-west-2b' }];
  const networks = {
    signaling: { definition: { ...DEFINITION, zones } },
    'user-plane': { cni: { type: 'ipvlan' } },
  } as const;
  expect(definitionNames(managedGroup({ networks }), 'us-west-2b')).toEqual([
    'signaling-us-west-2b',
    'user-plane',
  ]);
  expect(definitionNames(managedGroup({ networks }))).toHaveLength(3);
});

describe('IPv4', () => {
  test.each([
    ['10.0.1.0/24', '10.0.1.0', '10.0.1.255'],
    ['10.0.1.7', '10.0.1.7', '10.0.1.7'],
    ['10.0.1.20 - 10.0.2.40', '10.0.1.20', '10.0.2.40'],
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
  ])('%s is %s to %s', (text, first, last) => {
    const range = ofRange(text);
    expect([toAddress(range?.first ?? -1), toAddress(range?.last ?? -1)]).toEqual([first, last]);
  });

  test.each([
    '',
    '10.0.1.0/33',
    '10.0.1.0/',
    '10.0.1.1/24',
    '10.0.1.0/24/8',
    '10.0.1.9-10.0.1.8',
    '::1',
    '2001:db8::/64',
    '10.0.1',
  ])('%j is no range', (text) => {
    expect(ofRange(text)).toBeUndefined();
  });

  test('a range contains itself and its parts only', () => {
    const [outer, inner, beside] = ['10.0.1.0/24', '10.0.1.192/26', '10.0.2.0/24'].map(ofCidr);
    if (outer === undefined || inner === undefined || beside === undefined) {
      throw new Error('no range');
    }
    expect([
      contains(outer, outer),
      contains(outer, inner),
      contains(inner, outer),
      contains(outer, beside),
    ]).toEqual([true, true, false, false]);
  });
});
