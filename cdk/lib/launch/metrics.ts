/** The metrics that the functions write (docs/operations.md, "Metrics"), by their names in CloudWatch. */
import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';

/** The namespace of all of them. */
export const NAMESPACE = 'Hookline';

/** Metrics of a profile's launches; their dimension is `Profile`. */
export type LaunchMetric =
  | 'LaunchesWired'
  | 'LaunchesAbandoned'
  | 'LaunchesWaiting'
  | 'EventToContinue'
  | 'LateVerdicts'
  | 'AddressConflicts'
  | 'ThrottledCalls';

/** Metrics of reconcile; they have no dimension. */
export type ReconcileMetric =
  | 'ReconcileStarted'
  | 'ReconcileAbandoned'
  | 'ReconcileReleased'
  | 'ReconcileDeleted'
  | 'ReconcileLeft'
  | 'ReconcileRefusedProfiles'
  | 'LaunchesOverdue';

/** How long a point of a graph stands for. */
const PERIOD = Duration.minutes(5);

/** A metric of a profile's launches. */
export function launchMetric(metricName: LaunchMetric, profile: string, statistic = 'Sum'): Metric {
  return new Metric({
    namespace: NAMESPACE,
    metricName,
    dimensionsMap: { Profile: profile },
    statistic,
    period: PERIOD,
  });
}

/** A metric of reconcile. Each round writes for itself, and several targets make several rounds. */
export function reconcileMetric(metricName: ReconcileMetric, statistic = 'Sum'): Metric {
  return new Metric({ namespace: NAMESPACE, metricName, statistic, period: PERIOD });
}

/** The addresses that are free in a subnet, as the last plans saw it. */
export function freeAddresses(subnetId: string): Metric {
  return new Metric({
    namespace: NAMESPACE,
    metricName: 'FreeAddresses',
    dimensionsMap: { SubnetId: subnetId },
    statistic: 'Minimum',
    period: PERIOD,
  });
}
