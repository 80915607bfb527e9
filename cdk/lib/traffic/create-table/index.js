/* global exports, require */
/**
 * The custom resource that makes the Iceberg table of the traffic: runs a statement in Athena and waits for its end, so
 * that a deployment fails when the table cannot be made. Behind the CDK's provider framework, which answers CloudFormation.
 */
const { setTimeout: pause } = require('node:timers/promises');

const ENDED = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/**
 * Runs the statement of a request.
 *
 * @param athena a client of Athena
 * @param event what the framework was asked: RequestType, RequestId, ResourceProperties
 * @param milliseconds between two looks at the query
 */
exports.run = async (athena, event, milliseconds) => {
  const { Statement, WorkGroup, Database, Table } = event.ResourceProperties;
  const made = { PhysicalResourceId: `${Database}.${Table}` };
  if (event.RequestType === 'Delete') {
    // The table goes with its database, or stays with it.
    return { PhysicalResourceId: event.PhysicalResourceId };
  }
  const { QueryExecutionId } = await athena.startQueryExecution({
    QueryString: Statement,
    WorkGroup,
    QueryExecutionContext: { Catalog: 'AwsDataCatalog', Database },
    // Asked again for the same request, Athena starts no second query.
    ClientRequestToken: event.RequestId,
  });
  for (;;) {
    const { QueryExecution } = await athena.getQueryExecution({ QueryExecutionId });
    const { State, StateChangeReason } = QueryExecution.Status;
    if (State === 'SUCCEEDED') {
      return made;
    }
    if (ENDED.includes(State)) {
      throw new Error(
        `Query ${QueryExecutionId} ended as ${State}: ${StateChangeReason ?? 'no reason given'}`,
      );
    }
    await pause(milliseconds);
  }
};

exports.handler = async (event) => {
  // Lambda's runtime brings it.
  const { Athena } = require('@aws-sdk/client-athena');
  return exports.run(new Athena({}), event, 1000);
};
