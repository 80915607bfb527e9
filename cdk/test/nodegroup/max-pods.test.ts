import { networkLimits } from '../../lib/nodegroup/instance-types';
import { type PodAddresses, maxPods, podCapacity } from '../../lib/nodegroup/max-pods';
import { slot } from '../support';

const SECONDARY: PodAddresses = { prefixes: false, customNetworking: false };
const slots = (count: number, networkCard = 0): ReturnType<typeof slot>[] =>
  Array.from({ length: count }, (_, n) => slot({ network: `n${n}`, deviceIndex: n + 1, networkCard }));

test.each([
  // The numbers without slots are those of EKS's calculator.
  ['m5.4xlarge', 0, SECONDARY, 234],
  ['m5.4xlarge', 2, SECONDARY, 176],
  ['c5.large', 0, SECONDARY, 29],
  ['c5.large', 1, SECONDARY, 20],
  ['c5.large', 2, SECONDARY, 11],
  ['m5.4xlarge', 2, { prefixes: false, customNetworking: true }, 147],
  ['m5.4xlarge', 2, { prefixes: true, customNetworking: false }, 2786],
  ['m5.4xlarge', 2, { prefixes: true, customNetworking: true }, 2322],
])('%s with %i slots has addresses for its pods: %j %i', (type, count, addresses, expected) => {
  expect(podCapacity(slots(count), networkLimits(type, 't'), addresses, 't')).toBe(expected);
});

test('slots on another card than the default card do not count', () => {
  const type = networkLimits('p4d.24xlarge', 't');
  expect([...type.cards.keys()]).toContain(1);
  expect(podCapacity(slots(2, 1), type, SECONDARY, 't')).toBe(podCapacity([], type, SECONDARY, 't'));
  expect(podCapacity(slots(2), type, SECONDARY, 't')).toBe(
    podCapacity([], type, SECONDARY, 't') - 2 * (type.addressesPerInterface - 1),
  );
});

test.each([
  [
    'more slots than the card has room for',
    'c5.large',
    slots(3),
    SECONDARY,
    't: c5.large has room for 2 interfaces of a profile on network card 0, and the profile has 3 there. ',
  ],
  [
    'a card that the type does not have',
    'c5.large',
    slots(1, 1),
    SECONDARY,
    't: c5.large has room for 0 interfaces of a profile on network card 1, and the profile has 1 there. ',
  ],
  [
    'no interface left for pods',
    'c5.large',
    slots(2),
    { prefixes: false, customNetworking: true },
    't: beside the interfaces of the profile, c5.large has no interface with addresses for pods. ',
  ],
] as const)('%s is refused', (_, type, wanted, addresses, message) => {
  expect(() => podCapacity(wanted, networkLimits(type, 't'), addresses, 't')).toThrow(message);
});

test('an unknown instance type is refused', () => {
  expect(() => networkLimits('m5.4xlarg', 'g.instanceTypes[0]')).toThrow(
    'g.instanceTypes[0]: "m5.4xlarg" is not an instance type that Hookline knows. ',
  );
});

describe('the maximum of a group', () => {
  test('is that of the smallest type', () => {
    expect(maxPods(slots(2), ['m5.4xlarge', 'c5.large'], SECONDARY, undefined, 'g')).toBe(11);
  });

  test('is 110 at most with prefixes, unless more is wanted', () => {
    const prefixes = { ...SECONDARY, prefixes: true };
    expect(maxPods(slots(2), ['m5.4xlarge'], prefixes, undefined, 'g')).toBe(110);
    expect(maxPods(slots(2), ['m5.4xlarge'], prefixes, 250, 'g')).toBe(250);
  });

  test('can be less, and not more', () => {
    expect(maxPods(slots(2), ['m5.4xlarge'], SECONDARY, 100, 'g')).toBe(100);
    expect(() => maxPods(slots(2), ['m5.4xlarge', 'c5.large'], SECONDARY, 12, 'g')).toThrow(
      'g.maxPods: 12, but c5.large has addresses for 11 pods beside the interfaces of the profile. Use at most 11',
    );
  });
});
