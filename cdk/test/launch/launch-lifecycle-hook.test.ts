import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import {
  type HookTarget,
  LaunchLifecycleHook,
  type LaunchLifecycleHookProps,
} from '../../lib/launch/launch-lifecycle-hook';
import type { Profile } from '../../lib/launch/profile';
import { orchestrated, profile, resources, text } from '../support';

function hooked(
  props: Omit<LaunchLifecycleHookProps, 'orchestrator' | 'profile'>,
  of: Partial<Profile> = {},
): { app: App; stack: Stack; hook: LaunchLifecycleHook } {
  const { app, stack, orchestrator } = orchestrated({ profiles: [profile(of)] });
  const hook = new LaunchLifecycleHook(stack, 'Hook', { orchestrator, profile: 'upf', ...props });
  return { app, stack, hook };
}

const group: HookTarget = { autoScalingGroup: 'upf' };
const managed: HookTarget = { managedNodeGroup: { clusterName: 'core', nodegroupName: 'upf' } };

describe('on a group of one’s own', () => {
  const template = Template.fromStack(hooked({ target: group }).stack);

  test('is the profile’s, and abandons by default', () => {
    template.hasResourceProperties('AWS::AutoScaling::LifecycleHook', {
      AutoScalingGroupName: 'upf',
      LifecycleHookName: 'hookline-launch',
      LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
      DefaultResult: 'ABANDON',
      HeartbeatTimeout: 1800,
    });
  });

  test('comes after all that answers it, and goes before', () => {
    const [hook] = [...resources(template, 'AWS::AutoScaling::LifecycleHook').values()];
    const answering = [
      'AWS::Events::Rule',
      'AWS::StepFunctions::StateMachine',
      'AWS::Lambda::Function',
      'AWS::IAM::Policy',
    ];
    const ids = answering.flatMap((type) => [...resources(template, type).keys()]);
    expect(hook?.DependsOn).toEqual(expect.arrayContaining(ids));
  });
});

describe('on a managed node group', () => {
  const { stack, hook } = hooked({ target: managed });
  const template = Template.fromStack(stack);
  const call = (type: string, on: string): Record<string, unknown> => {
    const [resource] = [...resources(template, type).values()];
    return JSON.parse(
      // The name that EKS tells stands in the text of the call.
      text(resource?.Properties[on]).replace(/<[^>]*>/g, 'GROUP'),
    ) as Record<string, unknown>;
  };

  test('asks EKS for the group', () => {
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

  test('puts the hook on that group, again when something changes', () => {
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
        // Another group is another resource: the old one loses its hook.
        physicalResourceId: { id: 'GROUP/hookline-launch' },
      });
    }
  });

  test('takes it away again, if it is still there', () => {
    expect(call('Custom::HooklineLifecycleHook', 'Delete')).toMatchObject({
      action: 'deleteLifecycleHook',
      parameters: { AutoScalingGroupName: 'GROUP', LifecycleHookName: 'hookline-launch' },
      ignoreErrorCodesMatching: 'ValidationError',
    });
  });

  test('may do that, and no more', () => {
    for (const [action, resource] of [
      ['eks:DescribeNodegroup', 'eks:us-west-2:123456789012:nodegroup/core/upf/*'],
      [
        ['autoscaling:PutLifecycleHook', 'autoscaling:DeleteLifecycleHook'],
        'autoscaling:us-west-2:123456789012:autoScalingGroup:*:autoScalingGroupName/eks-*',
      ],
    ]) {
      template.hasResourceProperties('AWS::IAM::Policy', {
        PolicyDocument: {
          Statement: [
            {
              Action: action,
              Effect: 'Allow',
              Resource: { 'Fn::Join': ['', ['arn:', Match.anyValue(), `:${String(resource)}`]] },
            },
          ],
        },
      });
    }
  });
});

describe('observed only', () => {
  test('is not put', () => {
    const { stack } = hooked(
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

  test('must be EKS’s own on a managed node group, and not completed', () => {
    expect(() => hooked({ target: managed, observeOnly: true })).toThrow(
      'profile upf: hook.complete: true, but the hook that is observed is somebody else’s to complete. Set hook.complete to false',
    );
    expect(() =>
      hooked({ target: managed, observeOnly: true }, { hook: { name: 'other', complete: false } }),
    ).toThrow(
      'profile upf: hook.name: "other" is not the hook that EKS puts on a managed node group. Use Launch-LC-Hook',
    );
  });
});

describe('is refused', () => {
  test('when nobody would complete it', () => {
    expect(() => hooked({ target: group }, { hook: { name: 'h', complete: false } })).toThrow(
      /^profile upf: hook\.complete: false, so nobody would complete/,
    );
  });

  test('when it would overwrite that of EKS', () => {
    expect(() => hooked({ target: managed }, { hook: { name: 'Launch-LC-Hook' } })).toThrow(
      /^profile upf: hook\.name: Launch-LC-Hook is the hook of EKS/,
    );
  });

  test('for a profile that is not there', () => {
    const { stack, orchestrator } = orchestrated();
    expect(
      () => new LaunchLifecycleHook(stack, 'H', { orchestrator, profile: 'smf', target: group }),
    ).toThrow('profile smf: no profile has this name. Name one of upf');
  });

  test.each([
    [10, 'Auto Scaling takes 30 to 7200'],
    [7201, 'Auto Scaling takes 30 to 7200'],
    [140, 'a launch could wait for 14000 s in all, and an execution may take 14400 s'],
    [1000, 'a launch that EC2 throttles can take 1491 s between two heartbeats'],
  ])('with a heartbeat timeout of %i s: %s', (seconds, says) => {
    expect(() => hooked({ target: group, heartbeatTimeout: Duration.seconds(seconds) })).toThrow(says);
  });
});
