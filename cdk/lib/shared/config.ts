/** The types of the app's configuration, and its JSON Schema. */
import { readFileSync } from 'node:fs';
import type {
  HooklineConfig as Generated,
  NodeGroup as GeneratedNodeGroup,
  NodeNetwork as GeneratedNodeNetwork,
  NodeGroupCluster,
  Traffic as GeneratedTraffic,
} from './config.generated';
import type { Profile, Slot } from './profile.generated';
import { CONFIG_SCHEMA } from './repository';
import { type SchemaMistake, compileSchema, schemaMistakes } from './schema-check';

export type {
  Alarms,
  FunctionSource,
  LaunchHook,
  Logs,
  Naming,
  Network,
  NodeGroupCluster,
  NodeTaint,
  PodRoute,
  Reconcile,
  TrafficCluster,
} from './config.generated';

type With<T, Field extends keyof T> = T & Required<Pick<T, Field>>;

/** What a node does with the interface of a network. */
export type NodeNetwork = Omit<GeneratedNodeNetwork, 'definition'> & {
  definition?: With<NonNullable<GeneratedNodeNetwork['definition']>, 'zones'>;
};

/** A node group, with its cluster and its subnets. */
export type NodeGroup = Omit<GeneratedNodeGroup, 'cluster' | 'subnetIds' | 'zones' | 'networks'> & {
  cluster: NodeGroupCluster;
  subnetIds: string[];
  networks?: Record<string, NodeNetwork>;
};

/** The cross-AZ traffic, with its cluster. */
export type Traffic = With<GeneratedTraffic, 'clusterName'>;

/** A configuration in which every id is given. */
export type HooklineConfig = Omit<Generated, 'network' | 'nodeGroups' | 'traffic'> & {
  nodeGroups?: NodeGroup[];
  traffic?: Traffic;
};

/** A profile of a configuration file. With `network`, the subnets of its slots may be absent. */
export type ProfileInFile = Omit<Profile, 'slots'> & {
  slots?: (Omit<Slot, 'subnetIds'> & Partial<Pick<Slot, 'subnetIds'>>)[];
};

/** A configuration file. With `network`, ids may be absent: `completeConfig` gives them. */
export type HooklineConfigFile = Omit<Generated, 'profiles' | 'retiredProfiles'> & {
  profiles: ProfileInFile[];
  retiredProfiles?: ProfileInFile[];
};

const validate = compileSchema(JSON.parse(readFileSync(CONFIG_SCHEMA, 'utf8')) as object);

/**
 * Returns the mistakes that the JSON Schema of the configuration finds. It leaves out what is in profiles.
 *
 * @param config the configuration
 */
export function configSchemaMistakes(config: unknown): SchemaMistake[] {
  return schemaMistakes(validate, '', config);
}
