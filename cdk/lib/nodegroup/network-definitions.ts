/**
 * NetworkAttachmentDefinitions of the networks of node groups. A network has one of two kinds:
 *
 * - `cni`: each node writes the configuration, over the addresses of its own interface. One definition, without a `spec`, serves
 *   all zones: Multus finds the configuration by the definition's name.
 * - `definition`: the definition has the configuration, and an IPAM plugin of the cluster chooses addresses. A subnet is in one
 *   zone, so each zone has a definition.
 *
 * What cannot work is refused. The sources of the rules are the plugins of containernetworking/plugins and whereabouts.
 */
import type { HooklineConfig, NodeGroup, NodeNetwork } from '../shared/config';
import { ConfigurationError, checkAll, collecting } from '../shared/configuration-error';
import { memberOf } from '../shared/field-path';
import type { Profile, Slot } from '../shared/profile.generated';
import { type Range, contains, ofCidr, ofRange, toAddress } from './ipv4';
import { checkPlugin, checkRoutes } from './node-settings';

/** A NetworkAttachmentDefinition. */
export interface NetworkDefinition {
  /** The version of the resource. */
  readonly apiVersion: 'k8s.cni.cncf.io/v1';
  /** The kind of the resource. */
  readonly kind: 'NetworkAttachmentDefinition';
  /** Its name, and the namespace of the pods that ask for it. */
  readonly metadata: { readonly name: string; readonly namespace: string };
  /** The configuration, as JSON; absent if the node has it. */
  readonly spec?: { readonly config: string };
}

type Definition = NonNullable<NodeNetwork['definition']>;
type Zone = Definition['zones'][number];

/** VPC's limit: the first four addresses of a subnet and its last one belong to AWS (VPC User Guide, "Subnet sizing"). */
const FIRST_OF_AWS = 4;
const LAST_OF_AWS = 1;
const DEFAULT_MTU = 9001;

/** What {@link networkDefinitions} reads of a configuration. */
export interface NetworkedGroups {
  /** The profiles, whose slots the networks name. */
  readonly profiles: HooklineConfig['profiles'];
  /** The node groups. One that is undefined has mistakes of its own; its place keeps the indexes of the others. */
  readonly nodeGroups?: readonly (NodeGroup | undefined)[];
}

/**
 * Returns the definitions of all networks of all node groups. Groups that share a network share its definition.
 *
 * @param config the configuration, or its profiles and node groups
 * @param namespace the namespace of the definitions, which is that of the pods
 * @throws ConfigurationError that names the field and the remedy
 */
export function networkDefinitions(config: NetworkedGroups, namespace: string): NetworkDefinition[] {
  const definitions = new Map<string, { readonly made: NetworkDefinition; readonly field: string }>();
  const add = (made: NetworkDefinition, field: string): void => {
    const other = definitions.get(made.metadata.name);
    definitions.set(made.metadata.name, other ?? { made, field });
    if (other !== undefined && JSON.stringify(other.made) !== JSON.stringify(made)) {
      throw new ConfigurationError(
        field,
        `its NetworkAttachmentDefinition ${JSON.stringify(made.metadata.name)} differs from that of ${other.field}`,
        'Make the two equal, or give one of them another name',
      );
    }
  };
  checkAll(
    ...(config.nodeGroups ?? []).flatMap((group, n) => {
      const profile = config.profiles.find(({ name }) => name === group?.profile);
      return Object.entries(group?.networks ?? {}).map(([network, settings]) => () => {
        const field = memberOf(`nodeGroups[${n}].networks`, network);
        for (const made of definitionsOf(network, settings, slotOf(profile, network), namespace, field)) {
          add(made, field);
        }
      });
    }),
  );
  return [...definitions.values()].map(({ made }) => made);
}

/**
 * Returns the names of the definitions that a pod of a group can ask for, in a zone.
 *
 * @param group the node group
 * @param zone the zone; undefined for all
 */
export function definitionNames({ networks = {} }: NodeGroup, zone?: string): string[] {
  return Object.entries(networks).flatMap(([network, { ignore, cni, definition }]) => {
    if (ignore ?? false) {
      return [];
    }
    if (cni !== undefined) {
      return [cni.name ?? network];
    }
    return (definition?.zones ?? [])
      .filter((one) => zone === undefined || one.zone === zone)
      .map((one) => `${definition?.name ?? network}-${one.zone}`);
  });
}

function slotOf(profile: Profile | undefined, network: string): Slot | undefined {
  return profile?.slots?.find((slot) => slot.network === network);
}

function definitionsOf(
  network: string,
  settings: NodeNetwork,
  slot: Slot | undefined,
  namespace: string,
  field: string,
): NetworkDefinition[] {
  const { ignore, cni, definition } = settings;
  if ((ignore ?? false) || slot === undefined) {
    return [];
  }
  const make = (name: string, config?: object): NetworkDefinition => ({
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name, namespace },
    ...(config === undefined ? {} : { spec: { config: JSON.stringify(config) } }),
  });
  if (definition === undefined) {
    return cni === undefined ? [] : [make(cni.name ?? network)];
  }
  const ranges = (zone: Zone, n: number): ZoneRanges =>
    checkZone(zone, definition, slot, `${field}.definition.zones[${n}]`);
  checkAll(
    () => {
      checkDefinition(network, settings, definition, field);
    },
    ...definition.zones.map((zone, n) => () => {
      ranges(zone, n);
    }),
  );
  return definition.zones.map((zone, n) => {
    const { subnet, pods } = ranges(zone, n);
    const name = `${definition.name ?? network}-${zone.zone}`;
    return make(name, configuration(name, network, settings, definition, zone, subnet, pods));
  });
}

/**
 * Checks what a definition's configuration would be.
 *
 * @param network the network's name
 * @param settings what the nodes do with the network
 * @param definition the definition
 * @param field the network's name in an error
 * @throws ConfigurationError that names the field and the remedy
 */
function checkDefinition(
  network: string,
  settings: NodeNetwork,
  definition: Definition,
  field: string,
): void {
  const { mode: owner = 'multus', mtu = DEFAULT_MTU, cni } = settings;
  const { name = network, type, mode, ipam, zones } = definition;
  checkAll(
    () => {
      collecting(`${field}.definition`, (fail) => {
        if (cni !== undefined) {
          fail(
            '',
            'and cni both give the interface to pods, and an interface has one type and one mode',
            'Remove one of the two',
          );
        }
        if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) {
          fail(
            'name',
            `${JSON.stringify(name)} cannot be the name of a NetworkAttachmentDefinition`,
            'Use lower-case letters, digits, - and .',
          );
        }
        if (ipam === 'host-local') {
          fail(
            'ipam',
            'host-local keeps its state on the node, so two nodes give one address twice',
            'Use cni, with which each node has addresses of its own, or whereabouts',
          );
        }
        checkPlugin({ type, mode }, owner, fail);
        if (definition.mtu !== undefined && definition.mtu > mtu) {
          fail('mtu', `${definition.mtu} is more than the interface's ${mtu}`, 'Use at most as much');
        }
        if (definition.mtu !== undefined && type === 'host-device') {
          fail('mtu', 'host-device gives the interface as it is', 'Set mtu of the network');
        }
        if (new Set(zones.map(({ zone }) => zone)).size < zones.length) {
          fail('zones', 'a zone is there twice', 'Give each zone one subnet');
        }
      });
    },
    () => {
      checkRoutes(definition.routes ?? [], { type, mode }, `${field}.definition`);
    },
  );
}

/** The addresses of a zone's subnet, and those for pods. */
interface ZoneRanges {
  readonly subnet: Range;
  readonly pods: Range;
}

function checkZone(
  { cidr, podRange, reserved = false }: Zone,
  { routes = [] }: Definition,
  slot: Slot,
  field: string,
): ZoneRanges {
  const fail = (what: string, problem: string, remedy: string): never => {
    throw new ConfigurationError(`${field}.${what}`, problem, remedy);
  };
  const block = (what: string, text: string): Range =>
    ofCidr(text) ??
    fail(what, `${JSON.stringify(text)} is not an IPv4 CIDR block`, 'Write one such as 10.0.1.0/24');
  const subnet = block('cidr', cidr);
  const pods = block('podRange', podRange);
  const usable = { first: subnet.first + FIRST_OF_AWS, last: subnet.last - LAST_OF_AWS };
  if (!contains(usable, pods)) {
    fail(
      'podRange',
      `${podRange} is not within ${toAddress(usable.first)}-${toAddress(usable.last)}, the usable addresses of ${cidr}`,
      'Use a block of the subnet',
    );
  }
  const excluded = (slot.excludedRanges ?? []).map(ofRange);
  if (!reserved && !excluded.some((range) => range !== undefined && contains(range, pods))) {
    fail(
      'podRange',
      `Hookline could give addresses of ${podRange} to interfaces`,
      'Add it to excludedRanges of the slot, or reserve it in the subnet (CreateSubnetCidrReservation) and set reserved',
    );
  }
  for (const [n, { gw }] of routes.entries()) {
    const gateway = gw === undefined ? undefined : ofRange(gw);
    if (gateway !== undefined && !contains(subnet, gateway)) {
      fail(
        `cidr`,
        `the gateway ${gw ?? ''} of definition.routes[${n}] is not in ${cidr}`,
        'Leave gw out: the subnet’s gateway then counts',
      );
    }
  }
  return { subnet, pods };
}

/**
 * Returns the configuration. cniVersion 1.0.0 has CHECK. The mask and the gateway are those of the subnet: a VPC's router has its
 * first address.
 */
function configuration(
  name: string,
  network: string,
  { interfaceName = network, mtu = DEFAULT_MTU }: NodeNetwork,
  { type, mode, mtu: podMtu, ipam, routes = [] }: Definition,
  { cidr }: Zone,
  subnet: Range,
  pods: Range,
): object {
  const gateway = toAddress(subnet.first + 1);
  const interfaceOf =
    type === 'host-device'
      ? { device: interfaceName }
      : { master: interfaceName, mode: mode ?? (type === 'ipvlan' ? 'l2' : 'passthru'), mtu: podMtu ?? mtu };
  const routesOf = routes.map(({ dst, gw }) => ({ dst, gw: gw ?? gateway }));
  return {
    cniVersion: '1.0.0',
    name,
    type,
    ...interfaceOf,
    ...(ipam === 'static'
      ? // The pod's annotation has the address, as `ips`.
        { capabilities: { ips: true }, ipam: { type: ipam, routes: routesOf } }
      : {
          ipam: {
            type: ipam,
            range: cidr,
            range_start: toAddress(pods.first),
            range_end: toAddress(pods.last),
            gateway,
            routes: routesOf,
          },
        }),
  };
}
