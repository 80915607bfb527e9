/** The alarms of node naming. docs/operations.md describes the response to each alarm. */
import { Duration } from 'aws-cdk-lib';
import type { AlarmSet } from '../shared/alarm-set';
import type { NodeNaming } from './node-naming';

/**
 * Adds the alarms of node naming to a set of alarms.
 *
 * @param alarms the set, which defines the prefix of the names and the SNS topic
 * @param naming the construct that the alarms watch
 */
export function addNamingAlarms(alarms: AlarmSet, naming: NodeNaming): void {
  const period = Duration.minutes(5);
  alarms.addAboveZeroAlarm('NamingFailed', 'naming-failed', {
    metric: naming.stateMachine.metricFailed({ period }),
    alarmDescription: 'A node of a group without a hook did not get its name and tags.',
  });
  alarms.addAboveZeroAlarm('NamingTimedOut', 'naming-timed-out', {
    metric: naming.stateMachine.metricTimedOut({ period }),
    alarmDescription:
      'A naming execution exceeded its TimeoutSeconds. Start a new execution with the same input.',
  });
  const minute = Duration.minutes(1);
  for (const [name, fn] of naming.functions) {
    // The state machine tries again; a burst is over after some seconds.
    alarms.addAboveZeroAlarm(`NamingThrottles-${name}`, 'naming-throttles', {
      metric: fn.metricThrottles({ period: minute }),
      evaluationPeriods: 3,
      alarmDescription: `Lambda has refused invocations of ${name} for three minutes: too few may run at once. Nodes get their names late, or not at all.`,
    });
  }
  alarms.addDeadLettersAlarm(
    'NamingDeadLetters',
    'naming-dead-letters',
    naming.deadLetterQueue,
    'The launch event of a node could not be delivered, so the node has no name. Read the messages of the dead-letter queue.',
  );
}
