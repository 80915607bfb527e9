/** The launch lifecycle hook of a profile, on the group whose nodes the profile prepares. */
import { type Duration, Stack } from 'aws-cdk-lib';
import { CfnLifecycleHook, type IAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { acknowledgeCdkFunction, acknowledgeWildcards } from '../shared/acknowledgements';
import { ConfigurationError } from '../shared/configuration-error';
import { groupArn } from '../shared/profile-resources';
import type { Profile } from '../shared/profile.generated';
import { DEFAULT_HEARTBEAT, checkHeartbeat } from './hook-timeouts';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';

/** The launch hook that EKS puts on the group of each managed node group. EKS completes it. */
export const EKS_LAUNCH_HOOK = 'Launch-LC-Hook';

/** The group that a hook is put on. */
export type HookTarget =
  | {
      /** An Auto Scaling group, or its name; for example the group of self-managed nodes. */
      readonly autoScalingGroup: IAutoScalingGroup | string;
    }
  | {
      /** An EKS managed node group. The names may be tokens. */
      readonly managedNodeGroup: {
        /** The cluster's name. */
        readonly clusterName: string;
        /** The node group's name. */
        readonly nodegroupName: string;
      };
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
    const { hook } = props.orchestrator.profile(props.profile);
    const heartbeat = props.heartbeatTimeout ?? DEFAULT_HEARTBEAT;
    this.hookName = hook.name;
    const managed = 'managedNodeGroup' in props.target;

    if (props.observeOnly ?? false) {
      this.checkObservedHook(props.profile, hook.complete ?? true, managed);
      return;
    }
    const settings = launchHookSettings(props.orchestrator.profile(props.profile), heartbeat);
    if (managed && hook.name === EKS_LAUNCH_HOOK) {
      throw new ConfigurationError(
        `profile ${props.profile}: hook.name`,
        `${EKS_LAUNCH_HOOK} is the name of EKS's hook, which would be overwritten`,
        'Use another name, for example hookline-launch, or set observeOnly',
      );
    }
    if ('managedNodeGroup' in props.target) {
      this.autoScalingGroupName = this.createOnManagedNodeGroup(props, settings);
    } else {
      const { autoScalingGroup } = props.target;
      this.autoScalingGroupName =
        typeof autoScalingGroup === 'string' ? autoScalingGroup : autoScalingGroup.autoScalingGroupName;
      new CfnLifecycleHook(this, 'Hook', { ...settings, autoScalingGroupName: this.autoScalingGroupName });
    }
    this.node.addDependency(props.orchestrator);
  }

  private checkObservedHook(profile: string, complete: boolean, managed: boolean): void {
    if (complete) {
      throw new ConfigurationError(
        `profile ${profile}: hook.complete`,
        'with true, Hookline would complete a hook that it only observes',
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
   * CloudFormation does not know the Auto Scaling group of a managed node group: EKS creates it, and returns its name once the
   * node group exists. The first custom resource reads the name from EKS, the second puts the hook. When the name changes, the
   * second is replaced: the new group gets the hook, then the hook of the old group is deleted.
   */
  private createOnManagedNodeGroup(
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
      // EKS names the groups of managed node groups eks-…. The pattern also includes the old group of a replacement.
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
        // The group or its hook was deleted before.
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
 * @param heartbeat the hook's HeartbeatTimeout
 * @throws ConfigurationError if nothing would complete the hook, or if the timeout does not fit
 */
export function launchHookSettings(
  { name, hook }: Profile,
  heartbeat: Duration = DEFAULT_HEARTBEAT,
): HookSettings {
  if (!(hook.complete ?? true)) {
    throw new ConfigurationError(
      `profile ${name}: hook.complete`,
      'with false, nothing completes this hook, and Auto Scaling abandons each node',
      'Remove hook.complete from the profile, or set observeOnly',
    );
  }
  checkHeartbeat(heartbeat);
  return {
    lifecycleHookName: hook.name,
    lifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
    defaultResult: 'ABANDON',
    heartbeatTimeout: heartbeat.toSeconds(),
  };
}
