import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Lazy, Stack } from 'aws-cdk-lib';
import { multipart } from '../../lib/nodegroup/mime';
import { checkNodeGroup } from '../../lib/nodegroup/multus-node-group';
import { sizeLimit, userData } from '../../lib/nodegroup/node-group-template';
import { LONGEST_SIGNAL } from '../../lib/nodegroup/rolling-update';
import { NODE_BUNDLE, NODE_SIGNAL_BUNDLE } from '../../lib/shared/repository';
import { EXAMPLE_GROUPS, EXAMPLE_PROFILE, USER_DATA, userDataExamples } from '../../scripts/user-data';
import { slot, subnetIds, text } from '../support';
import { CLUSTER, managedGroup, managedProfile, selfManagedGroup } from './support';

test('the examples for the tests of node/ are current (`npm run generate` writes them)', () => {
  const files = Object.fromEntries(
    readdirSync(USER_DATA).map((name) => [name, readFileSync(join(USER_DATA, name), 'utf8')]),
  );
  expect(files).toEqual(userDataExamples());
});

test('the user data of another synthesis is the same', () => {
  expect(userData(managedGroup(), managedProfile(), 'g')).toBe(
    userData(managedGroup(), managedProfile(), 'g'),
  );
});

test('tokens of subnets and of the cluster are in the user data', () => {
  const stack = new Stack();
  const token = (value: string): string => Lazy.string({ produce: () => value });
  const slots = [slot({ subnetIds: [token('subnet-0123456789abcdef0')] })];
  const group = selfManagedGroup({
    networks: {},
    cluster: { ...CLUSTER, endpoint: token('https://cluster'), serviceCidr: token('172.20.0.0/16') },
  });
  const found = text(stack.resolve(userData(group, managedProfile({ slots }), 'g')));
  expect(found).toContain('"subnetIds":["subnet-0123456789abcdef0"]');
  expect(found).toContain('apiServerEndpoint: "https://cluster"');
  expect(found).toContain('cidr: "172.20.0.0/16"');
});

describe('the size', () => {
  const networks = (count: number): ReturnType<typeof managedProfile> =>
    managedProfile({
      slots: Array.from({ length: count }, (_, n) =>
        slot({ network: `network-${n}`, deviceIndex: n + 1, subnetIds: subnetIds(3, 10 * n) }),
      ),
    });

  test('of four networks over three AZs fits into a managed node group', () => {
    expect(() => {
      checkNodeGroup(managedGroup({ networks: {} }), networks(4), 'g');
    }).not.toThrow();
  });

  const four = managedProfile({
    slots: Array.from({ length: 4 }, (_, n) =>
      slot({
        network: `network-${n}`,
        deviceIndex: n + 1,
        subnetIds: subnetIds(3, 10 * n),
        secondaryPrivateAddresses: 8,
      }),
    ),
  });
  const cni = managedGroup({
    networks: Object.fromEntries(
      four.slots?.map(({ network }, n) => [
        network,
        { interfaceName: `interface-${n}`, cni: { type: 'ipvlan', mode: 'l2' } },
      ]) ?? [],
    ),
  });

  test('of four networks with names and cni over three AZs fits into a managed node group, too', () => {
    expect(() => {
      checkNodeGroup(cni, four, 'g');
    }).not.toThrow();
    expect(Buffer.byteLength(userData(cni, four, 'g'))).toBeLessThan(14_000);
  });

  test('of each example leaves 100 bytes, with the longest names that CloudFormation allows', () => {
    const left = Object.entries(EXAMPLE_GROUPS).map(([name, group]) => {
      const signal = group.rollingUpdate === undefined ? undefined : LONGEST_SIGNAL;
      const size = Buffer.byteLength(userData(group, EXAMPLE_PROFILE, name, signal));
      return [name, sizeLimit(group) - size] as const;
    });
    // What is left, by the file's name.
    expect(left.filter(([, bytes]) => bytes < 100)).toEqual([]);
    expect(left.map(([name]) => name)).toContain('al2023-self-managed-rolling.txt');
  });

  test('has what tells CloudFormation only where a rolling update waits for it', () => {
    const [without, whole] = [NODE_BUNDLE, NODE_SIGNAL_BUNDLE].map((path) => readFileSync(path, 'utf8'));
    const signal = { stack: 's', resource: 'r', region: 'us-west-2' };
    expect(userData(cni, four, 'g')).toContain(without);
    expect(userData(selfManagedGroup(), managedProfile(), 'g')).toContain(without);
    expect(userData(selfManagedGroup(), managedProfile(), 'g', signal)).toContain(whole);
  });

  test('is refused if it does not fit, with what EKS adds', () => {
    const group = managedGroup({ networks: {}, instanceTypes: ['m5.16xlarge'] });
    expect(() => {
      checkNodeGroup(group, networks(14), 'g');
    }).toThrow(
      /^g: the user data has \d+ bytes; 14\d+ are possible, because EKS adds up to 2\d+ and EC2 takes 16384\. /,
    );
  });

  test('has the labels of a managed node group, which EKS adds, in its limit', () => {
    const labels = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`label-${n}`, 'a'.repeat(60)]));
    expect(() => {
      checkNodeGroup(managedGroup({ networks: {}, labels }), networks(4), 'g');
    }).toThrow(/^g: the user data has \d+ bytes; /);
  });
});

test('a part that has the boundary in it is refused', () => {
  expect(() => multipart([{ contentType: 'text/plain', content: '--==HOOKLINE==\n' }])).toThrow(/boundary/);
});
