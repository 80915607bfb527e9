/**
 * The rules of a configuration that a JSON Schema cannot express, in all of its parts. The constructs check the same rules, each for
 * itself and at its first mistake; here all mistakes of a file are found at once, with their paths in the file.
 */
import { checkAnsweredOnce } from './launch/answered-twice';
import { checkHook, heartbeatOf } from './launch/hook-rules';
import { type Profile, checkProfile } from './launch/profile';
import type { KnownGroup } from './launch/selection';
import { checkNamingProfile } from './naming/naming-profile';
import { checkEvents } from './naming/naming-rules';
import { checkGroupHook } from './nodegroup/group-hook';
import { knownGroup } from './nodegroup/group-rules';
import { checkNodeGroup } from './nodegroup/multus-node-group';
import { networkDefinitions } from './nodegroup/network-definitions';
import type { HooklineConfig, LaunchHook, Naming, NodeGroup, Traffic } from './shared/config';
import { ConfigurationError, checkAll, mistakesOf, throwAll } from './shared/configuration-error';
import { isWithin } from './shared/field-path';
import type { SchemaMistake } from './shared/schema-check';
import { didYouMean } from './shared/suggestion';
import { checkUniqueNames } from './shared/unique-names';
import { functionNetwork, trafficSource } from './traffic/traffic-source';

/** The items of a list of the configuration: undefined for one that its JSON Schema refuses. */
type Items<T> = readonly (T | undefined)[];

/** The parts of a configuration. Each item keeps its index in the file. */
interface Parts {
  readonly profiles: readonly unknown[];
  readonly retiredProfiles: readonly unknown[];
  readonly hooks: Items<LaunchHook>;
  readonly nodeGroups: Items<NodeGroup>;
  readonly anyNodeGroups: readonly unknown[];
  readonly naming: Items<Naming>;
  readonly traffic: Traffic | undefined;
  readonly patterns: readonly string[] | undefined;
}

/**
 * Checks the parts of a configuration, and the rules between them. What its JSON Schema refuses is left out.
 *
 * @param config the configuration
 * @param mistakes what its JSON Schema refuses
 * @throws ConfigurationError that names each wrong field and its remedy
 */
export function checkParts(config: unknown, mistakes: readonly SchemaMistake[] = []): void {
  const parts = soundConfig(config, mistakes);
  const fieldOf = (list: keyof HooklineConfig, n: number): string => `${list}[${n}]`;
  const profileOf = (n: number): string => fieldOf('profiles', n);
  const all = [...parts.profiles, ...parts.retiredProfiles];
  const fieldOfAny = (n: number): string =>
    n < parts.profiles.length ? profileOf(n) : fieldOf('retiredProfiles', n - parts.profiles.length);
  const wrong = all.map((profile, n) =>
    mistakesOf(() => {
      checkProfile(profile, fieldOfAny(n));
    }),
  );
  const without = (isBad: (mistake: ConfigurationError, field: string) => boolean): Items<Profile> =>
    parts.profiles.map((profile, n) =>
      wrong[n]?.some((mistake) => isBad(mistake, profileOf(n))) === true ? undefined : (profile as Profile),
    );
  const deployment: Deployment = {
    profiles: without(isAboutSelection),
    soundProfiles: without(() => true),
    names: parts.profiles.map(nameOf),
    parts,
  };
  checkAll(
    () => {
      throwAll(wrong.flat());
    },
    () => {
      checkUniqueNames(
        all.map((profile) => ({ name: nameOf(profile) })),
        fieldOfAny,
      );
    },
    () => {
      checkAnsweredOnce(deployment.profiles, profileOf);
    },
    ...parts.hooks.map((hook, n) => () => {
      if (hook !== undefined) {
        checkHookOfConfig(hook, fieldOf('hooks', n), deployment);
      }
    }),
    ...parts.anyNodeGroups.map((group, n) => () => {
      checkGroupOfConfig(group, parts.nodeGroups[n], fieldOf('nodeGroups', n), deployment);
    }),
    () => {
      checkUniqueNames(
        parts.nodeGroups.map((group) => ({ name: group?.name })),
        (n) => fieldOf('nodeGroups', n),
        'node group',
      );
    },
    () => {
      checkHooksAreDifferent(deployment);
    },
    () => {
      checkDefinitions(deployment);
    },
    ...parts.naming.map((naming, n) => () => {
      if (naming !== undefined) {
        checkNamingOfConfig(naming, fieldOf('naming', n));
      }
    }),
    () => {
      checkUniqueNames(
        parts.naming.map((naming) => ({ name: naming?.profile.name })),
        (n) => `${fieldOf('naming', n)}.profile`,
      );
    },
    ...[trafficSource, functionNetwork].map((read) => () => {
      if (parts.traffic !== undefined) {
        read(parts.traffic);
      }
    }),
  );
}

/** The profiles of a configuration, and what is checked against them. */
interface Deployment {
  /** The profiles; undefined for one whose name, selector or hook is wrong. */
  readonly profiles: Items<Profile>;
  /** The profiles; undefined for one that is wrong anywhere. */
  readonly soundProfiles: Items<Profile>;
  /** The names of the profiles, also of those that are wrong. */
  readonly names: readonly (string | undefined)[];
  readonly parts: Parts;
}

/** Splits a configuration into its parts. A part of which the JSON Schema refuses more than an unknown field is left out. */
function soundConfig(config: unknown, mistakes: readonly SchemaMistake[]): Parts {
  const whole = (typeof config === 'object' && config !== null ? config : {}) as Record<string, unknown>;
  const wrong = new Set(
    mistakes
      .filter(({ isUnknownField }) => !isUnknownField)
      .flatMap(({ path }) => [path.slice(0, 1), path.slice(0, 2)].map((part) => part.join('/'))),
  );
  const list = (name: keyof HooklineConfig): readonly unknown[] => {
    const value: unknown = whole[name];
    return Array.isArray(value) ? (value as unknown[]) : [];
  };
  const items = <T>(name: keyof HooklineConfig): Items<T> =>
    list(name).map((item, n) => (wrong.has(`${name}/${n}`) ? undefined : (item as T)));
  const patterns = whole['autoScalingGroupNamePatterns'];
  return {
    profiles: list('profiles'),
    retiredProfiles: list('retiredProfiles'),
    hooks: items('hooks'),
    nodeGroups: items('nodeGroups'),
    // A node group's own check has the same JSON Schema, and checks what it can of one that is wrong.
    anyNodeGroups: list('nodeGroups'),
    naming: items('naming'),
    traffic: wrong.has('traffic') ? undefined : (whole['traffic'] as Traffic | undefined),
    patterns: wrong.has('autoScalingGroupNamePatterns') ? ['*'] : (patterns as readonly string[] | undefined),
  };
}

function nameOf(profile: unknown): string | undefined {
  const name: unknown =
    typeof profile === 'object' && profile !== null ? (profile as { name?: unknown }).name : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** Whether a mistake is about what selects and completes: a profile's name, its selector, its hook, or all of it. */
function isAboutSelection({ field: wrong }: ConfigurationError, field: string): boolean {
  return wrong === field || ['name', 'selector', 'hook'].some((name) => isWithin(wrong, `${field}.${name}`));
}

/**
 * Returns the index of the profile that a hook or a node group names.
 *
 * @param name the name
 * @param field the path of the hook or the node group
 * @param deployment the profiles
 * @throws ConfigurationError if no profile has the name
 */
function indexOfProfile(name: string, field: string, { names }: Deployment): number {
  const index = names.indexOf(name);
  if (index < 0) {
    const known = names.filter((one) => one !== undefined);
    throw new ConfigurationError(
      `${field}.profile`,
      `no profile has the name ${JSON.stringify(name)}`,
      `${didYouMean(name, known)}Use one of ${known.join(', ')}`,
    );
  }
  return index;
}

function checkHookOfConfig(hook: LaunchHook, field: string, deployment: Deployment): void {
  checkAll(
    () => {
      groupOfHook(hook, field);
    },
    () => {
      indexOfProfile(hook.profile, field, deployment);
    },
  );
  const index = indexOfProfile(hook.profile, field, deployment);
  const profile = deployment.profiles[index];
  if (profile === undefined) {
    return;
  }
  checkHook(
    {
      profile,
      profiles: deployment.profiles.filter((one) => one !== undefined),
      group: groupOfHook(hook, field),
      patterns: deployment.parts.patterns,
      observeOnly: hook.observeOnly ?? false,
      heartbeat: heartbeatOf(hook.heartbeatTimeoutSeconds),
    },
    {
      group: `${field}.${hook.managedNodeGroup === undefined ? 'autoScalingGroup' : 'managedNodeGroup'}`,
      profile: `profiles[${index}]`,
      heartbeat: `${field}.heartbeatTimeoutSeconds`,
    },
  );
}

/**
 * Returns the group of a hook of the configuration.
 *
 * @param hook the hook
 * @param field its path in an error
 * @throws ConfigurationError if it has no group, or two
 */
export function groupOfHook({ autoScalingGroup, managedNodeGroup }: LaunchHook, field: string): KnownGroup {
  if (managedNodeGroup !== undefined && autoScalingGroup === undefined) {
    // In one order of keys, by which groups are compared.
    const { clusterName, nodegroupName } = managedNodeGroup;
    return { managedNodeGroup: { clusterName, nodegroupName } };
  }
  if (autoScalingGroup !== undefined && managedNodeGroup === undefined) {
    return { autoScalingGroupName: autoScalingGroup };
  }
  throw new ConfigurationError(
    field,
    managedNodeGroup === undefined ? 'no group' : 'two groups',
    'Set either autoScalingGroup or managedNodeGroup',
  );
}

/**
 * Checks a node group of the configuration.
 *
 * @param group the node group
 * @param sound the node group, if its JSON Schema refuses nothing of it
 * @param field its path
 * @param deployment the profiles
 */
function checkGroupOfConfig(
  group: unknown,
  sound: NodeGroup | undefined,
  field: string,
  deployment: Deployment,
): void {
  const name: unknown = (group as { profile?: unknown } | null)?.profile;
  if (typeof name !== 'string') {
    return;
  }
  const index = indexOfProfile(name, field, deployment);
  const profile = deployment.soundProfiles[index];
  if (profile === undefined) {
    return;
  }
  checkAll(
    () => {
      checkNodeGroup(group, profile, field);
    },
    () => {
      if (sound !== undefined) {
        checkGroupHook(sound, profile, {
          profiles: deployment.profiles.filter((one) => one !== undefined),
          patterns: deployment.parts.patterns,
          fields: { group: field, profile: `profiles[${index}]` },
        });
      }
    },
  );
}

/** Checks that no hook is put twice: CloudFormation would remove it with one of the two. */
function checkHooksAreDifferent({ profiles, names, parts }: Deployment): void {
  const seen = new Map<string, string>();
  const compare = (name: string, group: () => KnownGroup, field: string): void => {
    const hook = profiles[names.indexOf(name)]?.hook.name;
    if (hook === undefined) {
      return;
    }
    const key = JSON.stringify([hook, group()]);
    const other = seen.get(key);
    seen.set(key, other ?? field);
    if (other !== undefined) {
      throw new ConfigurationError(
        field,
        `puts the hook ${hook} on the same group as ${other}`,
        'Remove one of the two: a node group has its hook from nodeGroups',
      );
    }
  };
  checkAll(
    ...parts.nodeGroups.map((group, n) => () => {
      if (group !== undefined) {
        compare(group.profile, () => knownGroup(group), `nodeGroups[${n}]`);
      }
    }),
    ...parts.hooks.map((hook, n) => () => {
      if (hook !== undefined && !(hook.observeOnly ?? false)) {
        compare(hook.profile, () => groupOfHook(hook, `hooks[${n}]`), `hooks[${n}]`);
      }
    }),
  );
}

/** Checks the NetworkAttachmentDefinitions of the node groups that are right. `npm run manifests` writes them. */
function checkDefinitions({ soundProfiles: profiles, parts }: Deployment): void {
  const { nodeGroups } = parts;
  networkDefinitions({ profiles: profiles.filter((one) => one !== undefined), nodeGroups }, 'default');
}

function checkNamingOfConfig(naming: Naming, field: string): void {
  checkAll(
    () => {
      checkNamingProfile(naming.profile, `${field}.profile`);
    },
    () => {
      checkEvents(naming, field);
    },
  );
}
