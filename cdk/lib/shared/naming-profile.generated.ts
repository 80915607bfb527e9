/* Generated from functions/naming-profile.schema.json by `npm run generate`: change the Rust types instead. */

/**
 * A ready-made template of the tag `Name`.
 * - `cluster-nodegroup-ip`: `test-test2-ip-172.31.25.27`: cluster, node group and address of an EKS node.
 * - `cluster-ip`: `pre-eks-01.ip-10-0-22-100`: cluster and address of an EKS node.
 * - `tags-ip`: `vg-store-web-release-a-12-34`: the tags Region, App, Layer, Env and Group, and the address's last two octets.
 */
export type NamePreset = 'cluster-nodegroup-ip' | 'cluster-ip' | 'tags-ip';

/**
 * What the nodes of a selector are called and tagged (docs/naming.md).
 */
export interface NamingProfile {
  /**
   * What happens to an existing tag with another value.
   */
  existingTags?: 'replace' | 'keep';
  /**
   * Tags for the interfaces that are attached to the instance: key → template.
   */
  interfaceTags?: {
    [k: string]: string;
  };
  /**
   * A name for people: logs carry it.
   */
  name: string;
  /**
   * A ready-made template of the instance's tag Name.
   */
  namePreset?: NamePreset | null;
  /**
   * Tags for the instance: key → template.
   */
  nodeTags?: {
    [k: string]: string;
  };
  selector: Selector;
  /**
   * Tags for the volumes that go with the instance: key → template.
   */
  volumeTags?: {
    [k: string]: string;
  };
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
