/** The app's configuration file, which defines what is deployed: read it and check it. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import type { HooklineConfig } from './config.generated';
import { ConfigurationError } from './configuration-error';
import { CONFIG_SCHEMA } from './repository';
import { checkSchema, compileSchema } from './schema-check';

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
} from './config.generated';

/** The default file names, in the order in which they are tried. */
const DEFAULT_FILES = ['hookline.config.json', 'hookline.config.ts'];

const validate = compileSchema(JSON.parse(readFileSync(CONFIG_SCHEMA, 'utf8')) as object);

/** A configuration and its folder. */
export interface LoadedConfig {
  /** The configuration. Its constructs check the profiles. */
  readonly config: HooklineConfig;
  /** The folder of the configuration file. Paths in the configuration are relative to it. */
  readonly folder: string;
}

/**
 * Reads the configuration from a JSON file, or from the default export of a TypeScript file.
 *
 * @param file the path, relative to the working directory. Default: `hookline.config.json`, else `hookline.config.ts`
 * @throws ConfigurationError that names the field and the remedy
 */
export function loadConfig(file?: string): LoadedConfig {
  const path =
    file === undefined ? DEFAULT_FILES.map((name) => resolve(name)).find(existsSync) : resolve(file);
  if (path === undefined) {
    throw new ConfigurationError(
      'config',
      `there is no ${DEFAULT_FILES.join(' or ')} in ${process.cwd()}`,
      'Create one (docs/deploy.md), or give the path of another file: cdk synth -c config=examples/one-group-over-three-azs/hookline.config.json',
    );
  }
  if (!existsSync(path)) {
    throw new ConfigurationError(
      'config',
      `${path} does not exist`,
      'Give the path of an existing file: -c config=FILE',
    );
  }
  const config = read(path);
  checkConfig(config);
  return { config, folder: dirname(path) };
}

/**
 * Checks a configuration, except its profiles.
 *
 * @param config the value to check
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkConfig(config: unknown): asserts config is HooklineConfig {
  checkSchema(validate, 'config', config);
}

function read(path: string): unknown {
  if (extname(path) === '.json') {
    try {
      return JSON.parse(readFileSync(path, 'utf8'));
    } catch (error) {
      throw new ConfigurationError('config', `${path}: ${String(error)}`, 'Correct the JSON');
    }
  }
  // The app runs under tsx, which lets `require` load TypeScript.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const module = require(path) as { default?: unknown };
  if (module.default === undefined) {
    throw new ConfigurationError(
      'config',
      `${path} has no default export`,
      'Export the configuration: export default …',
    );
  }
  return module.default;
}
