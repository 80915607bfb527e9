/** The role of the nodes of a group. */
import { type IRole, ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledge } from '../shared/acknowledgements';

/**
 * What EKS requires of a node's role (EKS User Guide, "Amazon EKS node IAM role"), and Session Manager. The VPC CNI should have a
 * role of its own; the policy is here because without one no node becomes ready.
 */
const POLICIES: Readonly<Record<string, string>> = {
  AmazonEKSWorkerNodePolicy: 'kubelet needs it. AWS maintains it with EKS.',
  AmazonEC2ContainerRegistryPullOnly: 'The node pulls images of EKS with it.',
  AmazonEKS_CNI_Policy: 'The VPC CNI needs it, unless it has a role of its own.',
  AmazonSSMManagedInstanceCore: 'A person reaches the node with it, without SSH.',
};

/** Creates the role of the nodes of a group. */
export function createNodeRole(scope: Construct, id: string): IRole {
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
    description: 'The nodes of a group (Hookline)',
    managedPolicies: Object.keys(POLICIES).map((name) => ManagedPolicy.fromAwsManagedPolicyName(name)),
  });
  for (const [name, reason] of Object.entries(POLICIES)) {
    acknowledge(role, {
      [`AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${name}]`]: reason,
    });
  }
  return role;
}
