/** What the profiles of a deployment name, together: the limits of what its functions may touch. */
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { NamingProfile } from '../naming/naming-profile';
import type { Profile } from '../launch/profile';

/** The instance tag that Auto Scaling itself puts on what it launches. Nobody else can set a tag that begins with `aws:`. */
export const GROUP_TAG = 'aws:autoscaling:groupName';

/** The Condition of an IAM statement: operator → key → values. */
export type Conditions = Record<string, Record<string, string | string[]>>;

/** What the profiles of a deployment name. */
export class Fleet {
  constructor(
    private readonly scope: Construct,
    /** The profiles, of either kind. */
    readonly profiles: readonly (Profile | NamingProfile)[],
    /** The names of groups whose hooks may be completed for profiles that select by a tag; `*` stands for any text. */
    private readonly groupNamePatterns: readonly string[],
  ) {}

  /** The profiles of nodes that wait at a hook. */
  private get waiting(): Profile[] {
    return this.profiles.filter((profile): profile is Profile => 'hook' in profile);
  }

  /** The tag keys that the profiles put on instances. */
  get nodeTagKeys(): string[] {
    const preset = this.profiles.some(({ namePreset }) => typeof namePreset === 'string') ? ['Name'] : [];
    return unique([
      ...preset,
      ...this.profiles.flatMap((profile) => Object.keys(profile.nodeTags ?? {})),
    ]).sort();
  }

  /** The tag keys that the profiles put on the volumes that go with an instance. */
  get volumeTagKeys(): string[] {
    return unique(this.profiles.flatMap((profile) => Object.keys(profile.volumeTags ?? {}))).sort();
  }

  /** The tag keys that the profiles put on the interfaces that an instance has without Hookline. */
  get interfaceTagKeys(): string[] {
    return unique(this.profiles.flatMap((profile) => Object.keys(profile.interfaceTags ?? {}))).sort();
  }

  /** The subnets of all slots. */
  get subnetIds(): string[] {
    return unique(this.waiting.flatMap((profile) => (profile.slots ?? []).flatMap((slot) => slot.subnetIds)));
  }

  /** The security groups of all slots. */
  get securityGroupIds(): string[] {
    return unique(
      this.waiting.flatMap((profile) =>
        (profile.slots ?? []).flatMap((slot) => slot.securityGroupIds ?? profile.securityGroupIds ?? []),
      ),
    );
  }

  /** The names of the groups that profiles select by name. */
  get groupNames(): string[] {
    return unique(this.profiles.flatMap((profile) => profile.selector.autoScalingGroupNames ?? []));
  }

  /** Conditions on instances of which each node of the fleet meets one: by the group that launched it, or by its tag. */
  get instanceConditions(): Conditions[] {
    const byGroup = this.groupNames;
    const byTag = new Map<string, Set<string>>();
    for (const { selector } of this.profiles) {
      if (selector.tag !== undefined) {
        const values = byTag.get(selector.tag.key) ?? new Set<string>();
        values.add(selector.tag.value ?? '*');
        byTag.set(selector.tag.key, values);
      }
    }
    return [
      ...(byGroup.length > 0 ? [{ StringEquals: { [`aws:ResourceTag/${GROUP_TAG}`]: byGroup } }] : []),
      ...[...byTag].map(([key, values]): Conditions =>
        values.has('*')
          ? // Any value, and the tag must be there.
            { Null: { [`aws:ResourceTag/${key}`]: 'false' } }
          : { StringEquals: { [`aws:ResourceTag/${key}`]: [...values].sort() } },
      ),
    ];
  }

  /** The ARNs of the groups whose hooks are Hookline's to complete. */
  get groupArns(): string[] {
    const names = this.waiting
      .filter(({ hook }) => hook.complete ?? true)
      .flatMap(({ selector }) => selector.autoScalingGroupNames ?? this.groupNamePatterns);
    return unique(names).map((name) => groupArn(this.scope, name));
  }

  /** The ARN of an EC2 resource of the stack's region and account. */
  ec2Arn(resource: string, id: string): string {
    return Stack.of(this.scope).formatArn({ service: 'ec2', resource, resourceName: id });
  }
}

/** The ARN of an Auto Scaling group. Its middle part is an id that only AWS knows. */
export function groupArn(scope: Construct, name: string): string {
  return `${Stack.of(scope).formatArn({ service: 'autoscaling', resource: 'autoScalingGroup' })}:*:autoScalingGroupName/${name}`;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
