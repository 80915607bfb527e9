/**
 * The rolling update of a group of self-managed nodes: CloudFormation replaces the nodes in batches, and waits for a signal of each
 * new one (CloudFormation User Guide, "UpdatePolicy attribute", `AutoScalingRollingUpdate`).
 *
 * The node sends it when kubelet is healthy and the cluster has signed its certificate (`node/program/hookline-signal`). kubelet
 * starts after the gate and the configuration of the interfaces, so such a node has them. cfn-signal needs no credentials:
 * CloudFormation knows by the instance's identity that it belongs to the stack ("cfn-signal", same guide).
 */
import type { CfnUpdatePolicy } from 'aws-cdk-lib';
import type { NodeGroup } from '../shared/config';
import { ConfigurationError } from '../shared/configuration-error';
import { isManaged } from './group-rules';
import type { SignalFacts } from './node-facts';

/** What Auto Scaling must not do meanwhile (AWS re:Post, "auto-scaling-group-rolling-updates"). Launch and Terminate are needed. */
const SUSPENDED = ['HealthCheck', 'ReplaceUnhealthy', 'AZRebalance', 'AlarmNotification', 'ScheduledActions'];

/** CloudFormation's and IAM's limits: a stack's name has up to 128 characters, a logical id up to 255. */
export const LONGEST_SIGNAL: SignalFacts = {
  stack: 's'.repeat(128),
  resource: 'r'.repeat(255),
  region: 'ap-southeast-99',
};

/**
 * Checks the rolling update of a node group.
 *
 * @param group the node group
 * @param field its name in an error
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkRollingUpdate(group: NodeGroup, field: string): void {
  const { rollingUpdate, operatingSystem, maxSize } = group;
  if (rollingUpdate === undefined) {
    return;
  }
  const fail = (name: string, problem: string, remedy: string): never => {
    throw new ConfigurationError(`${field}.rollingUpdate${name}`, problem, remedy);
  };
  if (isManaged(group)) {
    fail('', 'EKS itself replaces the nodes of a managed node group', 'Remove it');
  }
  if (operatingSystem === 'bottlerocket') {
    fail(
      '',
      'Bottlerocket has no cfn-signal, and its own signal needs rights that the role of the nodes does not have',
      'Use an instance refresh (docs/node-groups.md)',
    );
  }
  if (minInService(group) >= maxSize) {
    fail(
      '.minInService',
      `must be below maxSize ${maxSize}, so that there is room for a new node`,
      'Lower it',
    );
  }
}

/** Returns the update policy of the Auto Scaling group; undefined if its nodes stay. */
export function updatePolicy(group: NodeGroup): CfnUpdatePolicy | undefined {
  if (group.rollingUpdate === undefined) {
    return undefined;
  }
  const { batchSize = 1, timeoutMinutes = 30 } = group.rollingUpdate;
  return {
    autoScalingRollingUpdate: {
      maxBatchSize: batchSize,
      minInstancesInService: minInService(group),
      pauseTime: `PT${timeoutMinutes}M`,
      suspendProcesses: SUSPENDED,
      waitOnResourceSignals: true,
    },
  };
}

function minInService({ rollingUpdate, minSize = 0, maxSize }: NodeGroup): number {
  return rollingUpdate?.minInService ?? Math.min(minSize, maxSize - 1);
}

/** Returns the lines of the user data's script that say whom `hookline-signal` tells: stack, resource and Region, with tabs between. */
export function signalScript({ stack, resource, region }: SignalFacts): string {
  return `cat >/etc/hookline/signal <<'HOOKLINE'
${stack}\t${resource}\t${region}
HOOKLINE
`;
}
