import { Lazy } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { SIZES_IN_TEMPLATE } from '../../lib/nodegroup/first-nodes';
import type { NodeGroup } from '../../lib/shared/config';
import { dependencies, type Resource, resources, statementsOfRole, text } from '../support';
import { call, idOf, launchTemplateData, make, only } from './stacks';
import { CLUSTER, managedGroup, managedProfile, selfManagedGroup } from './support';

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
    const patterns = { autoScalingGroupNamePatterns: ['eks-upf-*'] };
    expect(
      launchTemplateData(make(managedGroup(), profile, {}, patterns).template)['TagSpecifications'],
    ).toEqual([{ ResourceType: 'instance', Tags: [{ Key: 'profile', Value: 'upf' }] }]);
  });

  test('must not select by a tag that EKS does not set on the group, unless patterns name the group', () => {
    const profile = managedProfile({
      selector: { tags: [{ key: 'eks:nodegroup-name', value: 'upf' }, { key: 'mine' }] },
    });
    expect(() => make(managedGroup(), profile)).toThrow(
      'nodeGroup upf.profile: the profile upf selects by the tag mine, which EKS does not set on the Auto Scaling group, so Hookline could not complete the hook. Set autoScalingGroupNamePatterns, for example to eks-upf-*, or select by eks:nodegroup-name',
    );
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
    const statements = statementsOfRole(template, /^OrchestratorCustomResourcesRole/);
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
