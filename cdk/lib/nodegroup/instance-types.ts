/** The network limits of EC2's instance types. */
import { readFileSync } from 'node:fs';
import { InstanceArchitecture, InstanceType } from 'aws-cdk-lib/aws-ec2';
import { ConfigurationError } from '../shared/configuration-error';
import { INSTANCE_TYPES } from '../shared/repository';

/** The network limits of an instance type (DescribeInstanceTypes, `NetworkInfo`). */
export interface NetworkLimits {
  /** The instance type's name. */
  readonly name: string;
  /** The number of interfaces of the default network card, the primary interface included. */
  readonly defaultCardInterfaces: number;
  /** The number of IPv4 addresses of an interface, its primary address included. */
  readonly addressesPerInterface: number;
  /** The network card of the primary interface. */
  readonly defaultCard: number;
  /** The number of interfaces of each network card, by the card's index. */
  readonly cards: ReadonlyMap<number, number>;
}

let table: ReadonlyMap<string, NetworkLimits> | undefined;

/**
 * Returns the limits of an instance type.
 *
 * @param name the instance type
 * @param field its name in an error
 * @throws ConfigurationError if the table does not have it
 */
export function networkLimits(name: string, field: string): NetworkLimits {
  table ??= read();
  const limits = table.get(name);
  if (limits === undefined) {
    throw new ConfigurationError(
      field,
      `${JSON.stringify(name)} is not an instance type that Hookline knows`,
      'Correct the name, or add the type to local/src/ec2/instance_types.tsv',
    );
  }
  return limits;
}

/** Returns the processor architecture of instance types. All must have the same. */
export function architectureOf(names: readonly string[], field: string): InstanceArchitecture {
  const [first = InstanceArchitecture.X86_64, ...rest] = names.map(
    (name) => new InstanceType(name).architecture,
  );
  const other = rest.findIndex((architecture) => architecture !== first);
  if (other >= 0) {
    throw new ConfigurationError(
      field,
      `${names[0] ?? ''} and ${names[other + 1] ?? ''} have different architectures, and no AMI runs on both`,
      'Make a group for each architecture',
    );
  }
  return first;
}

function read(): Map<string, NetworkLimits> {
  const limits = readFileSync(INSTANCE_TYPES, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): NetworkLimits => {
      const [name = '', interfaces, addresses, defaultCard, cards = ''] = line.split('\t');
      return {
        name,
        defaultCardInterfaces: Number(interfaces),
        addressesPerInterface: Number(addresses),
        defaultCard: Number(defaultCard),
        cards: new Map(
          cards.split(',').map((card): [number, number] => {
            const [index, count] = card.split(':');
            return [Number(index), Number(count)];
          }),
        ),
      };
    });
  return new Map(limits.map((one) => [one.name, one]));
}
