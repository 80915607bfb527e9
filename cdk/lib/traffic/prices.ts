/** The prices of the cross-AZ traffic: `traffic/prices.json`, which has the source and the date of each. */
import { readFileSync } from 'node:fs';
import { TRAFFIC_PRICES } from '../shared/repository';

/** Prices of a GB in US dollars that only queries for people use. */
export interface OtherPrices {
  /** What a NAT gateway processes. */
  readonly natGatewayUsdPerGb?: number;
  /** Data out to the internet, in the first tier. */
  readonly internetUsdPerGb?: number;
}

interface Prices {
  readonly crossAz: { readonly usdPerGb: number };
  readonly regions: Readonly<
    Record<string, Readonly<Partial<Record<keyof OtherPrices, { readonly usd: number }>>> | undefined>
  >;
  readonly servicesThatPay: {
    readonly nothing: Readonly<Record<string, string>>;
    readonly clusterEndOnly: Readonly<Record<string, string>>;
  };
}

/** Returns the price in US dollars of a GB (2^30 bytes) that leaves a zone, and of a GB that enters a zone. */
export function crossAzUsdPerGb(): number {
  return readPrices().crossAz.usdPerGb;
}

/**
 * Returns the other prices of a Region, those that are given first. A price that is neither given nor known is left out.
 *
 * @param region the Region; may be a token
 */
export function otherPrices(region: string, given: OtherPrices): OtherPrices {
  const known = readPrices().regions[region];
  const nat = given.natGatewayUsdPerGb ?? known?.natGatewayUsdPerGb?.usd;
  const internet = given.internetUsdPerGb ?? known?.internetUsdPerGb?.usd;
  return {
    ...(nat === undefined ? {} : { natGatewayUsdPerGb: nat }),
    ...(internet === undefined ? {} : { internetUsdPerGb: internet }),
  };
}

/** Returns the parameters of the query that say which kinds of services cost less, as lists of SQL. */
export function serviceKinds(): { free_kinds: string; half_kinds: string } {
  const { nothing, clusterEndOnly } = readPrices().servicesThatPay;
  const list = (kinds: Readonly<Record<string, string>>): string =>
    Object.keys(kinds)
      .map((kind) => `'${kind}'`)
      .join(', ');
  return { free_kinds: list(nothing), half_kinds: list(clusterEndOnly) };
}

function readPrices(): Prices {
  return JSON.parse(readFileSync(TRAFFIC_PRICES, 'utf8')) as Prices;
}
