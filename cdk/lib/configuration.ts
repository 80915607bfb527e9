/** The app's configuration file, which defines what is deployed: read it and check it. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { type NetworkIds, completeConfig, placeholderIds } from './complete-config';
import { checkParts } from './configuration-rules';
import { type HooklineConfig, type HooklineConfigFile, configSchemaMistakes } from './shared/config';
import { ConfigurationError, mistakesOf, throwAll } from './shared/configuration-error';

/** The default file names, in the order in which they are tried. */
const DEFAULT_FILES = ['hookline.config.json', 'hookline.config.ts'];

/** A configuration and its folder. */
export interface LoadedConfig {
  /** The checked configuration, as the file has it. */
  readonly config: HooklineConfigFile;
  /** The folder of the configuration file. Paths in the configuration are relative to it. */
  readonly folder: string;
}

/**
 * Reads the configuration from a JSON file, or from the default export of a TypeScript file, and checks it.
 *
 * @param file the path, relative to the working directory. Default: `hookline.config.json`, else `hookline.config.ts`
 * @throws ConfigurationError that names each wrong field and its remedy
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
 * Checks a configuration: its JSON Schema, the profiles, and the rules between its parts. With a mistake in `network`, the parts that
 * may take ids from it are not checked yet.
 *
 * @param config the value to check
 * @throws ConfigurationError that names each wrong field, as a person wrote it, and its remedy
 */
export function checkConfig(config: unknown): asserts config is HooklineConfigFile {
  const mistakes = configSchemaMistakes(config);
  const ofSchema = mistakes.map(({ error }) => error);
  if (typeof config !== 'object' || config === null) {
    throwAll(ofSchema);
    return;
  }
  const file = config as HooklineConfigFile;
  if (mistakes.some(({ path, isUnknownField }) => path[0] === 'network' && !isUnknownField)) {
    throwAll(ofSchema);
  }
  let ids: NetworkIds | undefined;
  const ofNetwork = mistakesOf(() => {
    ids = idsBeforeDeployment(file);
  });
  if (ofNetwork.length > 0) {
    throwAll([...ofSchema, ...ofNetwork]);
  }
  const completed = completeConfig(file, ids);
  throwAll([
    ...[...mistakes, ...completed.mistakes].map(({ error }) => error),
    ...mistakesOf(() => {
      checkParts(completed.config, [...mistakes, ...completed.mistakes]);
    }),
  ]);
}

function idsBeforeDeployment({ network, region }: HooklineConfigFile): NetworkIds | undefined {
  return network === undefined ? undefined : placeholderIds(network, region);
}

/**
 * Returns a checked configuration with every id: those of its `network` are placeholders. What is printed from it must have no id in it.
 *
 * @param file the checked configuration
 */
export function withPlaceholderNetwork(file: HooklineConfigFile): HooklineConfig {
  return completeConfig(file, idsBeforeDeployment(file)).config;
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
