/** The types of the app's configuration, and its JSON Schema. */
import { readFileSync } from 'node:fs';
import { CONFIG_SCHEMA } from './repository';
import { type SchemaMistake, compileSchema, schemaMistakes } from './schema-check';

export type {
  Alarms,
  FunctionSource,
  HooklineConfig,
  LaunchHook,
  Logs,
  Naming,
  NodeGroup,
  NodeGroupCluster,
  NodeNetwork,
  NodeTaint,
  PodRoute,
  Reconcile,
  Traffic,
  TrafficCluster,
} from './config.generated';

const validate = compileSchema(JSON.parse(readFileSync(CONFIG_SCHEMA, 'utf8')) as object);

/**
 * Returns the mistakes that the JSON Schema of the configuration finds. It leaves out what is in profiles.
 *
 * @param config the configuration
 */
export function configSchemaMistakes(config: unknown): SchemaMistake[] {
  return schemaMistakes(validate, '', config);
}
