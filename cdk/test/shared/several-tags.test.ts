import { Template } from 'aws-cdk-lib/assertions';
import { type Statement, list, orchestratorStack, profile, statementsOfRole, text } from '../support';

const selector = {
  tags: [
    { key: 'eks:cluster-name', value: 'core' },
    { key: 'eks:nodegroup-name', value: 'upf' },
    { key: 'x' },
  ],
};

function statements(role: string, action: string, patterns?: string[]): Statement[] {
  const { stack } = orchestratorStack({
    profiles: [profile({ selector }), profile({ name: 'one', selector: { tag: { key: 'y' } } })],
    ...(patterns === undefined ? {} : { autoScalingGroupNamePatterns: patterns }),
  });
  const found = statementsOfRole(Template.fromStack(stack), new RegExp(`^Orchestrator${role}Role`));
  return found.filter(({ Action: allowed }) => list(allowed).includes(action));
}

test('a selector of several tags needs each of them, on the group and on its instances', () => {
  const condition = (prefix: string): Statement['Condition'] => ({
    StringEquals: { [`${prefix}/eks:cluster-name`]: ['core'], [`${prefix}/eks:nodegroup-name`]: ['upf'] },
    Null: { [`${prefix}/x`]: 'false' },
  });
  const groups = statements('CompleteHook', 'autoscaling:CompleteLifecycleAction');
  expect(groups.map(({ Condition: found }) => found)).toEqual([
    condition('autoscaling:ResourceTag'),
    { Null: { 'autoscaling:ResourceTag/y': 'false' } },
  ]);
  for (const { Resource: resource } of groups) {
    expect(text(resource)).toMatch(/:autoScalingGroup:\*:autoScalingGroupName\/\*$/);
  }
  const instances = statements('AttachInterfaces', 'ec2:AttachNetworkInterface').map(
    ({ Condition: found }) => found,
  );
  expect(instances).toContainEqual(condition('aws:ResourceTag'));
  expect(instances).toContainEqual({ Null: { 'aws:ResourceTag/y': 'false' } });
});

test('patterns of names replace the condition on the tags of groups', () => {
  const groups = statements('CompleteHook', 'autoscaling:CompleteLifecycleAction', ['eks-upf-*']);
  expect(groups).toHaveLength(1);
  expect(groups[0]?.Condition).toBeUndefined();
  expect(text(groups[0]?.Resource)).toMatch(/:autoScalingGroupName\/eks-upf-\*$/);
});

test('selectors that differ in the value of one tag share a condition, and allow no other combination', () => {
  const of = (cluster: string, nodegroup: string): { tags: { key: string; value: string }[] } => ({
    tags: [
      { key: 'eks:nodegroup-name', value: nodegroup },
      { key: 'eks:cluster-name', value: cluster },
    ],
  });
  const selectors = [of('core', 'a'), of('core', 'b'), of('edge', 'c')];
  const { stack } = orchestratorStack({
    profiles: selectors.map((one, n) => profile({ name: `p${n}`, selector: one })),
  });
  const found = statementsOfRole(Template.fromStack(stack), /^OrchestratorCompleteHookRole/);
  const conditions = found.flatMap(({ Action: action, Condition: condition }) =>
    list(action).includes('autoscaling:CompleteLifecycleAction') ? [condition] : [],
  );
  const key = (name: string): string => `autoscaling:ResourceTag/eks:${name}`;
  expect(conditions).toEqual([
    { StringEquals: { [key('cluster-name')]: ['core'], [key('nodegroup-name')]: ['a', 'b'] } },
    { StringEquals: { [key('cluster-name')]: ['edge'], [key('nodegroup-name')]: ['c'] } },
  ]);
});
