/**
 * Whether a profile selects the nodes of a group, as far as the app knows the group. The nodes get tags of the group and of its launch
 * template that are not known here, so of some groups nobody can say before a launch.
 */
import { Token } from 'aws-cdk-lib';
import { didYouMean } from '../shared/suggestion';
import { GROUP_TAG, selectorTags } from '../shared/profile-resources';
import type { Profile, TagSelector } from '../shared/profile.generated';
import { CLUSTER_TAG } from './custom-resource-role';

/** The tag that EKS sets on the instances of a managed node group. */
export const NODEGROUP_TAG = 'eks:nodegroup-name';

/** A group, as far as the app knows it. Names may be tokens. */
export type KnownGroup =
  | {
      /** The name of an Auto Scaling group. */
      readonly autoScalingGroupName: string;
    }
  | {
      /** A managed node group. EKS names its Auto Scaling group. */
      readonly managedNodeGroup: { readonly clusterName: string; readonly nodegroupName: string };
    };

/** Why a profile does not select a group. */
export interface NotSelected {
  /** What the profile does instead, as the rest of a sentence that begins with the profile. */
  readonly problem: string;
  /** How to correct it. */
  readonly remedy: string;
}

/**
 * Returns why a profile selects no node of a group; undefined if it does, or may.
 *
 * @param profile the profile
 * @param group the group
 * @param field the name of the profile's selector in the remedy
 */
export function whyNotSelected(
  { selector }: Profile,
  group: KnownGroup,
  field: string,
): NotSelected | undefined {
  const names = selector.autoScalingGroupNames;
  if (names?.some((name) => Token.isUnresolved(name)) === true) {
    return undefined;
  }
  return 'managedNodeGroup' in group
    ? whyNotManaged(names, selectorTags(selector), group.managedNodeGroup)
    : whyNotNamed(names, selectorTags(selector), group.autoScalingGroupName, field);
}

function whyNotNamed(
  names: readonly string[] | undefined,
  tags: readonly TagSelector[],
  name: string,
  field: string,
): NotSelected | undefined {
  // A token may be any name, also one that the profile writes out.
  if (Token.isUnresolved(name)) {
    return undefined;
  }
  if (names !== undefined) {
    return names.includes(name)
      ? undefined
      : {
          problem: `does not select the group ${name}`,
          remedy: `${didYouMean(name, names)}Add the name to ${field}.autoScalingGroupNames`,
        };
  }
  const other = tags.find(({ key, value }) => key === GROUP_TAG && isOther(value, name));
  if (other !== undefined) {
    return { problem: `selects the group ${String(other.value)}`, remedy: `Use the value ${name}` };
  }
  // EKS sets such a tag on the groups that it creates, and names them eks-….
  const ofEks = tags.find(({ key }) => key.startsWith('eks:'));
  return ofEks === undefined || name.startsWith('eks-')
    ? undefined
    : {
        problem: `selects by ${ofEks.key}, which only EKS sets, and never on a self-managed group`,
        remedy: 'Select by the name of the group, or by a tag of your own',
      };
}

function whyNotManaged(
  names: readonly string[] | undefined,
  tags: readonly TagSelector[],
  { clusterName, nodegroupName }: { readonly clusterName: string; readonly nodegroupName: string },
): NotSelected | undefined {
  if (names?.some((name) => name.startsWith('eks-')) === false) {
    return {
      problem:
        'selects by the names of groups, and EKS chooses the name of the group of a managed node group',
      remedy: `Select by the tag ${NODEGROUP_TAG} with the value ${Token.isUnresolved(nodegroupName) ? 'of its name' : nodegroupName}`,
    };
  }
  for (const { key, value } of tags) {
    if (key === CLUSTER_TAG && isOther(value, clusterName)) {
      return { problem: `selects nodes of the cluster ${value}`, remedy: `Use the value ${clusterName}` };
    }
    if (key === NODEGROUP_TAG && isOther(value, nodegroupName)) {
      return { problem: `selects the node group ${value}`, remedy: `Use the value ${nodegroupName}` };
    }
  }
  return undefined;
}

function isOther(value: string | null | undefined, name: string): value is string {
  return (
    typeof value === 'string' && !Token.isUnresolved(value) && !Token.isUnresolved(name) && value !== name
  );
}

/** Whether a profile certainly selects the nodes of a group. */
export function surelySelects({ selector }: Profile, group: KnownGroup): boolean {
  const known: Readonly<Record<string, string>> =
    'managedNodeGroup' in group
      ? {
          [CLUSTER_TAG]: group.managedNodeGroup.clusterName,
          [NODEGROUP_TAG]: group.managedNodeGroup.nodegroupName,
        }
      : { [GROUP_TAG]: group.autoScalingGroupName };
  const tags = selectorTags(selector);
  return selector.autoScalingGroupNames === undefined
    ? tags.length > 0 && tags.every(({ key, value }) => key in known && (value ?? known[key]) === known[key])
    : selector.autoScalingGroupNames.some((name) => name === known[GROUP_TAG]);
}
