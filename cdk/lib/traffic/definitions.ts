/** The SQL texts and table definitions of `traffic/`, put together as traffic/README.md says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CfnTable } from 'aws-cdk-lib/aws-glue';
import { CROSS_AZ_TRAFFIC, TRAFFIC_SQL, TRAFFIC_TABLES } from '../shared/repository';

/** The queries that people want: `traffic/sql/NAME.sql`. */
export const NAMED_QUERIES = [
  'top-talkers',
  'in-zone-share-by-namespace',
  'cost-by-day',
  'zone-matrix',
  'not-measured',
] as const;

/** The name of a text in `traffic/sql`. */
export type SqlName = (typeof NAMED_QUERIES)[number] | 'cross-az' | 'store' | 'metrics' | 'create-table';

interface Column {
  readonly Name: string;
  readonly Type: string;
}

/** A definition in `traffic/glue`: a TableInput of Glue's API, as far as it is looked at here. */
interface TableInput {
  readonly Name: string;
  readonly StorageDescriptor: { readonly Columns: readonly Column[] };
}

/** The text of a query, without the lines that are comments. */
export function sql(name: SqlName): string {
  return lines(name)
    .filter((line) => !line.trimStart().startsWith('--'))
    .join('\n')
    .trim();
}

/** What a query is for: the comment that it begins with. */
export function purpose(name: SqlName): string {
  const all = lines(name);
  const end = all.findIndex((line) => !line.startsWith('--'));
  return all
    .slice(0, end)
    .map((line) => line.replace(/^--\s*/, ''))
    .join(' ');
}

/**
 * The statement that stores a window's rows, as the state machine wants it: `{}` wherever it names the window's end.
 *
 * @param usdPerGb US dollars for a GB (2^30 bytes) that leaves a zone, and again for one that enters another
 */
export function storeStatement(usdPerGb: number): string {
  const text = sql('store').replace(':cross_az\n', () => `${sql('cross-az')}\n`);
  return withParameters(text, { until: '{}', usd_per_gb: String(usdPerGb) });
}

/** CloudWatch takes values that are up to two weeks old. A day less, as a run may be long and a clock wrong. */
const METRIC_DAYS = 13;

/**
 * The query whose rows become metrics, with `{}` wherever it names the window's end.
 *
 * @param pairs how many pairs of each hour
 */
export function metricsStatement(pairs: number): string {
  return withParameters(sql('metrics'), { until: '{}', pairs: String(pairs), days: String(METRIC_DAYS) });
}

/**
 * The statement that makes the table of the results.
 *
 * @param location where its files go, `s3://BUCKET/FOLDER/`; may be a token
 */
export function createTableStatement(location: string): string {
  return withParameters(sql('create-table'), { location });
}

/** The state machine's definition, with its two statements in it. Its other placeholders are left to CloudFormation. */
export function machineDefinition(statements: { readonly store: string; readonly metrics: string }): string {
  const left = new Map([
    ['${StoreTrafficSql}', statements.store],
    ['${TrafficMetricsSql}', statements.metrics],
  ]);
  const definition: unknown = JSON.parse(
    readFileSync(CROSS_AZ_TRAFFIC, 'utf8'),
    (_, value: unknown): unknown => {
      const statement = typeof value === 'string' ? left.get(value) : undefined;
      if (statement === undefined) {
        return value;
      }
      left.delete(String(value));
      return statement;
    },
  );
  if (left.size > 0) {
    throw new Error(`${CROSS_AZ_TRAFFIC} has no place for ${[...left.keys()].join(' and ')}`);
  }
  return JSON.stringify(definition);
}

/**
 * A table of `traffic/glue`, as CloudFormation takes it.
 *
 * @param locations what stands for its parameters, as `flow_logs_location`; may be tokens
 */
export function tableInput(
  name: 'flow_logs' | 'pods',
  locations: Readonly<Record<string, string>>,
): CfnTable.TableInputProperty {
  return camelCased(readTable(name), locations) as CfnTable.TableInputProperty;
}

/** The LogFormat of the flow log: the columns of its table in their order, `az_id` as `${az-id}`. */
export function flowLogFormat(): string {
  const { Columns: columns } = readTable('flow_logs').StorageDescriptor;
  return columns.map(({ Name: name }) => `\${${name.replaceAll('_', '-')}}`).join(' ');
}

function lines(name: SqlName): string[] {
  return readFileSync(join(TRAFFIC_SQL, `${name}.sql`), 'utf8').split('\n');
}

function readTable(name: string): TableInput {
  return JSON.parse(readFileSync(join(TRAFFIC_TABLES, `${name}.json`), 'utf8')) as TableInput;
}

function withParameters(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((done, [name, value]) => {
    if (!done.includes(`:${name}`)) {
      throw new Error(`the text has no parameter :${name}`);
    }
    return done.replaceAll(`:${name}`, () => value);
  }, text);
}

/** CloudFormation's constructs have `storageDescriptor` for `StorageDescriptor`; the keys of Parameters are nobody's to change. */
function camelCased(value: unknown, locations: Readonly<Record<string, string>>, keep = false): unknown {
  if (typeof value === 'string') {
    return Object.entries(locations).reduce(
      (text, [name, location]) => text.replaceAll(`:${name}`, () => location),
      value,
    );
  }
  if (Array.isArray(value)) {
    return value.map((item) => camelCased(item, locations));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        keep ? key : key.charAt(0).toLowerCase() + key.slice(1),
        camelCased(item, locations, key === 'Parameters'),
      ]),
    );
  }
  return value;
}
