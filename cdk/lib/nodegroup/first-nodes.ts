/**
 * The first nodes of a group. They must not come before the group's hook, and a later deployment must not change how many there
 * are: whoever scales the group then knows better. So a custom resource sets the size once, when it is created.
 */
import { Stack } from 'aws-cdk-lib';
import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { AwsCustomResource, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import type { NodeLaunchOrchestrator } from '../launch/node-launch-orchestrator';
import { acknowledgeWildcards } from '../shared/acknowledgements';
import { groupArn } from '../shared/profile-resources';

/** The sizes of a group. */
export interface Sizes {
  /** The minimum number of nodes. */
  readonly minSize: number;
  /** The number of nodes that the group begins with. */
  readonly initialSize: number;
  /** The maximum number of nodes. */
  readonly maxSize: number;
}

/**
 * The sizes of a managed node group in its template: always the same, whatever is configured. EKS wants all three when it creates
 * the group (API reference, NodegroupScalingConfig). If one of them changed later, CloudFormation would set all three
 * again, the desired size too (eksctl-io/eksctl#3532). What has not changed is not set: EKS refuses to combine an update of the
 * launch template with another one (aws/containers-roadmap#1258), and deployments with sizes in their template do update it.
 */
export const SIZES_IN_TEMPLATE = { minSize: 0, desiredSize: 0, maxSize: 1 } as const;

/** Props of {@link FirstNodes}. */
export interface FirstNodesProps extends Sizes {
  /** The orchestrator, which has the log group of custom resources. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /** The managed node group, or the name of an Auto Scaling group. */
  readonly group: { readonly clusterName: string; readonly nodegroupName: string } | string;
}

/**
 * Sets the size of a group once. For a managed node group, it also sets the minimum and the maximum, and sets them again when
 * they change. The id of the construct must name the group: another group has another construct, which is created and not
 * updated.
 */
export class FirstNodes extends Construct {
  constructor(scope: Construct, id: string, props: FirstNodesProps) {
    super(scope, id);
    const { statement, create, update } =
      typeof props.group === 'string'
        ? this.callsOfAutoScaling(props.group, props.initialSize)
        : this.callsOfEks(props.group, props);
    const { role } = props.orchestrator.customResourceRole();
    const policy = new Policy(this, 'Policy', { roles: [role], statements: [statement] });
    const size = new AwsCustomResource(this, 'Size', {
      resourceType: 'Custom::HooklineFirstNodes',
      onCreate: create,
      ...(update === undefined ? {} : { onUpdate: update }),
      role,
      installLatestAwsSdk: false,
      logGroup: props.orchestrator.customResourceLogs(),
    });
    size.node.addDependency(policy);
    acknowledgeWildcards(this, [statement]);
  }

  private callsOfEks(
    { clusterName, nodegroupName }: { readonly clusterName: string; readonly nodegroupName: string },
    { minSize, initialSize, maxSize }: Sizes,
  ): Calls {
    const call = (scalingConfig: object): Call => ({
      service: 'EKS',
      action: 'updateNodegroupConfig',
      parameters: { clusterName, nodegroupName, scalingConfig },
      physicalResourceId: PhysicalResourceId.of(`${clusterName}/${nodegroupName}`),
    });
    return {
      statement: new PolicyStatement({
        actions: ['eks:UpdateNodegroupConfig'],
        resources: [
          Stack.of(this).formatArn({
            service: 'eks',
            resource: 'nodegroup',
            resourceName: `${clusterName}/${nodegroupName}/*`,
          }),
        ],
      }),
      create: call({ minSize, maxSize, desiredSize: initialSize }),
      update: call({ minSize, maxSize }),
    };
  }

  private callsOfAutoScaling(groupName: string, initialSize: number): Calls {
    return {
      statement: new PolicyStatement({
        actions: ['autoscaling:SetDesiredCapacity'],
        resources: [groupArn(this, groupName)],
      }),
      create: {
        service: 'AutoScaling',
        action: 'setDesiredCapacity',
        parameters: { AutoScalingGroupName: groupName, DesiredCapacity: initialSize },
        physicalResourceId: PhysicalResourceId.of(groupName),
      },
    };
  }
}

interface Call {
  readonly service: string;
  readonly action: string;
  readonly parameters: object;
  readonly physicalResourceId: PhysicalResourceId;
}

interface Calls {
  readonly statement: PolicyStatement;
  readonly create: Call;
  readonly update?: Call;
}
