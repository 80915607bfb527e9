/** The rules of a node group that a JSON Schema cannot express. */
import type { NodeGroup } from '../shared/config';
import { checkTagsOfManagedGroup } from '../launch/group-tags';
import { type KnownGroup, NODEGROUP_TAG, type NotSelected, whyNotSelected } from '../launch/selection';
import { ConfigurationError, type Fail, collecting } from '../shared/configuration-error';
import { memberOf } from '../shared/field-path';
import { matches } from '../shared/name-pattern';
import { isTagOfAws, selectorTags } from '../shared/profile-resources';
import type { Profile } from '../shared/profile.generated';

/** Whether EKS manages the nodes. */
export function isManaged({ management = 'managed' }: NodeGroup): boolean {
  return management === 'managed';
}

/** Whether EKS adds to the user data how the node joins: on a managed node group without an AMI of its own. */
export function eksMergesUserData(group: NodeGroup): boolean {
  return isManaged(group) && group.imageId === undefined;
}

/**
 * Checks a node group that has passed its JSON Schema.
 *
 * @param group the node group
 * @param field its name in an error
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkGroup(group: NodeGroup, field: string): void {
  collecting(field, (fail) => {
    checkSizes(group, fail);
    if (isManaged(group)) {
      checkManaged(group, fail);
    } else {
      checkSelfManaged(group, fail);
    }
    checkJoining(group, fail);
    checkOperatingSystem(group, fail);
  });
}

function checkSizes({ minSize = 0, initialSize = minSize, maxSize }: NodeGroup, fail: Fail): void {
  if (initialSize < minSize || initialSize > maxSize) {
    fail(
      'initialSize',
      `${initialSize} is not between minSize ${minSize} and maxSize ${maxSize}`,
      'Correct the sizes',
    );
  }
}

function checkManaged({ imageId, amiType, securityGroupIds = [], cluster }: NodeGroup, fail: Fail): void {
  if (imageId !== undefined && !imageId.startsWith('ami-')) {
    fail('imageId', 'EKS takes the id of an AMI only', 'Use ami-…, or leave imageId out');
  }
  if (imageId !== undefined && amiType !== undefined) {
    fail('amiType', 'with an AMI of your own, EKS refuses an AMI type', 'Remove amiType or imageId');
  }
  if (securityGroupIds.length > 0 && cluster.securityGroupId === undefined) {
    fail(
      'cluster.securityGroupId',
      'absent: EKS does not add the cluster security group to a template that has others, and the nodes could not join',
      'Add it',
    );
  }
}

function checkSelfManaged({ imageId, amiType, cluster }: NodeGroup, fail: Fail): void {
  if (imageId === undefined) {
    fail(
      'imageId',
      'absent: self-managed nodes need an AMI',
      'Use ami-…, or resolve:ssm:/aws/service/eks/optimized-ami/VERSION/amazon-linux-2023/x86_64/standard/recommended/image_id',
    );
  }
  if (amiType !== undefined) {
    fail('amiType', 'is for managed node groups', 'Remove it');
  }
  if (cluster.securityGroupId === undefined) {
    fail('cluster.securityGroupId', 'absent: self-managed nodes need the cluster security group', 'Add it');
  }
}

function checkJoining(group: NodeGroup, fail: Fail): void {
  if (!eksMergesUserData(group)) {
    for (const name of ['endpoint', 'certificateAuthority', 'serviceCidr'] as const) {
      if (group.cluster[name] === undefined) {
        fail(
          `cluster.${name}`,
          'absent: EKS adds it only to a managed node group without imageId',
          'Take it from aws eks describe-cluster',
        );
      }
    }
  }
}

function checkOperatingSystem(
  { operatingSystem = 'al2023', amiType, bootstrapContainerImage, taints = [], networks = {} }: NodeGroup,
  fail: Fail,
): void {
  const bottlerocket = operatingSystem === 'bottlerocket';
  if (amiType?.startsWith(bottlerocket ? 'BOTTLEROCKET_' : 'AL2023_') === false) {
    fail(
      'amiType',
      `${amiType} is not an AMI of the operating system ${operatingSystem}`,
      'Correct one of the two',
    );
  }
  if (bootstrapContainerImage !== undefined && !bottlerocket) {
    fail('bootstrapContainerImage', `${operatingSystem} has no bootstrap containers`, 'Remove it');
  }
  // A network with a mistake of its own is undefined here.
  const ofSystem = Object.keys(networks).find((name) => networks[name]?.mode === 'os');
  if (bottlerocket && ofSystem !== undefined) {
    fail(
      `${memberOf('networks', ofSystem)}.mode`,
      'Bottlerocket has no settings that configure a secondary interface for the operating system',
      'Use the mode multus',
    );
  }
  if (bottlerocket && new Set(taints.map(({ key }) => key)).size < taints.length) {
    fail('taints', 'two taints have the same key, which Bottlerocket cannot have', 'Use different keys');
  }
}

/**
 * Checks that the profile selects the nodes of a group.
 *
 * @param group the node group
 * @param profile the profile
 * @param field the node group's name in an error
 * @throws ConfigurationError if no launch of the group would be prepared
 */
export function checkSelector(group: NodeGroup, profile: Profile, field: string): void {
  const why = whyNotSelectedHere(group, profile);
  if (why !== undefined) {
    throw new ConfigurationError(
      `${field}.profile`,
      `the profile ${profile.name} ${why.problem}`,
      why.remedy,
    );
  }
}

function whyNotSelectedHere(group: NodeGroup, profile: Profile): NotSelected | undefined {
  if (isManaged(group)) {
    // The stack creates the group, so nobody knows its name yet.
    return profile.selector.autoScalingGroupNames === undefined
      ? whyNotSelected(profile, knownGroup(group), 'selector')
      : {
          problem:
            'selects by the names of groups, and EKS chooses the name of the group of a managed node group',
          remedy: `Select by the tag ${NODEGROUP_TAG} with the value ${group.name}`,
        };
  }
  // No launch template can set such a tag, so no node of the group would be prepared.
  const ofAws = selectorTags(profile.selector).find(isTagOfAws);
  return ofAws === undefined
    ? whyNotSelected(profile, knownGroup(group), 'selector')
    : {
        problem: `selects by ${ofAws.key}, which only AWS sets, and never on a self-managed group`,
        remedy: `Select by the name of the group, or by kubernetes.io/cluster/${group.cluster.name} and a tag of your own`,
      };
}

/** The group of a node group, as profiles select it. */
export function knownGroup(group: NodeGroup): KnownGroup {
  return isManaged(group)
    ? { managedNodeGroup: { clusterName: group.cluster.name, nodegroupName: group.name } }
    : { autoScalingGroupName: group.name };
}

/**
 * Checks that the node can tell the interfaces of networks from those of the VPC CNI, which are in the subnets of the primary
 * interfaces (docs/profile.md, "Device indexes").
 *
 * @param group the node group
 * @param profile the profile
 * @param field the node group's name in an error
 * @throws ConfigurationError if a slot without a device index has such a subnet
 */
export function checkSubnets(group: NodeGroup, profile: Profile, field: string): void {
  collecting(field, (fail) => {
    for (const { network, deviceIndex, subnetIds } of profile.slots ?? []) {
      const shared = subnetIds.find((id) => group.subnetIds.includes(id));
      if (shared !== undefined && (deviceIndex === undefined || deviceIndex === null)) {
        fail(
          'subnetIds',
          `the network ${JSON.stringify(network)} has no device index and the subnet ${shared}, where the VPC CNI has its own interfaces`,
          'Give the slot a device index, or the network a subnet of its own',
        );
      }
    }
  });
}

/**
 * Checks that Hookline may complete the hook of a group. If it may not, Auto Scaling abandons each node.
 *
 * @param group the node group
 * @param profile the profile
 * @param patterns the patterns of the names of groups, for profiles that select by a tag
 * @param field the node group's name in an error
 * @throws ConfigurationError if no pattern matches the name of the group
 */
export function checkPatterns(
  group: NodeGroup,
  profile: Profile,
  patterns: readonly string[] | undefined,
  field: string,
): void {
  const tags = selectorTags(profile.selector);
  if (patterns === undefined) {
    // The group must carry the tags. The stack sets them on its self-managed groups.
    if (isManaged(group)) {
      checkTagsOfManagedGroup(profile, group.name, patterns, `${field}.profile`);
    }
    return;
  }
  // EKS chooses the end of the name: eks-NODEGROUP-…
  const name = isManaged(group) ? `eks-${group.name}-${'0'.repeat(8)}` : group.name;
  if (tags.length > 0 && !patterns.some((pattern) => matches(pattern, name))) {
    throw new ConfigurationError(
      `${field}.name`,
      `autoScalingGroupNamePatterns do not match ${isManaged(group) ? `eks-${group.name}-…` : name}, so Hookline could not complete the hook`,
      `Add ${isManaged(group) ? `eks-${group.name}-*` : name} to autoScalingGroupNamePatterns`,
    );
  }
}
