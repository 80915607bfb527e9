/** The stack of launches and of node naming, for the groups of an existing cluster. */
import { resolve } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { LaunchAlarms } from './launch/alarms';
import { LaunchDashboard } from './launch/dashboard';
import { DEFAULT_HEARTBEAT } from './launch/hook-timeouts';
import {
  type HookTarget,
  LaunchLifecycleHook,
  acknowledgeCustomResources,
} from './launch/launch-lifecycle-hook';
import { NodeLaunchOrchestrator } from './launch/node-launch-orchestrator';
import { addNamingAlarms } from './naming/alarms';
import { addNamingWidgets } from './naming/dashboard';
import { NodeNaming } from './naming/node-naming';
import { MultusNodeGroup } from './nodegroup/multus-node-group';
import { networkDefinitions } from './nodegroup/network-definitions';
import type { FunctionSource, HooklineConfig, LaunchHook } from './shared/config';
import { ConfigurationError } from './shared/configuration-error';
import { FunctionCode } from './shared/function-code';
import { pascalCase } from './shared/functions';
import type { HostingProps } from './shared/hosting';
import { checkUniqueNames } from './shared/unique-names';

/** Props of {@link HooklineStack}. */
export interface HooklineStackProps extends StackProps {
  /** The checked configuration. */
  readonly config: HooklineConfig;
  /**
   * The source of the functions' code.
   *
   * @default - `functions` of the configuration
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

  constructor(scope: Construct, id: string, props: HooklineStackProps) {
    super(scope, id, {
      description: 'Hookline: prepares EKS nodes between their launch and InService',
      ...props,
    });
    const { config } = props;
    const hosting = hostingProps(config, props.code ?? functionCode(config.functions, props.folder ?? '.'));
    const { everyMinutes, ...limits } = config.reconcile ?? {};
    this.orchestrator = new NodeLaunchOrchestrator(this, 'Orchestrator', {
      ...hosting,
      profiles: config.profiles,
      ...(config.autoScalingGroupNamePatterns === undefined
        ? {}
        : { autoScalingGroupNamePatterns: config.autoScalingGroupNamePatterns }),
      ...(everyMinutes === undefined ? {} : { reconcileEvery: Duration.minutes(everyMinutes) }),
      reconcileLimits: {
        ...overdueLimit([...(config.hooks ?? []), ...(config.nodeGroups ?? [])]),
        ...limits,
      },
    });
    this.createHooks(config.hooks ?? []);
    checkUniqueNames(config.nodeGroups ?? [], (n) => `config.nodeGroups[${n}]`, 'node group');
    // Refuses definitions that cannot work, before their nodes are there. `npm run manifests` writes them.
    networkDefinitions(config, 'default');
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
    for (const [name, fn] of [...orchestrator.functions, ...(naming?.functions ?? [])]) {
      output(`${pascalCase(name)}FunctionName`, fn.functionName, `The function ${name}`);
    }
  }
}

function hostingProps(
  { architecture, stackName, logs = {} }: HooklineConfig,
  code: FunctionCode,
): HostingProps {
  return {
    code,
    architecture: architecture === 'x86_64' ? Architecture.X86_64 : Architecture.ARM_64,
    namePrefix: stackName,
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
  const timeouts = hooks.map((hook) => hook.heartbeatTimeoutSeconds ?? DEFAULT_HEARTBEAT.toSeconds());
  return { overdueSeconds: Math.max(...timeouts) };
}

function hookTarget({ autoScalingGroup, managedNodeGroup }: LaunchHook, n: number): HookTarget {
  if (managedNodeGroup !== undefined && autoScalingGroup === undefined) {
    return { managedNodeGroup };
  }
  if (autoScalingGroup !== undefined && managedNodeGroup === undefined) {
    return { autoScalingGroup };
  }
  throw new ConfigurationError(
    `config.hooks[${n}]`,
    managedNodeGroup === undefined ? 'no group' : 'two groups',
    'Set either autoScalingGroup or managedNodeGroup',
  );
}

/**
 * Returns the source of the functions' code that a configuration defines.
 *
 * @param source `functions` of the configuration
 * @param folder the folder that its paths are relative to
 */
export function functionCode(source: FunctionSource | undefined, folder: string): FunctionCode {
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
