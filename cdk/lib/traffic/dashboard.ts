/** The dashboard of the traffic across Availability Zones: how much crosses, what it costs, and whose it is. */
import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, GraphWidgetView, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { CrossAzTraffic } from './cross-az-traffic';
import { dashboardUrl } from '../launch/dashboard';
import { inZoneShare, topPairs, trafficMetric } from './metrics';

/** As many pairs as a person can tell from one another. */
const PAIRS_SHOWN = 10;

/** Props of {@link TrafficDashboard}. */
export interface TrafficDashboardProps {
  /** What is shown. */
  readonly traffic: CrossAzTraffic;
  /** The cluster, as the schedule names it. */
  readonly clusterName: string;
}

/** The dashboard of a {@link CrossAzTraffic}. */
export class TrafficDashboard extends Construct {
  /** Where it is in the console. */
  readonly url: string;

  constructor(scope: Construct, id: string, { traffic, clusterName }: TrafficDashboardProps) {
    super(scope, id);
    const name = `${traffic.namePrefix}-cross-az-traffic`;
    const dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: name,
      defaultInterval: Duration.days(7),
    });
    dashboard.addWidgets(
      new TextWidget({
        markdown: `**Hookline**: traffic of the pods of ${clusterName} across Availability Zones, by hour. docs/cross-az-traffic.md says how to read it; the table has more than the pairs with most bytes.`,
        width: 24,
        height: 1,
      }),
    );
    dashboard.addWidgets(
      new GraphWidget({
        title: 'Bytes across zones, and within',
        left: [
          trafficMetric('CrossAzBytes', clusterName).with({ label: 'across zones' }),
          trafficMetric('InZoneBytes', clusterName).with({ label: 'in zone' }),
        ],
        leftYAxis: { min: 0 },
        stacked: true,
        width: 8,
      }),
      new GraphWidget({
        title: 'Share that stays in its zone',
        left: [inZoneShare(clusterName)],
        leftYAxis: { label: 'percent', showUnits: false, min: 0, max: 100 },
        width: 8,
      }),
      new GraphWidget({
        title: 'What crossing zones costs',
        left: [trafficMetric('CrossAzUsd', clusterName).with({ label: 'US dollars an hour' })],
        leftYAxis: { label: 'US dollars', showUnits: false, min: 0 },
        view: GraphWidgetView.BAR,
        width: 8,
      }),
    );
    dashboard.addWidgets(
      new GraphWidget({
        title: 'The pairs of groups with most bytes across zones',
        left: [topPairs(clusterName, PAIRS_SHOWN)],
        leftYAxis: { min: 0 },
        width: 24,
        height: 8,
      }),
    );
    this.url = dashboardUrl(this, name);
  }
}
