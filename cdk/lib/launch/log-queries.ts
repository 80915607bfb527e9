/**
 * Saved queries of CloudWatch Logs Insights over the logs of all functions: those of docs/operations/logs.md, where each is
 * named by its heading. A test holds the page and this file to each other.
 */
import { CfnQueryDefinition, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { pascalCase } from '../shared/functions';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';

/** Props of {@link LogQueries}. */
export interface LogQueriesProps {
  /** The deployment whose logs are queried. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /**
   * The log groups of more functions, such as the one that names nodes.
   *
   * @default - none
   */
  readonly moreLogGroups?: readonly ILogGroup[];
}

/** A query. `{{name}}` in its text stands for the parameter of this name. */
interface LogQuery {
  readonly text: string;
  /** What each parameter is, by its name. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** The queries by name: the anchor of the heading in docs/operations/logs.md. */
const QUERIES: Readonly<Record<string, LogQuery>> = {
  'one-launch-from-first-to-last': {
    text: `fields timestamp, function, message, network, interface, addresses, error_type, error, left_because
| filter instance_id = "{{instance}}" or left_because like "{{instance}}"
| sort timestamp asc`,
    parameters: { instance: 'The id of the instance, i-…' },
  },
  'what-fails-and-where': {
    text: `filter message = "failed"
| stats count(*) as times by error_type, function
| sort times desc`,
  },
  'the-texts-of-one-kind-of-error': {
    text: `fields @timestamp, instance_id, execution, error
| filter error_type = "{{error_type}}"
| sort @timestamp desc
| limit 50`,
    parameters: { error_type: 'The name of the error, such as Hookline.NotYetAttached' },
  },
  'calls-to-aws-by-minute': {
    text: `filter ispresent(api_calls)
| stats sum(api_calls) as calls by bin(1m), function`,
  },
  'addresses-that-someone-else-took-first': {
    text: `fields @timestamp, instance_id, network, addresses
| filter message = "address is taken"
| sort @timestamp desc`,
  },
  'what-reconcile-did': {
    text: `fields @timestamp, started, abandoned, released, marked, deleted, loops, braked, hook_problems, nodes_without_interfaces, left, started_for, abandoned_for, left_because
| filter message = "reconciled" and started + abandoned + marked + deleted + loops + braked + hook_problems + nodes_without_interfaces + left > 0
| sort @timestamp desc`,
  },
  'launch-loops-and-brakes': {
    text: `fields @timestamp, message, auto_scaling_group, profile, error, generations, since
| filter message like /^(launch loop|braked)/
| sort @timestamp desc`,
  },
  'launch-hooks-that-do-not-fit': {
    text: `fields @timestamp, auto_scaling_group, hook, profile, problem, default_result, heartbeat_seconds
| filter message like /^launch hook does not fit/
| sort @timestamp desc`,
  },
  'nodes-without-interfaces': {
    text: `fields @timestamp, message, auto_scaling_group, profile, count, instances
| filter message like /^nodes (are InService without|lack) /
| sort @timestamp desc`,
  },
};

/** Saves the queries as `hookline/PREFIX/…`: Logs Insights shows them in a folder of the deployment. */
export class LogQueries extends Construct {
  constructor(scope: Construct, id: string, { orchestrator, moreLogGroups = [] }: LogQueriesProps) {
    super(scope, id);
    const functions = [...orchestrator.functions.keys()].map((name) => orchestrator.logGroup(name));
    const logGroupNames = [...functions, ...moreLogGroups].map((group) => group.logGroupName);
    for (const [name, { text, parameters = {} }] of Object.entries(QUERIES)) {
      new CfnQueryDefinition(this, pascalCase(name), {
        name: `hookline/${orchestrator.namePrefix}/${name}`,
        logGroupNames,
        queryString: text,
        parameters: Object.entries(parameters).map(([name, description]) => ({ name, description })),
      });
    }
  }
}
