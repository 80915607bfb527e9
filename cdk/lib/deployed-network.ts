/** The ids of a network that is deployed, from the outputs of its stack. */
import type { NetworkIds } from './complete-config';
import { networkProps } from './complete-config';
import { definitionZones, planNetwork } from './nodegroup/multus-network';
import {
  ACCOUNT_OUTPUT,
  CLUSTER_OUTPUT,
  NETWORK_OUTPUT,
  NODE_SUBNETS_OUTPUT,
  VPC_OUTPUT,
  networkStackName,
} from './nodegroup/network-stack';
import type { HooklineConfigFile, Network, NodeGroupCluster } from './shared/config';
import { ConfigurationError, throwAll } from './shared/configuration-error';

/** The outputs of a stack, by name. */
export type StackOutputs = Readonly<Record<string, string>>;

/** What the stack's output of a network says. */
interface NetworkOutput {
  readonly network: string;
  readonly securityGroupId: string;
  readonly subnetIds: Readonly<Record<string, string>>;
}

/** The fields of a cluster that the stack's output must have. */
const CLUSTER_FIELDS = [
  'name',
  'securityGroupId',
  'endpoint',
  'certificateAuthority',
  'serviceCidr',
] as const satisfies readonly (keyof NodeGroupCluster)[];

/** Returns the command that deploys the stack of a configuration's network. */
export function deployNetwork(stackName: string): string {
  return `npx cdk deploy ${networkStackName(stackName)}`;
}

/**
 * Refuses a stack of another account or Region than the configuration's: its ids are of another network.
 *
 * @param file the configuration
 * @param found the account and the Region of the stack, as far as they are known
 * @throws ConfigurationError that names both
 */
export function checkOrigin(
  file: Pick<HooklineConfigFile, 'stackName' | 'account' | 'region'>,
  found: { readonly account?: string | undefined; readonly region?: string | undefined },
): void {
  const stack = networkStackName(file.stackName);
  throwAll(
    (['account', 'region'] as const).flatMap((field) => {
      const [wanted, has] = [file[field], found[field]];
      const what = field === 'account' ? 'the account' : 'the Region';
      return wanted === undefined || has === undefined || wanted === has
        ? []
        : [
            new ConfigurationError(
              field,
              `the stack ${stack} that was read is in ${what} ${has}, and the configuration is for ${wanted}`,
              `Read the outputs in ${what} ${wanted}, or correct the field`,
            ),
          ];
    }),
  );
}

/**
 * Returns the ids of a network by the outputs of its stack.
 *
 * @param file the configuration
 * @param network its network
 * @param outputs the outputs of the network's stack
 * @throws ConfigurationError for an output that is broken, and for one of another account; and, once an id is asked for that no
 * output has
 */
export function deployedIds(file: HooklineConfigFile, network: Network, outputs: StackOutputs): NetworkIds {
  const stack = networkStackName(file.stackName);
  const deploy = deployNetwork(file.stackName);
  checkOrigin(file, { account: outputs[ACCOUNT_OUTPUT] });
  const broken = (name: string, problem: string): ConfigurationError =>
    new ConfigurationError(
      `outputs.${name}`,
      `of the stack ${stack} ${problem}`,
      `Write it again: ${deploy}; and correct what changed it`,
    );
  const read = (name: string): Json | undefined => {
    const text = outputs[name];
    if (text === undefined) {
      return undefined;
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw broken(name, 'is not JSON');
    }
    if (!isObject(value)) {
      throw broken(name, 'is not a JSON object');
    }
    return value;
  };
  /** The fields of an output, each a text. */
  const texts = <Field extends string>(
    name: string,
    value: Json,
    fields: readonly Field[],
    at = '',
  ): Record<Field, string> => {
    const wrong = fields.find((field) => typeof value[field] !== 'string' || value[field] === '');
    if (wrong !== undefined) {
      throw broken(`${name}${at}.${wrong}`, 'is no text');
    }
    return value as Record<Field, string>;
  };
  const networks = Object.keys(outputs)
    .filter((name) => name.startsWith(NETWORK_OUTPUT))
    .map((name): NetworkOutput => {
      const value = read(name) ?? {};
      const subnetIds = value['subnetIds'];
      if (!isObject(subnetIds)) {
        throw broken(`${name}.subnetIds`, 'is no object of zones');
      }
      return {
        ...texts(name, value, ['network', 'securityGroupId']),
        subnetIds: texts(name, subnetIds, Object.keys(subnetIds), '.subnetIds'),
      };
    });
  const has = <Value>(what: string, value: Value | undefined): Value => {
    if (value === undefined) {
      throw new ConfigurationError(
        'network',
        `the stack ${stack} has no output with ${what}`,
        `Deploy it first: ${deploy}`,
      );
    }
    return value;
  };
  const of = (name: string): NetworkOutput =>
    has(
      `the ids of the network ${JSON.stringify(name)}`,
      networks.find((one) => one.network === name),
    );
  const nodeSubnets = read(NODE_SUBNETS_OUTPUT) ?? {};
  const nodeSubnetIds: Partial<Record<string, string>> = texts(
    NODE_SUBNETS_OUTPUT,
    nodeSubnets,
    Object.keys(nodeSubnets),
  );
  const cluster = read(CLUSTER_OUTPUT);
  const planned = planNetwork(networkProps(network));
  return {
    vpcId: has('the VPC', outputs[VPC_OUTPUT]),
    nodeSubnetIds: new Map(
      network.zones.map((zone) => [zone, has(`the nodes’ subnet of ${zone}`, nodeSubnetIds[zone])]),
    ),
    cluster:
      network.cluster === undefined
        ? undefined
        : texts(CLUSTER_OUTPUT, has('the cluster', cluster), CLUSTER_FIELDS),
    subnetIds: (name, zone) => [
      has(`a subnet of the network ${JSON.stringify(name)} in ${zone}`, of(name).subnetIds[zone]),
    ],
    securityGroupId: (name) => of(name).securityGroupId,
    definitionZones: (name) => definitionZones(planned, network.zones, name),
  };
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
