/** The CloudWatch dashboard: what a person on call looks at first. */
import { Duration, Stack } from 'aws-cdk-lib';
import {
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  SingleValueWidget,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { type LaunchMetric, freeAddresses, launchMetric, reconcileMetric } from './metrics';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';
import type { NodeNaming } from '../naming/node-naming';

/** CloudWatch takes so many metrics in one graph. */
const METRICS_PER_GRAPH = 500;

/** Props of {@link LaunchDashboard}. */
export interface LaunchDashboardProps {
  /** What is shown. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /** What names the nodes of groups without a hook, in a row of its own. @default nothing does */
  readonly naming?: NodeNaming;
}

/** The dashboard of an orchestrator. */
export class LaunchDashboard extends Construct {
  /** The dashboard. */
  readonly dashboard: Dashboard;
  /** Where it is in the console. */
  readonly url: string;

  constructor(scope: Construct, id: string, { orchestrator, naming }: LaunchDashboardProps) {
    super(scope, id);
    const name = `${orchestrator.namePrefix}-launches`;
    const profiles = orchestrator.profiles.map((profile) => profile.name);
    const each = (metric: LaunchMetric): IMetric[] =>
      profiles.map((profile) => launchMetric(metric, profile).with({ label: profile }));
    const subnets = [
      ...new Set(orchestrator.profiles.flatMap((p) => (p.slots ?? []).flatMap((slot) => slot.subnetIds))),
    ];

    this.dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: name,
      defaultInterval: Duration.hours(3),
    });
    this.dashboard.addWidgets(
      new TextWidget({
        markdown:
          '**Hookline** prepares nodes between their launch and InService. docs/operations.md says what to do when a scale-out hangs.',
        width: 24,
        height: 1,
      }),
    );
    this.dashboard.addWidgets(
      graph('Launches wired', each('LaunchesWired')),
      graph('Launches abandoned', each('LaunchesAbandoned')),
      graph('Launches that waited for their turn', each('LaunchesWaiting')),
    );
    this.dashboard.addWidgets(
      new GraphWidget({
        title: 'From event to CONTINUE',
        left: profiles.flatMap((profile) =>
          ['p50', 'p99'].map((statistic) =>
            launchMetric('EventToContinue', profile, statistic).with({ label: `${profile} ${statistic}` }),
          ),
        ),
        leftYAxis: { label: 'milliseconds', showUnits: false, min: 0 },
        width: 8,
      }),
      graph('Calls that AWS throttled', each('ThrottledCalls')),
      graph('Addresses that somebody else took first', each('AddressConflicts')),
    );
    const free: IWidget[] = [];
    for (let first = 0; first < subnets.length; first += METRICS_PER_GRAPH) {
      free.push(
        graph(
          'Free addresses',
          subnets.slice(first, first + METRICS_PER_GRAPH).map(freeAddresses),
          'addresses',
        ),
      );
    }
    this.dashboard.addWidgets(
      graph('Executions', executions(orchestrator.stateMachine)),
      graph('Verdicts that came after the hook was over', each('LateVerdicts')),
      ...free,
    );
    this.dashboard.addWidgets(
      graph('Reconcile: launches', [
        reconcileMetric('ReconcileStarted'),
        reconcileMetric('ReconcileAbandoned'),
      ]),
      graph('Reconcile: interfaces', [
        reconcileMetric('ReconcileReleased'),
        reconcileMetric('ReconcileDeleted'),
      ]),
      graph('Reconcile: left to a person', [
        reconcileMetric('ReconcileLeft'),
        reconcileMetric('ReconcileRefusedProfiles'),
        reconcileMetric('LaunchesOverdue', 'Maximum'),
      ]),
    );
    this.dashboard.addWidgets(
      graph(
        'Functions that failed',
        [...orchestrator.functions].map(([name, fn]) => fn.metricErrors({ label: name })),
      ),
      deadLetters('Dead letters', orchestrator.deadLetterQueue),
    );
    if (naming !== undefined) {
      this.dashboard.addWidgets(
        graph('Naming: executions', executions(naming.stateMachine)),
        graph(
          'Naming: functions that failed',
          [...naming.functions].map(([name, fn]) => fn.metricErrors({ label: name })),
        ),
        deadLetters('Naming: dead letters', naming.deadLetterQueue),
      );
    }
    this.url = dashboardUrl(this, name);
  }
}

/** Where a dashboard of this stack's region is in the console. */
export function dashboardUrl(scope: Construct, name: string): string {
  const { region } = Stack.of(scope);
  return `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#dashboards/dashboard/${name}`;
}

function executions(machine: StateMachine): IMetric[] {
  return [
    machine.metricStarted({ label: 'started' }),
    machine.metricSucceeded({ label: 'succeeded' }),
    machine.metricFailed({ label: 'failed' }),
    machine.metricTimedOut({ label: 'timed out' }),
    machine.metricAborted({ label: 'stopped' }),
  ];
}

function deadLetters(title: string, queue: Queue): SingleValueWidget {
  return new SingleValueWidget({
    title,
    metrics: [queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum' })],
    width: 8,
    height: 6,
  });
}

function graph(title: string, left: IMetric[], unit = 'count'): GraphWidget {
  return new GraphWidget({ title, left, leftYAxis: { label: unit, showUnits: false, min: 0 }, width: 8 });
}
