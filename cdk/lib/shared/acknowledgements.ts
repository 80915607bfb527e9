/** Acknowledged findings of cdk-nag, each with its reason. */
import { Stack, Validations } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/**
 * Acknowledges findings of a construct and of its children.
 *
 * @param construct the construct
 * @param reasons the reason for each rule
 */
export function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) {
    Validations.of(construct).acknowledge({ id, reason });
  }
}

/** The reasons for wildcards in the resources of statements: a pattern of the ARN, and the reason. */
const WILDCARD_REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /:network-interface\/\*$/,
    'Interfaces are created at run time: a condition limits the statement to interfaces of this deployment, or to the tag keys of the profiles.',
  ],
  [
    /:(subnet|security-group)\/\*$/,
    'The ids are too many for a policy: a condition limits the statement to the VPCs, or to the tag, of networkLimit.',
  ],
  [
    /:volume\/\*$/,
    'Volumes are created at run time: a condition limits the statement to the tag keys of the profiles.',
  ],
  [
    /:instance\/\*$/,
    'Instances are created at run time: a condition limits the statement to the instances of the profiles, by their group or their tag.',
  ],
  [
    /:autoScalingGroup:\*:autoScalingGroupName\/.+$/,
    'A group’s ARN contains an id that only AWS knows. The name of the group of a profile that selects by a tag is not known here: a condition on the group’s tags limits the statement, or a pattern of names.',
  ],
  [/:rule\/\*$/, 'CloudFormation chooses the names of the rules. The statement only reads.'],
  [
    /:execution:.*:\*$/,
    'Executions are created at run time: the statement allows those of one state machine.',
  ],
  [
    /:s3:::[^*]+\/aws-service=vpcflowlogs\/[^*]+\/\*$/,
    'Flow logs are delivered at any time: the statement reads those of one folder, which the configuration names.',
  ],
  [
    /\.Arn>(\/[A-Za-z-]+)*\/\*$/,
    'Objects are created at run time: the statement allows those of one bucket of the stack, or of one folder in it.',
  ],
  [/^<[^/]+\.Arn>:\*$/, 'The statement allows the versions of one function.'],
  [/:nodegroup\/.+\/\*$/, 'The last part of a node group’s ARN is an id that only EKS knows.'],
];

/**
 * Acknowledges the wildcards in the resources of a role's statements. A wildcard without a reason stays a finding.
 *
 * @param role the role, or a construct that contains it
 * @param statements the statements of the role
 */
export function acknowledgeWildcards(role: IConstruct, statements: readonly PolicyStatement[]): void {
  for (const arn of new Set(statements.flatMap((statement) => statement.resources))) {
    const text = asFindingText(Stack.of(role).resolve(arn));
    const reason = WILDCARD_REASONS.find(([pattern]) => pattern.test(text))?.[1];
    if (reason !== undefined) {
      acknowledge(role, { [`AwsSolutions-IAM5[Resource::${text}]`]: reason });
    }
  }
}

/** Writes a resolved value as cdk-nag does in a finding: `<AWS::Region>` for a Ref, `<Id.Attribute>` for a GetAtt. */
function asFindingText(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  const intrinsic = value as {
    Ref?: string;
    'Fn::GetAtt'?: [string, string];
    'Fn::Join'?: [string, unknown[]];
  };
  if (intrinsic['Fn::Join'] !== undefined) {
    const [separator, parts] = intrinsic['Fn::Join'];
    return parts.map(asFindingText).join(separator);
  }
  return `<${intrinsic.Ref ?? intrinsic['Fn::GetAtt']?.join('.') ?? JSON.stringify(value)}>`;
}

/**
 * Acknowledges the findings of a Lambda function that a CDK construct creates: its managed policy and its runtime.
 *
 * @param provider the construct that contains the function
 * @param policyReason the reason for the managed policy
 */
export function acknowledgeCdkFunction(provider: IConstruct, policyReason: string): void {
  acknowledge(provider, {
    'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]':
      policyReason,
    'AwsSolutions-L1': 'CDK creates the function and chooses its runtime.',
  });
}
