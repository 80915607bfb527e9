import { join } from 'node:path';
import { CREATE_TABLE } from '../../lib/traffic/traffic-table';

interface Query {
  readonly QueryExecution: {
    readonly Status: { readonly State: string; readonly StateChangeReason?: string };
  };
}

interface Handler {
  run(athena: object, event: object, milliseconds: number): Promise<object>;
}

// The file that Lambda runs.
// eslint-disable-next-line @typescript-eslint/no-require-imports
const handler = require(join(CREATE_TABLE, 'index.js')) as Handler;

const event = {
  RequestType: 'Create',
  RequestId: '8f1c6a54-0000-4000-8000-000000000000',
  ResourceProperties: {
    Statement: 'CREATE TABLE …',
    WorkGroup: 'w',
    Database: 'd',
    Table: 'cross_az_traffic',
  },
};

/** A client of Athena whose query has these states, one after another. */
function athena(...states: Query['QueryExecution']['Status'][]): {
  started: object[];
  columns: string[];
  remainingStates: () => number;
} {
  const started: object[] = [];
  const columns = ['hour', 'bytes'];
  const client = {
    started,
    columns,
    remainingStates: () => states.length,
    startQueryExecution: (input: object) => {
      started.push(input);
      return Promise.resolve({ QueryExecutionId: 'q' });
    },
    getTableMetadata: (input: object) => {
      started.push(input);
      return Promise.resolve({ TableMetadata: { Columns: columns.map((Name) => ({ Name })) } });
    },
    getQueryExecution: (): Promise<Query> => {
      const next = states.shift();
      return next === undefined
        ? Promise.reject(new Error('too many calls of GetQueryExecution'))
        : Promise.resolve({ QueryExecution: { Status: next } });
    },
  };
  return client;
}

test('a create request waits until the query succeeded', async () => {
  const client = athena({ State: 'QUEUED' }, { State: 'RUNNING' }, { State: 'SUCCEEDED' });
  expect(await handler.run(client, event, 0)).toEqual({ PhysicalResourceId: 'd.cross_az_traffic' });
  expect(client.remainingStates()).toBe(0);
  expect(client.started).toEqual([
    {
      QueryString: 'CREATE TABLE …',
      WorkGroup: 'w',
      QueryExecutionContext: { Catalog: 'AwsDataCatalog', Database: 'd' },
      ClientRequestToken: event.RequestId,
    },
  ]);
});

test.each(['FAILED', 'CANCELLED'])(
  'a create request fails with Athena’s reason when the query is %s',
  async (State) => {
    const client = athena({ State: 'RUNNING' }, { State, StateChangeReason: 'no permission' });
    await expect(handler.run(client, event, 0)).rejects.toThrow(
      `Query q ended in state ${State}: no permission`,
    );
  },
);

test('a delete request runs no statement', async () => {
  const client = athena();
  const deletion = { ...event, RequestType: 'Delete', PhysicalResourceId: 'd.cross_az_traffic' };
  expect(await handler.run(client, deletion, 0)).toEqual({ PhysicalResourceId: 'd.cross_az_traffic' });
  expect(client.started).toEqual([]);
});

describe('columns that the table may lack', () => {
  const adding = {
    ...event,
    RequestType: 'Update',
    ResourceProperties: { ...event.ResourceProperties, Columns: ['cluster'], AddColumns: 'ALTER …' },
  };
  const asked = { CatalogName: 'AwsDataCatalog', DatabaseName: 'd', TableName: 'cross_az_traffic' };

  test('are added after the table is created, by a query of its own', async () => {
    const client = athena({ State: 'SUCCEEDED' }, { State: 'RUNNING' }, { State: 'SUCCEEDED' });
    expect(await handler.run(client, adding, 0)).toEqual({ PhysicalResourceId: 'd.cross_az_traffic' });
    expect(client.remainingStates()).toBe(0);
    expect(client.started).toEqual([
      expect.objectContaining({ QueryString: 'CREATE TABLE …' }),
      asked,
      expect.objectContaining({
        QueryString: 'ALTER …',
        ClientRequestToken: '8f1c6a54-0000-4000-8000-000000000000-columns',
      }),
    ]);
  });

  test('are not added if the table has them', async () => {
    const client = athena({ State: 'SUCCEEDED' });
    client.columns.push('cluster');
    await handler.run(client, adding, 0);
    expect(client.started).toEqual([expect.objectContaining({ QueryString: 'CREATE TABLE …' }), asked]);
  });

  test('fail the request if Athena refuses them', async () => {
    const client = athena({ State: 'SUCCEEDED' }, { State: 'FAILED', StateChangeReason: 'no' });
    await expect(handler.run(client, adding, 0)).rejects.toThrow('Query q ended in state FAILED: no');
  });
});
