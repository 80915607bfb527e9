/** IPv4 CIDR blocks as ranges of numbers. */
import { isIPv4 } from 'node:net';

/** Addresses from the first to the last. */
export interface Range {
  /** The first address. */
  readonly first: number;
  /** The last address. */
  readonly last: number;
}

/** Returns the number of an address, or undefined if the text is no address. */
export function toNumber(address: string): number | undefined {
  return isIPv4(address)
    ? address.split('.').reduce((number, part) => number * 256 + Number(part), 0)
    : undefined;
}

/** Returns the address of a number. */
export function toAddress(number: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(number / 2 ** bits) % 256).join('.');
}

/** Returns the addresses of a CIDR block, or undefined if the text is no block, or if its address is not its first. */
export function ofCidr(text: string): Range | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const first = toNumber(address);
  if (first === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || Number(length) > 32) {
    return undefined;
  }
  const size = 2 ** (32 - Number(length));
  return first % size === 0 ? { first, last: first + size - 1 } : undefined;
}

/** Returns the addresses of `10.0.1.0/28`, `10.0.1.20-10.0.1.40` or one address; undefined for anything else, IPv6 too. */
export function ofRange(text: string): Range | undefined {
  const [from = '', to] = text.split('-').map((part) => part.trim());
  if (to !== undefined) {
    const [first, last] = [toNumber(from), toNumber(to)];
    return first !== undefined && last !== undefined && first <= last ? { first, last } : undefined;
  }
  return ofCidr(text.includes('/') ? text : `${text}/32`);
}

/** Whether a range has all addresses of another. */
export function contains(outer: Range, inner: Range): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}
