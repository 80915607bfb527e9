/** The input that an EventBridge rule gives to an execution: the event and the profile. */
import { RuleTargetInput, type RuleTargetInputProperties } from 'aws-cdk-lib/aws-events';
import { ConfigurationError } from './configuration-error';
import type { NamingProfile } from './naming-profile.generated';
import type { Profile } from './profile.generated';
import { withLongestIds } from './tokens';

/** EventBridge's limit, in characters, of a target's constant input and of its InputTemplate (PutTargets, Target). */
export const MAX_INPUT_LENGTH = 8192;

/** The input `{ "event": …the whole event…, "profile": … }`. */
export class ExecutionInput extends RuleTargetInput {
  private readonly template: string;

  /**
   * @param profile a checked profile of either kind
   * @param field the profile's name in an error
   * @param remedy what to change when the input is too long
   * @throws ConfigurationError if EventBridge would reject the input because of its length
   */
  constructor(profile: Profile | NamingProfile, field: string, remedy: string) {
    super();
    const length = inputTemplate(withLongestIds(profile)).length;
    if (length > MAX_INPUT_LENGTH) {
      throw new ConfigurationError(
        field,
        `the InputTemplate of its rule would have ${length} characters; EventBridge's limit is ${MAX_INPUT_LENGTH}`,
        remedy,
      );
    }
    this.template = inputTemplate(profile);
  }

  bind(): RuleTargetInputProperties {
    return { inputTemplate: this.template };
  }
}

/** Ids that are tokens stay tokens: they contain no character that JSON would escape. */
function inputTemplate(profile: Profile | NamingProfile): string {
  // EventBridge would read `<…>` in a profile as a variable of the template.
  const json = JSON.stringify(profile).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e');
  return `{"event":<aws.events.event.json>,"profile":${json}}`;
}
