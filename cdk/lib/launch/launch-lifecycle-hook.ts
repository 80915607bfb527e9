/** The launch lifecycle hook of a profile, on the group whose nodes the profile prepares. */
import type { Duration, Stack } from 'aws-cdk-lib';
import { CfnLifecycleHook, type IAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import { AwsCustomResource, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { acknowledgeCdkFunction } from '../shared/acknowledgements';
import type { Profile } from '../shared/profile.generated';
import { checkHook } from './hook-rules';
import { DEFAULT_HEARTBEAT } from './hook-timeouts';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';
import type { KnownGroup } from './selection';

/** An EKS managed node group. The names may be tokens. */
export interface ManagedNodeGroup {
  /** The cluster's name. */
  readonly clusterName: string;
  /** The node group's name. */
  readonly nodegroupName: string;
}

/** The group that a hook is put on. */
export type HookTarget =
  | {
      /** An Auto Scaling group, or its name; for example the group of self-managed nodes. */
      readonly autoScalingGroup: IAutoScalingGroup | string;
    }
  | {
      /** An EKS managed node group. */
      readonly managedNodeGroup: ManagedNodeGroup;
    };

/** Props of {@link LaunchLifecycleHook}. */
export interface LaunchLifecycleHookProps {
  /** The orchestrator that prepares the nodes. The hook is created after all of it, and deleted before it. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /** The name of the profile. The profile's `hook.name` is the name of the hook. */
  readonly profile: string;
  /** The group to put the hook on. */
  readonly target: HookTarget;
  /**
   * How long Auto Scaling waits for a heartbeat. It must fit the timeouts of the state machine.
   *
   * @default Duration.seconds(1800)
   */
  readonly heartbeatTimeout?: Duration;
  /**
   * Whether to use a hook that exists already, for deployments that may not change the group's hooks. The profile's `hook.name`
   * is its name, on a managed node group EKS's own `Launch-LC-Hook`. The profile's `hook.complete` must be false.
   *
   * @default false
   */
  readonly observeOnly?: boolean;
}

/**
 * Puts the hook of a profile on a group. The hook's default result is ABANDON, so that a node whose event is lost does not go
 * in service without its interfaces.
 *
 * An instance that is launched before the hook exists is not prepared. Deploy the hook before the group scales out, or use
 * `adopt` for its running nodes.
 */
export class LaunchLifecycleHook extends Construct {
  /** The hook's name. */
  readonly hookName: string;
  /**
   * The group's name; absent for a hook that is only observed. For a managed node group it is a token: EKS returns the name
   * during the deployment.
   */
  readonly autoScalingGroupName?: string;

  constructor(scope: Construct, id: string, props: LaunchLifecycleHookProps) {
    super(scope, id);
    const { orchestrator, target } = props;
    const profile = orchestrator.profile(props.profile);
    const heartbeat = props.heartbeatTimeout ?? DEFAULT_HEARTBEAT;
    const observeOnly = props.observeOnly ?? false;
    this.hookName = profile.hook.name;
    checkHook(
      {
        profile,
        profiles: orchestrator.profiles,
        group: knownGroup(target),
        patterns: orchestrator.autoScalingGroupNamePatterns,
        observeOnly,
        heartbeat,
      },
      { group: 'target', profile: orchestrator.profileField(profile), heartbeat: 'heartbeatTimeout' },
    );
    if (observeOnly) {
      return;
    }
    const settings = hookSettings(profile, heartbeat);
    if ('managedNodeGroup' in target) {
      this.autoScalingGroupName = this.createOnManagedNodeGroup(
        orchestrator,
        target.managedNodeGroup,
        settings,
      );
    } else {
      this.autoScalingGroupName = groupName(target.autoScalingGroup);
      new CfnLifecycleHook(this, 'Hook', { ...settings, autoScalingGroupName: this.autoScalingGroupName });
    }
    this.node.addDependency(orchestrator.ready);
  }

  /**
   * CloudFormation does not know the Auto Scaling group of a managed node group: EKS creates it, and returns its name once the
   * node group exists. The first custom resource reads the name from EKS, the second puts the hook. When the name changes, the
   * second is replaced: the new group gets the hook, then the hook of the old group is deleted.
   */
  private createOnManagedNodeGroup(
    orchestrator: NodeLaunchOrchestrator,
    { clusterName, nodegroupName }: ManagedNodeGroup,
    { lifecycleHookName, lifecycleTransition, defaultResult, heartbeatTimeout }: HookSettings,
  ): string {
    const path = 'nodegroup.resources.autoScalingGroups.0.name';
    const logGroup = orchestrator.customResourceLogs();

    const describe = {
      service: 'EKS',
      action: 'describeNodegroup',
      parameters: { clusterName, nodegroupName },
      outputPaths: [path],
      physicalResourceId: PhysicalResourceId.of(`${clusterName}/${nodegroupName}`),
    };
    const custom = orchestrator.customResourceRole();
    const { role } = custom;
    this.node.addDependency(custom.policyFor(clusterName));
    const group = new AwsCustomResource(this, 'Group', {
      resourceType: 'Custom::HooklineNodegroup',
      onCreate: describe,
      onUpdate: describe,
      role,
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
    new AwsCustomResource(this, 'Hook', {
      resourceType: 'Custom::HooklineLifecycleHook',
      onCreate: put,
      onUpdate: put,
      onDelete: {
        service: 'AutoScaling',
        action: 'deleteLifecycleHook',
        parameters: { AutoScalingGroupName: groupName, LifecycleHookName: lifecycleHookName },
        // The group or its hook was deleted before. A deleted group has no tags, which the role's condition needs, so the refusal
        // may come first.
        ignoreErrorCodesMatching: 'ValidationError|AccessDenied',
      },
      role,
      installLatestAwsSdk: false,
      logGroup,
    });
    return groupName;
  }
}

/** The function of AwsCustomResource. CDK creates one for each stack, with this id. */
const CUSTOM_RESOURCE_FUNCTION = 'AWS679f53fac002430cb0da5b7982bd2287';

/** Acknowledges the findings of the function of AwsCustomResource, if the stack has hooks on managed node groups. */
export function acknowledgeCustomResources(stack: Stack): void {
  const provider = stack.node.tryFindChild(CUSTOM_RESOURCE_FUNCTION);
  if (provider !== undefined) {
    acknowledgeCdkFunction(
      provider,
      'CDK creates the function. It may write logs, and its policy cannot be changed.',
    );
  }
}

/** The settings of a launch hook, as CloudFormation and PutLifecycleHook have them. */
export interface HookSettings {
  /** The hook's name. */
  readonly lifecycleHookName: string;
  /** The transition that it holds. */
  readonly lifecycleTransition: string;
  /** The result if nobody completes it. */
  readonly defaultResult: string;
  /** HeartbeatTimeout, in seconds. */
  readonly heartbeatTimeout: number;
}

/**
 * Returns the settings of the hook of a profile, which Hookline completes.
 *
 * @param profile the profile
 * @param heartbeat the hook's HeartbeatTimeout, which has been checked
 */
export function hookSettings({ hook }: Profile, heartbeat: Duration): HookSettings {
  return {
    lifecycleHookName: hook.name,
    lifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
    defaultResult: 'ABANDON',
    heartbeatTimeout: heartbeat.toSeconds(),
  };
}

function groupName(group: IAutoScalingGroup | string): string {
  return typeof group === 'string' ? group : group.autoScalingGroupName;
}

function knownGroup(target: HookTarget): KnownGroup {
  return 'managedNodeGroup' in target ? target : { autoScalingGroupName: groupName(target.autoScalingGroup) };
}
