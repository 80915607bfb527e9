/**
 * The settings of the node's programs (docs/node.md, "The settings"), made from the profile. The node checks them by the same
 * rules, in `node/program/settings.jq`; the cases of `node/tests/settings.json` test both.
 */
import { isIPv4 } from 'node:net';
import type { NodeGroup, NodeNetwork, PodRoute } from '../shared/config';
import { ConfigurationError, type Fail, checkAll, collecting } from '../shared/configuration-error';
import { memberOf } from '../shared/field-path';
import type { Profile, Slot } from '../shared/profile.generated';
import { didYouMean } from '../shared/suggestion';

/** Where an interface can be. */
export interface Place {
  /** The network's subnets, in all Availability Zones. */
  readonly subnetIds: readonly string[];
  /** The device index, if the subnet alone does not tell. */
  readonly deviceIndex?: number;
  /** The network card of the device index, if it is not 0. */
  readonly networkCard?: number;
}

/** A network in the settings of a node: what the gate waits for, and what becomes of the interface. */
export interface NetworkSettings extends Place, Omit<NodeNetwork, 'ignore' | 'definition'> {
  /** The network's name, as in the profile. */
  readonly network: string;
}

/** The settings of a node. */
export interface NodeSettings {
  /** The networks. */
  readonly gate: readonly NetworkSettings[];
  /** Places of ignored slots in subnets of the networks; absent if there is none. */
  readonly claimed?: readonly Place[];
  /** The folder of the CNI configurations. */
  readonly cniConfDir?: string;
}

/** Names of the operating system and of the VPC CNI, as settings.jq has them. */
const TAKEN_NAME = /^(lo|eth[0-9]+|en[opsx]?[0-9].*|eni[0-9a-f]{11}|default|all)$/;

/** What {@link nodeSettings} reads of a node group. */
export type GroupSettings = Pick<NodeGroup, 'networks' | 'cniConfDir' | 'subnetIds' | 'customNetworking'>;

/**
 * Returns the settings of the nodes of a group.
 *
 * @param group the node group
 * @param profile its checked profile
 * @param field the node group's name in an error
 * @throws ConfigurationError that names the field and the remedy
 */
export function nodeSettings(group: GroupSettings, profile: Profile, field: string): NodeSettings {
  const { networks = {}, cniConfDir } = group;
  const slots = profile.slots ?? [];
  const waited = slots.filter(({ network }) => !(networks[network]?.ignore ?? false));
  const gate = waited.map((slot) => ({
    network: slot.network,
    ...(isToldBySubnet(slot, slots, group) ? { subnetIds: slot.subnetIds } : placeOf(slot)),
    ...onNode(networks[slot.network] ?? {}),
  }));
  const claimed = slots
    .filter((slot) => !waited.includes(slot) && hasDeviceIndex(slot))
    .filter((slot) => waited.some((other) => shareSubnet(slot, other)))
    .map(placeOf);
  const fieldOf = (network: string): string => memberOf(`${field}.networks`, network);
  checkAll(
    ...Object.keys(networks).map((name) => () => {
      checkNetworkOfProfile(name, profile, fieldOf(name));
    }),
    ...slots.map((slot) => () => {
      checkAddresses(slot, networks[slot.network], fieldOf(slot.network));
    }),
    () => {
      checkSettings(gate, (n) => fieldOf(gate[n]?.network ?? ''), field);
    },
    () => {
      // containerd takes the first file there as the cluster's own network.
      if (cniConfDir !== undefined && /^\/+etc\/+cni\/+net\.d\/*$/.test(cniConfDir)) {
        throw new ConfigurationError(
          `${field}.cniConfDir`,
          'must not be the folder of the container runtime itself',
          'Use a folder in it, for example /etc/cni/net.d/hookline.d',
        );
      }
    },
  );
  return {
    gate,
    ...(claimed.length === 0 ? {} : { claimed }),
    ...(cniConfDir === undefined ? {} : { cniConfDir }),
  };
}

function checkNetworkOfProfile(name: string, profile: Profile, field: string): void {
  const known = (profile.slots ?? []).map(({ network }) => network);
  if (!known.includes(name)) {
    throw new ConfigurationError(
      field,
      `the profile ${profile.name} has no network of this name`,
      known.length === 0 ? 'Remove it' : `${didYouMean(name, known)}Use one of ${known.join(', ')}`,
    );
  }
}

/**
 * Returns which addresses of the interface pods get: by default the primary one, if the plugin gives the whole interface to one pod.
 *
 * @param cni the plugin
 */
export function podAddresses({ type, addresses }: NonNullable<NodeNetwork['cni']>): string {
  return addresses ?? (type === 'ipvlan' ? 'secondary' : 'primary');
}

function checkAddresses(
  { secondaryPrivateAddresses = 0, prefixes = 0 }: Slot,
  settings: NodeNetwork | undefined,
  field: string,
): void {
  const cni = settings?.cni;
  if (cni !== undefined && podAddresses(cni) === 'secondary' && secondaryPrivateAddresses + prefixes === 0) {
    throw new ConfigurationError(
      `${field}.cni`,
      `its pods get secondary addresses, and the slot of the profile has none`,
      'Set secondaryPrivateAddresses or prefixes of the slot',
    );
  }
}

function shareSubnet(one: Slot, other: Slot): boolean {
  return one.subnetIds.some((id) => other.subnetIds.includes(id));
}

function hasDeviceIndex(slot: Slot): slot is Slot & { readonly deviceIndex: number } {
  return slot.deviceIndex !== undefined && slot.deviceIndex !== null;
}

/**
 * Whether the subnet alone tells a slot's interface from all others. Then the node is not told a device index: the profile changes before
 * the launch template, and a node that is launched between would wait for the old index for ever.
 */
function isToldBySubnet(
  slot: Slot,
  slots: readonly Slot[],
  { subnetIds, customNetworking }: GroupSettings,
): boolean {
  const isOfNodes = slot.subnetIds.some((id) => subnetIds.includes(id));
  // With custom networking, the VPC CNI has interfaces in subnets that the configuration does not name.
  return (
    !isOfNodes &&
    customNetworking !== true &&
    !slots.some((other) => other !== slot && shareSubnet(slot, other))
  );
}

function placeOf(slot: Slot): Place {
  const { subnetIds, networkCard } = slot;
  return {
    subnetIds,
    ...(hasDeviceIndex(slot) ? { deviceIndex: slot.deviceIndex } : {}),
    ...((networkCard ?? 0) === 0 ? {} : { networkCard: networkCard ?? 0 }),
  };
}

/** What the settings of a node have of a network of the configuration. */
function onNode(network: NodeNetwork): Omit<NodeNetwork, 'ignore' | 'definition'> {
  return Object.fromEntries(
    Object.entries(network).filter(([field]) => field !== 'ignore' && field !== 'definition'),
  );
}

/**
 * Checks the rules of the settings that their JSON Schema cannot express.
 *
 * @param gate the networks
 * @param fieldOf the name of a network in an error, by its place
 * @param root the name of all in an error
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkSettings(
  gate: readonly NetworkSettings[],
  fieldOf: (n: number) => string,
  root: string,
): void {
  checkAll(
    ...gate.flatMap((network, n) => [
      () => {
        checkName(network, fieldOf(n));
      },
      () => {
        checkCni(network, fieldOf(n));
      },
    ]),
    () => {
      checkUnique(gate, 'interfaceName', ({ network, interfaceName }) => interfaceName ?? network, fieldOf);
    },
    () => {
      checkUnique(gate, 'cni.name', ({ network, cni }) => cni && (cni.name ?? network), fieldOf);
    },
    () => {
      if (gate.some((network) => network.network.length > 64)) {
        throw new ConfigurationError(root, 'the name of a network has more than 64 characters', 'Shorten it');
      }
    },
  );
}

function checkUnique(
  gate: readonly NetworkSettings[],
  what: string,
  value: (network: NetworkSettings) => string | undefined,
  fieldOf: (n: number) => string,
): void {
  const seen = new Set<string>();
  for (const [n, network] of gate.entries()) {
    const name = value(network);
    if (name === undefined) {
      continue;
    }
    if (seen.has(name)) {
      throw new ConfigurationError(
        `${fieldOf(n)}.${what}`,
        `two networks have the same ${what}, ${JSON.stringify(name)}`,
        'Give each its own',
      );
    }
    seen.add(name);
  }
}

/** The kernel's limit of a name is 15 characters (IFNAMSIZ). */
function checkName({ network, interfaceName = network }: NetworkSettings, field: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,14}$/.test(interfaceName)) {
    throw new ConfigurationError(
      `${field}.interfaceName`,
      `${JSON.stringify(interfaceName)} is not 1 to 15 letters, digits, - and _; without interfaceName, the network's name counts`,
      'Set interfaceName',
    );
  }
  if (TAKEN_NAME.test(interfaceName)) {
    throw new ConfigurationError(
      `${field}.interfaceName`,
      `${JSON.stringify(interfaceName)} is a name that the operating system or the VPC CNI uses`,
      'Use another name',
    );
  }
}

function checkCni({ network, mode: owner = 'multus', cni }: NetworkSettings, field: string): void {
  if (cni === undefined) {
    return;
  }
  const { name = network, type, mode, addresses, routes = [] } = cni;
  checkAll(
    () => {
      collecting(`${field}.cni`, (fail) => {
        if (name.length > 63 || !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) {
          fail(
            'name',
            `${JSON.stringify(name)} cannot be the name of a NetworkAttachmentDefinition`,
            'Use lower-case letters, digits, - and .',
          );
        }
        checkPlugin({ type, mode }, owner, fail);
        if (owner === 'os' && addresses !== undefined && addresses !== 'secondary') {
          fail('addresses', 'the operating system has the primary address in the mode os', 'Use secondary');
        }
      });
    },
    () => {
      checkRoutes(routes, { type, mode }, `${field}.cni`);
    },
  );
}

/** A CNI plugin that gives an interface to pods. */
export interface Plugin {
  readonly type: string;
  readonly mode: string | undefined;
}

/**
 * Checks the type and the mode of a plugin.
 *
 * @param plugin the plugin
 * @param owner who has the interface on the node
 * @param fail notes a mistake
 */
export function checkPlugin(
  { type, mode }: Plugin,
  owner: NonNullable<NetworkSettings['mode']>,
  fail: Fail,
): void {
  if (type === 'host-device' && mode !== undefined) {
    fail('mode', 'host-device has no mode', 'Remove it');
  }
  if (type === 'ipvlan' && mode !== undefined && !['l2', 'l3', 'l3s'].includes(mode)) {
    fail('mode', `ipvlan has no mode ${mode}`, 'Use l2, l3 or l3s');
  }
  if (type === 'macvlan' && mode !== undefined && mode !== 'passthru') {
    fail(
      'mode',
      `a VPC delivers only to the interface's own hardware address, so macvlan in the mode ${mode} gets no traffic`,
      'Use passthru, or ipvlan',
    );
  }
  if (owner === 'os' && type !== 'ipvlan') {
    fail(
      'type',
      `${type} takes the whole interface, which the mode os leaves to the operating system`,
      'Use ipvlan, or the mode multus',
    );
  }
}

/**
 * Checks the routes of a pod.
 *
 * @param routes the routes
 * @param plugin the plugin that sets them
 * @param field the name of what has them, in an error
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkRoutes(routes: readonly PodRoute[], { type, mode }: Plugin, field: string): void {
  collecting(field, (fail) => {
    if (routes.length > 0 && type === 'ipvlan' && (mode === 'l3' || mode === 'l3s')) {
      fail(
        'routes',
        `the node routes for pods of ipvlan in the mode ${mode}, and it has none of these routes`,
        'Use the mode l2, or remove the routes: pods then reach their own subnet',
      );
    }
    for (const [n, { dst, gw }] of routes.entries()) {
      const [address = '', bits = ''] = dst.split('/');
      if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) {
        fail(`routes[${n}].dst`, `${JSON.stringify(dst)} is not an IPv4 CIDR block`, 'Correct it');
      }
      if (gw !== undefined && !isIPv4(gw)) {
        fail(`routes[${n}].gw`, `${JSON.stringify(gw)} is not an IPv4 address`, 'Correct it');
      }
    }
  });
}
