/** The CloudWatch metrics that the functions of a launch write (docs/operations/metrics.md). */
import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { METRIC_NAMESPACE } from '../shared/metric-namespace';

/** A metric of the launches of a profile. Its dimensions are `Deployment` and `Profile`. */
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

/** A metric of reconcile. Its dimension is `Deployment`. */
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

/** The metrics of one deployment: those of another in the same Region have another dimension, and do not start its alarms. */
export class LaunchMetrics {
  /** @param deployment its name: the prefix of the names of its resources */
  constructor(private readonly deployment: string) {}

  /** A metric of the launches of a profile. */
  ofProfile(metricName: LaunchMetric, profile: string, statistic = 'Sum'): Metric {
    return this.metric(metricName, statistic, { Profile: profile });
  }

  /** A metric of reconcile. Each target of the schedule is a round of its own, and each round writes its own value. */
  ofReconcile(metricName: ReconcileMetric, statistic = 'Sum'): Metric {
    return this.metric(metricName, statistic, {});
  }

  private metric(metricName: string, statistic: string, dimensions: Record<string, string>): Metric {
    return new Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { Deployment: this.deployment, ...dimensions },
      statistic,
      period: PERIOD,
    });
  }
}

/** The free addresses of a subnet, as plan-interfaces last counted them. Deployments may share the subnet, and so its metric. */
export function freeAddresses(subnetId: string): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: 'FreeAddresses',
    dimensionsMap: { SubnetId: subnetId },
    statistic: 'Minimum',
    period: PERIOD,
  });
}
