/** What stands in for the functions where a template is only looked at. */
import { join } from 'node:path';
import { Annotations, Aws, CfnRule, Fn, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** The folder of the program that stands in for each function: it fails at once, and says why. */
export const STAND_IN = join(__dirname, 'stand-in');

/** The id of the rule in a template. */
export const RULE = 'StandInIsNotDeployed';

const WHY =
  'This template is for looking only: a stand-in takes the place of the functions, and each launch would be abandoned. Synthesise it with the functions, without functions=stand-in (docs/deploy.md).';

/**
 * Makes CloudFormation refuse the template of a construct. It checks the rules of a template before it creates or changes anything
 * (CloudFormation User Guide, "CloudFormation template Rules syntax"), and no Region has the name that this one requires.
 *
 * @param scope the construct
 */
export function refuseDeployment(scope: Construct): void {
  const stack = Stack.of(scope);
  if (stack.node.tryFindChild(RULE) !== undefined) {
    return;
  }
  new CfnRule(stack, RULE, {
    assertions: [{ assert: Fn.conditionEquals(Aws.REGION, 'for looking only'), assertDescription: WHY }],
  });
  Annotations.of(stack).addWarningV2('hookline:standIn', WHY);
}
