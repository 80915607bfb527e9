/** The CloudWatch metrics that the functions of a launch write (docs/operations/metrics.md). */
import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { METRIC_NAMESPACE } from '../shared/metric-namespace';

/** A metric of the launches of a profile. Its dimension is `Profile`. */
export type LaunchMetric =
  | 'LaunchesWired'
  | 'LaunchesAbandoned'
  | 'LaunchesWaiting'
  | 'EventToContinue'
  | 'LateVerdicts'
  | 'NodesWithoutTags'
  | 'AddressConflicts'
  | 'ThrottledCalls'
  | 'LaunchLoops'
  | 'HookProblems'
  | 'NodesWithoutInterfaces';

/** A metric of reconcile. It has no dimension. */
export type ReconcileMetric =
  | 'ReconcileStarted'
  | 'ReconcileAbandoned'
  | 'ReconcileReleased'
  | 'ReconcileDeleted'
  | 'ReconcileLeft'
  | 'ReconcileRefusedProfiles'
  | 'LaunchesOverdue';

/** The period of a data point. */
const PERIOD = Duration.minutes(5);

/** A metric of the launches of a profile. */
export function launchMetric(metricName: LaunchMetric, profile: string, statistic = 'Sum'): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName,
    dimensionsMap: { Profile: profile },
    statistic,
    period: PERIOD,
  });
}

/** A metric of reconcile. Each target of the schedule is a round of its own, and each round writes its own value. */
export function reconcileMetric(metricName: ReconcileMetric, statistic = 'Sum'): Metric {
  return new Metric({ namespace: METRIC_NAMESPACE, metricName, statistic, period: PERIOD });
}

/** The free addresses of a subnet, as plan-interfaces last counted them. */
export function freeAddresses(subnetId: string): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: 'FreeAddresses',
    dimensionsMap: { SubnetId: subnetId },
    statistic: 'Minimum',
    period: PERIOD,
  });
}
