import { join } from 'node:path';
import { CREATE_TABLE } from '../../lib/shared/repository';

interface Query {
  readonly QueryExecution: {
    readonly Status: { readonly State: string; readonly StateChangeReason?: string };
  };
}

interface Handler {
  run(athena: object, event: object, milliseconds: number): Promise<object>;
}

// What Lambda runs, as it is.
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

/** An Athena whose query is in these states, one after another. */
function athena(...states: Query['QueryExecution']['Status'][]): { started: object[]; left: () => number } {
  const started: object[] = [];
  const client = {
    started,
    left: () => states.length,
    startQueryExecution: (input: object) => {
      started.push(input);
      return Promise.resolve({ QueryExecutionId: 'q' });
    },
    getQueryExecution: (): Promise<Query> => {
      const next = states.shift();
      return next === undefined
        ? Promise.reject(new Error('asked too often'))
        : Promise.resolve({ QueryExecution: { Status: next } });
    },
  };
  return client;
}

test('waits until the table is there', async () => {
  const client = athena({ State: 'QUEUED' }, { State: 'RUNNING' }, { State: 'SUCCEEDED' });
  expect(await handler.run(client, event, 0)).toEqual({ PhysicalResourceId: 'd.cross_az_traffic' });
  expect(client.left()).toBe(0);
  expect(client.started).toEqual([
    {
      QueryString: 'CREATE TABLE …',
      WorkGroup: 'w',
      QueryExecutionContext: { Catalog: 'AwsDataCatalog', Database: 'd' },
      ClientRequestToken: event.RequestId,
    },
  ]);
});

test.each(['FAILED', 'CANCELLED'])('fails with Athena’s reason when the query is %s', async (State) => {
  const client = athena({ State: 'RUNNING' }, { State, StateChangeReason: 'no permission' });
  await expect(handler.run(client, event, 0)).rejects.toThrow(`Query q ended as ${State}: no permission`);
});

test('takes no table away', async () => {
  const client = athena();
  const gone = { ...event, RequestType: 'Delete', PhysicalResourceId: 'd.cross_az_traffic' };
  expect(await handler.run(client, gone, 0)).toEqual({ PhysicalResourceId: 'd.cross_az_traffic' });
  expect(client.started).toEqual([]);
});
