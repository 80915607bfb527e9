/**
 * The Iceberg tables of the results, and of what they are made from. CloudFormation does not create them: custom resources run
 * `traffic/sql/create-table.sql` and `create-inputs-table.sql` in Athena.
 */
import { join } from 'node:path';
import { CustomResource, Duration } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeCdkFunction, acknowledgeWildcards } from '../shared/acknowledgements';
import { CLUSTER_COLUMNS, addClusterStatement, createTableStatement } from './definitions';
import { createTableStatements, queryStatements } from './policy-statements';
import { INPUTS_TABLE, RESULT_TABLE, type TrafficStore } from './traffic-store';

/** The folder with the code of the custom resource. */
export const CREATE_TABLE = join(__dirname, 'create-table');

/** Props of {@link TrafficTable}. */
export interface TrafficTableProps {
  /** The store that the tables belong to. */
  readonly store: TrafficStore;
  /** The log group of the custom resource's two functions. */
  readonly logGroup: LogGroup;
}

/**
 * Creates the tables if they do not exist, and waits until they exist. An existing table gets the columns that it lacks, and is
 * not changed otherwise, as the statement contains IF NOT EXISTS. It does not delete a table: the tables are deleted, or kept, with their database.
 */
export class TrafficTable extends Construct {
  constructor(scope: Construct, id: string, { store, logGroup }: TrafficTableProps) {
    super(scope, id);
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `Permissions of the function that creates the tables ${RESULT_TABLE} and ${INPUTS_TABLE} (Hookline)`,
    });
    logGroup.grantWrite(role);
    const allowed = [...queryStatements(store), ...createTableStatements(store)];
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]':
        'lakeformation:GetDataAccess does not support resource-level permissions. Lake Formation’s own grants limit it.',
    });
    const handler = new Function(this, 'Function', {
      description: `Creates the tables ${RESULT_TABLE} and ${INPUTS_TABLE} (Hookline)`,
      runtime: Runtime.NODEJS_22_X,
      handler: 'index.handler',
      code: Code.fromAsset(CREATE_TABLE),
      timeout: Duration.minutes(5),
      role,
      logGroup,
    });
    acknowledge(handler, {
      'AwsSolutions-L1': 'The function runs only during a deployment, and Lambda supports Node.js 22.',
    });
    const provider = new Provider(this, 'Provider', { onEventHandler: handler, logGroup });
    acknowledgeCdkFunction(
      provider,
      'CDK creates the function. It may write logs and invoke one other function.',
    );
    // The resource of the statement with which the provider's function invokes the handler.
    acknowledgeWildcards(provider, [new PolicyStatement({ resources: [`${handler.functionArn}:*`] })]);
    const added = { Columns: CLUSTER_COLUMNS, AddColumns: addClusterStatement() };
    for (const [id, name, statement, more] of [
      ['Table', RESULT_TABLE, createTableStatement('create-table', store.tableLocation), added],
      ['InputsTable', INPUTS_TABLE, createTableStatement('create-inputs-table', store.inputsLocation), {}],
    ] as const) {
      const table = new CustomResource(this, id, {
        resourceType: 'Custom::HooklineTrafficTable',
        serviceToken: provider.serviceToken,
        properties: {
          Statement: statement,
          WorkGroup: store.workGroupName,
          Database: store.databaseName,
          Table: name,
          ...more,
        },
      });
      // Athena uses the role's permissions, which the role's policy and the bucket's policy define.
      table.node.addDependency(store, role);
    }
  }
}
