/** The rules of the props of {@link CrossAzTraffic}. */
import { ConfigurationError } from '../shared/configuration-error';
import type { CrossAzTrafficProps } from './cross-az-traffic';

/** The intervals between two listings that divide an hour, in minutes. */
const LISTING_INTERVALS: readonly number[] = [1, 2, 5, 10, 15, 30];
/** How many pairs of each cluster have metrics, if nothing else is said. */
export const DEFAULT_PAIRS = 10;
/** The most pairs of an hour. The metrics of an execution must fit the payload limit of a state (256 KiB), and each pair costs. */
const MAX_PAIRS = 50;
/** The flow logs of an hour are delivered about ten minutes after its end. */
const MIN_MINUTE = 10;

/**
 * Checks the props of the construct.
 *
 * @param props the props
 * @throws ConfigurationError that names the prop and its remedy
 */
export function checkProps({
  cluster,
  moreClusters = [],
  functionNetwork,
  source,
  usdPerGb,
  natGatewayUsdPerGb,
  internetUsdPerGb,
  costAndUsageTable,
  topPairs,
  scanLimitGiB,
  minute,
  listEveryMinutes,
  keepInputs,
}: CrossAzTrafficProps): void {
  if (listEveryMinutes !== undefined && !LISTING_INTERVALS.includes(listEveryMinutes)) {
    throw new ConfigurationError(
      'listEveryMinutes',
      `${listEveryMinutes} does not divide an hour`,
      `Use one of ${LISTING_INTERVALS.join(', ')}`,
    );
  }
  const names = [cluster, ...moreClusters].map(({ clusterName }) => clusterName);
  if (new Set(names).size < names.length) {
    throw new ConfigurationError('moreClusters', 'a cluster is there twice', 'Name each cluster once');
  }
  const pairs = (topPairs ?? DEFAULT_PAIRS) * names.length;
  if (names.length > 1 && pairs > MAX_PAIRS) {
    throw new ConfigurationError(
      'topPairs',
      `${names.length} clusters have ${pairs} pairs`,
      `Use ${Math.floor(MAX_PAIRS / names.length)} at most`,
    );
  }
  if (
    functionNetwork !== undefined &&
    (functionNetwork.subnetIds.length === 0 || functionNetwork.securityGroupIds.length === 0)
  ) {
    throw new ConfigurationError(
      'functionNetwork',
      'no subnet or no security group',
      'Add the subnets and the security groups of the function',
    );
  }
  if (costAndUsageTable !== undefined && !/^\w+\.\w+$/.test(costAndUsageTable)) {
    throw new ConfigurationError('costAndUsageTable', 'not a table', 'Write DATABASE.TABLE');
  }
  if ('subnetIds' in source && source.subnetIds.length === 0) {
    throw new ConfigurationError('source.subnetIds', 'no subnet', 'Add the subnets of the nodes');
  }
  const interval = 'flowLogsLocation' in source ? source.flowLogsIntervalMinutes : undefined;
  if (interval !== undefined && ![1, 10].includes(interval)) {
    throw new ConfigurationError(
      'source.flowLogsIntervalMinutes',
      `${interval} is not an interval of flow logs`,
      'Use 1 or 10',
    );
  }
  const vpcId = 'flowLogsLocation' in source ? source.flowLogsVpcId : undefined;
  // It becomes a part of the SQL.
  if (vpcId !== undefined && !/^vpc-[0-9a-f]+$/.test(vpcId)) {
    throw new ConfigurationError('source.flowLogsVpcId', `${vpcId} is not the id of a VPC`, 'Write vpc-…');
  }
  for (const [field, value, min, max] of [
    ['usdPerGb', usdPerGb, 0, 1000],
    ['natGatewayUsdPerGb', natGatewayUsdPerGb, 0, 1000],
    ['internetUsdPerGb', internetUsdPerGb, 0, 1000],
    ['topPairs', topPairs, 0, MAX_PAIRS],
    // Athena's minimum is 10 MB.
    ['scanLimitGiB', scanLimitGiB, 1, 100_000],
    ['minute', minute, MIN_MINUTE, 59],
    // The nightly execution settles three days, and S3 deletes expired objects at midnight.
    ['keepInputs', keepInputs?.toDays(), 5, 3650],
  ] as const) {
    if (value !== undefined && !(value >= min && value <= max)) {
      throw new ConfigurationError(field, `${value} is out of range`, `Use a value from ${min} to ${max}`);
    }
  }
}
