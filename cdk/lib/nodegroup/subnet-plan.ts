/**
 * The plan of the CIDR blocks of the subnets of networks. A change of a subnet's block replaces the subnet, so the plan is stable: a
 * network that is added at the end, or a third zone, moves no other subnet.
 */
import { ConfigurationError } from '../shared/configuration-error';
import { type Range, ofCidr, toAddress } from './ipv4';

/** A network to plan. */
export interface PlannedNetwork {
  /** The network's name, as in the profile. */
  readonly name: string;
  /**
   * The length of the prefix of its subnets, 16 to 28.
   *
   * @default 24
   */
  readonly prefixLength?: number;
  /**
   * The length of the prefix of the range for pods in each subnet, at least two more than the subnet's.
   *
   * @default - no range: pods get addresses of their node's interface
   */
  readonly podPrefixLength?: number;
}

/** The subnet of a network in a zone. */
export interface PlannedSubnet {
  /** The zone's place. */
  readonly zone: number;
  /** The CIDR block. */
  readonly cidr: string;
  /** The range for pods, if the network has one: the second block of its size, so that it has none of AWS's own addresses. */
  readonly podRange?: string;
}

/** Every network has room for as many zones, used or not. */
const ZONES = 3;
const DEFAULT_PREFIX_LENGTH = 24;

/**
 * Plans the subnets of networks, each as the first free block of its size after those of the networks before it.
 *
 * @param networks the networks. Add new ones at the end
 * @param zones the number of zones
 * @param cidr the block of all networks
 * @param field the name of the networks in an error
 * @returns the subnets of each network, by its name
 * @throws ConfigurationError if a network is invalid, or if the block has no room
 */
export function planSubnets(
  networks: readonly PlannedNetwork[],
  zones: number,
  cidr: string,
  field: string,
): Map<string, PlannedSubnet[]> {
  const block = ofCidr(cidr);
  if (block === undefined) {
    throw new ConfigurationError(
      field,
      `${JSON.stringify(cidr)} is not an IPv4 CIDR block`,
      'Write one such as 10.0.128.0/17',
    );
  }
  const plan = new Map<string, PlannedSubnet[]>();
  let next = block.first;
  for (const [n, network] of networks.entries()) {
    const name = `${field}[${n}]`;
    check(network, plan, name);
    const { prefixLength = DEFAULT_PREFIX_LENGTH, podPrefixLength } = network;
    const subnets: PlannedSubnet[] = [];
    for (let zone = 0; zone < ZONES; zone++) {
      const subnet = blockAt(next, prefixLength);
      if (subnet.last > block.last) {
        throw new ConfigurationError(
          name,
          `${cidr} has no room for the subnets of ${JSON.stringify(network.name)} in ${ZONES} zones`,
          'Use a larger block, or smaller subnets',
        );
      }
      next = subnet.last + 1;
      subnets.push({
        zone,
        cidr: `${toAddress(subnet.first)}/${prefixLength}`,
        ...(podPrefixLength === undefined
          ? {}
          : {
              podRange: `${toAddress(subnet.first + 2 ** (32 - podPrefixLength))}/${podPrefixLength}`,
            }),
      });
    }
    plan.set(network.name, subnets.slice(0, zones));
  }
  return plan;
}

/** Returns the two halves of a block: the first for the cluster's own subnets, the second for networks. */
export function halves(cidr: string): [string, string] {
  const { first, last } = ofCidr(cidr) ?? { first: 0, last: 0 };
  const length = Number(cidr.split('/')[1]) + 1;
  return [`${toAddress(first)}/${length}`, `${toAddress(first + (last - first + 1) / 2)}/${length}`];
}

/** The first block of a size at or after an address. */
function blockAt(address: number, prefixLength: number): Range {
  const size = 2 ** (32 - prefixLength);
  const first = Math.ceil(address / size) * size;
  return { first, last: first + size - 1 };
}

function check(
  { name, prefixLength = DEFAULT_PREFIX_LENGTH, podPrefixLength }: PlannedNetwork,
  before: ReadonlyMap<string, unknown>,
  field: string,
): void {
  if (name.length < 1 || name.length > 64 || before.has(name)) {
    throw new ConfigurationError(
      `${field}.name`,
      `${JSON.stringify(name)} is not a name of its own of 1 to 64 characters`,
      'Give the network another name',
    );
  }
  // VPC's limits of a subnet (VPC User Guide, "Subnet sizing").
  if (!Number.isInteger(prefixLength) || prefixLength < 16 || prefixLength > 28) {
    throw new ConfigurationError(
      `${field}.prefixLength`,
      `${prefixLength} is not 16 to 28`,
      'Write a whole number of this range',
    );
  }
  if (
    podPrefixLength !== undefined &&
    (!Number.isInteger(podPrefixLength) || podPrefixLength < prefixLength + 2 || podPrefixLength > 30)
  ) {
    throw new ConfigurationError(
      `${field}.podPrefixLength`,
      `${podPrefixLength} is not ${prefixLength + 2} to 30`,
      'The range for pods is at most a quarter of the subnet, and its first and last addresses are not in it',
    );
  }
}
