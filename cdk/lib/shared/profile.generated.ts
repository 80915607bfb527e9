/* Generated from functions/profile.schema.json by `npm run generate`: change the Rust types instead. */

/**
 * A ready-made template of the tag `Name`.
 * - `cluster-nodegroup-ip`: `test-test2-ip-172.31.25.27`: cluster, node group and address of an EKS node.
 * - `cluster-ip`: `pre-eks-01.ip-10-0-22-100`: cluster and address of an EKS node.
 * - `tags-ip`: `vg-store-web-release-a-12-34`: the tags Region, App, Layer, Env and Group, and the address's last two octets.
 */
export type NamePreset = 'cluster-nodegroup-ip' | 'cluster-ip' | 'tags-ip';
/**
 * A security group, `sg-…`.
 */
export type SecurityGroupId = string;
/**
 * Addresses of one family: `10.0.1.0/28`, `10.0.1.20-10.0.1.40`, or one address.
 */
export type AddressRange = string;
/**
 * A subnet, `subnet-…`.
 */
export type SubnetId = string;

/**
 * What a node of one Auto Scaling group must get (docs/profile.md).
 */
export interface Profile {
  /**
   * Whether the group launches nothing more when its launches fail again and again by the same error that does not pass, until it is resumed (docs/operations/launch-loop.md).
   */
  brake?: boolean;
  /**
   * What happens to an existing tag with another value.
   */
  existingTags?: 'replace' | 'keep';
  hook: Hook;
  /**
   * Tags for the interfaces that the instance was launched with: key → template. Those of slots have their own.
   */
  interfaceTags?: {
    [k: string]: string;
  };
  /**
   * A name for people: logs and tags carry it.
   */
  name: string;
  /**
   * A ready-made template of the instance's tag Name.
   */
  namePreset?: NamePreset | null;
  /**
   * Tags for the instance: key → template, in the language of MiniJinja (docs/naming.md, "Templates").
   */
  nodeTags?: {
    [k: string]: string;
  };
  requestRates?: RequestRates;
  /**
   * The security groups of every slot that names none of its own.
   *
   * @maxItems 16
   */
  securityGroupIds?: SecurityGroupId[];
  selector: Selector;
  /**
   * The interfaces that a node gets. None at all is a profile that only names and tags.
   *
   * @maxItems 128
   */
  slots?: Slot[];
  /**
   * The taint with which the node registers in its cluster, and which Hookline removes when the node has its interfaces and tags. None when absent (docs/startup-taint.md).
   */
  startupTaint?: StartupTaint | null;
  /**
   * What happens to the launch of a node that cannot have its tags.
   */
  tagFailure?: 'continue' | 'abandon';
  /**
   * Tags for the volumes that go with the instance: key → template.
   */
  volumeTags?: {
    [k: string]: string;
  };
}
/**
 * The launch lifecycle hook that the nodes wait at.
 */
export interface Hook {
  /**
   * Whether Hookline completes the hook. `false` for a hook that another owner completes, such as the `Launch-LC-Hook` of EKS managed node groups.
   */
  complete?: boolean;
  /**
   * The hook's name. An event of another hook is not for this profile.
   */
  name: string;
}
/**
 * EC2's rates for the account, where they are not those that it publishes. Launches begin at these.
 */
export interface RequestRates {
  attachNetworkInterface?: TokenBucket;
  createNetworkInterface?: TokenBucket1;
  createTags?: TokenBucket2;
  modifyNetworkInterfaceAttribute?: TokenBucket3;
  /**
   * How many interfaces the Amazon VPC CNI adds to a node when it starts; 0 on nodes without it. They take calls of the same buckets, so launches leave those to them.
   */
  vpcCniInterfaces?: number;
}
/**
 * The bucket of AttachNetworkInterface; by default 50, and 5 more each second.
 */
export interface TokenBucket {
  /**
   * How many calls it allows at once, when it is full.
   */
  capacity: number;
  /**
   * How many more each second.
   */
  refillPerSecond: number;
}
/**
 * The bucket of CreateNetworkInterface; by default 100, and 5 more each second.
 */
export interface TokenBucket1 {
  /**
   * How many calls it allows at once, when it is full.
   */
  capacity: number;
  /**
   * How many more each second.
   */
  refillPerSecond: number;
}
/**
 * The bucket of CreateTags; by default 100, and 10 more each second.
 */
export interface TokenBucket2 {
  /**
   * How many calls it allows at once, when it is full.
   */
  capacity: number;
  /**
   * How many more each second.
   */
  refillPerSecond: number;
}
/**
 * The bucket of ModifyNetworkInterfaceAttribute; by default 100, and 5 more each second.
 */
export interface TokenBucket3 {
  /**
   * How many calls it allows at once, when it is full.
   */
  capacity: number;
  /**
   * How many more each second.
   */
  refillPerSecond: number;
}
/**
 * Which nodes this profile is for.
 */
export interface Selector {
  /**
   * The nodes of these Auto Scaling groups.
   *
   * @minItems 1
   */
  autoScalingGroupNames?: string[];
  tag?: TagSelector;
  /**
   * The nodes that carry each of these tags.
   *
   * @minItems 1
   * @maxItems 10
   */
  tags?: TagSelector1[];
}
/**
 * The nodes that carry this tag.
 */
export interface TagSelector {
  /**
   * The tag's key.
   */
  key: string;
  /**
   * The tag's value; any value when absent.
   */
  value?: string | null;
}
/**
 * A tag that a node must carry.
 */
export interface TagSelector1 {
  /**
   * The tag's key.
   */
  key: string;
  /**
   * The tag's value; any value when absent.
   */
  value?: string | null;
}
/**
 * One interface that a node gets: one logical network.
 */
export interface Slot {
  /**
   * How the IPv4 addresses are chosen. EC2 chooses them for a slot with prefixes.
   */
  addressing?: 'lowest-free' | 'subnet-assigned';
  /**
   * The interface's description; made from the node and the network when absent.
   */
  description?: string | null;
  /**
   * The device index. Unique on its network card. Index 0 of network card 0 is the instance's primary interface. When absent, Hookline chooses one that the VPC CNI takes last, and the subnets tell on the node which network an interface is of.
   */
  deviceIndex?: number | null;
  /**
   * Addresses that are never taken, IPv4 or IPv6. For `lowest-free` only: EC2 does not know them.
   */
  excludedRanges?: AddressRange[];
  /**
   * Whether the interface gets an IPv6 address, and how it is chosen.
   */
  ipv6?: 'none' | 'lowest-free' | 'subnet-assigned';
  /**
   * The logical network, as `signaling`. Unique in a profile.
   */
  network: string;
  /**
   * The network card, on instance types that have several.
   */
  networkCard?: number;
  /**
   * The number of /28 IPv4 prefixes. Not together with secondary addresses. EC2 chooses the primary address too.
   */
  prefixes?: number;
  /**
   * The number of secondary private IPv4 addresses.
   */
  secondaryPrivateAddresses?: number;
  /**
   * The security groups of this slot; the profile's when absent.
   *
   * @minItems 1
   * @maxItems 16
   */
  securityGroupIds?: SecurityGroupId[] | null;
  /**
   * Whether EC2 drops packets that are not from or to the interface's own addresses.
   */
  sourceDestCheck?: boolean;
  /**
   * Subnets of any number of AZs. Those of the node's AZ are tried in this order when one is full.
   *
   * @minItems 1
   * @maxItems 200
   */
  subnetIds: SubnetId[];
  /**
   * More tags for the interface.
   */
  tags?: {
    [k: string]: string;
  };
}
/**
 * A taint of a node, as Kubernetes has it (core/v1 Taint). Hookline removes by the key alone, whatever value and effect the taint has.
 */
export interface StartupTaint {
  /**
   * The name of the EKS cluster that the node joins.
   */
  cluster: string;
  /**
   * The taint's key.
   */
  key?: string;
}
