/** The ids of a network that is deployed, from the outputs of its stack. */
import type { NetworkIds } from './complete-config';
import { networkProps } from './complete-config';
import { definitionZones, planNetwork } from './nodegroup/multus-network';
import {
  CLUSTER_OUTPUT,
  NETWORK_OUTPUT,
  NODE_SUBNETS_OUTPUT,
  VPC_OUTPUT,
  networkStackName,
} from './nodegroup/network-stack';
import type { HooklineConfigFile, Network, NodeGroupCluster } from './shared/config';
import { ConfigurationError } from './shared/configuration-error';

/** The outputs of a stack, by name. */
export type StackOutputs = Readonly<Record<string, string>>;

/** What the stack's output of a network says. */
interface NetworkOutput {
  readonly network: string;
  readonly securityGroupId: string;
  readonly subnetIds: Readonly<Record<string, string>>;
}

/** Returns the command that deploys the stack of a configuration's network. */
export function deployNetwork(stackName: string): string {
  return `npx cdk deploy ${networkStackName(stackName)}`;
}

/**
 * Returns the ids of a network by the outputs of its stack.
 *
 * @param file the configuration
 * @param network its network
 * @param outputs the outputs of the network's stack
 * @throws ConfigurationError, once an id is asked for that no output has
 */
export function deployedIds(
  { stackName }: HooklineConfigFile,
  network: Network,
  outputs: StackOutputs,
): NetworkIds {
  const read = (name: string): unknown => JSON.parse(outputs[name] ?? 'null');
  const networks = Object.keys(outputs)
    .filter((name) => name.startsWith(NETWORK_OUTPUT))
    .map((name) => read(name) as NetworkOutput);
  const has = <Value>(what: string, value: Value | undefined): Value => {
    if (value === undefined) {
      throw new ConfigurationError(
        'network',
        `the stack ${networkStackName(stackName)} has no output with ${what}`,
        `Deploy it first: ${deployNetwork(stackName)}`,
      );
    }
    return value;
  };
  const of = (name: string): NetworkOutput =>
    has(
      `the ids of the network ${JSON.stringify(name)}`,
      networks.find((one) => one.network === name),
    );
  const nodeSubnets = (read(NODE_SUBNETS_OUTPUT) ?? {}) as Readonly<Record<string, string>>;
  const planned = planNetwork(networkProps(network));
  return {
    vpcId: has('the VPC', outputs[VPC_OUTPUT]),
    nodeSubnetIds: new Map(
      network.zones.map((zone) => [zone, has(`the nodes’ subnet of ${zone}`, nodeSubnets[zone])]),
    ),
    cluster:
      network.cluster === undefined
        ? undefined
        : has('the cluster', (read(CLUSTER_OUTPUT) ?? undefined) as NodeGroupCluster | undefined),
    subnetIds: (name, zone) => [
      has(`a subnet of the network ${JSON.stringify(name)} in ${zone}`, of(name).subnetIds[zone]),
    ],
    securityGroupId: (name) => of(name).securityGroupId,
    definitionZones: (name) => definitionZones(planned, network.zones, name),
  };
}
