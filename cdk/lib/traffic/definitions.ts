/** The SQL, the Glue tables and the state machine of the cross-AZ traffic, assembled as traffic/README.md describes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CfnTable } from 'aws-cdk-lib/aws-glue';
import { CROSS_AZ_TRAFFIC, TRAFFIC_SQL, TRAFFIC_TABLES } from '../shared/repository';
import { type OtherPrices, serviceKinds } from './prices';

/** The named queries of the workgroup, `traffic/sql/NAME.sql`, each with the number of its last days. */
export const NAMED_QUERIES = JSON.parse(
  readFileSync(join(TRAFFIC_SQL, 'named-queries.json'), 'utf8'),
) as Readonly<Record<string, number>>;

/** How many windows of three hours a run checks: the hourly run, and the nightly one, which settles three days. */
export const WINDOWS = { hourly: 1, settling: 24 } as const;

/** In the place of a cluster's name in the named queries. */
const ALL_CLUSTERS = '(all)';

interface Column {
  readonly Name: string;
  readonly Type: string;
}

/** A table in `traffic/glue`: the fields of Glue's TableInput that this file reads. */
interface TableInput {
  readonly Name: string;
  readonly StorageDescriptor: { readonly Columns: readonly Column[] };
}

/**
 * Returns the SQL of a file, without its comment lines.
 *
 * @param name the file
 * @param vpcId the VPC that counts, if the flow logs are those of several and tell which one
 * @param marks the marks of other lines that are no comments in this text
 */
export function sql(name: string, vpcId?: string, marks: readonly string[] = []): string {
  const kept = vpcId === undefined ? marks : [...marks, 'vpc'];
  const text = lines(name)
    .map((line) => kept.reduce((done, mark) => done.replace(new RegExp(`^( *)--${mark} `), '$1'), line))
    .filter((line) => !line.trimStart().startsWith('--'))
    .join('\n')
    .trim();
  return vpcId === undefined ? text : text.replaceAll(':vpc_id', vpcId);
}

/** The named query that has the text of `cross-az.sql` in it. */
const WITH_CROSS_AZ = 'by-service-and-port';

/** Returns `cross-az.sql` with the lines that are for the ports only, for the end of the time range of a named query. */
function crossAzWithPorts(vpcId?: string): string {
  const text = sql('cross-az', vpcId, ['port']);
  return withParameters(text.replaceAll("TIMESTAMP ':until'", "date_trunc('hour', :to)"), {
    ...serviceKinds(),
  });
}

/** Returns the purpose of a query: the comment at the start of its file. */
export function purpose(name: string): string {
  const all = lines(name);
  const end = all.findIndex((line) => !line.startsWith('--'));
  return all
    .slice(0, end)
    .map((line) => line.replace(/^--\s*/, ''))
    .join(' ');
}

/** What a named query needs besides its time range. */
export interface NamedQueryValues {
  /** The price in US dollars of a GB (2^30 bytes) that leaves a zone, and of a GB that enters a zone. */
  readonly usdPerGb: number;
  /** The longest aggregation interval of the flow logs, in minutes. */
  readonly intervalMinutes: number;
  /** The prices of a GB in US dollars, if they are known. */
  readonly prices: OtherPrices;
  /** The Region of the bill; may be a token. */
  readonly region: string;
  /** The table of the export of the bill, `DATABASE.TABLE`. */
  readonly costAndUsageTable?: string;
  /** The VPC that counts, if the flow logs are those of several. */
  readonly flowLogsVpcId?: string;
}

/**
 * Returns the text of a named query, for its last days. Returns `undefined` if it needs a table of the bill and there is none.
 *
 * @param name the query's name
 */
export function namedQuery(name: string, values: NamedQueryValues): string | undefined {
  const { flowLogsVpcId: vpcId } = values;
  const query = sql(name, vpcId);
  const text =
    name === WITH_CROSS_AZ ? query.replace(':cross_az\n', () => `${crossAzWithPorts(vpcId)}\n`) : query;
  const now = 'CAST(current_timestamp AS timestamp)';
  const usd = (price?: number): string => (price === undefined ? 'NULL' : String(price));
  if (text.includes(':cost_and_usage') && values.costAndUsageTable === undefined) {
    return undefined;
  }
  const parameters = {
    from: `${now} - INTERVAL '${NAMED_QUERIES[name]}' DAY`,
    to: now,
    usd_per_gb: String(values.usdPerGb),
    nat_usd_per_gb: usd(values.prices.natGatewayUsdPerGb),
    internet_usd_per_gb: usd(values.prices.internetUsdPerGb),
    cost_and_usage: values.costAndUsageTable ?? '',
    cluster: ALL_CLUSTERS,
    interval: String(60 * values.intervalMinutes),
    region: values.region,
  };
  return withParameters(
    text,
    Object.fromEntries(Object.entries(parameters).filter(([parameter]) => text.includes(`:${parameter}`))),
  );
}

/**
 * Returns the query that tells which hours can be stored. It has `{}` in each place where the state machine inserts the
 * window's end.
 *
 * @param windows the number of windows of three hours
 * @param clusters the names of the clusters that are listed
 * @param vpcId the VPC that counts, if the flow logs are those of several
 */
export function checkInputsStatement(windows: number, clusters: readonly string[], vpcId?: string): string {
  return withParameters(sql('check-inputs', vpcId), {
    until: '{}',
    clusters: names(clusters),
    windows: String(windows),
    reach: String(3 * windows),
  });
}

/** Returns the statement that stores what hours are made from. It has `{}` in the place of the hours. */
export function storeInputsStatement(): string {
  return withParameters(sql('store-inputs'), { inputs: '{}' });
}

/**
 * Returns the statement that stores the rows of a window of hours. It has `{}` in each place where the state machine inserts
 * the window's end or the hours that it replaces.
 *
 * @param usdPerGb the price in US dollars of a GB (2^30 bytes) that leaves a zone, and of a GB that enters a zone
 * @param intervalMinutes the longest aggregation interval of the flow logs
 * @param vpcId the VPC that counts, if the flow logs are those of several
 */
export function storeStatement(usdPerGb: number, intervalMinutes: number, vpcId?: string): string {
  const text = sql('store').replace(':cross_az\n', () => `${sql('cross-az', vpcId)}\n`);
  return withParameters(text, {
    until: '{}',
    hours: '{}',
    usd_per_gb: String(usdPerGb),
    interval: String(60 * intervalMinutes),
    ...serviceKinds(),
  });
}

/** CloudWatch accepts values that are up to two weeks old. One day less allows for long executions and clock differences. */
const METRIC_DAYS = 13;

/**
 * Returns the query whose rows become metrics. It has `{}` in each place where the state machine inserts the window's end, or
 * what the check of the inputs tells of the window.
 *
 * @param pairs the number of pairs in each hour, for each cluster
 * @param clusters the names of the clusters that are listed
 */
export function metricsStatement(pairs: number, clusters: readonly string[]): string {
  return withParameters(sql('metrics'), {
    until: '{}',
    records: '{}',
    age: '{}',
    clusters: names(clusters),
    pairs: String(pairs),
    days: String(METRIC_DAYS),
  });
}

/**
 * Returns the statement that creates a table of results.
 *
 * @param name the file of the statement
 * @param location the location of its files, `s3://BUCKET/FOLDER/`; may be a token
 */
export function createTableStatement(name: 'create-table' | 'create-inputs-table', location: string): string {
  return withParameters(sql(name), { location });
}

/** The columns that `add-cluster` adds to a result table that was created before it had them. */
export const CLUSTER_COLUMNS: readonly string[] = ['cluster', 'peer_cluster'];

/** Returns the statement that adds {@link CLUSTER_COLUMNS}. */
export function addClusterStatement(): string {
  return sql('add-cluster');
}

/** Returns the state machine's definition with its SQL statements. CloudFormation replaces its other placeholders. */
export function machineDefinition(statements: {
  readonly store: string;
  readonly metrics: string;
  readonly clusters: readonly string[];
  readonly flowLogsVpcId?: string | undefined;
}): string {
  const { clusters, flowLogsVpcId } = statements;
  const remaining = new Map([
    ['${CheckInputsSql}', checkInputsStatement(WINDOWS.hourly, clusters, flowLogsVpcId)],
    ['${SettleInputsSql}', checkInputsStatement(WINDOWS.settling, clusters, flowLogsVpcId)],
    ['${StoreInputsSql}', storeInputsStatement()],
    ['${StoreTrafficSql}', statements.store],
    ['${TrafficMetricsSql}', statements.metrics],
  ]);
  const definition: unknown = JSON.parse(
    readFileSync(CROSS_AZ_TRAFFIC, 'utf8'),
    (_, value: unknown): unknown => {
      const statement = typeof value === 'string' ? remaining.get(value) : undefined;
      if (statement === undefined) {
        return value;
      }
      remaining.delete(String(value));
      return statement;
    },
  );
  if (remaining.size > 0) {
    throw new Error(
      `${CROSS_AZ_TRAFFIC} does not contain ${[...remaining.keys()].join(' and ')}, which this function fills in`,
    );
  }
  return JSON.stringify(definition);
}

/**
 * Returns a table of `traffic/glue` as a TableInput of CloudFormation.
 *
 * @param name the table's name
 * @param locations the values of its parameters, as `flow_logs_location`; may be tokens
 * @param more columns that the table has besides
 */
export function tableInput(
  name: 'flow_logs' | 'pods',
  locations: Readonly<Record<string, string>>,
  more: readonly Column[] = [],
): CfnTable.TableInputProperty {
  const { StorageDescriptor: storage, ...table } = readTable(name);
  const columns = [...storage.Columns, ...more];
  return camelCased(
    { ...table, StorageDescriptor: { ...storage, Columns: columns } },
    locations,
  ) as CfnTable.TableInputProperty;
}

/** The column of {@link tableInput} that tells the VPC of a record. Only flow logs that exist already may have its field. */
export const VPC_COLUMN: Column = { Name: 'vpc_id', Type: 'string' };

/** Returns the LogFormat of the flow log: the columns of its table in the same order, with `az_id` as `${az-id}`. */
export function flowLogFormat(): string {
  const { Columns: columns } = readTable('flow_logs').StorageDescriptor;
  return columns.map(({ Name: name }) => `\${${name.replaceAll('_', '-')}}`).join(' ');
}

/** Clusters as a list of SQL. Their names have no quotes. */
function names(clusters: readonly string[]): string {
  return clusters.map((name) => `'${name}'`).join(', ');
}

function lines(name: string): string[] {
  return readFileSync(join(TRAFFIC_SQL, `${name}.sql`), 'utf8').split('\n');
}

function readTable(name: string): TableInput {
  return JSON.parse(readFileSync(join(TRAFFIC_TABLES, `${name}.json`), 'utf8')) as TableInput;
}

function withParameters(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((done, [name, value]) => {
    if (!done.includes(`:${name}`)) {
      throw new Error(
        `the SQL has no parameter :${name}. The head of its file in traffic/sql names its parameters`,
      );
    }
    return done.replaceAll(`:${name}`, () => value);
  }, text);
}

/**
 * Converts keys to the names of the CDK, `StorageDescriptor` to `storageDescriptor`, and inserts the locations. The keys of
 * `Parameters` are data and stay as they are.
 */
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
