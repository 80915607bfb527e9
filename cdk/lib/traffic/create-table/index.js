/* global exports, require */
/**
 * The custom resource that creates an Iceberg table of the cross-AZ traffic, and adds the columns that an older one lacks. It
 * runs statements in Athena and waits for their ends, so that a deployment fails if the table cannot be created. CDK's provider
 * framework invokes it and answers CloudFormation.
 */
const { setTimeout: sleep } = require('node:timers/promises');

const CATALOG = 'AwsDataCatalog';
const ENDED = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/**
 * Runs the statement of a request, and AddColumns if the table lacks one of Columns: Athena has no ADD COLUMNS IF NOT EXISTS.
 *
 * @param athena a client of Athena
 * @param event the framework's request: RequestType, RequestId, ResourceProperties
 * @param milliseconds the time between two calls of GetQueryExecution
 * @throws Error with Athena's reason if the query does not succeed
 */
exports.run = async (athena, event, milliseconds) => {
  const { Statement, Database, Table, Columns = [], AddColumns } = event.ResourceProperties;
  if (event.RequestType === 'Delete') {
    // The table is deleted, or kept, with its database.
    return { PhysicalResourceId: event.PhysicalResourceId };
  }
  // A retry of the same request starts no second query.
  await query(athena, event, Statement, event.RequestId, milliseconds);
  if (Columns.length > 0) {
    const { TableMetadata } = await athena.getTableMetadata({
      CatalogName: CATALOG,
      DatabaseName: Database,
      TableName: Table,
    });
    const there = TableMetadata.Columns.map(({ Name }) => Name);
    if (Columns.some((column) => !there.includes(column))) {
      await query(athena, event, AddColumns, `${event.RequestId}-columns`, milliseconds);
    }
  }
  return { PhysicalResourceId: `${Database}.${Table}` };
};

/** Runs a statement and waits for its end. */
async function query(athena, event, statement, token, milliseconds) {
  const { WorkGroup, Database } = event.ResourceProperties;
  const { QueryExecutionId } = await athena.startQueryExecution({
    QueryString: statement,
    WorkGroup,
    QueryExecutionContext: { Catalog: CATALOG, Database },
    ClientRequestToken: token,
  });
  for (;;) {
    const { QueryExecution } = await athena.getQueryExecution({ QueryExecutionId });
    const { State, StateChangeReason } = QueryExecution.Status;
    if (State === 'SUCCEEDED') {
      return;
    }
    if (ENDED.includes(State)) {
      throw new Error(
        `Query ${QueryExecutionId} ended in state ${State}: ${StateChangeReason ?? 'Athena gave no reason'}`,
      );
    }
    await sleep(milliseconds);
  }
}

exports.handler = async (event) => {
  // Lambda's Node.js runtime includes the AWS SDK.
  const { Athena } = require('@aws-sdk/client-athena');
  return exports.run(new Athena({}), event, 1000);
};
