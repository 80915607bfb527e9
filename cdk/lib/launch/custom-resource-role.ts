/**
 * The role of the custom resources that put hooks on the groups of managed node groups. EKS tags these groups with the name of
 * their cluster (EKS User Guide, "Simplify node lifecycle with managed node groups"), so a condition limits the role to the
 * groups of the clusters that the hooks name. IAM has no condition for the name of a hook (Service Authorization Reference,
 * EC2 Auto Scaling, PutLifecycleHook).
 */
import { Stack, Token } from 'aws-cdk-lib';
import { ManagedPolicy, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../shared/acknowledgements';
import { groupArn } from '../shared/profile-resources';

/** The tag of EKS on the groups of managed node groups, and on their instances: the name of the cluster. */
export const CLUSTER_TAG = 'eks:cluster-name';

/** The role, with a policy for each cluster. With one for each hook, many hooks would exceed the 10,240 bytes that IAM takes. */
export class CustomResourceRole extends Construct {
  /** The role of the function of AwsCustomResource. */
  readonly role: Role;

  private readonly policies = new Map<string, Policy>();

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Puts the hooks of managed node groups (Hookline)',
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('service-role/AWSLambdaBasicExecutionRole')],
    });
    acknowledge(this.role, {
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]':
        'It may write logs; CDK gives a function that it creates the same policy.',
    });
  }

  /**
   * Returns the policy for the node groups of a cluster. A custom resource must depend on it: then it is removed after the
   * custom resource, which needs it to remove its hook.
   *
   * @param clusterName the cluster's name, which may be a token
   */
  policyFor(clusterName: string): Policy {
    const existing = this.policies.get(clusterName);
    if (existing !== undefined) {
      return existing;
    }
    const id = Token.isUnresolved(clusterName)
      ? `Cluster${this.policies.size + 1}`
      : `Cluster-${clusterName}`;
    const statements = clusterStatements(this, clusterName);
    const policy = new Policy(this, id, { roles: [this.role], statements });
    acknowledgeWildcards(policy, statements);
    this.policies.set(clusterName, policy);
    return policy;
  }
}

function clusterStatements(scope: Construct, clusterName: string): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['eks:DescribeNodegroup'],
      resources: [
        Stack.of(scope).formatArn({
          service: 'eks',
          resource: 'nodegroup',
          resourceName: `${clusterName}/*`,
        }),
      ],
    }),
    new PolicyStatement({
      actions: ['autoscaling:PutLifecycleHook', 'autoscaling:DeleteLifecycleHook'],
      // EKS names the groups of managed node groups eks-…. The pattern also includes the old group of a replacement.
      resources: [groupArn(scope, 'eks-*')],
      conditions: { StringEquals: { [`autoscaling:ResourceTag/${CLUSTER_TAG}`]: clusterName } },
    }),
  ];
}
