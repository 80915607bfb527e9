/** The stack of launches and of node naming, for the groups of an existing cluster. */
import { resolve } from 'node:path';
import {
  Annotations,
  CfnOutput,
  CfnResource,
  Duration,
  RemovalPolicy,
  Stack,
  type StackProps,
} from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct, IConstruct } from 'constructs';
import { checkParts, groupOfHook } from './configuration-rules';
import { LaunchAlarms } from './launch/alarms';
import { LaunchDashboard } from './launch/dashboard';
import { heartbeatOf } from './launch/hook-rules';
import {
  type HookTarget,
  LaunchLifecycleHook,
  acknowledgeCustomResources,
} from './launch/launch-lifecycle-hook';
import { LogQueries } from './launch/log-queries';
import { NodeLaunchOrchestrator } from './launch/node-launch-orchestrator';
import { PeoplePolicies } from './launch/people-policies';
import { addNamingAlarms } from './naming/alarms';
import { addNamingWidgets } from './naming/dashboard';
import { NodeNaming } from './naming/node-naming';
import { MultusNodeGroup } from './nodegroup/multus-node-group';
import type { FunctionSource, HooklineConfig, LaunchHook } from './shared/config';
import { FunctionCode } from './shared/function-code';
import { pascalCase } from './shared/functions';
import type { HostingProps } from './shared/hosting';

/** CloudFormation's 500, without the queries, and without the policies that the CDK splits off during the synthesis. */
const MAX_RESOURCES_BESIDE_QUERIES = 480;

/** With so many invocations of each function at once, 500 nodes are in service in time (docs/performance.md, "Scale-out"). */
const MIN_RESERVATION = 10;

/** The functions that a launch invokes while it waits at its hook. */
const BEFORE_CONTINUE = [
  'tag-node',
  'plan-interfaces',
  'create-interfaces',
  'attach-interfaces',
  'complete-hook',
] as const;

/** Props of {@link HooklineStack}. */
export interface HooklineStackProps extends StackProps {
  /** The configuration. It is checked; in profiles and node groups, ids may be tokens. */
  readonly config: HooklineConfig;
  /**
   * The source of the functions' code.
   *
   * @default - what the context `functions` names, or else `functions` of the configuration
   */
  readonly code?: FunctionCode;
  /**
   * The folder that the configuration's paths are relative to.
   *
   * @default - the working directory
   */
  readonly folder?: string;
}

/** The orchestrator with its hooks, the naming of nodes of groups without a hook, the dashboard and the alarms. */
export class HooklineStack extends Stack {
  /** The functions, the state machine and the rules of launches. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /** The naming of nodes of groups without a hook; undefined if the configuration has no `naming`. */
  readonly naming: NodeNaming | undefined;
  /** The policies for the people who look after the deployment. */
  readonly people: PeoplePolicies;

  constructor(scope: Construct, id: string, props: HooklineStackProps) {
    super(scope, id, {
      description: 'Hookline: prepares EKS nodes between their launch and InService',
      ...props,
    });
    const { config } = props;
    checkParts(config);
    warnOfProfilesWithoutHook(this, config);
    warnOfSmallReservations(this, config);
    const hosting = hostingProps(
      config,
      props.code ?? functionCode(this, config.functions, props.folder ?? '.'),
    );
    const { everyMinutes, otherHooks = [], ...limits } = config.reconcile ?? {};
    this.orchestrator = new NodeLaunchOrchestrator(this, 'Orchestrator', {
      ...hosting,
      profiles: config.profiles,
      retiredProfiles: config.retiredProfiles ?? [],
      ...(config.networkLimit === undefined ? {} : { networkLimit: config.networkLimit }),
      networkOwnerAccounts: config.networkOwnerAccounts ?? [],
      ...(config.autoScalingGroupNamePatterns === undefined
        ? {}
        : { autoScalingGroupNamePatterns: config.autoScalingGroupNamePatterns }),
      ...(everyMinutes === undefined ? {} : { reconcileEvery: Duration.minutes(everyMinutes) }),
      reconcileLimits: {
        ...overdueLimit([...(config.hooks ?? []), ...(config.nodeGroups ?? [])]),
        ...limits,
      },
      reconcileHooks: { heartbeatSeconds: heartbeatsOf(config), others: otherHooks },
    });
    this.createHooks(config.hooks ?? []);
    for (const group of config.nodeGroups ?? []) {
      // The name is in the id: another order in the configuration must not replace a group.
      new MultusNodeGroup(this, `NodeGroup-${group.name}`, { orchestrator: this.orchestrator, group });
    }
    acknowledgeCustomResources(this);
    this.naming =
      config.naming === undefined || config.naming.length === 0
        ? undefined
        : new NodeNaming(this, 'Naming', {
            ...hosting,
            naming: config.naming,
            encryptionKey: this.orchestrator.encryptionKey,
          });
    const dashboard = new LaunchDashboard(this, 'Dashboard', { orchestrator: this.orchestrator });
    const alarms = new LaunchAlarms(this, 'Alarms', { orchestrator: this.orchestrator, ...config.alarms });
    if (this.naming !== undefined) {
      addNamingWidgets(dashboard.dashboard, this.naming);
      addNamingAlarms(alarms, this.naming);
    }
    this.people = new PeoplePolicies(this, 'People', {
      orchestrator: this.orchestrator,
      namingStateMachine: this.naming?.stateMachine,
    });
    this.saveLogQueries();
    this.createOutputs(dashboard.url);
  }

  private createHooks(hooks: readonly LaunchHook[]): void {
    for (const [n, hook] of hooks.entries()) {
      new LaunchLifecycleHook(this, `Hook${n + 1}`, {
        orchestrator: this.orchestrator,
        profile: hook.profile,
        target: hookTarget(hook, n),
        ...(hook.heartbeatTimeoutSeconds === undefined
          ? {}
          : { heartbeatTimeout: Duration.seconds(hook.heartbeatTimeoutSeconds) }),
        observeOnly: hook.observeOnly ?? false,
      });
    }
  }

  /** They are a convenience: a stack that is nearly full goes without them, so that they cost no profile its place. */
  private saveLogQueries(): void {
    const resources = this.node.findAll().filter((part) => CfnResource.isCfnResource(part)).length;
    if (resources > MAX_RESOURCES_BESIDE_QUERIES) {
      Annotations.of(this).addInfo(
        `The stack has ${resources} resources of the 500 that CloudFormation takes, so it saves no queries in Logs Insights. docs/operations/logs.md has their texts`,
      );
      return;
    }
    new LogQueries(this, 'LogQueries', {
      orchestrator: this.orchestrator,
      moreLogGroups: this.naming === undefined ? [] : [this.naming.logGroup('name-nodes')],
    });
  }

  private createOutputs(dashboardUrl: string): void {
    const { orchestrator, naming } = this;
    const output = (id: string, value: string, description: string): CfnOutput =>
      new CfnOutput(this, id, { value, description });
    output(
      'StateMachineArn',
      orchestrator.stateMachine.stateMachineArn,
      'The state machine that prepares a node',
    );
    output('DashboardUrl', dashboardUrl, 'The dashboard');
    output(
      'DeadLetterQueueUrl',
      orchestrator.deadLetterQueue.queueUrl,
      'The dead-letter queue of launches and reconcile',
    );
    if (naming !== undefined) {
      output(
        'NamingStateMachineArn',
        naming.stateMachine.stateMachineArn,
        'The state machine that names the nodes of groups without a hook',
      );
      output(
        'NamingDeadLetterQueueUrl',
        naming.deadLetterQueue.queueUrl,
        'The dead-letter queue of node naming',
      );
    }
    for (const [name, policy] of this.people.policies) {
      output(`${pascalCase(name)}PolicyArn`, policy.managedPolicyArn, `The policy for people, to ${name}`);
    }
    for (const [name, fn] of [...orchestrator.functions, ...(naming?.functions ?? [])]) {
      output(`${pascalCase(name)}FunctionName`, fn.functionName, `The function ${name}`);
    }
  }
}

function hostingProps(
  { architecture, reservedConcurrency, stackName, logs = {} }: HooklineConfig,
  code: FunctionCode,
): HostingProps {
  return {
    code,
    architecture: architecture === 'x86_64' ? Architecture.X86_64 : Architecture.ARM_64,
    namePrefix: stackName,
    ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
    ...(logs.retentionDays === undefined ? {} : { logRetention: logs.retentionDays }),
    logExecutionData: logs.executionData ?? true,
    removalPolicy: (logs.keep ?? false) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  };
}

/**
 * A launch is overdue when it still waits after the longest heartbeat timeout of the hooks. Without a configured timeout,
 * reconcile's own default applies.
 */
function overdueLimit(hooks: readonly Pick<LaunchHook, 'heartbeatTimeoutSeconds'>[]): {
  overdueSeconds?: number;
} {
  if (hooks.every((hook) => hook.heartbeatTimeoutSeconds === undefined)) {
    return {};
  }
  const timeouts = hooks.map((hook) => heartbeatOf(hook.heartbeatTimeoutSeconds).toSeconds());
  return { overdueSeconds: Math.max(...timeouts) };
}

/** The heartbeat timeouts with which the stack puts the hook of each profile, in seconds. */
function heartbeatsOf({ hooks = [], nodeGroups = [] }: HooklineConfig): Record<string, number[]> {
  const found = new Map<string, Set<number>>();
  for (const { profile, heartbeatTimeoutSeconds } of [
    ...hooks.filter(({ observeOnly }) => observeOnly !== true),
    ...nodeGroups,
  ]) {
    const seconds = heartbeatOf(heartbeatTimeoutSeconds).toSeconds();
    found.set(profile, (found.get(profile) ?? new Set()).add(seconds));
  }
  return Object.fromEntries([...found].map(([profile, seconds]) => [profile, [...seconds]]));
}

/** The group of a hook, whose configuration has been checked. */
function hookTarget(hook: LaunchHook, n: number): HookTarget {
  const group = groupOfHook(hook, `hooks[${n}]`);
  return 'managedNodeGroup' in group ? group : { autoScalingGroup: group.autoScalingGroupName };
}

/** Warns of profiles whose hook the stack neither puts nor observes. Another stack may do so. */
function warnOfProfilesWithoutHook(
  stack: Stack,
  { profiles, hooks = [], nodeGroups = [] }: HooklineConfig,
): void {
  const used = new Set([...hooks, ...nodeGroups].map(({ profile }) => profile));
  for (const [n, { name, hook }] of profiles.entries()) {
    if (!used.has(name)) {
      Annotations.of(stack).addWarningV2(
        `hookline:profileWithoutHook:${name}`,
        `profiles[${n}]: no entry of hooks or nodeGroups names the profile ${name}, so this stack puts its hook ${hook.name} on no group. Unless something else puts it, no launch is prepared. Add an entry to hooks`,
      );
    }
  }
}

/** Warns of reservations with which a scale-out of some dozen nodes waits for Lambda. Only `hookline check` knows the groups. */
function warnOfSmallReservations(stack: Stack, { reservedConcurrency = {} }: HooklineConfig): void {
  for (const name of BEFORE_CONTINUE) {
    const reserved = reservedConcurrency[name];
    if (reserved !== undefined && reserved < MIN_RESERVATION) {
      Annotations.of(stack).addWarningV2(
        `hookline:smallReservation:${name}`,
        `reservedConcurrency["${name}"]: with ${reserved} invocations at once, launches of a scale-out wait for one another, and some may be abandoned. Use at least ${MIN_RESERVATION}; hookline check --config says what the groups need`,
      );
    }
  }
}

/**
 * Returns the source of the functions' code: what the context `functions` of the app names, or else what the configuration defines.
 *
 * @param scope the app, or a construct in it
 * @param source `functions` of the configuration
 * @param folder the folder that its paths are relative to
 */
export function functionCode(
  scope: IConstruct,
  source: FunctionSource | undefined,
  folder: string,
): FunctionCode {
  const ofContext = FunctionCode.fromContext(scope);
  if (ofContext !== undefined) {
    return ofContext;
  }
  if (source?.standIn !== undefined) {
    return FunctionCode.standIn();
  }
  if (source?.bucket !== undefined) {
    return FunctionCode.inBucket(source.bucket.name, source.bucket.prefix);
  }
  if (source?.cargoLambda !== undefined) {
    return FunctionCode.cargoLambda(resolve(folder, source.cargoLambda));
  }
  return source?.packaged === undefined
    ? FunctionCode.packaged()
    : FunctionCode.packaged(resolve(folder, source.packaged));
}
