/** The AWS resources that the profiles of a deployment name. The functions' permissions are limited to them. */
import { Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { NamingProfile } from './naming-profile.generated';
import type { Profile } from './profile.generated';

/** The tag that Auto Scaling sets on the instances that it launches. Only AWS can set a tag with the prefix `aws:`. */
export const GROUP_TAG = 'aws:autoscaling:groupName';

/** The Condition of an IAM statement: operator → key → values. */
export type Conditions = Record<string, Record<string, string | string[]>>;

/** The AWS resources that the profiles of a deployment name. */
export class ProfileResources {
  constructor(
    private readonly scope: Construct,
    /** The profiles, of either kind. */
    readonly profiles: readonly (Profile | NamingProfile)[],
    /**
     * For profiles that select by a tag: patterns of the names of the groups whose hooks may be completed. `*` matches any
     * text.
     */
    private readonly groupNamePatterns: readonly string[],
  ) {}

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

  /** Conditions that select instances by their group or their tag. Every node of the profiles meets at least one of them. */
  get instanceConditions(): Conditions[] {
    const groupNames = this.groupNames;
    const tagValues = new Map<string, Set<string | undefined>>();
    for (const { selector } of this.profiles) {
      if (selector.tag !== undefined) {
        const values = tagValues.get(selector.tag.key) ?? new Set<string | undefined>();
        values.add(selector.tag.value ?? undefined);
        tagValues.set(selector.tag.key, values);
      }
    }
    return [
      ...(groupNames.length > 0
        ? [{ StringEquals: { [`aws:ResourceTag/${GROUP_TAG}`]: groupNames.map(literalText) } }]
        : []),
      ...[...tagValues].map(([key, values]): Conditions =>
        values.has(undefined)
          ? // The tag must exist; its value may be any.
            { Null: { [`aws:ResourceTag/${key}`]: 'false' } }
          : {
              StringEquals: {
                [`aws:ResourceTag/${key}`]: [...values]
                  .filter((value) => value !== undefined)
                  .map(literalText)
                  .sort(),
              },
            },
      ),
    ];
  }

  /** The ARNs of the groups whose hooks Hookline completes. */
  get groupArns(): string[] {
    const names = this.hookProfiles
      .filter(({ hook }) => hook.complete ?? true)
      .flatMap(
        ({ selector }) => selector.autoScalingGroupNames?.map(literalPattern) ?? this.groupNamePatterns,
      );
    return unique(names).map((name) => groupArn(this.scope, name));
  }

  /** The ARN of an EC2 resource in the stack's Region and account. */
  ec2Arn(resource: string, id: string): string {
    return Stack.of(this.scope).formatArn({ service: 'ec2', resource, resourceName: id });
  }
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
