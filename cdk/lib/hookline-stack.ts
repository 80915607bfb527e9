/** The stack that deploys Hookline for the groups of an existing cluster. */
import { resolve } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { LaunchAlarms } from './launch/alarms';
import type { FunctionSource, HooklineConfig, LaunchHook } from './shared/config';
import { LaunchDashboard } from './launch/dashboard';
import { FunctionCode } from './shared/function-code';
import { pascalCase } from './shared/functions';
import { DEFAULT_HEARTBEAT } from './launch/hook-timeouts';
import { type HookTarget, LaunchLifecycleHook } from './launch/launch-lifecycle-hook';
import { acknowledgeCustomResources } from './shared/acknowledgements';
import { ConfigurationError } from './shared/configuration-error';
import { NodeLaunchOrchestrator } from './launch/node-launch-orchestrator';
import { NodeNaming } from './naming/node-naming';

/** Props of {@link HooklineStack}. */
export interface HooklineStackProps extends StackProps {
  /** What to deploy; it has been checked. */
  readonly config: HooklineConfig;
  /** Where the functions' code comes from. @default what the configuration says */
  readonly code?: FunctionCode;
  /** The folder that the configuration's paths begin from. @default the folder that the app runs in */
  readonly folder?: string;
}

/** An orchestrator, its hooks, what names the nodes of other groups, the dashboard and the alarms. */
export class HooklineStack extends Stack {
  /** The functions, the state machine and the rules. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /** What names the nodes of groups without a hook, where the configuration has any. */
  readonly naming: NodeNaming | undefined;

  constructor(scope: Construct, id: string, props: HooklineStackProps) {
    super(scope, id, {
      description: 'Hookline: prepares EKS nodes between their launch and InService',
      ...props,
    });
    const { config } = props;
    const { logs = {}, reconcile: { everyMinutes, ...limits } = {} } = config;

    const hosting = {
      code: props.code ?? functionCode(config.functions, props.folder ?? process.cwd()),
      architecture: config.architecture === 'x86_64' ? Architecture.X86_64 : Architecture.ARM_64,
      namePrefix: config.stackName,
      ...(logs.retentionDays === undefined ? {} : { logRetention: logs.retentionDays }),
      logExecutionData: logs.executionData ?? true,
      removalPolicy: (logs.keep ?? false) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    };
    this.orchestrator = new NodeLaunchOrchestrator(this, 'Orchestrator', {
      ...hosting,
      profiles: config.profiles,
      ...(config.autoScalingGroupNamePatterns === undefined
        ? {}
        : { autoScalingGroupNamePatterns: config.autoScalingGroupNamePatterns }),
      ...(everyMinutes === undefined ? {} : { reconcileEvery: Duration.minutes(everyMinutes) }),
      reconcileLimits: { ...overdue(config.hooks ?? []), ...limits },
    });

    for (const [n, hook] of (config.hooks ?? []).entries()) {
      new LaunchLifecycleHook(this, `Hook${n + 1}`, {
        orchestrator: this.orchestrator,
        profile: hook.profile,
        target: target(hook, n),
        ...(hook.heartbeatTimeoutSeconds === undefined
          ? {}
          : { heartbeatTimeout: Duration.seconds(hook.heartbeatTimeoutSeconds) }),
        observeOnly: hook.observeOnly ?? false,
      });
    }
    acknowledgeCustomResources(this);

    const naming = config.naming ?? [];
    this.naming =
      naming.length === 0
        ? undefined
        : new NodeNaming(this, 'Naming', {
            ...hosting,
            naming,
            encryptionKey: this.orchestrator.encryptionKey,
          });
    const watched = {
      orchestrator: this.orchestrator,
      ...(this.naming === undefined ? {} : { naming: this.naming }),
    };
    const dashboard = new LaunchDashboard(this, 'Dashboard', watched);
    new LaunchAlarms(this, 'Alarms', {
      ...watched,
      ...(config.alarms?.topicArn === undefined ? {} : { topicArn: config.alarms.topicArn }),
      ...(config.alarms?.fewestFreeAddresses === undefined
        ? {}
        : { fewestFreeAddresses: config.alarms.fewestFreeAddresses }),
    });

    new CfnOutput(this, 'StateMachineArn', {
      value: this.orchestrator.stateMachine.stateMachineArn,
      description: 'The state machine that prepares a node',
    });
    new CfnOutput(this, 'DashboardUrl', { value: dashboard.url, description: 'The dashboard' });
    new CfnOutput(this, 'DeadLetterQueueUrl', {
      value: this.orchestrator.deadLetterQueue.queueUrl,
      description: 'What could not be delivered',
    });
    if (this.naming !== undefined) {
      new CfnOutput(this, 'NamingStateMachineArn', {
        value: this.naming.stateMachine.stateMachineArn,
        description: 'The state machine that names the nodes of groups without a hook',
      });
      new CfnOutput(this, 'NamingDeadLetterQueueUrl', {
        value: this.naming.deadLetterQueue.queueUrl,
        description: 'Events of nodes to be named that could not be delivered',
      });
    }
    for (const [name, fn] of [...this.orchestrator.functions, ...(this.naming?.functions ?? [])]) {
      new CfnOutput(this, `${pascalCase(name)}FunctionName`, {
        value: fn.functionName,
        description: `The function ${name}`,
      });
    }
  }
}

/** A launch that still waits when the longest heartbeat timeout is over is overdue; reconcile knows the usual timeout. */
function overdue(hooks: readonly LaunchHook[]): { overdueSeconds?: number } {
  if (hooks.every((hook) => hook.heartbeatTimeoutSeconds === undefined)) {
    return {};
  }
  const usual = DEFAULT_HEARTBEAT.toSeconds();
  return { overdueSeconds: Math.max(...hooks.map((hook) => hook.heartbeatTimeoutSeconds ?? usual)) };
}

function target({ autoScalingGroup, managedNodeGroup }: LaunchHook, n: number): HookTarget {
  if (managedNodeGroup !== undefined && autoScalingGroup === undefined) {
    return { managedNodeGroup };
  }
  if (autoScalingGroup !== undefined && managedNodeGroup === undefined) {
    return { autoScalingGroup };
  }
  throw new ConfigurationError(
    `config.hooks[${n}]`,
    managedNodeGroup === undefined ? 'no group' : 'two groups',
    'Name either an autoScalingGroup or a managedNodeGroup',
  );
}

/** Where a configuration says that the functions' code comes from. */
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
