/** The Iceberg table of the results. CloudFormation does not make it: `traffic/sql/create-table.sql` does, run in Athena. */
import { CustomResource, Duration } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../shared/acknowledgements';
import { CREATE_TABLE } from '../shared/repository';
import { mayMakeTable, mayQuery } from './policy-statements';
import { RESULT_TABLE, type TrafficStore } from './traffic-store';
import { createTableStatement } from './definitions';

/** Props of {@link TrafficTable}. */
export interface TrafficTableProps {
  /** Where it goes. */
  readonly store: TrafficStore;
  /** The logs of the custom resource's two functions. */
  readonly logGroup: LogGroup;
}

/**
 * Makes the table, if it is not there, and waits until it is. It takes no table away: that goes or stays with its database.
 * Nor does it change one that is there, as its statement says IF NOT EXISTS.
 */
export class TrafficTable extends Construct {
  constructor(scope: Construct, id: string, { store, logGroup }: TrafficTableProps) {
    super(scope, id);
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `Makes the table ${RESULT_TABLE} (Hookline)`,
    });
    logGroup.grantWrite(role);
    const allowed = [...mayQuery(store), ...mayMakeTable(store)];
    allowed.forEach((statement) => role.addToPolicy(statement));
    acknowledgeWildcards(role, allowed);
    const handler = new Function(this, 'Function', {
      description: `Makes the table ${RESULT_TABLE} (Hookline)`,
      runtime: Runtime.NODEJS_22_X,
      handler: 'index.handler',
      code: Code.fromAsset(CREATE_TABLE),
      timeout: Duration.minutes(5),
      role,
      logGroup,
    });
    acknowledge(handler, {
      'AwsSolutions-L1': 'It runs when the stack is deployed only, and Node.js 22 is in support.',
    });
    const provider = new Provider(this, 'Provider', { onEventHandler: handler, logGroup });
    acknowledge(provider, {
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]':
        'The function is CDK’s own: it may write logs, and invoke the one function.',
      'AwsSolutions-L1': 'The function is CDK’s own, and so is the choice of its runtime.',
    });
    // What the framework's function may invoke, as the CDK writes it.
    acknowledgeWildcards(provider, [new PolicyStatement({ resources: [`${handler.functionArn}:*`] })]);
    const table = new CustomResource(this, 'Table', {
      resourceType: 'Custom::HooklineTrafficTable',
      serviceToken: provider.serviceToken,
      properties: {
        Statement: createTableStatement(store.tableLocation),
        WorkGroup: store.workGroupName,
        Database: store.databaseName,
        Table: RESULT_TABLE,
      },
    });
    // With all that Athena does in the role's name, which is allowed by the bucket's policy and the role's own.
    table.node.addDependency(store, role);
  }
}
