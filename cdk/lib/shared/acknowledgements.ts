/** Findings of cdk-nag that are as they should be, each with the reason. */
import { Stack, Validations } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** Says of a construct, and what it holds, why these rules do not count: rule → reason. */
export function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) {
    Validations.of(construct).acknowledge({ id, reason });
  }
}

/** Why a resource of a statement may end in, or have in it, a `*`: a part of the ARN → the reason. */
const WILDCARDS: readonly (readonly [RegExp, string])[] = [
  [
    /:network-interface\/\*$/,
    'Interfaces come and go: a condition limits the statement to those that carry the tag hookline:instance-id, or to the tags that the profiles name.',
  ],
  [
    /:volume\/\*$/,
    'Volumes come and go: a condition limits the statement to the tags that the profiles name.',
  ],
  [
    /:instance\/\*$/,
    'Instances come and go: a condition limits the statement to those of the profiles, by their group or their tag.',
  ],
  [
    /:autoScalingGroup:\*:autoScalingGroupName\/.+$/,
    'A part of a group’s ARN is an id that only AWS knows. Groups of profiles that select by a tag have no name that is known here.',
  ],
  [/:execution:.*:\*$/, 'Executions come and go: those of the one state machine.'],
  [
    /\.Arn>(\/[A-Za-z-]+)*\/\*$/,
    'Objects come and go: those of one bucket of the stack, or of one folder of it.',
  ],
  [/^<[^/]+\.Arn>:\*$/, 'Versions of a function come and go: those of the one function.'],
  [/:nodegroup\/.+\/\*$/, 'The last part of a node group’s ARN is an id that only EKS knows.'],
];

/** Says of a role, and what it holds, why its statements have a `*` in a resource. One without a reason stays a finding. */
export function acknowledgeWildcards(role: IConstruct, statements: readonly PolicyStatement[]): void {
  for (const arn of new Set(statements.flatMap((statement) => statement.resources))) {
    const text = flat(Stack.of(role).resolve(arn));
    const reason = WILDCARDS.find(([form]) => form.test(text))?.[1];
    if (reason !== undefined) {
      acknowledge(role, { [`AwsSolutions-IAM5[Resource::${text}]`]: reason });
    }
  }
}

/** A resolved value as cdk-nag writes it into a finding: `<AWS::Region>` for a Ref, `<Id.Attribute>` for a GetAtt. */
function flat(value: unknown): string {
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
    return parts.map(flat).join(separator);
  }
  return `<${intrinsic.Ref ?? intrinsic['Fn::GetAtt']?.join('.') ?? JSON.stringify(value)}>`;
}

/** The function that AwsCustomResource brings: CDK's own, one for a stack. */
const CUSTOM_RESOURCE_FUNCTION = 'AWS679f53fac002430cb0da5b7982bd2287';

/** The findings in the function that CDK brings for hooks of managed node groups, if the stack has one. */
export function acknowledgeCustomResources(stack: Stack): void {
  const provider = stack.node.tryFindChild(CUSTOM_RESOURCE_FUNCTION);
  if (provider === undefined) {
    return;
  }
  acknowledge(provider, {
    'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]':
      'The function is CDK’s own: it may write logs, and no other policy can be given to it.',
    'AwsSolutions-L1': 'The function is CDK’s own, and so is the choice of its runtime.',
  });
}

/** The findings in the function that CDK brings to empty buckets that go with their stack, if the stack has one. */
export function acknowledgeTrafficProviders(stack: Stack): void {
  const provider = stack.node.tryFindChild('Custom::S3AutoDeleteObjectsCustomResourceProvider');
  if (provider !== undefined) {
    acknowledge(provider, {
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]':
        'The function is CDK’s own: it may write logs.',
      'AwsSolutions-L1': 'The function is CDK’s own, and so is the choice of its runtime.',
    });
  }
}
