/** What a node must know to join its cluster. The builders of user data take it. */
import type { NodeGroupCluster, NodeTaint } from '../shared/config';
import type { NodeSettings } from './node-settings';

/** What a node must know. The attributes of the cluster and the ids of subnets may be tokens. */
export interface NodeFacts {
  /** The settings of the node's programs. */
  readonly settings: NodeSettings;
  /** kubelet's maxPods. */
  readonly maxPods: number;
  /** The taints with which kubelet registers the node; none if EKS alone adds them. */
  readonly taints: readonly NodeTaint[];
  /** How the node joins; absent if EKS adds that to the user data: on a managed node group without an AMI of its own. */
  readonly join?: JoinFacts;
  /** Whom the node tells that it is ready; absent if nobody waits for it. */
  readonly signal?: SignalFacts;
}

/** The resource of CloudFormation that waits for a node. */
export interface SignalFacts {
  /** The name of the stack. */
  readonly stack: string;
  /** The logical id of the Auto Scaling group. */
  readonly resource: string;
  /** The Region. */
  readonly region: string;
}

/** How a node joins its cluster. */
export interface JoinFacts {
  /** The cluster. */
  readonly cluster: Required<Omit<NodeGroupCluster, 'securityGroupId'>>;
  /** The node's labels. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The names of effects in Kubernetes, by those of EKS. */
const EFFECTS = {
  NO_SCHEDULE: 'NoSchedule',
  NO_EXECUTE: 'NoExecute',
  PREFER_NO_SCHEDULE: 'PreferNoSchedule',
} as const;

/** Returns the value and the effect of a taint as Kubernetes writes them: `value:NoSchedule`. */
export function valueAndEffect({ value = '', effect }: NodeTaint): string {
  return `${value}:${EFFECTS[effect]}`;
}

/** Returns JSON in ASCII. Tokens in it stay as they are. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
