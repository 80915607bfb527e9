/**
 * IAM statements for the API actions of `functions/permissions.json`: each action is allowed on as little as AWS lets an
 * action be limited to (Service Authorization Reference, "Actions, resources, and condition keys", of EC2, EC2 Auto
 * Scaling, and Step Functions). docs/deploy.md explains them to users.
 */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Conditions, Fleet } from './fleet';
import type { FunctionName, StateMachineName } from './functions';

/** The tag that says for which instance Hookline made an interface. */
const INSTANCE_TAG = 'hookline:instance-id';
/** The tag by which reconcile remembers since when an interface has no owner. */
const UNOWNED_TAG = 'hookline:unowned-since';
/** The tag on an instance by which launches know since when it is being adopted. */
const ADOPTED_TAG = 'hookline:adopted-at';
/** The tag that keeps the VPC CNI's hands off. */
const NO_MANAGE_TAG = 'node.k8s.amazonaws.com/no_manage';
/** A policy is cut into several when it is too long, but a statement cannot be. */
const ARNS_PER_STATEMENT = 50;

/** Actions that AWS lets nobody limit to a resource: they read, and their Resource must be `*`. */
const UNLIMITED_READS: ReadonlySet<string> = new Set([
  'autoscaling:DescribeAutoScalingGroups',
  'autoscaling:DescribeAutoScalingInstances',
  'ec2:DescribeInstances',
  'ec2:DescribeInstanceTypes',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DescribeTags',
  'ec2:GetSubnetCidrReservations',
]);

/** Who is allowed something, and on what. */
export interface Grant {
  /** The function, or the state machine. */
  readonly functionName: FunctionName | StateMachineName;
  /** Its actions. */
  readonly actions: readonly string[];
  /** What the profiles name. */
  readonly fleet: Fleet;
  /** The state machine of a launch; absent for the functions that it invokes. */
  readonly stateMachine?: StateMachine;
  /** The ARNs of the functions that the state machine invokes. */
  readonly invoked?: readonly string[];
}

/** The statements that allow a function its actions, and nothing else. */
export function statements(scope: Construct, grant: Grant): PolicyStatement[] {
  const reads = grant.actions.filter((action) => UNLIMITED_READS.has(action));
  const others = grant.actions.filter((action) => !UNLIMITED_READS.has(action));
  return [
    ...(reads.length > 0 ? [new PolicyStatement({ actions: [...reads], resources: ['*'] })] : []),
    ...others.flatMap((action) => limited(scope, action, grant)),
  ];
}

function limited(scope: Construct, action: string, grant: Grant): PolicyStatement[] {
  const { fleet } = grant;
  const actions = [action];
  const interfaces = [fleet.ec2Arn('network-interface', '*')];
  const ours = { StringLike: { [`aws:ResourceTag/${INSTANCE_TAG}`]: 'i-*' } };
  const instances = (more: Conditions = {}): PolicyStatement[] =>
    fleet.instanceConditions.map(
      (conditions) =>
        new PolicyStatement({
          actions,
          resources: [fleet.ec2Arn('instance', '*')],
          conditions: all(conditions, more),
        }),
    );

  switch (action) {
    case 'ec2:CreateNetworkInterface':
      return [
        // The new interface: only with the tags that make it Hookline's, and keep the VPC CNI away, from the beginning.
        new PolicyStatement({
          actions,
          resources: interfaces,
          conditions: {
            StringLike: { [`aws:RequestTag/${INSTANCE_TAG}`]: 'i-*' },
            StringEquals: { [`aws:RequestTag/${NO_MANAGE_TAG}`]: 'true' },
          },
        }),
        ...onArns(
          actions,
          fleet.subnetIds.map((id) => fleet.ec2Arn('subnet', id)),
        ),
        ...onArns(
          actions,
          fleet.securityGroupIds.map((id) => fleet.ec2Arn('security-group', id)),
        ),
      ];
    case 'ec2:CreateTags':
      return tagging(actions, grant, interfaces, instances, ours);
    case 'ec2:DeleteTags':
      return [
        new PolicyStatement({
          actions,
          resources: interfaces,
          conditions: all(ours, onlyTheseKeys([UNOWNED_TAG])),
        }),
      ];
    case 'ec2:DeleteNetworkInterface':
      return [new PolicyStatement({ actions, resources: interfaces, conditions: ours })];
    case 'ec2:AttachNetworkInterface':
    case 'ec2:DetachNetworkInterface':
    case 'ec2:ModifyNetworkInterfaceAttribute':
      // Both the interface and its instance must be allowed. The instance cannot carry our tag when it is launched, so
      // it is known by its group, or by the tag that the profile selects it by.
      return [new PolicyStatement({ actions, resources: interfaces, conditions: ours }), ...instances()];
    case 'autoscaling:CompleteLifecycleAction':
    case 'autoscaling:RecordLifecycleActionHeartbeat':
      return onArns(actions, fleet.groupArns);
    case 'lambda:InvokeFunction':
      return [new PolicyStatement({ actions, resources: [...(grant.invoked ?? [])] })];
    case 'states:ListExecutions':
    case 'states:StartExecution':
      return [new PolicyStatement({ actions, resources: [machineOf(grant).stateMachineArn] })];
    case 'states:DescribeExecution':
      return [new PolicyStatement({ actions, resources: [executionsOf(scope, machineOf(grant))] })];
    default:
      throw new Error(
        `${grant.functionName} calls ${action}: say in cdk/lib/shared/policy-statements.ts what it is allowed on`,
      );
  }
}

/** Each function that sets tags sets other ones, on other things. */
function tagging(
  actions: string[],
  { functionName, fleet }: Grant,
  interfaces: string[],
  instances: (more: Conditions) => PolicyStatement[],
  ours: Conditions,
): PolicyStatement[] {
  switch (functionName) {
    case 'tag-node':
    case 'name-nodes':
      // Nothing is allowed where no profile has tags. Volumes, and the interfaces that an instance was launched with, have
      // nothing to know them by: only which tags is limited.
      return [
        ...(fleet.nodeTagKeys.length === 0 ? [] : instances(onlyTheseKeys(fleet.nodeTagKeys))),
        ...tagsOn(actions, [fleet.ec2Arn('volume', '*')], fleet.volumeTagKeys),
        ...tagsOn(actions, interfaces, fleet.interfaceTagKeys),
      ];
    case 'create-interfaces':
      // The tags of an interface that is being created, and never of one that is there.
      return [
        new PolicyStatement({
          actions,
          resources: interfaces,
          conditions: { StringEquals: { 'ec2:CreateAction': 'CreateNetworkInterface' } },
        }),
      ];
    case 'reconcile':
      return [
        new PolicyStatement({
          actions,
          resources: interfaces,
          conditions: all(ours, onlyTheseKeys([UNOWNED_TAG])),
        }),
      ];
    case 'adopt':
      return instances(onlyTheseKeys([ADOPTED_TAG]));
    default:
      throw new Error(
        `${functionName} sets tags: say in cdk/lib/shared/policy-statements.ts which, and on what`,
      );
  }
}

function tagsOn(actions: string[], resources: string[], keys: string[]): PolicyStatement[] {
  return keys.length === 0
    ? []
    : [new PolicyStatement({ actions, resources, conditions: onlyTheseKeys(keys) })];
}

/** The request names these tag keys and no others, and at least one. */
function onlyTheseKeys(keys: string[]): Conditions {
  return { 'ForAllValues:StringEquals': { 'aws:TagKeys': keys }, Null: { 'aws:TagKeys': 'false' } };
}

/** Two conditions at once. IAM wants all operators of a statement, and all keys of an operator, to hold. */
function all(one: Conditions, other: Conditions): Conditions {
  const both = { ...one };
  for (const [operator, keys] of Object.entries(other)) {
    both[operator] = { ...both[operator], ...keys };
  }
  return both;
}

function onArns(actions: string[], arns: string[]): PolicyStatement[] {
  const statements: PolicyStatement[] = [];
  for (let first = 0; first < arns.length; first += ARNS_PER_STATEMENT) {
    statements.push(
      new PolicyStatement({ actions, resources: arns.slice(first, first + ARNS_PER_STATEMENT) }),
    );
  }
  return statements;
}

function machineOf({ stateMachine, functionName }: Grant): StateMachine {
  if (stateMachine === undefined) {
    throw new Error(`${functionName} is invoked by the state machine, and cannot be allowed to look at it`);
  }
  return stateMachine;
}

function executionsOf(scope: Construct, machine: StateMachine): string {
  const stack = Stack.of(scope);
  return stack.formatArn({
    service: 'states',
    resource: 'execution',
    resourceName: `${machine.stateMachineName}:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
