/**
 * IAM statements for the API actions of `functions/permissions.json`. Each action is limited by resource and condition as far
 * as AWS supports it (Service Authorization Reference, "Actions, resources, and condition keys", of EC2, EC2 Auto Scaling, and
 * Step Functions). docs/deploy.md explains the statements to users.
 */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { FunctionName, PersonPolicyName, StateMachineName } from './functions';
import type { Conditions, Limit, ProfileResources } from './profile-resources';

/** The tag on an interface that Hookline created: the id of its instance. */
const INSTANCE_TAG = 'hookline:instance-id';
/** The tag on an interface that Hookline created: its deployment. */
const DEPLOYMENT_TAG = 'hookline:deployment';
/** The tag that reconcile sets on an orphaned interface: the time at which it was found to be orphaned. */
const UNOWNED_TAG = 'hookline:unowned-since';
/** The tag that adopt sets on an instance: the time at which its adoption started. Launches read it. */
const ADOPTED_TAG = 'hookline:adopted-at';
/** The tag that tag-node sets on an instance that gets interfaces: the time at which its launch began. Launches read it. */
const LAUNCHED_TAG = 'hookline:launched-at';
/**
 * The tags that complete-hook sets on an instance: the execution that decided about its launch, and what it decided; and the
 * mark of the launch, which it empties if the node runs on without its interfaces.
 */
const VERDICT_TAGS = ['hookline:execution', LAUNCHED_TAG, 'hookline:verdict'];
/** The tags that reconcile sets on a group that it brakes: when, and by which error and profile. */
const BRAKE_TAGS = ['hookline:braked-at', 'hookline:braked-by', 'hookline:braked-profile'];
/** The tag on a group that launches again after a brake: when. Reconcile and `hookline resume` set it. */
const RESUMED_TAG = 'hookline:resumed-at';
/** The tag that makes the VPC CNI ignore an interface. */
const NO_MANAGE_TAG = 'node.k8s.amazonaws.com/no_manage';
/** The tag of the EBS CSI driver on the volumes that it creates: persistent volumes, which are no part of a node. */
const PERSISTENT_VOLUME_TAG = 'ebs.csi.aws.com/cluster';

/** Read actions without resource-level permissions: their Resource must be `*`. */
const READS_OF_ALL_RESOURCES: ReadonlySet<string> = new Set([
  'autoscaling:DescribeAutoScalingGroups',
  'autoscaling:DescribeAutoScalingInstances',
  'autoscaling:DescribeLifecycleHooks',
  'autoscaling:DescribeScalingActivities',
  'autoscaling:DescribeWarmPool',
  'cloudwatch:GetMetricData',
  'ec2:DescribeInstances',
  'ec2:DescribeInstanceTypes',
  'ec2:DescribeLaunchTemplateVersions',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSecurityGroups',
  'ec2:DescribeSubnets',
  'ec2:DescribeTags',
  'ec2:GetSubnetCidrReservations',
  'events:ListRules',
  'states:ListStateMachines',
]);

/** The actions that let a group launch nothing, and launch again. */
export const PROCESS_ACTIONS: ReadonlySet<string> = new Set([
  'autoscaling:ResumeProcesses',
  'autoscaling:SuspendProcesses',
]);

/** The actions that a function, a state machine or a person may call, and the resources that limit them. */
export interface Grant {
  /** The function, the state machine, or the policy for people. */
  readonly grantee: FunctionName | StateMachineName | PersonPolicyName;
  /** The API actions. */
  readonly actions: readonly string[];
  /** The resources that the profiles name. */
  readonly resources: ProfileResources;
  /** The name of the deployment: the prefix of the names of its functions. */
  readonly deployment: string;
  /**
   * The state machines whose executions may be listed, read, started or stopped.
   *
   * @default - none, for the functions that the state machine invokes
   */
  readonly stateMachines?: readonly StateMachine[];
  /**
   * The ARNs of the functions that may be invoked, and of their versions.
   *
   * @default - none, for functions
   */
  readonly invoked?: readonly string[];
}

/** Returns the statements that allow the actions of a grant, and no others. */
export function statements(scope: Construct, grant: Grant): PolicyStatement[] {
  const reads = grant.actions.filter((action) => READS_OF_ALL_RESOURCES.has(action));
  const limited = grant.actions.filter((action) => !READS_OF_ALL_RESOURCES.has(action));
  return [
    ...(reads.length > 0 ? [new PolicyStatement({ actions: [...reads], resources: ['*'] })] : []),
    ...limited.flatMap((action) => limitedStatements(scope, action, grant)),
  ];
}

function limitedStatements(scope: Construct, action: string, grant: Grant): PolicyStatement[] {
  const named = grant.resources;
  const actions = [action];
  const interfaces = [named.ec2Arn('network-interface', '*')];
  const ownInterface = {
    StringLike: { [`aws:ResourceTag/${INSTANCE_TAG}`]: 'i-*' },
    StringEquals: { [`aws:ResourceTag/${DEPLOYMENT_TAG}`]: grant.deployment },
  };
  // Also an interface of an earlier release, which has no tag of a deployment. It may be used, but not deleted.
  const usableInterface = {
    StringLike: { [`aws:ResourceTag/${INSTANCE_TAG}`]: 'i-*' },
    StringEqualsIfExists: { [`aws:ResourceTag/${DEPLOYMENT_TAG}`]: grant.deployment },
  };
  const instances = (more: Conditions = {}): PolicyStatement[] =>
    named.instanceConditions.map(
      (conditions) =>
        new PolicyStatement({
          actions,
          resources: [named.ec2Arn('instance', '*')],
          conditions: allOf(conditions, more),
        }),
    );

  switch (action) {
    case 'ec2:CreateNetworkInterface':
      return [
        // The new interface. The request must set the tags of its instance and of the deployment, and the tag that makes the
        // VPC CNI ignore it.
        new PolicyStatement({
          actions,
          resources: interfaces,
          conditions: {
            StringLike: { [`aws:RequestTag/${INSTANCE_TAG}`]: 'i-*' },
            StringEquals: {
              [`aws:RequestTag/${DEPLOYMENT_TAG}`]: grant.deployment,
              [`aws:RequestTag/${NO_MANAGE_TAG}`]: 'true',
            },
          },
        }),
        ...onLimits(actions, named.networkLimits),
      ];
    case 'ec2:CreateTags':
      return taggingStatements(actions, grant, interfaces, instances, ownInterface);
    case 'ec2:DeleteTags':
      return unownedTagStatements(actions, interfaces, ownInterface);
    case 'ec2:DeleteNetworkInterface':
      return [new PolicyStatement({ actions, resources: interfaces, conditions: ownInterface })];
    case 'ec2:AttachNetworkInterface':
    case 'ec2:DetachNetworkInterface':
    case 'ec2:ModifyNetworkInterfaceAttribute':
      // IAM checks the interface and its instance. The instance has no tag of Hookline when it is launched, so a condition
      // selects it by its group, or by the tag of the profile's selector.
      return [
        new PolicyStatement({ actions, resources: interfaces, conditions: usableInterface }),
        ...instances(),
      ];
    case 'autoscaling:ResumeProcesses':
    case 'autoscaling:SuspendProcesses': {
      // One statement for both: the groups may take half of a managed policy, which CDK does not split.
      const both = grant.actions.filter((other) => PROCESS_ACTIONS.has(other));
      const groups = grant.grantee === 'reconcile' ? named.brakeLimits : named.launchLimits;
      return action === both[0] ? onLimits(both, groups) : [];
    }
    case 'autoscaling:CreateOrUpdateTags': {
      const [groups, keys] =
        grant.grantee === 'reconcile'
          ? [named.brakeLimits, [...BRAKE_TAGS, RESUMED_TAG]]
          : [named.launchLimits, [RESUMED_TAG]];
      const limits = groups.map((limit) => ({
        ...limit,
        // A request without a tag names no group, so it needs no condition of its own.
        conditions: allOf(limit.conditions ?? {}, { 'ForAllValues:StringEquals': { 'aws:TagKeys': keys } }),
      }));
      return onLimits(actions, limits);
    }
    case 'autoscaling:CompleteLifecycleAction':
    case 'autoscaling:RecordLifecycleActionHeartbeat':
      return onLimits(actions, named.groupLimits);
    case 'eks:DescribeCluster':
      return onLimits(actions, [{ arns: named.clusterArns }]);
    case 'lambda:InvokeFunction':
      return [new PolicyStatement({ actions, resources: [...(grant.invoked ?? [])] })];
    case 'states:ListExecutions':
    case 'states:StartExecution':
      return [
        new PolicyStatement({
          actions,
          resources: machinesOf(grant).map(({ stateMachineArn }) => stateMachineArn),
        }),
      ];
    case 'states:DescribeExecution':
    case 'states:GetExecutionHistory':
    case 'states:StopExecution':
      return [
        new PolicyStatement({
          actions,
          resources: machinesOf(grant).map((machine) => executionsOf(scope, machine)),
        }),
      ];
    case 'events:ListTargetsByRule':
      return [
        new PolicyStatement({
          actions,
          // CloudFormation chooses the names of the rules.
          resources: [Stack.of(scope).formatArn({ service: 'events', resource: 'rule', resourceName: '*' })],
        }),
      ];
    default:
      throw new Error(
        `${grant.grantee} calls ${action}, which has no statement. Add one to cdk/lib/shared/policy-statements.ts`,
      );
  }
}

/** The statements for `ec2:CreateTags`. Each function may set its own tag keys, on its own kinds of resources. */
function taggingStatements(
  actions: string[],
  { grantee, resources: named }: Grant,
  interfaces: string[],
  instances: (more: Conditions) => PolicyStatement[],
  ownInterface: Conditions,
): PolicyStatement[] {
  // A launch without slots has no mark.
  const ownTagKeys = grantee === 'tag-node' && named.subnetIds.length > 0 ? [LAUNCHED_TAG] : [];
  const nodeTagKeys = [...named.nodeTagKeys, ...ownTagKeys].sort();
  switch (grantee) {
    case 'tag-node':
    case 'name-nodes':
      // Profiles without tags need no statement. The volumes and interfaces that an instance is launched with have no tag
      // that a condition could select. So the tag keys are limited, and what has tags of another owner is left out.
      return [
        ...(nodeTagKeys.length === 0 ? [] : instances(onlyTagKeys(nodeTagKeys))),
        ...onlyKeysOn(actions, [named.ec2Arn('volume', '*')], named.volumeTagKeys, PERSISTENT_VOLUME_TAG),
        ...onlyKeysOn(actions, interfaces, named.interfaceTagKeys, INSTANCE_TAG),
      ];
    case 'complete-hook':
      return instances(onlyTagKeys(VERDICT_TAGS));
    case 'create-interfaces':
      // Only the tags of the request that creates an interface, and not the tags of an existing interface.
      return [
        new PolicyStatement({
          actions,
          resources: interfaces,
          conditions: { StringEquals: { 'ec2:CreateAction': 'CreateNetworkInterface' } },
        }),
      ];
    case 'reconcile':
      return unownedTagStatements(actions, interfaces, ownInterface);
    case 'adopt':
      return instances(onlyTagKeys([ADOPTED_TAG]));
    default:
      throw new Error(
        `${grantee} calls ec2:CreateTags, which has no statement for it. Add one to cdk/lib/shared/policy-statements.ts`,
      );
  }
}

/** Reconcile sets and deletes one tag key, on interfaces that Hookline created. */
function unownedTagStatements(
  actions: string[],
  interfaces: string[],
  ownInterface: Conditions,
): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions,
      resources: interfaces,
      conditions: allOf(ownInterface, onlyTagKeys([UNOWNED_TAG])),
    }),
  ];
}

/** Allows only these tag keys, and only on resources without the tag `absent`. */
function onlyKeysOn(
  actions: string[],
  resources: string[],
  keys: string[],
  absent: string,
): PolicyStatement[] {
  const conditions = allOf(onlyTagKeys(keys), { Null: { [`aws:ResourceTag/${absent}`]: 'true' } });
  return keys.length === 0 ? [] : [new PolicyStatement({ actions, resources, conditions })];
}

/** The request has at least one tag key, and no key outside this list. */
function onlyTagKeys(keys: string[]): Conditions {
  return { 'ForAllValues:StringEquals': { 'aws:TagKeys': keys }, Null: { 'aws:TagKeys': 'false' } };
}

/** Merges two conditions. IAM requires all operators of a statement, and all keys of an operator, to match. */
function allOf(first: Conditions, second: Conditions): Conditions {
  const merged = { ...first };
  for (const [operator, keys] of Object.entries(second)) {
    merged[operator] = { ...merged[operator], ...keys };
  }
  return merged;
}

function onLimits(actions: string[], limits: readonly Limit[]): PolicyStatement[] {
  return limits
    .filter(({ arns }) => arns.length > 0)
    .map(
      ({ arns, conditions }) =>
        new PolicyStatement({
          actions,
          resources: arns,
          ...(conditions === undefined ? {} : { conditions }),
        }),
    );
}

function machinesOf({ stateMachines = [], grantee }: Grant): readonly StateMachine[] {
  if (stateMachines.length === 0) {
    throw new Error(`the statements of ${grantee} need the state machine, which is created after ${grantee}`);
  }
  return stateMachines;
}

function executionsOf(scope: Construct, machine: StateMachine): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'execution',
    resourceName: `${machine.stateMachineName}:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
