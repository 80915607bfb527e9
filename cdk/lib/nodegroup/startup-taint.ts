/**
 * The taints with which kubelet registers a node. With a startup taint in the profile, no pod without a toleration is scheduled on
 * the node until Hookline removes the taint (docs/startup-taint.md).
 */
import { Token } from 'aws-cdk-lib';
import type { NodeGroup, NodeTaint } from '../shared/config';
import { ConfigurationError } from '../shared/configuration-error';
import type { Profile } from '../shared/profile.generated';
import { eksMergesUserData, isManaged } from './group-rules';

/** The key, unless the profile has another: `DEFAULT_KEY` in functions/domain/src/startup_taint.rs. */
const DEFAULT_KEY = 'hookline.io/not-ready';

/**
 * Returns the taints that the user data of a group gives kubelet.
 *
 * Where EKS adds to the user data, it adds the group's own taints. kubelet takes the last `--register-with-taints` as a whole
 * (kubernetes/kubernetes, pkg/util/flag/flags.go), so with a startup taint the group's are here, too.
 *
 * @param group the checked node group
 * @param profile the checked profile
 */
export function registeredTaints(group: NodeGroup, { startupTaint }: Profile): NodeTaint[] {
  const { taints = [] } = group;
  if (startupTaint === undefined || startupTaint === null) {
    return eksMergesUserData(group) ? [] : [...taints];
  }
  const { key = DEFAULT_KEY } = startupTaint;
  return taints.some((taint) => taint.key === key)
    ? [...taints]
    : [...taints, { key, value: 'true', effect: 'NO_SCHEDULE' }];
}

/**
 * Checks the startup taint of the profile of a group.
 *
 * @param group the node group
 * @param profile the profile
 * @param field the node group's name in an error
 * @throws ConfigurationError if Hookline would not find the node, or if the taint would come back or hold no pod back
 */
export function checkStartupTaint(group: NodeGroup, { name, startupTaint }: Profile, field: string): void {
  if (startupTaint === undefined || startupTaint === null) {
    return;
  }
  const { key = DEFAULT_KEY, cluster } = startupTaint;
  const names = [cluster, group.cluster.name];
  if (!names.some((one) => Token.isUnresolved(one)) && cluster !== group.cluster.name) {
    throw new ConfigurationError(
      `${field}.cluster.name`,
      `${group.cluster.name}, but the profile ${name} removes its startup taint in the cluster ${cluster}`,
      'Use the same cluster',
    );
  }
  const own = (group.taints ?? []).find((taint) => taint.key === key);
  if (own !== undefined && isManaged(group)) {
    throw new ConfigurationError(
      `${field}.taints`,
      `has the startup taint ${key} of the profile ${name}, which EKS applies again after Hookline has removed it`,
      'Remove it: the user data has it from the profile',
    );
  }
  if (own?.effect === 'PREFER_NO_SCHEDULE') {
    throw new ConfigurationError(
      `${field}.taints`,
      `has the startup taint ${key} of the profile ${name} with the effect PREFER_NO_SCHEDULE, which holds no pod back`,
      'Use NO_SCHEDULE, or leave it out: the user data has it from the profile',
    );
  }
}
