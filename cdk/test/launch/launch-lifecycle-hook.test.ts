import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  type HookTarget,
  LaunchLifecycleHook,
  type LaunchLifecycleHookProps,
} from '../../lib/launch/launch-lifecycle-hook';
import type { Profile } from '../../lib/launch/profile';
import {
  dependencies,
  list,
  orchestratorStack,
  profile,
  resources,
  statementsOfRole,
  text,
} from '../support';

function hookStack(
  props: Omit<LaunchLifecycleHookProps, 'orchestrator' | 'profile'>,
  profileFields: Partial<Profile> = {},
): { app: App; stack: Stack; hook: LaunchLifecycleHook } {
  const managed = 'managedNodeGroup' in props.target;
  const selector = managed ? { tag: { key: 'eks:nodegroup-name', value: 'upf' } } : undefined;
  const selected = profile({ ...(selector === undefined ? {} : { selector }), ...profileFields });
  const { app, stack, orchestrator } = orchestratorStack({ profiles: [selected] });
  const hook = new LaunchLifecycleHook(stack, 'Hook', { orchestrator, profile: 'upf', ...props });
  return { app, stack, hook };
}

const group: HookTarget = { autoScalingGroup: 'upf' };
const managed: HookTarget = { managedNodeGroup: { clusterName: 'core', nodegroupName: 'upf' } };

describe('the hook on an Auto Scaling group', () => {
  const template = Template.fromStack(hookStack({ target: group }).stack);

  test('has the name of the profile’s hook and the default result ABANDON', () => {
    template.hasResourceProperties('AWS::AutoScaling::LifecycleHook', {
      AutoScalingGroupName: 'upf',
      LifecycleHookName: 'hookline-launch',
      LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
      DefaultResult: 'ABANDON',
      HeartbeatTimeout: 1800,
    });
  });

  test('depends on everything that completes it', () => {
    const [hook = ''] = [...resources(template, 'AWS::AutoScaling::LifecycleHook').keys()];
    const types = [
      'AWS::Events::Rule',
      'AWS::StepFunctions::StateMachine',
      'AWS::Lambda::Function',
      'AWS::IAM::Policy',
    ];
    const ids = types.flatMap((type) => [...resources(template, type).keys()]);
    expect([...dependencies(template, hook)]).toEqual(expect.arrayContaining(ids));
  });
});

describe('the hook on a managed node group', () => {
  const { stack, hook } = hookStack({ target: managed });
  const template = Template.fromStack(stack);
  const call = (type: string, on: string): Record<string, unknown> => {
    const [resource] = [...resources(template, type).values()];
    return JSON.parse(
      // The text of the call contains the name of the group as an intrinsic function.
      text(resource?.Properties[on]).replace(/<[^>]*>/g, 'GROUP'),
    ) as Record<string, unknown>;
  };

  test('reads the name of the group from EKS', () => {
    for (const on of ['Create', 'Update']) {
      expect(call('Custom::HooklineNodegroup', on)).toMatchObject({
        service: 'EKS',
        action: 'describeNodegroup',
        parameters: { clusterName: 'core', nodegroupName: 'upf' },
        outputPaths: ['nodegroup.resources.autoScalingGroups.0.name'],
      });
    }
    expect(text(stack.resolve(hook.autoScalingGroupName))).toMatch(
      /^<HookGroup\w+\.nodegroup\.resources\.autoScalingGroups\.0\.name>$/,
    );
  });

  test('is put on that group on creation and on each update', () => {
    for (const on of ['Create', 'Update']) {
      expect(call('Custom::HooklineLifecycleHook', on)).toMatchObject({
        service: 'AutoScaling',
        action: 'putLifecycleHook',
        parameters: {
          AutoScalingGroupName: 'GROUP',
          LifecycleHookName: 'hookline-launch',
          LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
          DefaultResult: 'ABANDON',
          HeartbeatTimeout: 1800,
        },
        // With another group the resource is replaced, which deletes the hook of the old group.
        physicalResourceId: { id: 'GROUP/hookline-launch' },
      });
    }
  });

  test('is deleted with the stack if it still exists', () => {
    expect(call('Custom::HooklineLifecycleHook', 'Delete')).toMatchObject({
      action: 'deleteLifecycleHook',
      parameters: { AutoScalingGroupName: 'GROUP', LifecycleHookName: 'hookline-launch' },
      ignoreErrorCodesMatching: 'ValidationError|AccessDenied',
    });
  });

  test.each(['ValidationError', 'AccessDenied', 'AccessDeniedException'])(
    'of a group that is gone ends with %s, and is no reason to keep the stack',
    (error) => {
      const { ignoreErrorCodesMatching: ignored } = call('Custom::HooklineLifecycleHook', 'Delete');
      expect(error).toMatch(new RegExp(String(ignored)));
      expect('ThrottlingException').not.toMatch(new RegExp(String(ignored)));
    },
  );

  test('has only the permissions for these calls', () => {
    const statements = statementsOfRole(template, /^OrchestratorCustomResourcesRole/);
    for (const [action, resource] of [
      ['eks:DescribeNodegroup', 'eks:us-west-2:123456789012:nodegroup/core/*'],
      [
        ['autoscaling:PutLifecycleHook', 'autoscaling:DeleteLifecycleHook'],
        'autoscaling:us-west-2:123456789012:autoScalingGroup:*:autoScalingGroupName/eks-*',
      ],
    ] as const) {
      const found = statements.filter(({ Action: allowed }) => text(list(allowed)[0]) === list(action)[0]);
      expect(found).toHaveLength(1);
      expect(list(found[0]?.Action ?? '')).toEqual(list(action));
      expect(text(found[0]?.Resource)).toBe(`arn:aws:${resource}`);
    }
    expect(statements).toHaveLength(2);
    // EKS tags the groups of managed node groups with their cluster.
    expect(
      statements.map(({ Condition: condition }) => condition).filter((condition) => condition !== undefined),
    ).toEqual([{ StringEquals: { 'autoscaling:ResourceTag/eks:cluster-name': 'core' } }]);
  });

  test('lets the role go after its custom resources', () => {
    const policies = [...resources(template, 'AWS::IAM::Policy').keys()];
    const policy = policies.find((id) => id.includes('CustomResourcesClustercore'));
    for (const type of ['Custom::HooklineNodegroup', 'Custom::HooklineLifecycleHook']) {
      const [resource] = [...resources(template, type).values()];
      expect(resource?.DependsOn).toContain(policy);
    }
  });

  test('shares the policy of its cluster with the other hooks', () => {
    const { stack: many, orchestrator } = orchestratorStack({
      profiles: [profile({ selector: { tag: { key: 'eks:cluster-name', value: 'core' } } })],
    });
    for (const nodegroupName of ['a', 'b', 'c']) {
      new LaunchLifecycleHook(many, nodegroupName, {
        orchestrator,
        profile: 'upf',
        target: { managedNodeGroup: { clusterName: 'core', nodegroupName } },
      });
    }
    const found = statementsOfRole(Template.fromStack(many), /^OrchestratorCustomResourcesRole/);
    expect(found).toHaveLength(2);
  });
});

describe('a hook that is only observed', () => {
  test('is not created', () => {
    const { stack } = hookStack(
      { target: managed, observeOnly: true },
      { hook: { name: 'Launch-LC-Hook', complete: false } },
    );
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::AutoScaling::LifecycleHook', 0);
    template.resourceCountIs('Custom::HooklineLifecycleHook', 0);
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: { detail: { LifecycleHookName: ['Launch-LC-Hook'] } },
    });
  });

  test('must be EKS’s hook on a managed node group, with hook.complete false', () => {
    expect(() => hookStack({ target: managed, observeOnly: true })).toThrow(
      'profiles[0].hook.complete: with true, Hookline would complete a hook that it only observes. Set hook.complete to false',
    );
    expect(() =>
      hookStack({ target: managed, observeOnly: true }, { hook: { name: 'other', complete: false } }),
    ).toThrow(
      'profiles[0].hook.name: "other" is not the hook that EKS puts on a managed node group. Use Launch-LC-Hook',
    );
  });
});

describe('a hook is rejected', () => {
  test('if nothing would complete it', () => {
    expect(() => hookStack({ target: group }, { hook: { name: 'h', complete: false } })).toThrow(
      /^profiles\[0\]\.hook\.complete: with false, nothing completes this hook/,
    );
  });

  test('if it would overwrite EKS’s hook', () => {
    expect(() => hookStack({ target: managed }, { hook: { name: 'Launch-LC-Hook' } })).toThrow(
      /^profiles\[0\]\.hook\.name: Launch-LC-Hook is the name of EKS's hook/,
    );
  });

  test('if the roles could not know the group of its managed node group', () => {
    const selector = { tags: [{ key: 'eks:cluster-name', value: 'core' }, { key: 'mine' }] };
    expect(() => hookStack({ target: managed }, { selector })).toThrow(
      /^profiles\[0\]\.selector: the profile upf selects by the tag mine, which EKS does not set on the Auto Scaling group/,
    );
    expect(() =>
      hookStack({ target: managed }, { selector: { tags: selector.tags.slice(0, 1) } }),
    ).not.toThrow();
  });

  test('if its profile does not exist', () => {
    const { stack, orchestrator } = orchestratorStack();
    expect(
      () => new LaunchLifecycleHook(stack, 'H', { orchestrator, profile: 'smf', target: group }),
    ).toThrow('profile: no profile has the name "smf". Use one of upf');
  });

  test.each([
    [10, "10 s is outside Auto Scaling's limits of 30 s to 7200 s"],
    [7201, "7201 s is outside Auto Scaling's limits of 30 s to 7200 s"],
    [140, 'with 140 s, Auto Scaling ends the wait after 14000 s, but an execution can take 14400 s'],
    [1000, '1000 s is too short: when EC2 throttles, a launch can take 1791 s between two heartbeats'],
  ])('with a HeartbeatTimeout of %i s: %s', (seconds, message) => {
    expect(() => hookStack({ target: group, heartbeatTimeout: Duration.seconds(seconds) })).toThrow(message);
  });
});
