import { contains, ofCidr } from '../../lib/nodegroup/ipv4';
import { type PlannedNetwork, halves, planSubnets } from '../../lib/nodegroup/subnet-plan';

const NETWORKS: readonly PlannedNetwork[] = [
  { name: 'signaling', prefixLength: 26 },
  { name: 'user-plane', podPrefixLength: 26 },
];

const plan = (networks: readonly PlannedNetwork[] = NETWORKS, zones = 2): ReturnType<typeof planSubnets> =>
  planSubnets(networks, zones, '10.0.128.0/17', 'networks');

test('each network has a block in each zone, after those of the network before it', () => {
  expect([...plan()]).toEqual([
    [
      'signaling',
      [
        { zone: 0, cidr: '10.0.128.0/26' },
        { zone: 1, cidr: '10.0.128.64/26' },
      ],
    ],
    [
      'user-plane',
      [
        { zone: 0, cidr: '10.0.129.0/24', podRange: '10.0.129.64/26' },
        { zone: 1, cidr: '10.0.130.0/24', podRange: '10.0.130.64/26' },
      ],
    ],
  ]);
});

test('a network at the end moves no other subnet, and neither does a third zone', () => {
  const later = plan([...NETWORKS, { name: 'storage', prefixLength: 28 }], 3);
  for (const [network, subnets] of plan()) {
    expect(later.get(network)?.slice(0, 2)).toEqual(subnets);
  }
  const blocks = [...later.values()].flat().map(({ cidr }) => ofCidr(cidr));
  expect(blocks).toHaveLength(9);
  for (const [n, one] of blocks.entries()) {
    for (const other of blocks.slice(n + 1)) {
      expect(one !== undefined && other !== undefined && one.last < other.first).toBe(true);
    }
  }
});

test.each([24, 26, 28])(
  'the range for pods of /%i is in its subnet, without addresses of AWS',
  (prefixLength) => {
    const [subnet] = plan([{ name: 'n', prefixLength, podPrefixLength: prefixLength + 2 }]).get('n') ?? [];
    const [all, pods] = [ofCidr(subnet?.cidr ?? ''), ofCidr(subnet?.podRange ?? '')];
    if (all === undefined || pods === undefined) {
      throw new Error('no block');
    }
    expect(contains({ first: all.first + 4, last: all.last - 1 }, pods)).toBe(true);
  },
);

test('a block has two halves', () => {
  expect(halves('10.0.0.0/16')).toEqual(['10.0.0.0/17', '10.0.128.0/17']);
  expect(halves('10.4.0.0/20')).toEqual(['10.4.0.0/21', '10.4.8.0/21']);
});

test.each<[string, readonly PlannedNetwork[], string, string]>([
  ['no block', NETWORKS, '10.0.128.1/17', 'networks: "10.0.128.1/17" is not an IPv4 CIDR block'],
  [
    'no room',
    [{ name: 'n', prefixLength: 25 }],
    '10.0.0.0/24',
    'networks[0]: 10.0.0.0/24 has no room for the subnets of "n" in 3 zones',
  ],
  [
    'a name twice',
    [{ name: 'n' }, { name: 'n' }],
    '10.0.0.0/16',
    'networks[1].name: "n" is not a name of its own',
  ],
  ['no name', [{ name: '' }], '10.0.0.0/16', 'networks[0].name: '],
  [
    'a subnet that is too small',
    [{ name: 'n', prefixLength: 29 }],
    '10.0.0.0/16',
    'networks[0].prefixLength: 29 is not 16 to 28',
  ],
  [
    'a range for pods that is too large',
    [{ name: 'n', podPrefixLength: 25 }],
    '10.0.0.0/16',
    'networks[0].podPrefixLength: 25 is not 26 to 30',
  ],
])('%s is refused', (_, networks, cidr, message) => {
  expect(() => planSubnets(networks, 2, cidr, 'networks')).toThrow(message);
});
