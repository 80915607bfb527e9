/** The launch lifecycle hook of a profile, put on the group whose nodes it prepares. */
import { type Duration, Stack } from 'aws-cdk-lib';
import { CfnLifecycleHook, type IAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from '../shared/acknowledgements';
import { ConfigurationError } from '../shared/configuration-error';
import { groupArn } from '../shared/fleet';
import { DEFAULT_HEARTBEAT, checkHeartbeat } from './hook-timeouts';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';

/** The launch hook that EKS puts on the group of each managed node group. It is EKS's to complete. */
export const EKS_LAUNCH_HOOK = 'Launch-LC-Hook';

/** The group that a hook is put on. */
export type HookTarget =
  | {
      /** A group, of this app or by its name: that of self-managed nodes, say. */
      readonly autoScalingGroup: IAutoScalingGroup | string;
    }
  | {
      /** An EKS managed node group: its cluster and its name, which may be tokens. */
      readonly managedNodeGroup: {
        /** The cluster's name. */
        readonly clusterName: string;
        /** The node group's name. */
        readonly nodegroupName: string;
      };
    };

/** Props of {@link LaunchLifecycleHook}. */
export interface LaunchLifecycleHookProps {
  /** Whose state machine prepares the nodes. The hook is put when all of it is there, and taken away before it. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /** The profile's name; its `hook.name` is the hook's. */
  readonly profile: string;
  /** The group. */
  readonly target: HookTarget;
  /** How long Auto Scaling waits for a heartbeat; held against the state machine's timeout. @default 1800 seconds */
  readonly heartbeatTimeout?: Duration;
  /**
   * For who may not touch the group's hooks: no hook is put. The profile names a hook that is there already, EKS's own
   * `Launch-LC-Hook` on a managed node group, and has `hook.complete` false.
   * @default false
   */
  readonly observeOnly?: boolean;
}

/**
 * Puts the hook of a profile on a group: its default result is ABANDON, so that no node goes in service unprepared when
 * its event is lost.
 *
 * An instance that is launched before the hook is there is not prepared: put the hook on before the group grows, or use
 * `adopt` for the nodes that it has already.
 */
export class LaunchLifecycleHook extends Construct {
  /** The hook's name. */
  readonly hookName: string;
  /** The group's name, where it is known: of a managed node group, EKS tells it while the stack is deployed. */
  readonly autoScalingGroupName?: string;

  constructor(scope: Construct, id: string, props: LaunchLifecycleHookProps) {
    super(scope, id);
    const { hook } = props.orchestrator.profile(props.profile);
    const heartbeat = props.heartbeatTimeout ?? DEFAULT_HEARTBEAT;
    this.hookName = hook.name;
    const managed = 'managedNodeGroup' in props.target;

    if (props.observeOnly ?? false) {
      this.checkObserved(props.profile, hook.complete ?? true, managed);
      return;
    }
    if (!(hook.complete ?? true)) {
      throw new ConfigurationError(
        `profile ${props.profile}: hook.complete`,
        'false, so nobody would complete the hook that is put here, and each node would be abandoned',
        'Leave hook.complete out, or set observeOnly',
      );
    }
    if (managed && hook.name === EKS_LAUNCH_HOOK) {
      throw new ConfigurationError(
        `profile ${props.profile}: hook.name`,
        `${EKS_LAUNCH_HOOK} is the hook of EKS, which would be overwritten`,
        'Use a name of your own, as hookline-launch, or set observeOnly',
      );
    }
    checkHeartbeat(heartbeat);

    const settings = {
      lifecycleHookName: hook.name,
      lifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
      defaultResult: 'ABANDON',
      heartbeatTimeout: heartbeat.toSeconds(),
    };
    if ('managedNodeGroup' in props.target) {
      this.autoScalingGroupName = this.onManagedNodeGroup(props, settings);
    } else {
      const { autoScalingGroup } = props.target;
      this.autoScalingGroupName =
        typeof autoScalingGroup === 'string' ? autoScalingGroup : autoScalingGroup.autoScalingGroupName;
      new CfnLifecycleHook(this, 'Hook', { ...settings, autoScalingGroupName: this.autoScalingGroupName });
    }
    this.node.addDependency(props.orchestrator);
  }

  private checkObserved(profile: string, complete: boolean, managed: boolean): void {
    if (complete) {
      throw new ConfigurationError(
        `profile ${profile}: hook.complete`,
        'true, but the hook that is observed is somebody else’s to complete',
        'Set hook.complete to false',
      );
    }
    if (managed && this.hookName !== EKS_LAUNCH_HOOK) {
      throw new ConfigurationError(
        `profile ${profile}: hook.name`,
        `${JSON.stringify(this.hookName)} is not the hook that EKS puts on a managed node group`,
        `Use ${EKS_LAUNCH_HOOK}`,
      );
    }
  }

  /**
   * CloudFormation cannot put a hook on a managed node group's group: EKS makes the group, and tells its name once the
   * node group is there. The first custom resource asks EKS for the name, the second puts the hook. When the name
   * changes the second is replaced: the new group gets its hook, and then the old one loses it.
   */
  private onManagedNodeGroup(
    { orchestrator, target }: LaunchLifecycleHookProps,
    { lifecycleHookName, lifecycleTransition, defaultResult, heartbeatTimeout }: HookSettings,
  ): string {
    if (!('managedNodeGroup' in target)) {
      throw new Error('not a managed node group');
    }
    const { clusterName, nodegroupName } = target.managedNodeGroup;
    const path = 'nodegroup.resources.autoScalingGroups.0.name';
    const logGroup = orchestrator.customResourceLogs();

    const describe = {
      service: 'EKS',
      action: 'describeNodegroup',
      parameters: { clusterName, nodegroupName },
      outputPaths: [path],
      physicalResourceId: PhysicalResourceId.of(`${clusterName}/${nodegroupName}`),
    };
    const mayDescribe = new PolicyStatement({
      actions: ['eks:DescribeNodegroup'],
      resources: [
        Stack.of(this).formatArn({
          service: 'eks',
          resource: 'nodegroup',
          resourceName: `${clusterName}/${nodegroupName}/*`,
        }),
      ],
    });
    const group = new AwsCustomResource(this, 'Group', {
      resourceType: 'Custom::HooklineNodegroup',
      onCreate: describe,
      onUpdate: describe,
      policy: AwsCustomResourcePolicy.fromStatements([mayDescribe]),
      installLatestAwsSdk: false,
      logGroup,
    });
    const groupName = group.getResponseField(path);

    const put = {
      service: 'AutoScaling',
      action: 'putLifecycleHook',
      parameters: {
        AutoScalingGroupName: groupName,
        LifecycleHookName: lifecycleHookName,
        LifecycleTransition: lifecycleTransition,
        DefaultResult: defaultResult,
        HeartbeatTimeout: heartbeatTimeout,
      },
      physicalResourceId: PhysicalResourceId.of(`${groupName}/${lifecycleHookName}`),
    };
    const mayPut = new PolicyStatement({
      actions: ['autoscaling:PutLifecycleHook', 'autoscaling:DeleteLifecycleHook'],
      // EKS names the groups of its managed node groups eks-…; the one that is replaced must be reached too.
      resources: [groupArn(this, 'eks-*')],
    });
    new AwsCustomResource(this, 'Hook', {
      resourceType: 'Custom::HooklineLifecycleHook',
      onCreate: put,
      onUpdate: put,
      onDelete: {
        service: 'AutoScaling',
        action: 'deleteLifecycleHook',
        parameters: { AutoScalingGroupName: groupName, LifecycleHookName: lifecycleHookName },
        // The group or its hook is gone already.
        ignoreErrorCodesMatching: 'ValidationError',
      },
      policy: AwsCustomResourcePolicy.fromStatements([mayPut]),
      installLatestAwsSdk: false,
      logGroup,
    });
    acknowledgeWildcards(this, [mayDescribe, mayPut]);
    return groupName;
  }
}

interface HookSettings {
  readonly lifecycleHookName: string;
  readonly lifecycleTransition: string;
  readonly defaultResult: string;
  readonly heartbeatTimeout: number;
}
