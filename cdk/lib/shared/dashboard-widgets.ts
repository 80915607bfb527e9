/** Widgets and links that the dashboards share. */
import { Stack } from 'aws-cdk-lib';
import { GraphWidget, type IMetric, SingleValueWidget } from 'aws-cdk-lib/aws-cloudwatch';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';

/** The consoles of the other partitions, by the beginning of their Regions' names. */
const CONSOLES: readonly (readonly [string, string])[] = [
  ['cn-', 'console.amazonaws.cn'],
  ['us-gov-', 'console.amazonaws-us-gov.com'],
];

/** The console URL of a dashboard in the stack's Region. */
export function dashboardUrl(scope: Construct, name: string): string {
  const { region } = Stack.of(scope);
  // A Region that is not known before the deployment is taken for one of the commercial partition.
  const [, console] = CONSOLES.find(([beginning]) => region.startsWith(beginning)) ?? [];
  return `https://${region}.${console ?? 'console.aws.amazon.com'}/cloudwatch/home?region=${region}#dashboards/dashboard/${name}`;
}

/** A graph of a third of the dashboard's width, whose axis starts at zero. */
export function graph(title: string, left: IMetric[], unit = 'count'): GraphWidget {
  return new GraphWidget({ title, left, leftYAxis: { label: unit, showUnits: false, min: 0 }, width: 8 });
}

/** A graph of a state machine's executions by status. */
export function executionsGraph(title: string, machine: StateMachine): GraphWidget {
  return graph(title, [
    machine.metricStarted({ label: 'started' }),
    machine.metricSucceeded({ label: 'succeeded' }),
    machine.metricFailed({ label: 'failed' }),
    machine.metricTimedOut({ label: 'timed out' }),
    machine.metricAborted({ label: 'stopped' }),
  ]);
}

/** A graph of the errors of functions. */
export function functionErrorsGraph(title: string, functions: ReadonlyMap<string, Function>): GraphWidget {
  return graph(
    title,
    [...functions].map(([name, fn]) => fn.metricErrors({ label: name })),
  );
}

/** The number of messages in a dead-letter queue. */
export function deadLettersWidget(title: string, queue: Queue): SingleValueWidget {
  return new SingleValueWidget({
    title,
    metrics: [queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum' })],
    width: 8,
    height: 6,
  });
}
