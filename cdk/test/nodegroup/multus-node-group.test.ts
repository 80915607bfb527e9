import { App, Lazy, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import type { Profile } from '../../lib/launch/profile';
import { SIZES_IN_TEMPLATE } from '../../lib/nodegroup/first-nodes';
import { MultusNodeGroup, type MultusNodeGroupProps } from '../../lib/nodegroup/multus-node-group';
import type { NodeGroup } from '../../lib/shared/config';
import { type Resource, orchestratorStack, resources, statementsOfRole, text } from '../support';
import { CLUSTER, managedGroup, managedProfile, selfManagedGroup } from './support';

interface Made {
  readonly app: App;
  readonly stack: Stack;
  readonly group: MultusNodeGroup;
  readonly template: Template;
}

const made = new Map<string, Made>();

/** Synthesises a node group, once for each. */
function make(
  group: NodeGroup,
  profile: Profile = managedProfile(),
  more: Partial<MultusNodeGroupProps> = {},
): Made {
  const key = JSON.stringify([group, profile, more]);
  const found = made.get(key) ?? makeNew(group, profile, more);
  made.set(key, found);
  return found;
}

function makeNew(group: NodeGroup, profile: Profile, more: Partial<MultusNodeGroupProps>): Made {
  const { app, stack, orchestrator } = orchestratorStack({ profiles: [profile] });
  const construct = new MultusNodeGroup(stack, 'Group', { orchestrator, group, ...more });
  return { app, stack, group: construct, template: Template.fromStack(stack) };
}

/** A group of self-managed nodes has the name that its profile selects. */
function makeSelfManaged(more: Partial<NodeGroup> = {}): Made {
  return make(selfManagedGroup(more), managedProfile({ selector: { autoScalingGroupNames: ['upf'] } }));
}

function only(template: Template, type: string): Resource {
  const found = [...resources(template, type).values()];
  expect(found).toHaveLength(1);
  return found[0] as Resource;
}

function idOf(template: Template, type: string): string {
  return [...resources(template, type).keys()][0] ?? '';
}

interface Data {
  readonly UserData: { 'Fn::Base64': unknown };
  readonly [setting: string]: unknown;
}

function launchTemplateData(template: Template): Data {
  return only(template, 'AWS::EC2::LaunchTemplate').Properties['LaunchTemplateData'] as Data;
}

/** A call of a custom resource. */
function call(resource: Resource, on: string): { action: string; parameters: Record<string, unknown> } {
  return JSON.parse(text(resource.Properties[on])) as { action: string; parameters: Record<string, unknown> };
}

/** All that must be there before a resource, directly or not. */
function dependencies(template: Template, id: string): Set<string> {
  const { Resources: all } = template.toJSON() as { Resources: Record<string, Resource> };
  const found = new Set<string>();
  const visit = (one: string): void => {
    for (const next of all[one]?.DependsOn ?? []) {
      if (!found.has(next)) {
        found.add(next);
        visit(next);
      }
    }
  };
  visit(id);
  return found;
}

describe('the launch template of a managed node group', () => {
  const { template } = make(managedGroup());
  const data = launchTemplateData(template);

  test('has nothing that EKS forbids or that it takes from the node group', () => {
    for (const setting of [
      'NetworkInterfaces',
      'IamInstanceProfile',
      'InstanceInitiatedShutdownBehavior',
      'HibernationOptions',
      'InstanceMarketOptions',
      'InstanceType',
      'ImageId',
      'SecurityGroupIds',
    ]) {
      expect(Object.keys(data)).not.toContain(setting);
    }
  });

  test('requires IMDSv2 with a hop limit, and encrypts a gp3 volume', () => {
    expect(data).toMatchObject({
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeType: 'gp3', Encrypted: true, VolumeSize: 100 } },
      ],
    });
    expect(launchTemplateData(make(managedGroup({ metadataHopLimit: 2 })).template)).toMatchObject({
      MetadataOptions: { HttpPutResponseHopLimit: 2 },
    });
  });

  test('has the user data of the node’s programs', () => {
    const script = text(data.UserData['Fn::Base64']);
    expect(script).toContain('"network":"user-plane"');
    expect(script).toContain('maxPods: 176');
    expect(script).not.toContain('apiServerEndpoint');
  });

  test('keeps the cluster security group if there are others', () => {
    const cluster = { name: 'core', securityGroupId: CLUSTER.securityGroupId };
    const group = managedGroup({ cluster, securityGroupIds: ['sg-0123456789abcdef0'] });
    expect(launchTemplateData(make(group).template)['SecurityGroupIds']).toEqual([
      CLUSTER.securityGroupId,
      'sg-0123456789abcdef0',
    ]);
  });

  test('has the volume of Bottlerocket’s data', () => {
    const bottlerocket = make(managedGroup({ operatingSystem: 'bottlerocket' }));
    expect(launchTemplateData(bottlerocket.template)).toMatchObject({
      BlockDeviceMappings: [{ DeviceName: '/dev/xvdb' }],
    });
  });

  test('tags the instances with the tag of the selector, unless EKS does', () => {
    expect(Object.keys(data)).not.toContain('TagSpecifications');
    const profile = managedProfile({ selector: { tag: { key: 'profile', value: 'upf' } } });
    expect(launchTemplateData(make(managedGroup(), profile).template)['TagSpecifications']).toEqual([
      { ResourceType: 'instance', Tags: [{ Key: 'profile', Value: 'upf' }] },
    ]);
  });

  test('takes more settings', () => {
    const { template } = make(managedGroup(), managedProfile(), { launchTemplate: { keyName: 'mine' } });
    expect(launchTemplateData(template)['KeyName']).toBe('mine');
  });
});

describe('a managed node group', () => {
  const { template } = make(
    managedGroup({ labels: { a: 'b' }, taints: [{ key: 'multus', effect: 'NO_SCHEDULE' }] }),
  );
  const { Properties: nodegroup } = only(template, 'AWS::EKS::Nodegroup');

  test('has the latest version of the launch template, its types, labels and taints', () => {
    const id = idOf(template, 'AWS::EC2::LaunchTemplate');
    expect(nodegroup).toMatchObject({
      ClusterName: 'core',
      NodegroupName: 'upf',
      InstanceTypes: ['m5.4xlarge'],
      AmiType: 'AL2023_x86_64_STANDARD',
      Labels: { a: 'b' },
      Taints: [{ Key: 'multus', Effect: 'NO_SCHEDULE' }],
      LaunchTemplate: { Id: { Ref: id }, Version: { 'Fn::GetAtt': [id, 'LatestVersionNumber'] } },
    });
    for (const setting of ['DiskSize', 'RemoteAccess', 'ReleaseVersion', 'Version']) {
      expect(Object.keys(nodegroup)).not.toContain(setting);
    }
  });

  test.each([
    [{ instanceTypes: ['m7g.4xlarge'] }, 'AL2023_ARM_64_STANDARD'],
    [{ operatingSystem: 'bottlerocket' }, 'BOTTLEROCKET_x86_64'],
    [{ operatingSystem: 'bottlerocket', instanceTypes: ['m7g.4xlarge'] }, 'BOTTLEROCKET_ARM_64'],
    [{ amiType: 'AL2023_x86_64_NVIDIA' }, 'AL2023_x86_64_NVIDIA'],
  ] as const)('with %j has the AMI type %s', (more, amiType) => {
    const { template } = make(managedGroup(more as Partial<NodeGroup>));
    expect(only(template, 'AWS::EKS::Nodegroup').Properties['AmiType']).toBe(amiType);
  });

  test('with an image has it in the template, and no AMI type or version', () => {
    const { template } = make(managedGroup({ imageId: 'ami-0123456789abcdef0', cluster: CLUSTER }));
    const { Properties: withImage } = only(template, 'AWS::EKS::Nodegroup');
    for (const setting of ['AmiType', 'ReleaseVersion', 'Version']) {
      expect(Object.keys(withImage)).not.toContain(setting);
    }
    const data = launchTemplateData(template);
    expect(data['ImageId']).toBe('ami-0123456789abcdef0');
    const script = text(data.UserData['Fn::Base64']);
    for (const [field, value] of Object.entries({
      name: CLUSTER.name,
      apiServerEndpoint: CLUSTER.endpoint,
      certificateAuthority: CLUSTER.certificateAuthority,
      cidr: CLUSTER.serviceCidr,
    })) {
      expect(script).toContain(`    ${field}: "${value}"\n`);
    }
  });

  test('has a role with what EKS requires, and no access entry', () => {
    const { Properties: role } = [...resources(template, 'AWS::IAM::Role')].find(([id]) =>
      id.startsWith('GroupNodeRole'),
    )?.[1] as Resource;
    const arns = (role['ManagedPolicyArns'] as unknown[]).map(text);
    for (const name of [
      'AmazonEKSWorkerNodePolicy',
      'AmazonEC2ContainerRegistryPullOnly',
      'AmazonEKS_CNI_Policy',
    ]) {
      expect(arns).toContain(`arn:aws:iam::aws:policy/${name}`);
    }
    template.resourceCountIs('AWS::EKS::AccessEntry', 0);
    template.resourceCountIs('AWS::IAM::InstanceProfile', 0);
  });

  test('can have a role that exists', () => {
    const nodeRoleArn = 'arn:aws:iam::123456789012:role/nodes';
    const { template } = make(managedGroup({ nodeRoleArn }));
    expect(only(template, 'AWS::EKS::Nodegroup').Properties['NodeRole']).toBe(nodeRoleArn);
  });

  test('comes after the profile, and its hook after it', () => {
    const hook = dependencies(template, idOf(template, 'Custom::HooklineLifecycleHook'));
    expect(hook).toContain(idOf(template, 'AWS::EKS::Nodegroup'));
    const before = dependencies(template, idOf(template, 'AWS::EKS::Nodegroup'));
    for (const type of ['AWS::Events::Rule', 'AWS::StepFunctions::StateMachine', 'AWS::Lambda::Function']) {
      expect([...resources(template, type).keys()].some((id) => before.has(id))).toBe(true);
    }
  });
});

describe('the first nodes of a managed node group', () => {
  const { template } = make(managedGroup({ minSize: 2, initialSize: 3 }));
  const first = only(template, 'Custom::HooklineFirstNodes');

  test('come after the hook: the group begins with none', () => {
    expect(only(template, 'AWS::EKS::Nodegroup').Properties['ScalingConfig']).toMatchObject({
      MinSize: 0,
      DesiredSize: 0,
    });
    expect(dependencies(template, idOf(template, 'Custom::HooklineFirstNodes'))).toContain(
      idOf(template, 'Custom::HooklineLifecycleHook'),
    );
    expect(call(first, 'Create')).toMatchObject({
      action: 'updateNodegroupConfig',
      parameters: {
        clusterName: 'core',
        nodegroupName: 'upf',
        scalingConfig: { minSize: 2, desiredSize: 3, maxSize: 10 },
      },
    });
  });

  test('may be set by nobody else', () => {
    const statements = statementsOfRole(template, /^AWS679f53fac002430cb0da5b7982bd2287ServiceRole/);
    const update = statements.filter(({ Action: action }) => action === 'eks:UpdateNodegroupConfig');
    expect(update.map(({ Resource: resource }) => text(resource))).toEqual([
      'arn:aws:eks:us-west-2:123456789012:nodegroup/core/upf/*',
    ]);
  });

  test('are not set again by a later deployment, whatever changes', () => {
    for (const later of [
      managedGroup({ minSize: 2, initialSize: 3, maxSize: 50 }),
      managedGroup({ minSize: 5, initialSize: 8, maxSize: 50 }),
      managedGroup({ instanceTypes: ['m5.8xlarge'], labels: { a: 'b' }, networks: {} }),
      managedGroup({ imageId: 'ami-0123456789abcdef0', cluster: CLUSTER }),
    ]) {
      const { template } = make(later);
      // CloudFormation sets the three sizes if one of them changes, so they never do.
      expect(only(template, 'AWS::EKS::Nodegroup').Properties['ScalingConfig']).toEqual({
        MinSize: SIZES_IN_TEMPLATE.minSize,
        DesiredSize: SIZES_IN_TEMPLATE.desiredSize,
        MaxSize: SIZES_IN_TEMPLATE.maxSize,
      });
      // The same custom resource, so it is updated and not created.
      expect(idOf(template, 'Custom::HooklineFirstNodes')).toBe(
        idOf(make(managedGroup()).template, 'Custom::HooklineFirstNodes'),
      );
      const update = call(only(template, 'Custom::HooklineFirstNodes'), 'Update');
      expect(update.parameters['scalingConfig']).toEqual({
        minSize: later.minSize ?? 0,
        maxSize: later.maxSize,
      });
    }
  });

  test('of a group with another name are set', () => {
    const profile = managedProfile({ selector: { tag: { key: 'eks:nodegroup-name', value: 'other' } } });
    const other = make(managedGroup({ name: 'other' }), profile);
    expect(idOf(other.template, 'Custom::HooklineFirstNodes')).not.toBe(
      idOf(template, 'Custom::HooklineFirstNodes'),
    );
  });
});

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

  test('begins with more than its minimum by one call, which an update does not repeat', () => {
    const { template } = makeSelfManaged({ minSize: 1, initialSize: 4 });
    const first = only(template, 'Custom::HooklineFirstNodes');
    expect(call(first, 'Create')).toMatchObject({
      action: 'setDesiredCapacity',
      parameters: { AutoScalingGroupName: 'upf', DesiredCapacity: 4 },
    });
    expect(first.Properties['Update']).toBeUndefined();
    makeSelfManaged({ minSize: 1 }).template.resourceCountIs('Custom::HooklineFirstNodes', 0);
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

  test('can have several instance types', () => {
    const { template } = makeSelfManaged({ instanceTypes: ['m5.4xlarge', 'm5a.4xlarge'] });
    const { Properties: properties } = only(template, 'AWS::AutoScaling::AutoScalingGroup');
    expect(properties['LaunchTemplate']).toBeUndefined();
    expect(properties['MixedInstancesPolicy']).toMatchObject({
      LaunchTemplate: { Overrides: [{ InstanceType: 'm5.4xlarge' }, { InstanceType: 'm5a.4xlarge' }] },
    });
  });
});

test('Bottlerocket without a bootstrap container has a warning', () => {
  const warned = (group: NodeGroup): number =>
    Annotations.fromStack(make(group).stack).findWarning('*', Match.stringLikeRegexp('kubelet does not wait'))
      .length;
  expect(warned(managedGroup({ operatingSystem: 'bottlerocket' }))).toBe(1);
  expect(
    warned(managedGroup({ operatingSystem: 'bottlerocket', bootstrapContainerImage: 'repository/image:v1' })),
  ).toBe(0);
  expect(warned(managedGroup())).toBe(0);
});

test('ids of constructs of the same app are taken', () => {
  const token = (value: string): string => Lazy.string({ produce: () => value });
  const { template } = make(
    managedGroup({
      cluster: { name: token('core'), securityGroupId: token('sg-0123456789abcdef1') },
      subnetIds: [token('subnet-0123456789abcdef1')],
      securityGroupIds: [token('sg-0123456789abcdef2')],
    }),
  );
  expect(only(template, 'AWS::EKS::Nodegroup').Properties).toMatchObject({
    ClusterName: 'core',
    Subnets: ['subnet-0123456789abcdef1'],
  });
  expect(launchTemplateData(template)['SecurityGroupIds']).toEqual([
    'sg-0123456789abcdef1',
    'sg-0123456789abcdef2',
  ]);
});

test('a setting of the launch template that EKS forbids is refused', () => {
  const launchTemplate = { instanceInitiatedShutdownBehavior: 'terminate' };
  expect(() => make(managedGroup(), managedProfile(), { launchTemplate })).toThrow(
    'nodeGroup upf.launchTemplate.instanceInitiatedShutdownBehavior: EKS refuses a shutdown behavior',
  );
});

test('a group is refused if nothing would complete its hook', () => {
  const hook = { name: 'h', complete: false };
  const selector = { autoScalingGroupNames: ['upf'] };
  const message = /hook\.complete: with false/;
  expect(() => make(selfManagedGroup(), managedProfile({ hook, selector }))).toThrow(message);
  expect(() => make(managedGroup(), managedProfile({ hook }))).toThrow(message);
});
