import { Match } from 'aws-cdk-lib/assertions';
import { dependencies, resources, text } from '../support';
import { call, idOf, launchTemplateData, makeSelfManaged, only } from './stacks';
import { CLUSTER } from './support';

describe('a group of self-managed nodes', () => {
  const { template } = makeSelfManaged({ minSize: 2, labels: { a: 'b' } });
  const group = only(template, 'AWS::AutoScaling::AutoScalingGroup');

  test('has its hook before its first instance', () => {
    expect(group.Properties['LifecycleHookSpecificationList']).toEqual([
      {
        LifecycleHookName: 'hookline-launch',
        LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
        DefaultResult: 'ABANDON',
        HeartbeatTimeout: 1800,
      },
    ]);
    template.resourceCountIs('AWS::AutoScaling::LifecycleHook', 0);
    const before = dependencies(template, idOf(template, 'AWS::AutoScaling::AutoScalingGroup'));
    for (const type of ['AWS::Events::Rule', 'AWS::StepFunctions::StateMachine', 'AWS::EKS::AccessEntry']) {
      expect([...resources(template, type).keys()].some((id) => before.has(id))).toBe(true);
    }
  });

  test('never has a desired capacity, so that no deployment changes it', () => {
    for (const more of [{}, { minSize: 2, initialSize: 5 }, { maxSize: 100 }]) {
      const { template } = makeSelfManaged(more);
      const { Properties: properties } = only(template, 'AWS::AutoScaling::AutoScalingGroup');
      expect(Object.keys(properties)).not.toContain('DesiredCapacity');
    }
  });

  test('begins with its first nodes by one call, which an update does not repeat', () => {
    const { template } = makeSelfManaged({ minSize: 1, initialSize: 4 });
    const first = only(template, 'Custom::HooklineFirstNodes');
    expect(call(first, 'Create')).toMatchObject({
      action: 'setDesiredCapacity',
      parameters: { AutoScalingGroupName: 'upf', DesiredCapacity: 4 },
    });
    expect(first.Properties['Update']).toBeUndefined();
    // The call is there from the beginning, so that no later change of a size adds it to a group in production.
    const same = only(makeSelfManaged({ minSize: 1 }).template, 'Custom::HooklineFirstNodes');
    expect(call(same, 'Create')).toMatchObject({ parameters: { DesiredCapacity: 1 } });
  });

  test('has an access entry of the type EC2_LINUX for its role, unless the role has one', () => {
    template.hasResourceProperties('AWS::EKS::AccessEntry', {
      ClusterName: 'core',
      Type: 'EC2_LINUX',
      PrincipalArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('NodeRole'), 'Arn'] },
    });
    makeSelfManaged({ nodeRoleArn: 'arn:aws:iam::123456789012:role/nodes' }).template.resourceCountIs(
      'AWS::EKS::AccessEntry',
      0,
    );
  });

  test('has the image, the type, the role and the cluster security group in its template', () => {
    expect(launchTemplateData(template)).toMatchObject({
      ImageId: 'ami-0123456789abcdef0',
      InstanceType: 'm5.4xlarge',
      SecurityGroupIds: [CLUSTER.securityGroupId],
      IamInstanceProfile: { Arn: { 'Fn::GetAtt': [idOf(template, 'AWS::IAM::InstanceProfile'), 'Arn'] } },
    });
    expect(text(launchTemplateData(template).UserData['Fn::Base64'])).toContain('--node-labels=a=b');
  });

  test('is owned by the cluster, over its subnets', () => {
    expect(group.Properties).toMatchObject({
      AutoScalingGroupName: 'upf',
      MinSize: '2',
      MaxSize: '10',
      Tags: [{ Key: 'kubernetes.io/cluster/core', Value: 'owned', PropagateAtLaunch: true }],
    });
  });

  test.each(['owned', undefined])('may be selected by the tag of its cluster, with the value %s', (value) => {
    const tag = { key: 'kubernetes.io/cluster/core', ...(value === undefined ? {} : { value }) };
    const { template } = makeSelfManaged({}, { tags: [tag, { key: 'profile', value: 'upf' }] });
    const tags = [
      { Key: 'kubernetes.io/cluster/core', Value: 'owned' },
      { Key: 'profile', Value: 'upf' },
    ];
    const { Properties: properties } = only(template, 'AWS::AutoScaling::AutoScalingGroup');
    expect(properties['Tags']).toEqual(tags.map((one) => ({ ...one, PropagateAtLaunch: true })));
    expect(launchTemplateData(template)['TagSpecifications']).toEqual([
      { ResourceType: 'instance', Tags: tags },
    ]);
  });

  test('keeps its nodes when the launch template changes, unless it has a rolling update', () => {
    expect(group.UpdatePolicy).toBeUndefined();
    expect(text(launchTemplateData(template).UserData['Fn::Base64'])).not.toContain('/etc/hookline/signal');
  });

  test('is replaced node by node, each waited for, with a rolling update', () => {
    const { stack, template } = makeSelfManaged({ minSize: 2, rollingUpdate: { timeoutMinutes: 20 } });
    const found = only(template, 'AWS::AutoScaling::AutoScalingGroup');
    expect(found.UpdatePolicy).toEqual({
      AutoScalingRollingUpdate: {
        MaxBatchSize: 1,
        MinInstancesInService: 2,
        PauseTime: 'PT20M',
        SuspendProcesses: [
          'HealthCheck',
          'ReplaceUnhealthy',
          'AZRebalance',
          'AlarmNotification',
          'ScheduledActions',
        ],
        WaitOnResourceSignals: true,
      },
    });
    // The update replaces nodes, and sets no number of them.
    expect(Object.keys(found.Properties)).not.toContain('DesiredCapacity');
    const id = idOf(template, 'AWS::AutoScaling::AutoScalingGroup');
    const { stackName } = stack;
    expect(text(launchTemplateData(template).UserData['Fn::Base64'])).toContain(
      `cat >/etc/hookline/signal <<'HOOKLINE'\n${stackName}\t${id}\t`,
    );
  });

  test('has room for a new node during a rolling update by default', () => {
    const { template } = makeSelfManaged({ minSize: 2, maxSize: 2, rollingUpdate: {} });
    expect(only(template, 'AWS::AutoScaling::AutoScalingGroup').UpdatePolicy).toMatchObject({
      AutoScalingRollingUpdate: { MinInstancesInService: 1, PauseTime: 'PT30M' },
    });
  });

  test('can have several instance types', () => {
    const { template } = makeSelfManaged({ instanceTypes: ['m5.4xlarge', 'm5a.4xlarge'] });
    const { Properties: properties } = only(template, 'AWS::AutoScaling::AutoScalingGroup');
    expect(properties['LaunchTemplate']).toBeUndefined();
    expect(properties['MixedInstancesPolicy']).toMatchObject({
      LaunchTemplate: { Overrides: [{ InstanceType: 'm5.4xlarge' }, { InstanceType: 'm5a.4xlarge' }] },
    });
  });
});
