/** The row of node naming on a CloudWatch dashboard. */
import type { Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { deadLettersWidget, executionsGraph, functionErrorsGraph } from '../shared/dashboard-widgets';
import type { NodeNaming } from './node-naming';

/**
 * Adds a row for node naming to a dashboard.
 *
 * @param dashboard the dashboard
 * @param naming the construct that the row shows
 */
export function addNamingWidgets(dashboard: Dashboard, naming: NodeNaming): void {
  dashboard.addWidgets(
    executionsGraph('Naming: executions', naming.stateMachine),
    functionErrorsGraph('Naming: function errors', naming.functions),
    deadLettersWidget('Naming: dead letters', naming.deadLetterQueue),
  );
}
