/** What the configuration says of networks: which flow logs the traffic is computed from, and where extract-pods runs. */
import type { Traffic } from '../shared/config';
import { ConfigurationError } from '../shared/configuration-error';
import type { FunctionNetwork } from './extract-pods';
import type { TrafficSource } from './traffic-store';

/**
 * Returns what the flow logs of a configuration are about.
 *
 * @param traffic `traffic` of the configuration
 * @throws ConfigurationError if it says nothing of it, or two things
 */
export function trafficSource({
  vpcId,
  subnetIds,
  flowLogsLocation,
  flowLogsKeyArn,
  flowLogsIntervalMinutes,
  flowLogsVpcId,
}: Traffic): TrafficSource {
  const sources: readonly TrafficSource[] = [
    ...(vpcId === undefined ? [] : [{ vpcId }]),
    ...(subnetIds === undefined ? [] : [{ subnetIds }]),
    ...(flowLogsLocation === undefined
      ? []
      : [
          {
            flowLogsLocation,
            ...(flowLogsKeyArn === undefined ? {} : { flowLogsKeyArn }),
            ...(flowLogsIntervalMinutes === undefined ? {} : { flowLogsIntervalMinutes }),
            ...(flowLogsVpcId === undefined ? {} : { flowLogsVpcId }),
          },
        ]),
  ];
  const [source] = sources;
  if (source === undefined || sources.length > 1) {
    throw new ConfigurationError(
      'traffic',
      source === undefined ? 'no network' : 'two networks',
      'Set either vpcId, subnetIds or flowLogsLocation',
    );
  }
  if (flowLogsKeyArn !== undefined && flowLogsLocation === undefined) {
    throw new ConfigurationError(
      'traffic.flowLogsKeyArn',
      'there is no flowLogsLocation',
      'Remove flowLogsKeyArn: the stack makes a bucket that S3 encrypts (SSE-S3)',
    );
  }
  if (flowLogsIntervalMinutes !== undefined && flowLogsLocation === undefined) {
    throw new ConfigurationError(
      'traffic.flowLogsIntervalMinutes',
      'there is no flowLogsLocation',
      'Remove flowLogsIntervalMinutes: the stack makes a flow log with an interval of one minute',
    );
  }
  if (flowLogsVpcId !== undefined && flowLogsLocation === undefined) {
    throw new ConfigurationError(
      'traffic.flowLogsVpcId',
      'there is no flowLogsLocation',
      'Remove flowLogsVpcId: the flow logs of the stack are those of one VPC',
    );
  }
  return source;
}

/**
 * Returns the network of extract-pods, if the configuration has one.
 *
 * @param traffic `traffic` of the configuration
 * @throws ConfigurationError if it is half said
 */
export function functionNetwork({
  functionSubnetIds: subnetIds,
  functionSecurityGroupIds: securityGroupIds,
}: Traffic): { functionNetwork?: FunctionNetwork } {
  if (subnetIds === undefined && securityGroupIds === undefined) {
    return {};
  }
  if (subnetIds === undefined || securityGroupIds === undefined) {
    throw new ConfigurationError(
      'traffic',
      'functionSubnetIds and functionSecurityGroupIds need each other',
      'Set both, or none',
    );
  }
  return { functionNetwork: { subnetIds, securityGroupIds } };
}
