/** Completes `traffic` of a configuration file that has a `network`: its VPC and its cluster, if it names none. */
import type { NetworkIds } from './complete-config';
import type { Network } from './shared/config';
import { ConfigurationError } from './shared/configuration-error';

type Json = Readonly<Record<string, unknown>>;

/** What says where flow logs are made, or are. */
const SOURCES = ['vpcId', 'subnetIds', 'flowLogsLocation'];

/**
 * Returns `traffic` with the VPC and the cluster of the network, as far as it names none.
 *
 * @param traffic `traffic` of the file
 * @param network the network of the file
 * @param ids the ids of the network
 * @param add adds a mistake
 */
export function completeTraffic(
  traffic: Json,
  network: Network | undefined,
  ids: NetworkIds | undefined,
  add: (error: ConfigurationError) => void,
): Json {
  const named = traffic['clusterName'];
  const cluster = named === undefined || named === ids?.cluster?.name ? ids?.cluster : undefined;
  if (traffic['clusterName'] === undefined && cluster === undefined) {
    add(new ConfigurationError('traffic', 'missing field `clusterName`', 'Add the field'));
  }
  const hasSource = SOURCES.some((name) => traffic[name] !== undefined);
  const { securityGroupId } = cluster ?? {};
  return {
    ...traffic,
    ...(cluster === undefined ? {} : { clusterName: cluster.name }),
    ...(hasSource || ids === undefined ? {} : { vpcId: ids.vpcId }),
    // EKS User Guide, "View Amazon EKS security group requirements for clusters": members of the cluster's group reach one another.
    ...(cluster === undefined || securityGroupId === undefined || !needsVpc(traffic, network)
      ? {}
      : {
          functionSubnetIds: [...(ids?.nodeSubnetIds.values() ?? [])],
          functionSecurityGroupIds: [securityGroupId],
        }),
  };
}

/** Whether the cluster answers in its VPC only, and the file does not say where the function runs. */
function needsVpc(traffic: Json, network: Network | undefined): boolean {
  const isSaid = ['functionSubnetIds', 'functionSecurityGroupIds'].some(
    (name) => traffic[name] !== undefined,
  );
  return !isSaid && network?.cluster !== undefined && network.cluster.publicEndpoint !== true;
}
