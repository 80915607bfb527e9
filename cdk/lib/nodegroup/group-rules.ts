/** The rules of a node group that a JSON Schema cannot express. */
import { Token } from 'aws-cdk-lib';
import type { NodeGroup } from '../shared/config';
import { ConfigurationError } from '../shared/configuration-error';
import type { Profile } from '../shared/profile.generated';

/** The tag that EKS sets on the instances of a managed node group. */
export const NODEGROUP_TAG = 'eks:nodegroup-name';

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
  const { minSize = 0, initialSize = minSize, maxSize, imageId, cluster } = group;
  const fail = (name: string, problem: string, remedy: string): never => {
    throw new ConfigurationError(`${field}.${name}`, problem, remedy);
  };
  if (initialSize < minSize || initialSize > maxSize) {
    fail(
      'initialSize',
      `${initialSize} is not between minSize ${minSize} and maxSize ${maxSize}`,
      'Correct the sizes',
    );
  }
  if (isManaged(group)) {
    if (imageId !== undefined && !imageId.startsWith('ami-')) {
      fail('imageId', 'EKS takes the id of an AMI only', 'Use ami-…, or leave imageId out');
    }
    if (imageId !== undefined && group.amiType !== undefined) {
      fail('amiType', 'with an AMI of your own, EKS refuses an AMI type', 'Remove amiType or imageId');
    }
    if ((group.securityGroupIds ?? []).length > 0 && cluster.securityGroupId === undefined) {
      fail(
        'cluster.securityGroupId',
        'absent: EKS does not add the cluster security group to a template that has others, and the nodes could not join',
        'Add it',
      );
    }
  } else {
    if (imageId === undefined) {
      fail(
        'imageId',
        'absent: self-managed nodes need an AMI',
        'Use ami-…, or resolve:ssm:/aws/service/eks/optimized-ami/VERSION/amazon-linux-2023/x86_64/standard/recommended/image_id',
      );
    }
    if (group.amiType !== undefined) {
      fail('amiType', 'is for managed node groups', 'Remove it');
    }
    if (cluster.securityGroupId === undefined) {
      fail('cluster.securityGroupId', 'absent: self-managed nodes need the cluster security group', 'Add it');
    }
  }
  if (!eksMergesUserData(group)) {
    for (const name of ['endpoint', 'certificateAuthority', 'serviceCidr'] as const) {
      if (cluster[name] === undefined) {
        fail(
          `cluster.${name}`,
          'absent: EKS adds it only to a managed node group without imageId',
          'Take it from aws eks describe-cluster',
        );
      }
    }
  }
  checkOperatingSystem(group, fail);
}

function checkOperatingSystem(
  { operatingSystem = 'al2023', amiType, bootstrapContainerImage, taints = [] }: NodeGroup,
  fail: (name: string, problem: string, remedy: string) => never,
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
  const { autoScalingGroupNames, tag } = profile.selector;
  const fail = (problem: string, remedy: string): never => {
    throw new ConfigurationError(`${field}.profile`, `the profile ${profile.name} ${problem}`, remedy);
  };
  if (autoScalingGroupNames !== undefined && isManaged(group)) {
    fail(
      'selects by the names of groups, and EKS chooses the name of the group of a managed node group',
      `Select by the tag ${NODEGROUP_TAG} with the value ${group.name}`,
    );
  }
  if (autoScalingGroupNames?.some((name) => name === group.name || Token.isUnresolved(name)) === false) {
    fail(`does not select the group ${group.name}`, 'Add the name to selector.autoScalingGroupNames');
  }
  if (tag?.key === NODEGROUP_TAG) {
    if (!isManaged(group)) {
      fail(
        `selects by ${NODEGROUP_TAG}, which only EKS's own groups have`,
        'Select by the name of the group',
      );
    }
    if (tag.value !== undefined && tag.value !== null && tag.value !== group.name) {
      fail(`selects the node group ${tag.value}`, `Use the value ${group.name}`);
    }
  }
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
  for (const { network, deviceIndex, subnetIds } of profile.slots ?? []) {
    const shared = subnetIds.find((id) => group.subnetIds.includes(id));
    if (shared !== undefined && (deviceIndex === undefined || deviceIndex === null)) {
      throw new ConfigurationError(
        `${field}.subnetIds`,
        `the network ${JSON.stringify(network)} has no device index and the subnet ${shared}, where the VPC CNI has its own interfaces`,
        'Give the slot a device index, or the network a subnet of its own',
      );
    }
  }
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
  { selector }: Profile,
  patterns: readonly string[],
  field: string,
): void {
  // EKS chooses the end of the name: eks-NODEGROUP-…
  const name = isManaged(group) ? `eks-${group.name}-${'0'.repeat(8)}` : group.name;
  if (selector.tag !== undefined && !patterns.some((pattern) => matches(pattern, name))) {
    throw new ConfigurationError(
      `${field}.name`,
      `autoScalingGroupNamePatterns do not match ${isManaged(group) ? `eks-${group.name}-…` : name}, so Hookline could not complete the hook`,
      `Add ${isManaged(group) ? `eks-${group.name}-*` : name} to autoScalingGroupNamePatterns`,
    );
  }
}

/** Whether a pattern with `*` and `?` matches a name, as IAM matches them. */
function matches(pattern: string, name: string): boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(name);
}
