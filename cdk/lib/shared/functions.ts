/**
 * The functions: which there are, and what each needs of Lambda. What each may call is in `functions/permissions.json`,
 * which is also the list of those that are deployed.
 */
import { readFileSync } from 'node:fs';
import { Duration } from 'aws-cdk-lib';
import { PERMISSIONS } from './repository';

/** What a function is for, and its settings. */
export interface FunctionSettings {
  /** For the Lambda console. */
  readonly description: string;
  /** How long it may run: less than the 90 s of the state machine's tasks, so that it is Lambda that ends it. */
  readonly timeout: Duration;
  /** MiB. A function uses about 30; Lambda gives processor time by memory. */
  readonly memorySize: number;
  /** Invoked by an event or by hand, and not by the state machine. */
  readonly byItself: boolean;
  /** The state machine that it belongs to. */
  readonly of: StateMachineName;
}

/** The state machine of a launch; the key of its own actions in `functions/permissions.json`. */
export const STATE_MACHINE = 'launch-node';
/** The state machine that names the nodes of groups without a hook. */
export const NAMING_STATE_MACHINE = 'name-node';
/** The state machines. */
export type StateMachineName = typeof STATE_MACHINE | typeof NAMING_STATE_MACHINE;

const TASK = {
  timeout: Duration.seconds(60),
  memorySize: 128,
  byItself: false,
  of: STATE_MACHINE,
} as const;
/** A round looks at the whole fleet; what it does not do in its time is left to the next. */
const ROUND = { timeout: Duration.seconds(300), memorySize: 256, byItself: true, of: STATE_MACHINE } as const;

/** Every function that Hookline has; those of them that `functions/permissions.json` names are deployed. */
export const FUNCTION_SETTINGS = {
  'tag-node': { ...TASK, description: 'Looks the instance up and puts the tags of the profile on it' },
  'plan-interfaces': { ...TASK, description: 'Chooses a subnet and addresses for each slot' },
  'create-interfaces': { ...TASK, description: 'Creates the network interfaces that were planned' },
  'attach-interfaces': {
    ...TASK,
    description: 'Attaches the network interfaces and proves that they are there',
  },
  'complete-hook': { ...TASK, description: 'Completes the launch lifecycle hook' },
  'release-interfaces': { ...TASK, description: 'Detaches and deletes what was made for a launch' },
  reconcile: { ...ROUND, description: 'Finds lost launches and interfaces that nobody owns' },
  adopt: { ...ROUND, description: 'Starts an execution for each running node that lacks interfaces' },
  'name-nodes': {
    ...TASK,
    of: NAMING_STATE_MACHINE,
    description: 'Puts the tags of a naming profile on the nodes of an event',
  },
  // Its actions are not in the file: CrossAzTraffic deploys it, and no orchestrator does.
  'extract-pods': {
    ...ROUND,
    description: 'Lists the nodes and pods of a cluster and writes them to S3',
    byItself: false,
  },
} as const satisfies Record<string, FunctionSettings>;

/** The name of a function: that of its executable. */
export type FunctionName = keyof typeof FUNCTION_SETTINGS;

/** The API actions of each function and of the state machines, as `functions/permissions.json` has them. */
export function permissions(): ReadonlyMap<string, readonly string[]> {
  const file = JSON.parse(readFileSync(PERMISSIONS, 'utf8')) as Record<string, readonly string[]>;
  return new Map(Object.entries(file).filter(([, actions]) => Array.isArray(actions)));
}

/** The functions that are deployed with a state machine: those of {@link FUNCTION_SETTINGS} whose actions are known. */
export function deployedFunctions(of: StateMachineName = STATE_MACHINE): FunctionName[] {
  const known = permissions();
  return (Object.keys(FUNCTION_SETTINGS) as FunctionName[]).filter(
    (name) => known.has(name) && FUNCTION_SETTINGS[name].of === of,
  );
}

/** `tag-node` → `TagNode`: as construct ids and the state machine's placeholders have it. */
export function pascalCase(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
}
