/* global exports, require */
/**
 * The custom resource that creates the Iceberg table of the cross-AZ traffic. It runs a statement in Athena and waits for its
 * end, so that a deployment fails if the table cannot be created. CDK's provider framework invokes it and answers
 * CloudFormation.
 */
const { setTimeout: sleep } = require('node:timers/promises');

const ENDED = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/**
 * Runs the statement of a request.
 *
 * @param athena a client of Athena
 * @param event the framework's request: RequestType, RequestId, ResourceProperties
 * @param milliseconds the time between two calls of GetQueryExecution
 * @throws Error with Athena's reason if the query does not succeed
 */
exports.run = async (athena, event, milliseconds) => {
  const { Statement, WorkGroup, Database, Table } = event.ResourceProperties;
  if (event.RequestType === 'Delete') {
    // The table is deleted, or kept, with its database.
    return { PhysicalResourceId: event.PhysicalResourceId };
  }
  const { QueryExecutionId } = await athena.startQueryExecution({
    QueryString: Statement,
    WorkGroup,
    QueryExecutionContext: { Catalog: 'AwsDataCatalog', Database },
    // A retry of the same request starts no second query.
    ClientRequestToken: event.RequestId,
  });
  for (;;) {
    const { QueryExecution } = await athena.getQueryExecution({ QueryExecutionId });
    const { State, StateChangeReason } = QueryExecution.Status;
    if (State === 'SUCCEEDED') {
      return { PhysicalResourceId: `${Database}.${Table}` };
    }
    if (ENDED.includes(State)) {
      throw new Error(
        `Query ${QueryExecutionId} ended in state ${State}: ${StateChangeReason ?? 'Athena gave no reason'}`,
      );
    }
    await sleep(milliseconds);
  }
};

exports.handler = async (event) => {
  // Lambda's Node.js runtime includes the AWS SDK.
  const { Athena } = require('@aws-sdk/client-athena');
  return exports.run(new Athena({}), event, 1000);
};
