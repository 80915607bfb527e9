/**
 * Managed policies for the people who look after a deployment. `functions/permissions.json` lists the actions of each, under
 * `look`, `operate` and `repair`; the policies are attached to nobody.
 */
import { Annotations } from 'aws-cdk-lib';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../shared/acknowledgements';
import {
  type FunctionName,
  PEOPLE,
  type PersonPolicyName,
  pascalCase,
  permissions,
} from '../shared/functions';
import { PROCESS_ACTIONS, statements } from '../shared/policy-statements';
import type { ProfileResources } from '../shared/profile-resources';
import { MAX_GROUP_NAME_LENGTH } from '../shared/tokens';
import type { NodeLaunchOrchestrator } from './node-launch-orchestrator';

/** Props of {@link PeoplePolicies}. */
export interface PeoplePoliciesProps {
  /** The deployment. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /**
   * The state machine that names nodes of groups without a hook. Its executions may be looked at and started, too.
   *
   * @default - none
   */
  readonly namingStateMachine?: StateMachine | undefined;
}

const DESCRIPTIONS: Readonly<Record<PersonPolicyName, string>> = {
  look: 'What the commands hookline status and hookline explain call (Hookline)',
  operate:
    'To look, to start executions, to adopt nodes, and to pause groups: no right to delete an interface or to abandon a launch (Hookline)',
  repair:
    'To operate, and what deletes or abandons: to release interfaces, to run reconcile, and to stop executions (Hookline)',
};

/** The functions that each policy lets a person invoke. A round of reconcile deletes interfaces and abandons launches. */
const INVOKED: Readonly<Record<PersonPolicyName, readonly FunctionName[]>> = {
  look: [],
  operate: ['adopt'],
  repair: ['adopt', 'reconcile'],
};

/**
 * The length of the statements about groups in a policy, in characters. A managed policy has 6,144 characters, and CDK does not
 * split it; the rest is left for its other statements.
 */
const MAX_GROUPS_LENGTH = 2700;
/** The tags of `hookline resume`: a statement about the groups of its own. */
const RESUME_ACTION = 'autoscaling:CreateOrUpdateTags';
/** The length of the condition on its tag keys. */
const TAG_KEYS_LENGTH = 120;
/** The length of a statement about groups without their ARNs and conditions: its effect and its actions. */
const STATEMENT_LENGTH = 120;

/** The policies for people. */
export class PeoplePolicies extends Construct {
  /** The policies by name: `look`; `operate`, which includes it; and `repair`, which includes both. */
  readonly policies: ReadonlyMap<PersonPolicyName, ManagedPolicy>;

  constructor(scope: Construct, id: string, { orchestrator, namingStateMachine }: PeoplePoliciesProps) {
    super(scope, id);
    const stateMachines = [
      orchestrator.stateMachine,
      ...(namingStateMachine === undefined ? [] : [namingStateMachine]),
    ];
    const resources = orchestrator.profileResources;
    const length = lengthOfGroups(resources);
    const namesGroups = length <= MAX_GROUPS_LENGTH;
    // Without it, the command resumes a group all the same.
    const tagsGroups = 2 * length + TAG_KEYS_LENGTH * resources.launchLimits.length <= MAX_GROUPS_LENGTH;
    const left = (action: string): boolean =>
      action === RESUME_ACTION ? !tagsGroups : !namesGroups && PROCESS_ACTIONS.has(action);
    if (!namesGroups) {
      Annotations.of(this).addWarningV2(
        'hookline:groups-of-people-policies',
        `The groups of the profiles do not fit a managed policy, so OperatePolicyArn and RepairPolicyArn do not allow ${[...PROCESS_ACTIONS].join(' and ')}. Allow these in a policy of your own, or select the groups by a tag.`,
      );
    }
    this.policies = new Map(
      PEOPLE.map((name) => {
        const functions = INVOKED[name].map((invoked) => orchestrator.functions.get(invoked));
        const actions = permissions().get(name) ?? [];
        const allowed = statements(this, {
          grantee: name,
          actions: actions.filter((action) => !left(action)),
          resources,
          deployment: orchestrator.namePrefix,
          stateMachines,
          invoked: functions.flatMap((fn) => (fn === undefined ? [] : [fn.functionArn])),
        });
        const policy = new ManagedPolicy(this, pascalCase(name), {
          description: DESCRIPTIONS[name],
          statements: allowed,
        });
        acknowledgeWildcards(policy, allowed);
        acknowledge(policy, {
          'AwsSolutions-IAM5[Resource::*]':
            'Describe and List actions of EC2, Auto Scaling, EventBridge and Step Functions do not support resource-level permissions, and GetMetricData of CloudWatch does not for metrics of a namespace.',
        });
        return [name, policy];
      }),
    );
  }
}

/**
 * The length of the statements about the groups of the profiles for one set of actions, as they are deployed. The partition, the
 * Region and the account of an ARN are longer as tokens of the CDK. The name of a group that is a token may be longer than that.
 */
function lengthOfGroups(resources: ProfileResources): number {
  const deployed = (token: string): string =>
    token.startsWith('${Token[AWS.') ? ACCOUNT : 'g'.repeat(MAX_GROUP_NAME_LENGTH);
  const lengths = resources.launchLimits.map(
    (limit) => JSON.stringify(limit).replaceAll(TOKEN, deployed).length + STATEMENT_LENGTH,
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}

const TOKEN = /\$\{Token\[[^\]]*\]\}/g;
/** As long as an account's number. A partition and a Region have no more characters than two of these. */
const ACCOUNT = '123456789012';
