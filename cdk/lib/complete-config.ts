/**
 * Completes a configuration file that has a `network`: its node groups, slots, definitions and `traffic` get the ids of the network that they
 * name none of. A profile is so written once, and its subnets follow from the network.
 *
 * To check a file, and to print its definitions, the ids are placeholders. To synthesise it, they are those of the network's stack.
 */
import {
  DEFAULT_SERVICE_CIDR,
  type DefinitionZone,
  type MultusNetworkProps,
  definitionZones,
  planNetwork,
} from './nodegroup/multus-network';
import { completeTraffic } from './complete-traffic';
import type { HooklineConfig, HooklineConfigFile, Network, NodeGroupCluster } from './shared/config';
import { ConfigurationError, mistakesOf, throwAll } from './shared/configuration-error';
import { memberOf } from './shared/field-path';
import type { SchemaMistake } from './shared/schema-check';
import { didYouMean } from './shared/suggestion';

/** What a configuration takes from its network. `MultusNetwork` has it. */
export interface NetworkIds {
  /** The VPC. */
  readonly vpcId: string;
  /** The subnets of the nodes' primary interfaces, by zone. */
  readonly nodeSubnetIds: ReadonlyMap<string, string>;
  /** The cluster; absent without one. */
  readonly cluster: NodeGroupCluster | undefined;
  /** Returns the id of a network's subnets in a zone. */
  subnetIds(network: string, zone: string): string[];
  /** Returns the id of a network's security group. */
  securityGroupId(network: string): string;
  /** Returns the zones of a network for its definitions. */
  definitionZones(network: string): DefinitionZone[];
}

/** A completed configuration, and what is missing in it. */
export interface Completed {
  /** The configuration. With mistakes, parts of it are incomplete. */
  readonly config: HooklineConfig;
  /** What neither the file nor its network says. */
  readonly mistakes: readonly SchemaMistake[];
}

/** Returns the props of a construct for the network of a configuration. */
export function networkProps({ zones, networks, vpc, existingVpc, cluster }: Network): MultusNetworkProps {
  const ofVpc = existingVpc ?? vpc;
  return {
    zones,
    networks,
    ...(ofVpc === undefined ? {} : { vpc: ofVpc }),
    ...(cluster === undefined ? {} : { cluster }),
  };
}

/**
 * Returns ids of the right form and the greatest length, in place of those that a network gets when it is deployed.
 *
 * @param network the network, which has passed its JSON Schema
 * @param region the Region of the configuration, if it names one
 * @throws ConfigurationError that names each wrong field and its remedy
 */
export function placeholderIds(network: Network, region?: string): NetworkIds {
  throwAll(regionMistakes(network, region));
  const { zones, networks, vpc, existingVpc, cluster } = network;
  if (vpc !== undefined && existingVpc !== undefined) {
    throw new ConfigurationError('network', 'has a vpc and an existingVpc', 'Remove one of the two');
  }
  const props = networkProps(network);
  // A construct has both kinds of VPC in one field.
  const [mistake] = mistakesOf(() => planNetwork(props));
  if (mistake !== undefined) {
    const field = existingVpc === undefined ? mistake.field : mistake.field.replace(/^vpc\b/, 'existingVpc');
    throw new ConfigurationError(`network.${field}`, mistake.problem, mistake.remedy);
  }
  const planned = planNetwork(props);
  const names = networks.map(({ name }) => name);
  const id = (kind: string, ...numbers: number[]): string =>
    `${kind}-${numbers
      .map((number) => number.toString(16).padStart(2, '0'))
      .join('')
      .padStart(17, '0')}`;
  return {
    vpcId: existingVpc?.vpcId ?? id('vpc', 255),
    nodeSubnetIds: new Map(
      zones.map((zone, n) => [zone, existingVpc?.nodeSubnetIds[n] ?? id('subnet', 255, n)]),
    ),
    cluster:
      cluster === undefined
        ? undefined
        : {
            name: cluster.name,
            securityGroupId: id('sg', 255),
            endpoint: `https://${'0'.repeat(80)}`,
            // As long as that of a token (lib/shared/tokens.ts).
            certificateAuthority: '0'.repeat(1600),
            serviceCidr: cluster.serviceCidr ?? DEFAULT_SERVICE_CIDR,
          },
    subnetIds: (name, zone) => [id('subnet', names.indexOf(name), zones.indexOf(zone))],
    securityGroupId: (name) => id('sg', names.indexOf(name)),
    definitionZones: (name) => definitionZones(planned, zones, name),
  };
}

/** The zones of another Region are found here, and not by CloudFormation after minutes. */
function regionMistakes({ zones }: Network, region: string | undefined): ConfigurationError[] {
  return zones.flatMap((zone, n) =>
    region === undefined || zone.slice(0, -1) === region
      ? []
      : [
          new ConfigurationError(
            `network.zones[${n}]`,
            `${zone} is not in the Region ${region}`,
            'Name zones of the Region, or correct `region`',
          ),
        ],
  );
}

/** Adds a mistake at a place. */
type Add = (path: readonly string[], error: ConfigurationError) => void;

/**
 * Gives the ids of the network to all that names none.
 *
 * @param file the configuration. What its JSON Schema refuses stays as it is
 * @param ids the ids; undefined without `network`
 */
export function completeConfig(file: HooklineConfigFile, ids: NetworkIds | undefined): Completed {
  const { network, ...rest } = file;
  const mistakes: SchemaMistake[] = [];
  const add: Add = (path, error) => {
    mistakes.push({ path, isUnknownField: false, error });
  };
  const groups = items(rest.nodeGroups);
  const completed: Record<string, unknown> = { ...rest };
  if (Array.isArray(rest.nodeGroups)) {
    completed['nodeGroups'] = groups.map((group, n) => completeGroup(group, n, network, ids, add));
  }
  if (isObject(rest.traffic)) {
    completed['traffic'] = completeTraffic(rest.traffic, network, ids, (error) => {
      add(['traffic'], error);
    });
  }
  for (const list of ['profiles', 'retiredProfiles'] as const) {
    if (network !== undefined && ids !== undefined && Array.isArray(rest[list])) {
      completed[list] = items(rest[list]).map((profile, n) =>
        completeProfile(profile, `${list}[${n}]`, zonesOf(profile, groups, network), network, ids, add),
      );
    }
  }
  return { config: completed as unknown as HooklineConfig, mistakes };
}

type Json = Readonly<Record<string, unknown>>;

function items(list: unknown): readonly unknown[] {
  return Array.isArray(list) ? (list as unknown[]) : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The zones in which the interfaces of a profile can be: those of its node groups. Then the settings of a node are no longer than
 * they need to be, and a role may use no other subnets.
 */
function zonesOf(profile: unknown, groups: readonly unknown[], { zones }: Network): readonly string[] {
  const ofProfile = groups
    .filter(isObject)
    .filter((group) => isObject(profile) && group['profile'] === profile['name']);
  if (ofProfile.length === 0 || ofProfile.some((group) => group['zones'] === undefined)) {
    return zones;
  }
  return zones.filter((zone) => ofProfile.some((group) => items(group['zones']).includes(zone)));
}

function completeGroup(
  group: unknown,
  n: number,
  network: Network | undefined,
  ids: NetworkIds | undefined,
  add: Add,
): unknown {
  if (!isObject(group)) {
    return group;
  }
  const field = `nodeGroups[${n}]`;
  const path = ['nodeGroups', String(n)];
  const { zones, ...rest } = group;
  if (zones !== undefined) {
    checkZones(items(zones), group, network, field, (error) => {
      add(path, error);
    });
  }
  const wanted = zones === undefined ? (network?.zones ?? []) : items(zones).map(String);
  const subnets = wanted.flatMap((zone) => ids?.nodeSubnetIds.get(zone) ?? []);
  const found = {
    cluster: group['cluster'] ?? ids?.cluster,
    subnetIds: group['subnetIds'] ?? (subnets.length === 0 ? undefined : subnets),
  };
  for (const [name, value] of Object.entries(found)) {
    if (value === undefined) {
      add(path, new ConfigurationError(field, `missing field \`${name}\``, 'Add the field'));
    }
  }
  const completed: Record<string, unknown> = { ...rest };
  for (const [name, value] of Object.entries(found)) {
    if (value !== undefined) {
      completed[name] = value;
    }
  }
  if (isObject(group['networks'])) {
    completed['networks'] = Object.fromEntries(
      Object.entries(group['networks']).map(([name, settings]) => [
        name,
        completeDefinition(
          name,
          settings,
          wanted,
          network,
          ids,
          (error) => {
            add(path, error);
          },
          memberOf(`${field}.networks`, name),
        ),
      ]),
    );
  }
  return completed;
}

function checkZones(
  zones: readonly unknown[],
  group: Json,
  network: Network | undefined,
  field: string,
  add: (error: ConfigurationError) => void,
): void {
  if (network === undefined) {
    add(new ConfigurationError(`${field}.zones`, 'there is no network', 'Give subnetIds, or a network'));
    return;
  }
  if (group['subnetIds'] !== undefined) {
    add(new ConfigurationError(`${field}.zones`, 'the group has subnetIds, too', 'Remove one of the two'));
  }
  for (const [n, zone] of zones.entries()) {
    if (!network.zones.includes(String(zone))) {
      add(
        new ConfigurationError(
          `${field}.zones[${n}]`,
          `${JSON.stringify(zone)} is no zone of the network`,
          `Use one of ${network.zones.join(', ')}`,
        ),
      );
    }
  }
}

function completeDefinition(
  name: string,
  settings: unknown,
  zones: readonly string[],
  network: Network | undefined,
  ids: NetworkIds | undefined,
  add: (error: ConfigurationError) => void,
  field: string,
): unknown {
  const definition = isObject(settings) ? settings['definition'] : undefined;
  if (!isObject(settings) || !isObject(definition) || definition['zones'] !== undefined) {
    return settings;
  }
  const planned = network?.networks.find((one) => one.name === name);
  if (planned?.podPrefixLength === undefined || ids === undefined) {
    add(new ConfigurationError(`${field}.definition`, 'missing field `zones`', 'Add the field'));
    return settings;
  }
  const found = ids.definitionZones(name).filter(({ zone }) => zones.includes(zone));
  return { ...settings, definition: { ...definition, zones: found } };
}

function completeProfile(
  profile: unknown,
  field: string,
  zones: readonly string[],
  network: Network,
  ids: NetworkIds,
  add: Add,
): unknown {
  if (!isObject(profile) || !Array.isArray(profile['slots'])) {
    return profile;
  }
  const names = network.networks.map(({ name }) => name);
  const slots = items(profile['slots']).map((slot, n) => {
    if (!isObject(slot) || typeof slot['network'] !== 'string') {
      return slot;
    }
    const name = slot['network'];
    if (!names.includes(name)) {
      if (slot['subnetIds'] !== undefined) {
        return slot;
      }
      add(
        [],
        new ConfigurationError(
          `${field}.slots[${n}].network`,
          `${JSON.stringify(name)} is no network of network.networks, and the slot has no subnetIds`,
          `${didYouMean(name, names)}Use one of ${names.join(', ')}, or add subnetIds`,
        ),
      );
      return slot;
    }
    const hasGroups = [slot, profile].some((one) => items(one['securityGroupIds']).length > 0);
    return {
      ...slot,
      ...(slot['subnetIds'] === undefined
        ? { subnetIds: zones.flatMap((zone) => ids.subnetIds(name, zone)) }
        : {}),
      ...(hasGroups || slot['securityGroupIds'] !== undefined
        ? {}
        : { securityGroupIds: [ids.securityGroupId(name)] }),
    };
  });
  return { ...profile, slots };
}
