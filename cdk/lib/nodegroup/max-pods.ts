/**
 * How many pods a node with interfaces of a profile can have. The VPC CNI gives each pod an address of an interface of the
 * default network card; the interfaces of the profile take places there that it cannot use.
 */
import { ConfigurationError } from '../shared/configuration-error';
import type { Slot } from '../shared/profile.generated';
import { type NetworkLimits, networkLimits } from './instance-types';

/** How the VPC CNI gives addresses to pods. */
export interface PodAddresses {
  /** Whether it has prefixes of 16 addresses (ENABLE_PREFIX_DELEGATION). */
  readonly prefixes: boolean;
  /** Whether pods get no address of the primary interface (AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG). */
  readonly customNetworking: boolean;
}

/** EKS recommends no more for instance types of up to 30 vCPU (EKS User Guide, "Maximum Pods per node"). */
const RECOMMENDED = 110;
/** The pods with host network that every node has, kube-proxy and the VPC CNI, need no address. */
const HOST_NETWORK_PODS = 2;
const ADDRESSES_OF_A_PREFIX = 16;

/**
 * Returns the number of pods that an instance type has addresses for:
 * (interfaces of the default card − slots on it) · (addresses of an interface − 1) + 2. Slots on other cards do not count
 * (aws/amazon-vpc-cni-k8s, pkg/ipamd/ipamd.go, hasRoomForEni; awslabs/amazon-eks-ami, nodeadm/internal/kubelet).
 *
 * @param slots the slots of the profile
 * @param limits the limits of the instance type
 * @param addresses how pods get addresses
 * @param field the instance type's name in an error
 * @throws ConfigurationError if the type has no room for the slots, or none for pods beside them
 */
export function podCapacity(
  slots: readonly Slot[],
  limits: NetworkLimits,
  { prefixes, customNetworking }: PodAddresses,
  field: string,
): number {
  const bySlots = new Map<number, number>();
  for (const slot of slots) {
    const card = slot.networkCard ?? 0;
    bySlots.set(card, (bySlots.get(card) ?? 0) + 1);
  }
  for (const [card, wanted] of bySlots) {
    const places = (limits.cards.get(card) ?? 0) - (card === limits.defaultCard ? 1 : 0);
    if (wanted > places) {
      throw new ConfigurationError(
        field,
        `${limits.name} has room for ${Math.max(places, 0)} interfaces of a profile on network card ${card}, and the profile has ${wanted} there`,
        'Use a larger instance type, or fewer slots',
      );
    }
  }
  const interfaces =
    limits.defaultCardInterfaces - (bySlots.get(limits.defaultCard) ?? 0) - (customNetworking ? 1 : 0);
  const addresses = interfaces * (limits.addressesPerInterface - 1) * (prefixes ? ADDRESSES_OF_A_PREFIX : 1);
  if (addresses <= 0) {
    throw new ConfigurationError(
      field,
      `beside the interfaces of the profile, ${limits.name} has no interface with addresses for pods`,
      'Use a larger instance type, or fewer slots',
    );
  }
  return addresses + HOST_NETWORK_PODS;
}

/**
 * Returns kubelet's maxPods for a group: the least capacity of its instance types, because one user data is for all of them.
 * With prefixes, it is at most what EKS recommends.
 *
 * @param slots the slots of the profile
 * @param instanceTypes the group's instance types
 * @param addresses how pods get addresses
 * @param wanted the configured number
 * @param field the node group's name in an error
 * @throws ConfigurationError if an instance type has no room, or if the wanted number is too large
 */
export function maxPods(
  slots: readonly Slot[],
  instanceTypes: readonly string[],
  addresses: PodAddresses,
  wanted: number | undefined,
  field: string,
): number {
  const capacities = instanceTypes.map((type, n) => {
    const typeField = `${field}.instanceTypes[${n}]`;
    return podCapacity(slots, networkLimits(type, typeField), addresses, typeField);
  });
  const least = Math.min(...capacities);
  if (wanted !== undefined && wanted > least) {
    const type = instanceTypes[capacities.indexOf(least)] ?? '';
    throw new ConfigurationError(
      `${field}.maxPods`,
      `${wanted}, but ${type} has addresses for ${least} pods beside the interfaces of the profile`,
      `Use at most ${least}`,
    );
  }
  return wanted ?? (addresses.prefixes ? Math.min(least, RECOMMENDED) : least);
}
