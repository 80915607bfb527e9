/** The rules of the hook that a node group gets. */
import { checkHookAnsweredOnce } from '../launch/answered-twice';
import { checkCompleted, checkOwnName, heartbeatOf } from '../launch/hook-rules';
import { checkHeartbeat } from '../launch/hook-timeouts';
import type { NodeGroup } from '../shared/config';
import { checkAll } from '../shared/configuration-error';
import type { Profile } from '../shared/profile.generated';
import { checkPatterns, knownGroup } from './group-rules';

/** What the hook of a node group is compared with. */
export interface GroupHookContext {
  /** All profiles of the deployment. */
  readonly profiles: readonly Profile[];
  /** The patterns of the names of groups whose hooks may be completed. */
  readonly patterns: readonly string[] | undefined;
  /** The paths of the node group and of its profile in errors. */
  readonly fields: { readonly group: string; readonly profile: string };
}

/**
 * Checks the hook of a node group.
 *
 * @param group the node group, which has passed its own check
 * @param profile its profile
 * @param context what the hook is compared with
 * @throws ConfigurationError that names each field and its remedy
 */
export function checkGroupHook(group: NodeGroup, profile: Profile, context: GroupHookContext): void {
  const { profiles, patterns, fields } = context;
  const known = knownGroup(group);
  checkAll(
    () => {
      checkPatterns(group, profile, patterns, fields.group);
    },
    () => {
      checkHookAnsweredOnce(profile, profiles, known, `${fields.group}.profile`);
    },
    () => {
      checkCompleted(profile, fields.profile);
    },
    () => {
      checkOwnName(profile, known, fields.profile);
    },
    () => {
      checkHeartbeat(heartbeatOf(group.heartbeatTimeoutSeconds), `${fields.group}.heartbeatTimeoutSeconds`);
    },
  );
}
