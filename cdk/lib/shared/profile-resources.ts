/** The AWS resources that the profiles of a deployment name. The functions' permissions are limited to them. */
import { Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { ConfigurationError } from './configuration-error';
import type { NamingProfile } from './naming-profile.generated';
import type { Profile, Selector, TagSelector } from './profile.generated';

/** The tag that Auto Scaling sets on the instances that it launches. Only AWS can set a tag with the prefix `aws:`. */
export const GROUP_TAG = 'aws:autoscaling:groupName';

/** The Condition of an IAM statement: operator → key → values. */
export type Conditions = Record<string, Record<string, string | string[]>>;

/**
 * The subnets and security groups in which interfaces may be created, where their ids are too many for a role. Set one of the
 * two fields.
 */
export interface NetworkLimit {
  /** The subnets and security groups of these VPCs. */
  readonly vpcIds?: readonly string[] | undefined;
  /** The subnets and security groups that carry this tag. */
  readonly tag?: { readonly key: string; readonly value: string } | undefined;
}

/** Resources of a statement, and the conditions on them. */
export interface Limit {
  /** The ARNs. */
  readonly arns: string[];
  /** The conditions; none for resources that the ARNs alone limit. */
  readonly conditions?: Conditions;
}

/**
 * The length of the values in one statement, in characters. CDK splits a policy that is too long, but it cannot split a
 * statement, and a managed policy has 6,144 characters (IAM User Guide, "IAM and AWS STS quotas").
 */
const MAX_STATEMENT_LENGTH = 4000;
/**
 * The length of the ids in the policies of one role, in characters. A role has 10,240 characters of inline policies and ten
 * managed policies; half of it is left for its other statements.
 */
const MAX_IDS_LENGTH = 35_000;

/** The AWS resources that the profiles of a deployment name. */
export class ProfileResources {
  constructor(
    private readonly scope: Construct,
    /** The profiles, of either kind. */
    readonly profiles: readonly (Profile | NamingProfile)[],
    /**
     * For profiles that select by a tag: patterns of the names of the groups whose hooks may be completed. `*` matches any
     * text. Without them, the groups must carry the tag themselves.
     */
    private readonly groupNamePatterns?: readonly string[],
    private readonly networkLimit?: NetworkLimit,
    /** Other AWS accounts whose subnets and security groups may be used: they share them by AWS RAM. */
    private readonly networkOwnerAccounts: readonly string[] = [],
  ) {}

  /**
   * Checks that the ids and names fit the policies of a role.
   *
   * @throws ConfigurationError that names the field and the remedy
   */
  check(): void {
    const length = (values: readonly string[]): number =>
      values.reduce((sum, value) => sum + value.length + 3, 0);
    const networks = length(this.networkLimits.flatMap(({ arns }) => arns));
    if (networks > MAX_IDS_LENGTH) {
      throw new ConfigurationError(
        'networkLimit',
        `the profiles name ${this.subnetIds.length} subnets and ${this.securityGroupIds.length} security groups, whose ARNs do not fit the policies of the role of create-interfaces`,
        'Limit the role by VPC (networkLimit.vpcIds) or by a tag of the subnets and security groups (networkLimit.tag)',
      );
    }
    const groups = length(this.groupLimits.flatMap(({ arns }) => arns));
    const braked = length(this.brakeLimits.flatMap(({ arns }) => arns));
    if (2 * (groups + braked) > MAX_IDS_LENGTH) {
      throw new ConfigurationError(
        'profiles',
        `their selectors name ${this.groupNames.length} groups, whose ARNs do not fit the policies of the role of reconcile`,
        'Select by a tag that the groups carry (selector.tag), or put profiles into a second stack',
      );
    }
  }

  /** The profiles of nodes that wait at a hook. */
  private get hookProfiles(): Profile[] {
    return this.profiles.filter((profile): profile is Profile => 'hook' in profile);
  }

  /** The tag keys that the profiles set on instances. */
  get nodeTagKeys(): string[] {
    const preset = this.profiles.some(({ namePreset }) => typeof namePreset === 'string') ? ['Name'] : [];
    return unique([
      ...preset,
      ...this.profiles.flatMap((profile) => Object.keys(profile.nodeTags ?? {})),
    ]).sort();
  }

  /** The tag keys that the profiles set on the volumes of an instance. */
  get volumeTagKeys(): string[] {
    return unique(this.profiles.flatMap((profile) => Object.keys(profile.volumeTags ?? {}))).sort();
  }

  /** The tag keys that the profiles set on the interfaces that an instance is launched with. */
  get interfaceTagKeys(): string[] {
    return unique(this.profiles.flatMap((profile) => Object.keys(profile.interfaceTags ?? {}))).sort();
  }

  /** The subnets of all slots. */
  get subnetIds(): string[] {
    return unique(
      this.hookProfiles.flatMap((profile) => (profile.slots ?? []).flatMap((slot) => slot.subnetIds)),
    );
  }

  /** The security groups of all slots. */
  get securityGroupIds(): string[] {
    return unique(
      this.hookProfiles.flatMap((profile) =>
        (profile.slots ?? []).flatMap((slot) => slot.securityGroupIds ?? profile.securityGroupIds ?? []),
      ),
    );
  }

  /** The ARNs of the clusters in which nodes have a startup taint. */
  get clusterArns(): string[] {
    const clusters = this.hookProfiles.flatMap(({ startupTaint }) => startupTaint?.cluster ?? []);
    return unique(clusters).map((resourceName) =>
      Stack.of(this.scope).formatArn({ service: 'eks', resource: 'cluster', resourceName }),
    );
  }

  /** The names of the groups that profiles select by name. */
  get groupNames(): string[] {
    return unique(this.profiles.flatMap((profile) => profile.selector.autoScalingGroupNames ?? []));
  }

  /**
   * Conditions that select instances by their group or their tags. Every node of the profiles meets at least one of them.
   *
   * @returns at least one if there is a profile; the names of groups in several if they are too long for one statement
   */
  get instanceConditions(): Conditions[] {
    return [
      ...chunks(this.groupNames.map(literalText)).map((names): Conditions => ({
        StringEquals: { [`aws:ResourceTag/${GROUP_TAG}`]: names },
      })),
      ...tagConditions(
        this.profiles.map(({ selector }) => selector),
        'aws:ResourceTag',
      ),
    ];
  }

  /**
   * The groups whose hooks Hookline completes. Those of a selector by tag are known by their own tags, or by patterns of
   * their names.
   */
  get groupLimits(): Limit[] {
    return this.groupsOf(this.hookProfiles.filter(({ hook }) => hook.complete ?? true));
  }

  /** The groups of the profiles with a brake, which launch nothing more after a launch loop. */
  get brakeLimits(): Limit[] {
    return this.groupsOf(this.hookProfiles.filter(({ brake }) => brake ?? false));
  }

  /** The groups whose nodes wait at a hook, whoever completes it. A person may let them launch nothing. */
  get launchLimits(): Limit[] {
    return this.groupsOf(this.hookProfiles);
  }

  private groupsOf(profiles: readonly Profile[]): Limit[] {
    const selectors = profiles.map(({ selector }) => selector);
    const byTag = selectors.filter(({ autoScalingGroupNames }) => autoScalingGroupNames === undefined);
    const names = [
      ...selectors.flatMap(({ autoScalingGroupNames }) => (autoScalingGroupNames ?? []).map(literalPattern)),
      ...(byTag.length > 0 ? (this.groupNamePatterns ?? []) : []),
    ];
    return [
      ...limits(unique(names).map((name) => groupArn(this.scope, name))),
      ...(this.groupNamePatterns === undefined ? tagConditions(byTag, 'autoscaling:ResourceTag') : []).map(
        (conditions) => ({ arns: [groupArn(this.scope, '*')], conditions }),
      ),
    ];
  }

  /** The subnets and security groups in which interfaces may be created, whichever account owns them. */
  get networkLimits(): Limit[] {
    const { vpcIds, tag } = this.networkLimit ?? {};
    const all = ['subnet', 'security-group'].flatMap((kind) => this.networkArns(kind, '*'));
    if (vpcIds !== undefined) {
      const vpcs = vpcIds.flatMap((id) => this.networkArns('vpc', id));
      return [{ arns: all, conditions: { ArnEquals: { 'ec2:Vpc': vpcs } } }];
    }
    if (tag !== undefined) {
      const conditions = { StringEquals: { [`aws:ResourceTag/${tag.key}`]: literalText(tag.value) } };
      return [{ arns: all, conditions }];
    }
    return [
      ...limits(this.subnetIds.flatMap((id) => this.networkArns('subnet', id))),
      ...limits(this.securityGroupIds.flatMap((id) => this.networkArns('security-group', id))),
    ];
  }

  /**
   * The ARNs that a part of the network may have: in the stack's account, and in each account that shares some. The ARN of a shared
   * subnet has its owner's account (terraform-aws-modules/terraform-aws-iam, issue 227). A security group, and the VPC in a condition,
   * may have either: the account that uses a subnet creates groups of its own in the owner's VPC (VPC User Guide, "Responsibilities
   * and permissions for owners and participants").
   */
  private networkArns(resource: string, resourceName: string): string[] {
    const shared = unique(this.networkOwnerAccounts).map((account) =>
      Stack.of(this.scope).formatArn({ service: 'ec2', resource, resourceName, account }),
    );
    return [this.ec2Arn(resource, resourceName), ...shared];
  }

  /** The ARN of an EC2 resource in the stack's Region and account. */
  ec2Arn(resource: string, id: string): string {
    return Stack.of(this.scope).formatArn({ service: 'ec2', resource, resourceName: id });
  }
}

/** Whether only EKS or AWS can set a tag: it has one of their prefixes. */
export function isTagOfAws({ key }: TagSelector): boolean {
  return /^(eks|aws):/.test(key);
}

/** The tags that a selector by tag requires, all of them. */
export function selectorTags({ tag, tags }: Selector): readonly TagSelector[] {
  return tag === undefined ? (tags ?? []) : [tag];
}

/**
 * Conditions on the tags that selectors require. Selectors that differ in the value of one tag share a condition, as IAM takes
 * any value of a list.
 *
 * @param prefix the condition key without the tag's key, as `aws:ResourceTag`
 */
function tagConditions(selectors: readonly Selector[], prefix: string): Conditions[] {
  const all = selectors.map(selectorTags).filter((tags) => tags.length > 0);
  const ofSameKeys = groupedBy(all, (tags) => JSON.stringify(tags.map(({ key }) => key).sort()));
  return ofSameKeys.flatMap((some) => {
    const keys = (some[0] ?? []).map(({ key }) => key).sort();
    const choices = keys.map((varying) => ({
      varying,
      groups: groupedBy(some, (tags) =>
        JSON.stringify(keys.map((key) => key !== varying && valueOf(tags, key))),
      ),
    }));
    const fewest = choices.reduce((best, one) => (one.groups.length < best.groups.length ? one : best));
    return fewest.groups.flatMap((group) => sharedConditions(group, keys, fewest.varying, prefix));
  });
}

/** The conditions of selectors that have the same tags except for the value of one. */
function sharedConditions(
  group: readonly (readonly TagSelector[])[],
  keys: readonly string[],
  varying: string,
  prefix: string,
): Conditions[] {
  const first = group[0] ?? [];
  const values = group.map((tags) => valueOf(tags, varying));
  const conditions = (some: string[] | undefined): Conditions => {
    const found: Conditions = {};
    for (const key of keys) {
      const fixed = valueOf(first, key);
      const value = key === varying ? some : fixed === null ? undefined : [literalText(fixed)];
      // Without a value, the tag must exist; its value may be any.
      const [operator, wanted] = value === undefined ? ['Null', 'false'] : ['StringEquals', value];
      found[operator] = { ...found[operator], [`${prefix}/${key}`]: wanted };
    }
    return found;
  };
  return values.includes(null)
    ? [conditions(undefined)]
    : chunks(unique(values.filter((value) => value !== null).map(literalText)).sort()).map(conditions);
}

/** The value that a selector requires of a tag; null for any value. */
function valueOf(tags: readonly TagSelector[], key: string): string | null {
  return tags.find((tag) => tag.key === key)?.value ?? null;
}

function groupedBy<T>(values: readonly T[], key: (value: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    groups.set(key(value), [...(groups.get(key(value)) ?? []), value]);
  }
  return [...groups.values()];
}

/** Splits values into parts that each fit a statement. */
function chunks(values: readonly string[]): string[][] {
  const parts: string[][] = [];
  let length = Infinity;
  for (const value of values) {
    length += value.length + 3;
    if (length > MAX_STATEMENT_LENGTH) {
      parts.push([]);
      length = value.length + 3;
    }
    parts.at(-1)?.push(value);
  }
  return parts;
}

function limits(arns: readonly string[]): Limit[] {
  return chunks(arns).map((part) => ({ arns: part }));
}

/**
 * Returns the value of an IAM condition that is exactly this text. IAM replaces policy variables in the values of conditions
 * and in ARNs; `${$}`, `${*}` and `${?}` stand for the characters themselves (IAM User Guide, "IAM policy elements: Variables
 * and tags").
 */
function literalText(text: string): string {
  return Token.isUnresolved(text) ? text : text.replaceAll('$', () => '${$}');
}

/** Returns the part of an ARN that matches exactly this text. */
function literalPattern(text: string): string {
  return Token.isUnresolved(text) ? text : text.replaceAll(/[$*?]/g, (character) => '${' + character + '}');
}

/** The ARN of an Auto Scaling group. It has a wildcard for the id that only AWS knows. */
export function groupArn(scope: Construct, name: string): string {
  return `${Stack.of(scope).formatArn({ service: 'autoscaling', resource: 'autoScalingGroup' })}:*:autoScalingGroupName/${name}`;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
