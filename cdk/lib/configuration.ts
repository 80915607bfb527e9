/** The app's configuration file, which defines what is deployed: read it and check it. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { checkParts } from './configuration-rules';
import { type HooklineConfig, configSchemaMistakes } from './shared/config';
import { ConfigurationError, mistakesOf, throwAll } from './shared/configuration-error';

/** The default file names, in the order in which they are tried. */
const DEFAULT_FILES = ['hookline.config.json', 'hookline.config.ts'];

/** A configuration and its folder. */
export interface LoadedConfig {
  /** The checked configuration. */
  readonly config: HooklineConfig;
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
 * Checks a configuration: its JSON Schema, the profiles, and the rules between its parts.
 *
 * @param config the value to check
 * @throws ConfigurationError that names each wrong field, as a person wrote it, and its remedy
 */
export function checkConfig(config: unknown): asserts config is HooklineConfig {
  const mistakes = configSchemaMistakes(config);
  throwAll([
    ...mistakes.map(({ error }) => error),
    ...mistakesOf(() => {
      checkParts(config, mistakes);
    }),
  ]);
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
