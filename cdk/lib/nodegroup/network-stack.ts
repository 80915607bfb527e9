/** The stack of a network: it changes rarely, and goes on without Hookline. */
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { MultusNetwork, type MultusNetworkProps } from './multus-network';

/** The outputs of the networks: this, and the network's place. */
export const NETWORK_OUTPUT = 'NetworkIds';

/** The output of the subnets of the nodes' primary interfaces, by zone. */
export const NODE_SUBNETS_OUTPUT = 'NodeSubnetIds';

/** The output of the VPC. */
export const VPC_OUTPUT = 'VpcId';

/** The output of the cluster, as node groups need it. */
export const CLUSTER_OUTPUT = 'Cluster';

/** The output of the account. */
export const ACCOUNT_OUTPUT = 'Account';

/** The name of the network's stack of a configuration. */
export function networkStackName(stackName: string): string {
  return `${stackName}-network`;
}

/** Props of {@link NetworkStack}. */
export interface NetworkStackProps extends StackProps {
  /** The network. */
  readonly network: MultusNetworkProps;
}

/** A VPC, the subnets of networks, and a cluster, whose ids another stack takes. */
export class NetworkStack extends Stack {
  /** The network. */
  readonly network: MultusNetwork;

  constructor(scope: Construct, id: string, props: NetworkStackProps) {
    super(scope, id, { description: 'Hookline: the network of node groups', ...props });
    const { zones, networks, cluster } = props.network;
    this.network = new MultusNetwork(this, 'Network', props.network);
    this.exportAll(
      networks.flatMap(({ name }) => [
        ...zones.flatMap((zone) => this.network.subnetIds(name, zone)),
        this.network.securityGroupId(name),
      ]),
    );
    const { securityGroupId, endpoint, certificateAuthority } = this.network.cluster ?? {};
    this.exportAll(
      [
        this.network.vpcId,
        ...this.network.nodeSubnetIds.values(),
        securityGroupId,
        endpoint,
        certificateAuthority,
      ].filter((id) => id !== undefined),
    );
    const output = (name: string, value: string, description: string): CfnOutput =>
      new CfnOutput(this, name, { value, description });
    output(VPC_OUTPUT, this.network.vpcId, 'The VPC');
    output(ACCOUNT_OUTPUT, this.account, 'The account of these ids');
    if (cluster !== undefined) {
      output('ClusterName', cluster.name, 'The cluster');
    }
    // For programs: the names of exports have no network and no zone. `hookline check` and `npm run user-data` read these.
    const ofProgram = (name: string, value: object): CfnOutput =>
      output(name, this.toJsonString(value), 'For hookline check and npm run user-data');
    for (const [n, { name }] of networks.entries()) {
      const subnets = zones.map((zone) => [zone, this.network.subnetIds(name, zone)[0]]);
      ofProgram(`${NETWORK_OUTPUT}${n + 1}`, {
        network: name,
        securityGroupId: this.network.securityGroupId(name),
        subnetIds: Object.fromEntries(subnets) as object,
      });
    }
    ofProgram(NODE_SUBNETS_OUTPUT, Object.fromEntries(this.network.nodeSubnetIds));
    if (this.network.cluster !== undefined) {
      ofProgram(CLUSTER_OUTPUT, this.network.cluster);
    }
  }

  /**
   * All ids are exported, also those that no other stack takes now. This stack is deployed first. If an export went with the slot that
   * took it, CloudFormation would refuse that: the deployed other stack still has the slot.
   */
  private exportAll(ids: readonly string[]): void {
    for (const id of ids) {
      // The id of a subnet that exists is literal, and needs no export.
      if (this.resolve(id) !== id) {
        this.exportValue(id);
      }
    }
  }
}
