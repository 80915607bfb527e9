/** The app's configuration: a file that says what to deploy, read and checked. */
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
  Reconcile,
  Traffic,
} from './config.generated';

/** The files that are looked for when none is named, in this order. */
const DEFAULT_FILES = ['hookline.config.json', 'hookline.config.ts'];

const validate = compileSchema(JSON.parse(readFileSync(CONFIG_SCHEMA, 'utf8')) as object);

/** A configuration, and the folder that its paths begin from. */
export interface LoadedConfig {
  /** What to deploy. Its profiles are checked when their constructs are made. */
  readonly config: HooklineConfig;
  /** The folder of its file. */
  readonly folder: string;
}

/**
 * Reads the configuration: JSON, or a TypeScript file whose default export it is.
 *
 * @param file the file, from the folder that `cdk` runs in; without it, `hookline.config.json` or `hookline.config.ts`
 * @throws ConfigurationError that says what is wrong, and what to do
 */
export function loadConfig(file?: string): LoadedConfig {
  const path =
    file === undefined ? DEFAULT_FILES.map((name) => resolve(name)).find(existsSync) : resolve(file);
  if (path === undefined) {
    throw new ConfigurationError(
      'config',
      `there is no ${DEFAULT_FILES.join(' or ')} in ${process.cwd()}`,
      'Write one (docs/deploy.md), or name one: cdk synth -c config=examples/one-group-over-three-azs/hookline.config.json',
    );
  }
  if (!existsSync(path)) {
    throw new ConfigurationError('config', `${path} does not exist`, 'Name a file that does: -c config=FILE');
  }
  const config = read(path);
  checkConfig(config);
  return { config, folder: dirname(path) };
}

/**
 * Checks a configuration, less its profiles.
 *
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
  // The app runs under tsx, which reads TypeScript where Node.js asks for a module.
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
