/**
 * The rules of the tags of a profile of either kind, which a JSON Schema cannot express. The functions check the same rules;
 * the fixtures of `functions/fixtures/profiles` and `naming-profiles` test both implementations.
 */
import { ConfigurationError } from './configuration-error';
import type { NamingProfile } from './naming-profile.generated';
import type { Profile } from './profile.generated';
import { templateProblem } from './templates';

/** The fields of a profile of either kind that define tags. */
export const TAG_FIELDS = ['nodeTags', 'volumeTags', 'interfaceTags'] as const;
/** EC2's limit of the tags of a resource; tags with the prefix `aws:` do not count (EC2 User Guide, "Tag restrictions"). */
const MAX_TAGS = 50;

/**
 * Checks the tags of a profile that has passed its JSON Schema.
 *
 * @param profile the profile
 * @param field the profile's name in an error
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkTags(profile: Profile | NamingProfile, field: string): void {
  const hasPreset = typeof profile.namePreset === 'string';
  if (hasPreset && profile.nodeTags?.['Name'] !== undefined) {
    throw new ConfigurationError(
      `${field}.nodeTags["Name"]`,
      'namePreset sets the tag Name already',
      'Remove namePreset, or Name from nodeTags',
    );
  }
  const count = Object.keys(profile.nodeTags ?? {}).length + (hasPreset ? 1 : 0);
  if (count > MAX_TAGS) {
    throw new ConfigurationError(
      `${field}.nodeTags`,
      `${count} tags; EC2's limit is ${MAX_TAGS} for each resource`,
      'Remove some tags; namePreset counts as one',
    );
  }
  for (const name of TAG_FIELDS) {
    for (const [key, template] of Object.entries(profile[name] ?? {})) {
      const tagField = `${field}.${name}[${JSON.stringify(key)}]`;
      if (/\p{Cc}/u.test(key)) {
        throw new ConfigurationError(
          tagField,
          'the key contains control characters',
          'Use printable characters',
        );
      }
      checkTemplate(tagField, template);
    }
  }
}

function checkTemplate(field: string, template: string): void {
  const found = templateProblem(template);
  if (found === undefined) {
    return;
  }
  const position = [
    found.line === undefined ? [] : [`line ${found.line}`],
    found.column === undefined ? [] : [`column ${found.column}`],
  ]
    .flat()
    .join(', ');
  throw new ConfigurationError(
    field,
    position === '' ? found.problem : `${position}: ${found.problem}`,
    'Correct the template (docs/naming.md, "Templates")',
  );
}
