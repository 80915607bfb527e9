/** The metrics of the traffic across Availability Zones (traffic/sql/metrics.sql), by their names in CloudWatch. */
import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { NAMESPACE } from '../launch/metrics';

/** Metrics of all the traffic of a cluster's hour. */
export type TrafficMetric = 'CrossAzBytes' | 'InZoneBytes' | 'CrossAzUsd';

/** The source and the destination of what is the sum of all. */
const ALL = '(all)';
/** Each value is an hour's, with the time at which the hour begins. */
const PERIOD = Duration.hours(1);
/** An hour is computed several times, and late files only add to it: the greatest value is the last. */
const STATISTIC = 'Maximum';

/** A metric of all traffic within a cluster, hour by hour. */
export function trafficMetric(metricName: TrafficMetric, clusterName: string): Metric {
  return new Metric({
    namespace: NAMESPACE,
    metricName,
    dimensionsMap: { Cluster: clusterName, Source: ALL, Destination: ALL },
    statistic: STATISTIC,
    period: PERIOD,
  });
}

/** Of all traffic within a cluster, the share that stays in its zone, in percent. */
export function inZoneShare(clusterName: string): IMetric {
  return new MathExpression({
    expression: '100 * inZone / (inZone + crossing)',
    usingMetrics: {
      inZone: trafficMetric('InZoneBytes', clusterName),
      crossing: trafficMetric('CrossAzBytes', clusterName),
    },
    label: 'in zone',
    period: PERIOD,
  });
}

/** The pairs of groups with most bytes across zones, whichever those are: a search, as nobody knows their names before. */
export function topPairs(clusterName: string, most: number): IMetric {
  const terms = [
    `{${NAMESPACE},Cluster,Destination,Source}`,
    'MetricName="CrossAzBytes"',
    `Cluster="${clusterName}"`,
    `NOT Source="${ALL}"`,
  ].join(' ');
  const search = `SEARCH('${terms}', '${STATISTIC}', ${PERIOD.toSeconds()})`;
  return new MathExpression({
    expression: `SORT(${search}, SUM, DESC, ${most})`,
    label: '',
    period: PERIOD,
  });
}
