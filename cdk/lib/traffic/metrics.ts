/** The CloudWatch metrics of the cross-AZ traffic (traffic/sql/metrics.sql), and of the listings. */
import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, type ILogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../shared/metric-namespace';

/** A metric of a cluster's traffic in an hour. */
export type TrafficMetric = 'CrossAzBytes' | 'InZoneBytes' | 'CrossAzUsd';
/**
 * A metric of a run, with the time of the run: how many records it read of the last hour, the age of the newest record in
 * seconds, the share of bytes with an unknown end in percent, and the cost of 24 hours in US dollars.
 */
export type RunMetric = 'RecordsRead' | 'NewestRecordAge' | 'UnknownShare' | 'CrossAzUsdLastDay';

/** The value of the dimensions Source and Destination in a total. */
const ALL = '(all)';
/** Each value covers an hour and has the timestamp of its start. */
const PERIOD = Duration.hours(1);
/** An hour is computed several times. Flow logs that arrive late only add to it, so the latest value is the greatest. */
const STATISTIC = 'Maximum';

/** The hourly total of a cluster's traffic, or what the run of an hour tells of it. */
export function trafficMetric(metricName: TrafficMetric | RunMetric, clusterName: string): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName,
    dimensionsMap: { Cluster: clusterName, Source: ALL, Destination: ALL },
    statistic: STATISTIC,
    period: PERIOD,
  });
}

/** The metric that counts the listings of each cluster. */
const LISTINGS = 'ListingsWritten';

/** The metric that counts the replays that missed deletions. */
const MISSED = 'DeletionsMissed';

/**
 * Counts the listings of each cluster, and the replays of its watch that missed deletions, by the log of extract-pods: Lambda's own
 * metrics have the function, not the cluster. The function writes these lines after each object, and where it has to begin anew
 * (traffic/extract-pods/src/extract.rs, deleted_pods.rs).
 */
export function countListings(scope: Construct, logGroup: ILogGroup): void {
  countLines(scope, LISTINGS, 'written', logGroup);
  countLines(scope, MISSED, 'deletions missed', logGroup);
}

function countLines(scope: Construct, metricName: string, message: string, logGroup: ILogGroup): void {
  const cluster = '$.cluster';
  new MetricFilter(scope, metricName, {
    logGroup,
    filterPattern: FilterPattern.all(
      FilterPattern.stringValue('$.message', '=', message),
      FilterPattern.stringValue(cluster, '=', '*'),
    ),
    metricNamespace: METRIC_NAMESPACE,
    metricName,
    metricValue: '1',
    dimensions: { Cluster: cluster },
  });
}

/** The number of a cluster's listings in a period. */
export function listings(clusterName: string, period: Duration): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: LISTINGS,
    dimensionsMap: { Cluster: clusterName },
    statistic: 'Sum',
    period,
  });
}

/** The number of replays of a cluster's watch that missed deletions in an hour. */
export function missedDeletions(clusterName: string): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: MISSED,
    dimensionsMap: { Cluster: clusterName },
    statistic: 'Sum',
    period: PERIOD,
  });
}

/** The share of a cluster's traffic that stays in its zone, in percent. */
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

/**
 * The pairs of groups with the most bytes across zones. It is a search expression, as the names of the groups are not known
 * before the deployment.
 *
 * @param clusterName the cluster's name
 * @param limit the number of pairs
 */
export function topPairs(clusterName: string, limit: number): IMetric {
  const terms = [
    `{${METRIC_NAMESPACE},Cluster,Destination,Source}`,
    'MetricName="CrossAzBytes"',
    `Cluster="${clusterName}"`,
    `NOT Source="${ALL}"`,
  ].join(' ');
  const search = `SEARCH('${terms}', '${STATISTIC}', ${PERIOD.toSeconds()})`;
  return new MathExpression({
    expression: `SORT(${search}, SUM, DESC, ${limit})`,
    label: '',
    period: PERIOD,
  });
}
