/**
 * The rules of a profile that a JSON Schema cannot express. The functions check the same rules, in the same words; the fixtures of
 * `functions/fixtures/profiles` test both implementations.
 */
import { BlockList, isIP } from 'node:net';
import { ConfigurationError, checkAll } from '../shared/configuration-error';
import type { Profile, Slot } from '../shared/profile.generated';
import { checkTags } from '../shared/tag-rules';

/** A profile without what its JSON Schema refuses. A slot that is wrong is undefined, and so is another field. */
export interface SoundProfile extends Partial<Omit<Profile, 'slots'>> {
  readonly slots?: readonly (Slot | undefined)[];
}

/**
 * Checks the rules between the fields of a profile.
 *
 * @param profile the profile, without what its JSON Schema refuses
 * @param field the profile's name in an error
 * @throws ConfigurationError that names each field and its remedy
 */
export function checkRules(profile: SoundProfile, field: string): void {
  const { slots = [], ...rest } = profile;
  const others = new OtherSlots(field);
  checkAll(
    () => {
      checkTags(rest, field);
    },
    () => {
      checkBrake(profile, field);
    },
    ...[...slots.entries()].map(([n, slot]) => () => {
      if (slot === undefined) {
        return;
      }
      const at = `${field}.slots[${n}]`;
      checkAll(
        () => {
          checkSlot(slot, at);
        },
        () => {
          checkSecurityGroups(slot, profile, at, field);
        },
        () => {
          others.compare(n, at, slot);
        },
      );
    }),
  );
}

function checkBrake(profile: SoundProfile, field: string): void {
  if (profile.brake === true && profile.hook?.complete === false) {
    throw new ConfigurationError(
      `${field}.brake`,
      'Hookline does not complete the hook, so it abandons no launch that could be replaced',
      'Leave it out, or let Hookline complete the hook (hook.complete)',
    );
  }
}

function checkSecurityGroups(slot: Slot, profile: SoundProfile, at: string, field: string): void {
  const areWrong = 'securityGroupIds' in profile && profile.securityGroupIds === undefined;
  if (!areWrong && (slot.securityGroupIds ?? profile.securityGroupIds ?? []).length === 0) {
    throw new ConfigurationError(
      `${at}.securityGroupIds`,
      'no security group',
      `Name at least one, here or in ${field}.securityGroupIds`,
    );
  }
}

function checkSlot(slot: Slot, field: string): void {
  const ranges = slot.excludedRanges ?? [];
  checkAll(
    () => {
      checkIsNotPrimary(slot, field);
    },
    () => {
      if ((slot.secondaryPrivateAddresses ?? 0) > 0 && (slot.prefixes ?? 0) > 0) {
        throw new ConfigurationError(
          `${field}.prefixes`,
          'EC2 assigns secondary addresses or prefixes, not both at once',
          'Set one of secondaryPrivateAddresses and prefixes to 0',
        );
      }
    },
    ...ranges.map((range, n) => () => {
      checkRange(range, `${field}.excludedRanges[${n}]`);
    }),
    () => {
      const hooklineChoosesIpv4 =
        (slot.addressing ?? 'lowest-free') === 'lowest-free' && (slot.prefixes ?? 0) === 0;
      if (ranges.length > 0 && !hooklineChoosesIpv4 && slot.ipv6 !== 'lowest-free') {
        throw new ConfigurationError(
          `${field}.excludedRanges`,
          'EC2 chooses the addresses of this slot and does not know excluded ranges',
          'Use lowest-free addressing without prefixes, or reserve the ranges in the subnet (CreateSubnetCidrReservation)',
        );
      }
    },
  );
}

function checkIsNotPrimary({ networkCard, deviceIndex }: Slot, field: string): void {
  if ((networkCard ?? 0) === 0 && deviceIndex === 0) {
    throw new ConfigurationError(
      `${field}.deviceIndex`,
      "device index 0 of network card 0 is the instance's primary interface",
      'Use 1 or more, or another network card',
    );
  }
}

/** What the slots before one have: each may be there once. */
class OtherSlots {
  /** By network card and device index. */
  private readonly places = new Map<string, number>();
  private readonly networks = new Map<string, number>();
  /** The subnets of slots without a device index. */
  private readonly openSubnets = new Map<string, number>();

  constructor(private readonly field: string) {}

  /** Compares a slot with those before it. */
  compare(n: number, at: string, slot: Slot): void {
    const { networkCard, deviceIndex, subnetIds, network } = slot;
    const card = networkCard ?? 0;
    checkAll(
      ...(deviceIndex === undefined || deviceIndex === null
        ? subnetIds.map((subnet) => () => {
            const other = this.other(this.openSubnets, subnet, n);
            if (other !== undefined) {
              throw new ConfigurationError(
                `${at}.deviceIndex`,
                `absent here and in ${other}, and both have ${subnet}: nothing would tell on the node which interface is of which network`,
                'Give one of them a device index, or each a subnet of its own',
              );
            }
          })
        : [
            () => {
              const other = this.other(this.places, `${card}/${deviceIndex}`, n);
              if (other !== undefined) {
                throw new ConfigurationError(
                  `${at}.deviceIndex`,
                  `device index ${deviceIndex} of network card ${card} is also that of ${other}`,
                  'Give each slot of a network card a device index of its own',
                );
              }
            },
          ]),
      () => {
        const other = this.other(this.networks, network, n);
        if (other !== undefined) {
          throw new ConfigurationError(
            `${at}.network`,
            `the network ${JSON.stringify(network)} is also that of ${other}`,
            'Give each slot a network name of its own',
          );
        }
      },
    );
  }

  /** Returns the path of the slot before that has a key already, and lets the next slot find this one. */
  private other(seen: Map<string, number>, key: string, n: number): string | undefined {
    const other = seen.get(key);
    seen.set(key, n);
    return other === undefined || other === n ? undefined : `${this.field}.slots[${other}]`;
  }
}

function checkRange(text: string, field: string): void {
  if (!isRange(text)) {
    throw new ConfigurationError(
      field,
      `expected a range of addresses such as 10.0.1.0/28, 10.0.1.20-10.0.1.40 or 10.0.1.7, found ${JSON.stringify(text)}`,
      'Correct the value',
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
