/** The names of the schedules that list clusters. */
import { createHash } from 'node:crypto';

/** EventBridge Scheduler API Reference, CreateSchedule, Name. */
const MAX_SCHEDULE_NAME = 64;

/**
 * Returns the name of the schedule that lists a cluster. A cluster's name may be longer than a schedule's, and is cut then.
 *
 * @param prefix the beginning of the names of all
 * @param cluster the name of the cluster; undefined for the first one
 */
export function scheduleName(prefix: string, cluster: string | undefined): string {
  const name = cluster === undefined ? prefix : `${prefix}-${cluster}`;
  if (name.length <= MAX_SCHEDULE_NAME) {
    return name;
  }
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return `${name.slice(0, MAX_SCHEDULE_NAME - hash.length - 1)}-${hash}`;
}
