/**
 * IAM statements for the API actions of `functions/permissions.json`. Each action is limited by resource and condition as far
 * as AWS supports it (Service Authorization Reference, "Actions, resources, and condition keys", of EC2, EC2 Auto Scaling, and
 * Step Functions). docs/deploy.md explains the statements to users.
 */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { FunctionName, StateMachineName } from './functions';
import type { Conditions, ProfileResources } from './profile-resources';

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
/** The tag that makes the VPC CNI ignore an interface. */
const NO_MANAGE_TAG = 'node.k8s.amazonaws.com/no_manage';
/** The maximum number of ARNs in a statement. CDK splits a policy that is too long, but it cannot split a statement. */
const MAX_ARNS_PER_STATEMENT = 50;

/** Read actions without resource-level permissions: their Resource must be `*`. */
const READS_OF_ALL_RESOURCES: ReadonlySet<string> = new Set([
  'autoscaling:DescribeAutoScalingGroups',
  'autoscaling:DescribeAutoScalingInstances',
  'autoscaling:DescribeScalingActivities',
  'autoscaling:DescribeWarmPool',
  'ec2:DescribeInstances',
  'ec2:DescribeInstanceTypes',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DescribeTags',
  'ec2:GetSubnetCidrReservations',
]);

/** The actions that a function or a state machine may call, and the resources that limit them. */
export interface Grant {
  /** The function or the state machine. */
  readonly grantee: FunctionName | StateMachineName;
  /** The API actions. */
  readonly actions: readonly string[];
  /** The resources that the profiles name. */
  readonly resources: ProfileResources;
  /** The name of the deployment: the prefix of the names of its functions. */
  readonly deployment: string;
  /**
   * The state machine of a launch.
   *
   * @default - none, for the functions that the state machine invokes
   */
  readonly stateMachine?: StateMachine;
  /**
   * The ARNs of the functions that the state machine invokes.
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
        ...onArns(
          actions,
          named.subnetIds.map((id) => named.ec2Arn('subnet', id)),
        ),
        ...onArns(
          actions,
          named.securityGroupIds.map((id) => named.ec2Arn('security-group', id)),
        ),
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
    case 'autoscaling:CompleteLifecycleAction':
    case 'autoscaling:RecordLifecycleActionHeartbeat':
      return onArns(actions, named.groupArns);
    case 'eks:DescribeCluster':
      return onArns(actions, named.clusterArns);
    case 'lambda:InvokeFunction':
      return [new PolicyStatement({ actions, resources: [...(grant.invoked ?? [])] })];
    case 'states:ListExecutions':
    case 'states:StartExecution':
      return [new PolicyStatement({ actions, resources: [machineOf(grant).stateMachineArn] })];
    case 'states:DescribeExecution':
      return [new PolicyStatement({ actions, resources: [executionsOf(scope, machineOf(grant))] })];
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
      // that a condition could select, so only the tag keys are limited.
      return [
        ...(nodeTagKeys.length === 0 ? [] : instances(onlyTagKeys(nodeTagKeys))),
        ...onlyKeysOn(actions, [named.ec2Arn('volume', '*')], named.volumeTagKeys),
        ...onlyKeysOn(actions, interfaces, named.interfaceTagKeys),
      ];
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

function onlyKeysOn(actions: string[], resources: string[], keys: string[]): PolicyStatement[] {
  return keys.length === 0
    ? []
    : [new PolicyStatement({ actions, resources, conditions: onlyTagKeys(keys) })];
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

function onArns(actions: string[], arns: string[]): PolicyStatement[] {
  const statements: PolicyStatement[] = [];
  for (let first = 0; first < arns.length; first += MAX_ARNS_PER_STATEMENT) {
    statements.push(
      new PolicyStatement({ actions, resources: arns.slice(first, first + MAX_ARNS_PER_STATEMENT) }),
    );
  }
  return statements;
}

function machineOf({ stateMachine, grantee }: Grant): StateMachine {
  if (stateMachine === undefined) {
    throw new Error(`the statements of ${grantee} need the state machine, which is created after ${grantee}`);
  }
  return stateMachine;
}

function executionsOf(scope: Construct, machine: StateMachine): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'execution',
    resourceName: `${machine.stateMachineName}:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
