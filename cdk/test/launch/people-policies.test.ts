import { Fn } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { PeoplePolicies } from '../../lib/launch/people-policies';
import { NodeNaming } from '../../lib/naming/node-naming';
import { permissions } from '../../lib/shared/functions';
import {
  HARMLESS_ACTION,
  type Statement,
  code,
  list,
  namingProfile,
  orchestratorStack,
  profile,
  resources,
  resourcesOfAction,
} from '../support';

const { stack, orchestrator } = orchestratorStack();
const naming = new NodeNaming(stack, 'Naming', { code, naming: [{ profile: namingProfile() }] });
new PeoplePolicies(stack, 'People', { orchestrator, namingStateMachine: naming.stateMachine });
const template = Template.fromStack(stack);

function statementsOf(name: string): Statement[] {
  const policies = [...resources(template, 'AWS::IAM::ManagedPolicy')];
  const [, policy] = policies.find(([id]) => id.startsWith(`People${name}`)) ?? [];
  return (policy?.Properties['PolicyDocument'] as { Statement: Statement[] }).Statement;
}

test.each(['Look', 'Operate', 'Repair'])(
  '%s allows exactly the actions of functions/permissions.json',
  (name) => {
    const actions = statementsOf(name).flatMap(({ Action: action }) => list(action));
    expect([...new Set(actions)].sort()).toEqual([...(permissions().get(name.toLowerCase()) ?? [])].sort());
  },
);

test('none is attached to anybody, nor longer than IAM takes', () => {
  for (const policy of resources(template, 'AWS::IAM::ManagedPolicy').values()) {
    expect(policy.Properties['Roles']).toBeUndefined();
    expect(policy.Properties['Users']).toBeUndefined();
    expect(JSON.stringify(policy.Properties['PolicyDocument']).length).toBeLessThan(6144);
  }
});

test('to look is to read only, and to operate deletes and abandons nothing', () => {
  const changing = (name: string): string[] =>
    statementsOf(name)
      .flatMap(({ Action: action }) => list(action))
      .filter((action) => !HARMLESS_ACTION.test(action));
  expect(changing('Look')).toEqual([]);
  // Nor does it stop an execution: reconcile would abandon its launch.
  expect(changing('Operate').sort()).toEqual([
    'autoscaling:CreateOrUpdateTags',
    'autoscaling:ResumeProcesses',
    'autoscaling:SuspendProcesses',
    'lambda:InvokeFunction',
    'states:StartExecution',
  ]);
});

test('to operate starts executions of both state machines, and invokes adopt only', () => {
  const operate = statementsOf('Operate');
  expect(resourcesOfAction(operate, 'states:StartExecution')).toEqual([
    expect.stringMatching(/^<OrchestratorLaunchNode/),
    expect.stringMatching(/^<NamingNameNode/),
  ]);
  expect(resourcesOfAction(operate, 'states:DescribeExecution')).toEqual([
    expect.stringMatching(/:execution:<OrchestratorLaunchNode\w+\.Name>:\*$/),
    expect.stringMatching(/:execution:<NamingNameNode\w+\.Name>:\*$/),
  ]);
  expect(resourcesOfAction(operate, 'lambda:InvokeFunction')).toEqual([
    expect.stringMatching(/^<OrchestratorAdopt[0-9A-F]{8}\.Arn>$/),
  ]);
});

test('to operate pauses the groups of the profiles only', () => {
  for (const action of ['autoscaling:SuspendProcesses', 'autoscaling:ResumeProcesses']) {
    expect(resourcesOfAction(statementsOf('Operate'), action)).toEqual([
      expect.stringMatching(/:autoScalingGroup:\*:autoScalingGroupName\/upf$/),
    ]);
  }
});

test('to operate sets one tag on the groups of the profiles, which says when they were resumed', () => {
  const tagging = statementsOf('Operate').filter(({ Action: action }) =>
    list(action).includes('autoscaling:CreateOrUpdateTags'),
  );
  expect(resourcesOfAction(tagging, 'autoscaling:CreateOrUpdateTags')).toEqual([
    expect.stringMatching(/:autoScalingGroup:\*:autoScalingGroupName\/upf$/),
  ]);
  expect(tagging.map(({ Condition: condition }) => condition)).toEqual([
    {
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['hookline:resumed-at'] },
    },
  ]);
});

test('to repair deletes own interfaces only, and invokes reconcile too', () => {
  const repair = statementsOf('Repair');
  const deletes = repair.filter(({ Action: action }) => list(action).includes('ec2:DeleteNetworkInterface'));
  expect(deletes.map(({ Condition: condition }) => condition)).toEqual([
    {
      StringLike: { 'aws:ResourceTag/hookline:instance-id': 'i-*' },
      StringEquals: { 'aws:ResourceTag/hookline:deployment': orchestrator.namePrefix },
    },
  ]);
  expect(resourcesOfAction(repair, 'lambda:InvokeFunction')).toEqual([
    expect.stringMatching(/^<OrchestratorAdopt[0-9A-F]{8}\.Arn>$/),
    expect.stringMatching(/^<OrchestratorReconcile[0-9A-F]{8}\.Arn>$/),
  ]);
  expect(resourcesOfAction(repair, 'states:StopExecution')).toEqual(
    resourcesOfAction(repair, 'states:DescribeExecution'),
  );
});

test('of groups whose names are tokens, as few as fit with the longest names are allowed', () => {
  const names = Array.from({ length: 9 }, (_, n) => Fn.importValue(`group-${n}`));
  const many = orchestratorStack({
    profiles: [{ ...profile(), selector: { autoScalingGroupNames: names } }],
  });
  new PeoplePolicies(many.stack, 'People', { orchestrator: many.orchestrator });
  const policies = [...resources(Template.fromStack(many.stack), 'AWS::IAM::ManagedPolicy').values()];
  expect(JSON.stringify(policies)).not.toContain('autoscaling:SuspendProcesses');
});

test.each([
  [60, [], true],
  [17, ['autoscaling:ResumeProcesses', 'autoscaling:SuspendProcesses'], false],
  [
    8,
    ['autoscaling:CreateOrUpdateTags', 'autoscaling:ResumeProcesses', 'autoscaling:SuspendProcesses'],
    false,
  ],
])('of %i groups, what fits a policy is allowed', (count, expected, warned) => {
  const names = Array.from({ length: count }, (_, n) => `group-${n}`);
  const many = orchestratorStack({
    profiles: [{ ...profile(), selector: { autoScalingGroupNames: names } }],
  });
  new PeoplePolicies(many.stack, 'People', { orchestrator: many.orchestrator });
  const policies = [...resources(Template.fromStack(many.stack), 'AWS::IAM::ManagedPolicy').values()];
  for (const policy of policies.filter(({ Properties: properties }) => properties['Roles'] === undefined)) {
    const document = JSON.stringify(policy.Properties['PolicyDocument']);
    expect(document.length).toBeLessThan(6144);
    const allowed = /autoscaling:(SuspendProcesses|ResumeProcesses|CreateOrUpdateTags)/g;
    const operates = document.includes('states:StartExecution');
    expect([...new Set(document.match(allowed) ?? [])].sort()).toEqual(operates ? expected : []);
  }
  const warnings = Annotations.fromStack(many.stack).findWarning(
    '*',
    Match.stringLikeRegexp('do not fit a managed policy'),
  );
  expect(warnings.length > 0).toBe(warned);
});
