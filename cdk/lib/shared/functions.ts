/**
 * The Lambda functions of Hookline and the settings of each. `functions/permissions.json` lists the API actions of each
 * function, and so decides which functions are deployed.
 */
import { readFileSync } from 'node:fs';
import { Duration } from 'aws-cdk-lib';
import { PERMISSIONS } from './repository';

/** The purpose and the Lambda settings of a function. */
export interface FunctionSettings {
  /** The function's description in the Lambda console. */
  readonly description: string;
  /**
   * The function's timeout. It is shorter than the TimeoutSeconds of the state machine's tasks (90), so that Lambda ends
   * the function first.
   */
  readonly timeout: Duration;
  /** The function's memory in MiB. A function uses about 30; Lambda allots CPU in proportion to memory. */
  readonly memorySize: number;
  /** Whether an event or an operator invokes the function, and not the state machine. */
  readonly invokedDirectly: boolean;
  /** The state machine that the function is deployed with. */
  readonly stateMachine: StateMachineName;
}

/** The state machine of a launch. `functions/permissions.json` lists its own actions under this name. */
export const LAUNCH_STATE_MACHINE = 'launch-node';
/** The state machine that names the nodes of groups without a hook. */
export const NAMING_STATE_MACHINE = 'name-node';
/** The name of a state machine whose actions `functions/permissions.json` lists. */
export type StateMachineName = typeof LAUNCH_STATE_MACHINE | typeof NAMING_STATE_MACHINE;

/** The policies for people. `functions/permissions.json` lists their actions under these names. */
export const PEOPLE = ['look', 'operate', 'repair'] as const;
/** The name of a policy for people. */
export type PersonPolicyName = (typeof PEOPLE)[number];

const TASK = {
  timeout: Duration.seconds(60),
  memorySize: 128,
  invokedDirectly: false,
  stateMachine: LAUNCH_STATE_MACHINE,
} as const;
/** A round covers all nodes. What it does not finish within its timeout is left to the next round. */
const ROUND = {
  timeout: Duration.seconds(300),
  memorySize: 256,
  invokedDirectly: true,
  stateMachine: LAUNCH_STATE_MACHINE,
} as const;

/** Every function of Hookline. Those that `functions/permissions.json` lists are deployed. */
export const FUNCTION_SETTINGS = {
  'tag-node': { ...TASK, description: 'Reads the instance and sets the tags of the profile on it' },
  'plan-interfaces': { ...TASK, description: 'Chooses a subnet and addresses for each slot' },
  'create-interfaces': { ...TASK, description: 'Creates the planned network interfaces' },
  'attach-interfaces': {
    ...TASK,
    description: 'Attaches the network interfaces and verifies that they are attached',
  },
  'complete-hook': { ...TASK, description: 'Completes the launch lifecycle hook' },
  'remove-startup-taint': {
    ...TASK,
    description: 'Removes the startup taint of a node that is ready',
  },
  'set-delete-on-termination': {
    ...TASK,
    description: 'Sets DeleteOnTermination on the interfaces of a node that is ready',
  },
  'release-interfaces': {
    ...TASK,
    description: 'Detaches and deletes the interfaces of a launch that failed',
  },
  reconcile: { ...ROUND, description: 'Finds lost launches and orphaned interfaces' },
  adopt: { ...ROUND, description: 'Starts an execution for each running node that lacks interfaces' },
  'name-nodes': {
    ...TASK,
    stateMachine: NAMING_STATE_MACHINE,
    description: 'Sets the tags of a naming profile on the nodes of an event',
  },
  // CrossAzTraffic deploys extract-pods with permissions of its own, which functions/permissions.json does not list.
  'extract-pods': {
    ...ROUND,
    description: 'Lists the nodes and pods of a cluster and writes them to S3',
    invokedDirectly: false,
  },
} as const satisfies Record<string, FunctionSettings>;

/** The name of a function, which is also the name of its executable. */
export type FunctionName = keyof typeof FUNCTION_SETTINGS;

/** The API actions of each function and of each state machine, as `functions/permissions.json` lists them. */
export function permissions(): ReadonlyMap<string, readonly string[]> {
  const file = JSON.parse(readFileSync(PERMISSIONS, 'utf8')) as Record<string, readonly string[]>;
  return new Map(Object.entries(file).filter(([, actions]) => Array.isArray(actions)));
}

/** The functions that are deployed with a state machine: those that `functions/permissions.json` lists. */
export function deployedFunctions(stateMachine: StateMachineName = LAUNCH_STATE_MACHINE): FunctionName[] {
  const listed = permissions();
  return (Object.keys(FUNCTION_SETTINGS) as FunctionName[]).filter(
    (name) => listed.has(name) && FUNCTION_SETTINGS[name].stateMachine === stateMachine,
  );
}

/** Converts `tag-node` to `TagNode`, as construct ids and the placeholders of a state machine write it. */
export function pascalCase(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
}
