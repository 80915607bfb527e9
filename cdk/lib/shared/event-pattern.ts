/** Event patterns with the groups of a profile, within the length that EventBridge takes. */
import type { EventPattern } from 'aws-cdk-lib/aws-events';
import type { NamingProfile } from './naming-profile.generated';
import type { Profile } from './profile.generated';
import { withLongestIds } from './tokens';

/** EventBridge's limit of an event pattern, in characters (EventBridge User Guide, "Amazon EventBridge quotas"). */
export const MAX_PATTERN_LENGTH = 2048;

/**
 * Returns the pattern with the profile's groups. If the profile names no groups, or if the pattern would be too long, it
 * returns the pattern without them: the function checks the selector again, so the groups only save executions.
 *
 * @param profile a checked profile of either kind
 * @param pattern makes the pattern for these groups, or for any group
 */
export function withGroupsIfShort(
  profile: Profile | NamingProfile,
  pattern: (groups: string[] | undefined) => EventPattern,
): EventPattern {
  const longest = withLongestIds(profile).selector.autoScalingGroupNames;
  return JSON.stringify(pattern(longest)).length <= MAX_PATTERN_LENGTH
    ? pattern(profile.selector.autoScalingGroupNames)
    : pattern(undefined);
}
