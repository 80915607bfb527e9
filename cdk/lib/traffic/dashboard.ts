/** The dashboard of the cross-AZ traffic: its bytes, its cost, and the groups of pods that cause it. */
import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, GraphWidgetView, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { dashboardUrl } from '../shared/dashboard-widgets';
import type { CrossAzTraffic } from './cross-az-traffic';
import { inZoneShare, missedDeletions, topPairs, trafficMetric } from './metrics';

/** The number of pairs in the graph. More lines would be hard to tell apart. */
const PAIRS_SHOWN = 10;

/** Props of {@link TrafficDashboard}. */
export interface TrafficDashboardProps {
  /** The construct that the dashboard shows. */
  readonly traffic: CrossAzTraffic;
}

/** The dashboard of a {@link CrossAzTraffic}. */
export class TrafficDashboard extends Construct {
  /** The dashboard's URL in the console. */
  readonly url: string;

  constructor(scope: Construct, id: string, { traffic }: TrafficDashboardProps) {
    super(scope, id);
    const name = `${traffic.namePrefix}-cross-az-traffic`;
    const dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: name,
      defaultInterval: Duration.days(7),
    });
    for (const clusterName of traffic.clusterNames) {
      addWidgets(dashboard, clusterName);
    }
    this.url = dashboardUrl(this, name);
  }
}

/** Adds the widgets of a cluster. The cluster's name is a dimension of the metrics. */
function addWidgets(dashboard: Dashboard, clusterName: string): void {
  dashboard.addWidgets(
    new TextWidget({
      markdown: `**Hookline**: traffic of the pods of ${clusterName} across Availability Zones, by hour. docs/cross-az-traffic.md explains it. The table contains all pairs of groups.`,
      width: 24,
      height: 1,
    }),
  );
  dashboard.addWidgets(
    new GraphWidget({
      title: 'Bytes across zones and in zone',
      left: [
        trafficMetric('CrossAzBytes', clusterName).with({ label: 'across zones' }),
        trafficMetric('InZoneBytes', clusterName).with({ label: 'in zone' }),
      ],
      leftYAxis: { min: 0 },
      stacked: true,
      width: 8,
    }),
    new GraphWidget({
      title: 'Share of traffic in zone',
      left: [inZoneShare(clusterName)],
      leftYAxis: { label: 'percent', showUnits: false, min: 0, max: 100 },
      width: 8,
    }),
    new GraphWidget({
      title: 'Cost of traffic across zones',
      left: [trafficMetric('CrossAzUsd', clusterName).with({ label: 'US dollars per hour' })],
      leftYAxis: { label: 'US dollars', showUnits: false, min: 0 },
      view: GraphWidgetView.BAR,
      width: 8,
    }),
  );
  dashboard.addWidgets(
    new GraphWidget({
      title: 'Pairs of groups with the most bytes across zones',
      left: [topPairs(clusterName, PAIRS_SHOWN)],
      leftYAxis: { min: 0 },
      width: 24,
      height: 8,
    }),
  );
  dashboard.addWidgets(
    ...(
      [
        ['Flow-log records read of the last hour', 'RecordsRead', 'records'],
        ['Age of the newest record', 'NewestRecordAge', 'seconds'],
        ['Bytes with an unknown end', 'UnknownShare', 'percent'],
        ['Cost of traffic across zones in 24 hours', 'CrossAzUsdLastDay', 'US dollars'],
      ] as const
    ).map(
      ([title, metric, label]) =>
        new GraphWidget({
          title,
          left: [trafficMetric(metric, clusterName).with({ label })],
          leftYAxis: { label, showUnits: false, min: 0 },
          // Why bytes may have an unknown end.
          ...(metric === 'UnknownShare'
            ? { right: [missedDeletions(clusterName).with({ label: 'replays that missed deletions' })] }
            : {}),
          width: 6,
        }),
    ),
  );
}
