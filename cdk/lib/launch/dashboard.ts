/** The CloudWatch dashboard of launches and of reconcile. */
import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, type IMetric, type IWidget, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import {
  dashboardUrl,
  deadLettersWidget,
  executionsGraph,
  functionErrorsGraph,
  graph,
} from '../shared/dashboard-widgets';
import { type LaunchMetric, LaunchMetrics, freeAddresses } from './metrics';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';

/** CloudWatch's limit of the metrics in a graph. */
const MAX_METRICS_PER_GRAPH = 500;

/** Props of {@link LaunchDashboard}. */
export interface LaunchDashboardProps {
  /** The orchestrator that the dashboard shows. */
  readonly orchestrator: NodeLaunchOrchestrator;
}

/** The dashboard of an orchestrator. */
export class LaunchDashboard extends Construct {
  /** The dashboard. */
  readonly dashboard: Dashboard;
  /** The dashboard's URL in the console. */
  readonly url: string;

  constructor(scope: Construct, id: string, { orchestrator }: LaunchDashboardProps) {
    super(scope, id);
    const name = `${orchestrator.namePrefix}-launches`;
    const metrics = new LaunchMetrics(orchestrator.namePrefix);
    const profiles = orchestrator.profiles.map((profile) => profile.name);
    const byProfile = (metric: LaunchMetric, statistic?: string): IMetric[] =>
      profiles.map((profile) => metrics.ofProfile(metric, profile, statistic).with({ label: profile }));
    const subnets = [
      ...new Set(
        orchestrator.profiles.flatMap((profile) => (profile.slots ?? []).flatMap((slot) => slot.subnetIds)),
      ),
    ];

    this.dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: name,
      defaultInterval: Duration.hours(3),
    });
    this.dashboard.addWidgets(
      new TextWidget({
        markdown:
          '**Hookline** prepares nodes between their launch and InService. docs/operations.md describes what to do when a scale-out stops.',
        width: 24,
        height: 1,
      }),
    );
    this.dashboard.addWidgets(
      graph('Launches completed', byProfile('LaunchesWired')),
      graph('Launches abandoned', byProfile('LaunchesAbandoned')),
      graph('Launches queued', byProfile('LaunchesWaiting')),
    );
    this.dashboard.addWidgets(
      new GraphWidget({
        title: 'Time from event to CONTINUE',
        left: profiles.flatMap((profile) =>
          ['p50', 'p99'].map((statistic) =>
            metrics
              .ofProfile('EventToContinue', profile, statistic)
              .with({ label: `${profile} ${statistic}` }),
          ),
        ),
        leftYAxis: { label: 'milliseconds', showUnits: false, min: 0 },
        width: 8,
      }),
      graph('Throttled API calls', byProfile('ThrottledCalls')),
      graph('Address conflicts', byProfile('AddressConflicts')),
    );
    const freeAddressGraphs: IWidget[] = [];
    for (let first = 0; first < subnets.length; first += MAX_METRICS_PER_GRAPH) {
      freeAddressGraphs.push(
        graph(
          'Free addresses',
          subnets.slice(first, first + MAX_METRICS_PER_GRAPH).map(freeAddresses),
          'addresses',
        ),
      );
    }
    this.dashboard.addWidgets(
      executionsGraph('Executions', orchestrator.stateMachine),
      graph('Hooks completed too late', byProfile('LateVerdicts')),
      graph('Nodes without tags', byProfile('NodesWithoutTags')),
      ...freeAddressGraphs,
    );
    this.dashboard.addWidgets(
      graph('Reconcile: launches', [
        metrics.ofReconcile('ReconcileStarted'),
        metrics.ofReconcile('ReconcileAbandoned'),
      ]),
      graph('Reconcile: interfaces', [
        metrics.ofReconcile('ReconcileReleased'),
        metrics.ofReconcile('ReconcileDeleted'),
      ]),
      graph('Reconcile: needs an operator', [
        metrics.ofReconcile('ReconcileLeft'),
        metrics.ofReconcile('ReconcileRefusedProfiles'),
        metrics.ofReconcile('LaunchesOverdue', 'Maximum'),
      ]),
    );
    this.dashboard.addWidgets(
      graph('Launch hooks that do not fit', byProfile('HookProblems', 'Maximum')),
      graph('Nodes without interfaces', byProfile('NodesWithoutInterfaces', 'Maximum')),
    );
    this.dashboard.addWidgets(
      graph('Groups in a launch loop', byProfile('LaunchLoops')),
      functionErrorsGraph('Function errors', orchestrator.functions),
      deadLettersWidget('Dead letters', orchestrator.deadLetterQueue),
    );
    this.url = dashboardUrl(this, name);
  }
}
