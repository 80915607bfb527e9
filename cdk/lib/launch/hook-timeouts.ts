/** A launch hook's timeouts, held against those of the state machine (docs/operations.md, "The hook and its timeouts"). */
import { Duration } from 'aws-cdk-lib';
import { ConfigurationError } from '../shared/configuration-error';
import { executionTimeoutSeconds } from '../shared/state-machine-definition';

/** Auto Scaling's limits of HeartbeatTimeout (PutLifecycleHook). */
const SHORTEST = 30;
const LONGEST = 7200;
/** Auto Scaling keeps an instance waiting for at most 100 heartbeats, and at most 48 hours (PutLifecycleHook). */
const MOST_HEARTBEATS = 100;
const LONGEST_WAIT = 48 * 3600;
/**
 * What a launch can take between two heartbeats of its own without anything being amiss but a busy account: the longest
 * retries of one task (1131 s while EC2 throttles, docs/errors.md), and a try of each of the other tasks (90 s each).
 */
const LONGEST_WITHOUT_HEARTBEAT = 1131 + 4 * 90;

/** What docs/operations.md recommends. */
export const DEFAULT_HEARTBEAT = Duration.seconds(1800);

/**
 * Checks a hook's HeartbeatTimeout.
 *
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkHeartbeat(heartbeat: Duration, field = 'heartbeatTimeout'): void {
  const seconds = heartbeat.toSeconds();
  const execution = executionTimeoutSeconds();
  if (seconds < SHORTEST || seconds > LONGEST) {
    throw new ConfigurationError(
      field,
      `${seconds} s, Auto Scaling takes ${SHORTEST} to ${LONGEST}`,
      `Use ${DEFAULT_HEARTBEAT.toSeconds()} s`,
    );
  }
  const whole = Math.min(MOST_HEARTBEATS * seconds, LONGEST_WAIT);
  if (whole <= execution) {
    throw new ConfigurationError(
      field,
      `a launch could wait for ${whole} s in all, and an execution may take ${execution} s (TimeoutSeconds of launch-node.asl.json)`,
      `Use ${DEFAULT_HEARTBEAT.toSeconds()} s`,
    );
  }
  if (seconds < LONGEST_WITHOUT_HEARTBEAT) {
    throw new ConfigurationError(
      field,
      `${seconds} s, and a launch that EC2 throttles can take ${LONGEST_WITHOUT_HEARTBEAT} s between two heartbeats`,
      `Use ${DEFAULT_HEARTBEAT.toSeconds()} s`,
    );
  }
}
