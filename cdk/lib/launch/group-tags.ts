/** Whether Hookline may complete the hook of a managed node group whose nodes a profile selects by tags. */
import { ConfigurationError } from '../shared/configuration-error';
import { selectorTags } from '../shared/profile-resources';
import type { Profile } from '../shared/profile.generated';

/**
 * Checks the tags that select the nodes of a managed node group. Without patterns of names, the roles know a group by the tags
 * that it carries itself, and EKS sets only tags of its own on the Auto Scaling group. With another tag, Hookline could complete no hook,
 * and each node would be abandoned.
 *
 * @param profile the profile
 * @param nodegroupName the name of the node group
 * @param patterns the patterns of the names of groups, if there are any
 * @param field the field in an error
 * @throws ConfigurationError if Hookline could not complete the hook
 */
export function checkTagsOfManagedGroup(
  { name, selector }: Profile,
  nodegroupName: string,
  patterns: readonly string[] | undefined,
  field: string,
): void {
  const own = selectorTags(selector).find(({ key }) => !key.startsWith('eks:'));
  if (patterns === undefined && own !== undefined) {
    throw new ConfigurationError(
      field,
      `the profile ${name} selects by the tag ${own.key}, which EKS does not set on the Auto Scaling group, so Hookline could not complete the hook`,
      `Set autoScalingGroupNamePatterns, for example to eks-${nodegroupName}-*, or select by eks:nodegroup-name`,
    );
  }
}
