/** Checks a hook's HeartbeatTimeout against the state machine's timeouts (docs/operations/hook.md). */
import { readFileSync } from 'node:fs';
import { Duration } from 'aws-cdk-lib';
import { ConfigurationError } from '../shared/configuration-error';
import { LAUNCH_NODE } from '../shared/repository';

/** Auto Scaling's limits of HeartbeatTimeout, in seconds (PutLifecycleHook). */
const MIN_HEARTBEAT = 30;
const MAX_HEARTBEAT = 7200;
/** Auto Scaling's limits of a wait at a hook: 100 heartbeat timeouts, and 48 hours (PutLifecycleHook). */
const MAX_HEARTBEATS = 100;
const MAX_WAIT = 48 * 3600;
/**
 * The longest time, in seconds, between two heartbeats of a launch in a busy account: the longest retries of one task (1131 s
 * while EC2 throttles, docs/errors.md), one try of each of the other tasks, and two of PlanInterfaces (90 s each), and the longest that a
 * launch goes on without extending its hook (210 s, `functions/domain/src/admission/heartbeat.rs`).
 */
const MAX_TIME_WITHOUT_HEARTBEAT = 1131 + 5 * 90 + 210;

/** The HeartbeatTimeout that docs/operations/hook.md recommends. */
export const DEFAULT_HEARTBEAT = Duration.seconds(1800);

/**
 * Checks a hook's HeartbeatTimeout.
 *
 * @param heartbeat the timeout
 * @param field its name in an error
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkHeartbeat(heartbeat: Duration, field = 'heartbeatTimeout'): void {
  const seconds = heartbeat.toSeconds();
  const execution = executionTimeoutSeconds();
  const remedy = `Use ${DEFAULT_HEARTBEAT.toSeconds()} s`;
  if (seconds < MIN_HEARTBEAT || seconds > MAX_HEARTBEAT) {
    throw new ConfigurationError(
      field,
      `${seconds} s is outside Auto Scaling's limits of ${MIN_HEARTBEAT} s to ${MAX_HEARTBEAT} s`,
      remedy,
    );
  }
  const wait = Math.min(MAX_HEARTBEATS * seconds, MAX_WAIT);
  if (wait <= execution) {
    throw new ConfigurationError(
      field,
      `with ${seconds} s, Auto Scaling ends the wait after ${wait} s, but an execution can take ${execution} s (TimeoutSeconds of launch-node.asl.json)`,
      remedy,
    );
  }
  if (seconds < MAX_TIME_WITHOUT_HEARTBEAT) {
    throw new ConfigurationError(
      field,
      `${seconds} s is too short: when EC2 throttles, a launch can take ${MAX_TIME_WITHOUT_HEARTBEAT} s between two heartbeats`,
      remedy,
    );
  }
}

let executionTimeout: number | undefined;

/** The longest time, in seconds, that an execution can take: the TimeoutSeconds of the state machine, which is read once. */
function executionTimeoutSeconds(): number {
  executionTimeout ??= readExecutionTimeout();
  return executionTimeout;
}

function readExecutionTimeout(): number {
  const definition = JSON.parse(readFileSync(LAUNCH_NODE, 'utf8')) as { readonly TimeoutSeconds?: number };
  if (definition.TimeoutSeconds === undefined) {
    throw new Error(
      `${LAUNCH_NODE} has no TimeoutSeconds, so a HeartbeatTimeout cannot be checked against it`,
    );
  }
  return definition.TimeoutSeconds;
}
