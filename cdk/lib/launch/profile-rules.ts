/**
 * The rules of a profile that a JSON Schema cannot say: those of `functions/src/domain/validate.rs`. Both sides are held
 * against the same fixtures, `functions/fixtures/profiles` and `naming-profiles`.
 */
import { BlockList, isIP } from 'node:net';
import { ConfigurationError } from '../shared/configuration-error';
import type { NamingProfile } from '../shared/naming-profile.generated';
import type { Profile, Slot } from '../shared/profile.generated';
import { templateProblem } from '../shared/templates';

/** The fields of a profile of either kind that ask for tags. */
const TAG_FIELDS = ['nodeTags', 'volumeTags', 'interfaceTags'] as const;
/** EC2's limit of a resource's tags, those of AWS not counted (EC2 User Guide, "Tag restrictions"). */
const MOST_TAGS = 50;

/**
 * Checks a profile of the right shape.
 *
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkRules(profile: Profile, field: string): void {
  checkTags(profile, field);
  const places = new Map<string, number>();
  const networks = new Map<string, number>();
  for (const [n, slot] of (profile.slots ?? []).entries()) {
    const at = `${field}.slots[${n}]`;
    checkSlot(slot, at);
    if ((slot.securityGroupIds ?? profile.securityGroupIds ?? []).length === 0) {
      throw new ConfigurationError(
        `${at}.securityGroupIds`,
        'no security group',
        `Name at least one, here or in ${field}.securityGroupIds`,
      );
    }
    const card = slot.networkCard ?? 0;
    const samePlace = places.get(`${card}/${slot.deviceIndex}`);
    if (samePlace !== undefined) {
      throw new ConfigurationError(
        `${at}.deviceIndex`,
        `device index ${slot.deviceIndex} of network card ${card} is also that of ${field}.slots[${samePlace}]`,
        'Give each slot of a network card a device index of its own',
      );
    }
    places.set(`${card}/${slot.deviceIndex}`, n);
    const sameNetwork = networks.get(slot.network);
    if (sameNetwork !== undefined) {
      throw new ConfigurationError(
        `${at}.network`,
        `the network ${JSON.stringify(slot.network)} is also that of ${field}.slots[${sameNetwork}]`,
        'Give each slot a network name of its own',
      );
    }
    networks.set(slot.network, n);
  }
}

/**
 * Checks a naming profile of the right shape.
 *
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkNamingRules(profile: NamingProfile, field: string): void {
  const asksForNothing = TAG_FIELDS.every((name) => Object.keys(profile[name] ?? {}).length === 0);
  if (typeof profile.namePreset !== 'string' && asksForNothing) {
    throw new ConfigurationError(
      `${field}.nodeTags`,
      'nothing to name or tag',
      'Set namePreset, nodeTags, volumeTags or interfaceTags',
    );
  }
  checkTags(profile, field);
}

/** What a profile of either kind says of tags. */
function checkTags(profile: Profile | NamingProfile, field: string): void {
  const hasPreset = typeof profile.namePreset === 'string';
  if (hasPreset && profile.nodeTags?.['Name'] !== undefined) {
    throw new ConfigurationError(
      `${field}.nodeTags["Name"]`,
      'namePreset makes the name already',
      'Remove one of the two',
    );
  }
  const count = Object.keys(profile.nodeTags ?? {}).length + (hasPreset ? 1 : 0);
  if (count > MOST_TAGS) {
    throw new ConfigurationError(
      `${field}.nodeTags`,
      `${count} tags, at most ${MOST_TAGS}`,
      'Remove some: namePreset makes one more, and EC2 takes 50 on a resource',
    );
  }
  for (const name of TAG_FIELDS) {
    for (const [key, template] of Object.entries(profile[name] ?? {})) {
      const at = `${field}.${name}[${JSON.stringify(key)}]`;
      if (/\p{Cc}/u.test(key)) {
        throw new ConfigurationError(at, 'control characters in the key', 'Use printable characters');
      }
      checkTemplate(at, template);
    }
  }
}

function checkTemplate(field: string, template: string): void {
  const wrong = templateProblem(template);
  if (wrong === undefined) {
    return;
  }
  const place = [
    wrong.line === undefined ? [] : [`line ${wrong.line}`],
    wrong.column === undefined ? [] : [`column ${wrong.column}`],
  ]
    .flat()
    .join(', ');
  throw new ConfigurationError(
    field,
    place === '' ? wrong.problem : `${place}: ${wrong.problem}`,
    'Correct the template (docs/naming.md, "Templates")',
  );
}

function checkSlot(slot: Slot, at: string): void {
  if ((slot.secondaryPrivateAddresses ?? 0) > 0 && (slot.prefixes ?? 0) > 0) {
    throw new ConfigurationError(
      `${at}.prefixes`,
      'EC2 assigns secondary addresses or prefixes, not both at once',
      'Set one of secondaryPrivateAddresses and prefixes to 0',
    );
  }
  const ranges = slot.excludedRanges ?? [];
  for (const [n, range] of ranges.entries()) {
    if (!isRange(range)) {
      throw new ConfigurationError(
        `${at}.excludedRanges[${n}]`,
        `${JSON.stringify(range)} is no range of addresses`,
        'Write a range as 10.0.1.0/28, 10.0.1.20-10.0.1.40 or 10.0.1.7',
      );
    }
  }
  const chosenHere = (slot.addressing ?? 'lowest-free') === 'lowest-free' || slot.ipv6 === 'lowest-free';
  if (ranges.length > 0 && !chosenHere) {
    throw new ConfigurationError(
      `${at}.excludedRanges`,
      'EC2 chooses the addresses of this slot, and knows nothing of excluded ranges',
      'Use lowest-free addressing, or reserve the ranges in the subnet (CreateSubnetCidrReservation)',
    );
  }
}

/** Whether a text is a CIDR block, `first-last`, or one address. */
function isRange(text: string): boolean {
  const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6');
  const list = new BlockList();
  try {
    const [first = '', last] = text.split('-').map((part) => part.trim());
    const [network = '', length] = text.split('/');
    if (last !== undefined) {
      if (isIP(first) !== isIP(last)) {
        return false;
      }
      // Refuses what is no address, and a first address after the last.
      list.addRange(first, last, family(first));
    } else if (length !== undefined) {
      if (!/^\d{1,3}$/.test(length)) {
        return false;
      }
      list.addSubnet(network, Number(length), family(network));
    } else {
      list.addAddress(text, family(text));
    }
    return true;
  } catch {
    return false;
  }
}
