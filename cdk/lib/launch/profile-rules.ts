/**
 * The rules of a profile that a JSON Schema cannot express. The functions check the same rules; the fixtures of
 * `functions/fixtures/profiles` test both implementations.
 */
import { BlockList, isIP } from 'node:net';
import { ConfigurationError } from '../shared/configuration-error';
import type { Profile, Slot } from '../shared/profile.generated';
import { checkTags } from '../shared/tag-rules';

/**
 * Checks a profile that has passed its JSON Schema.
 *
 * @param profile the profile
 * @param field the profile's name in an error
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkRules(profile: Profile, field: string): void {
  checkTags(profile, field);
  const attachmentPoints = new Map<string, number>();
  const networks = new Map<string, number>();
  const subnetsWithoutIndex = new Map<string, number>();
  for (const [n, slot] of (profile.slots ?? []).entries()) {
    const slotField = `${field}.slots[${n}]`;
    checkSlot(slot, slotField);
    if ((slot.securityGroupIds ?? profile.securityGroupIds ?? []).length === 0) {
      throw new ConfigurationError(
        `${slotField}.securityGroupIds`,
        'no security group',
        `Add at least one, here or in ${field}.securityGroupIds`,
      );
    }
    if (slot.deviceIndex === undefined || slot.deviceIndex === null) {
      for (const subnet of slot.subnetIds) {
        const sameSubnet = subnetsWithoutIndex.get(subnet);
        if (sameSubnet !== undefined) {
          throw new ConfigurationError(
            `${slotField}.deviceIndex`,
            `absent here and in ${field}.slots[${sameSubnet}], and both have ${subnet}: nothing would tell on the node which interface is of which network`,
            'Give one of them a device index, or each a subnet of its own',
          );
        }
        subnetsWithoutIndex.set(subnet, n);
      }
    } else {
      const card = slot.networkCard ?? 0;
      if (card === 0 && slot.deviceIndex === 0) {
        throw new ConfigurationError(
          `${slotField}.deviceIndex`,
          "device index 0 of network card 0 is the instance's primary interface",
          'Use 1 or more, or another network card',
        );
      }
      const attachmentPoint = `${card}/${slot.deviceIndex}`;
      const sameAttachmentPoint = attachmentPoints.get(attachmentPoint);
      if (sameAttachmentPoint !== undefined) {
        throw new ConfigurationError(
          `${slotField}.deviceIndex`,
          `${field}.slots[${sameAttachmentPoint}] also has device index ${slot.deviceIndex} on network card ${card}`,
          'Give each slot of a network card a different device index',
        );
      }
      attachmentPoints.set(attachmentPoint, n);
    }
    const sameNetwork = networks.get(slot.network);
    if (sameNetwork !== undefined) {
      throw new ConfigurationError(
        `${slotField}.network`,
        `${field}.slots[${sameNetwork}] also has the network ${JSON.stringify(slot.network)}`,
        'Give each slot a different network name',
      );
    }
    networks.set(slot.network, n);
  }
}

function checkSlot(slot: Slot, field: string): void {
  if ((slot.secondaryPrivateAddresses ?? 0) > 0 && (slot.prefixes ?? 0) > 0) {
    throw new ConfigurationError(
      `${field}.prefixes`,
      'EC2 assigns secondary addresses or prefixes, not both',
      'Set one of secondaryPrivateAddresses and prefixes to 0',
    );
  }
  const ranges = slot.excludedRanges ?? [];
  for (const [n, range] of ranges.entries()) {
    if (!isRange(range)) {
      throw new ConfigurationError(
        `${field}.excludedRanges[${n}]`,
        `${JSON.stringify(range)} is not an address range`,
        'Write a range as 10.0.1.0/28, 10.0.1.20-10.0.1.40 or 10.0.1.7',
      );
    }
  }
  const hooklineChooses = (slot.addressing ?? 'lowest-free') === 'lowest-free' || slot.ipv6 === 'lowest-free';
  if (ranges.length > 0 && !hooklineChooses) {
    throw new ConfigurationError(
      `${field}.excludedRanges`,
      'EC2 chooses the addresses of this slot and does not know the excluded ranges',
      'Use lowest-free addressing, or reserve the ranges in the subnet (CreateSubnetCidrReservation)',
    );
  }
}

/** Whether a text is a CIDR block, `FIRST-LAST`, or one address. */
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
      // Throws if one of the two is not an address, or if the first is greater than the last.
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
