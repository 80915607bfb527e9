import type { Profile } from '../../lib/launch/profile';
import { checkLaunchTemplateData } from '../../lib/nodegroup/launch-template-rules';
import { checkPatterns } from '../../lib/nodegroup/group-rules';
import { checkNodeGroup } from '../../lib/nodegroup/multus-node-group';
import type { NodeGroup } from '../../lib/shared/config';
import { slot } from '../support';
import { CLUSTER, managedGroup, managedProfile, selfManagedGroup } from './support';

describe('a node group is refused', () => {
  const name = 'nodeGroup upf';

  test.each<[string, Partial<NodeGroup>, string]>([
    ['with an unknown field', { subnets: [] } as object, `${name}.subnets: unknown field`],
    [
      'with fewer first nodes than the minimum',
      { minSize: 2, initialSize: 1 },
      `${name}.initialSize: 1 is not between`,
    ],
    ['with more first nodes than the maximum', { initialSize: 11 }, `${name}.initialSize: 11 is not between`],
    [
      'with an image that EKS does not take',
      { imageId: 'resolve:ssm:/a', cluster: CLUSTER },
      `${name}.imageId: EKS takes the id`,
    ],
    [
      'with an image and an AMI type',
      { imageId: 'ami-0123456789abcdef0', cluster: CLUSTER, amiType: 'AL2023_x86_64_STANDARD' },
      `${name}.amiType: with an AMI of your own, EKS refuses an AMI type`,
    ],
    [
      'with security groups but not the cluster’s',
      { securityGroupIds: ['sg-0123456789abcdef0'] },
      `${name}.cluster.securityGroupId: absent: EKS does not add`,
    ],
    [
      'with an image but not how to join',
      { imageId: 'ami-0123456789abcdef0' },
      `${name}.cluster.endpoint: absent`,
    ],
    [
      'with an AMI type of another system',
      { amiType: 'BOTTLEROCKET_x86_64' },
      `${name}.amiType: BOTTLEROCKET_x86_64 is not`,
    ],
    [
      'with a bootstrap container',
      { bootstrapContainerImage: 'a' },
      `${name}.bootstrapContainerImage: al2023 has no`,
    ],
    [
      'with types of two architectures',
      { instanceTypes: ['m5.4xlarge', 'm7g.4xlarge'] },
      `${name}.instanceTypes: m5.4xlarge and`,
    ],
    ['with a type without room', { instanceTypes: ['m5.4xlarge', 't3.micro'] }, `${name}.instanceTypes[1]: `],
    [
      'with a taint twice on Bottlerocket',
      {
        operatingSystem: 'bottlerocket',
        taints: [
          { key: 'a', effect: 'NO_SCHEDULE' },
          { key: 'a', effect: 'NO_EXECUTE' },
        ],
      },
      `${name}.taints: two taints have the same key`,
    ],
    [
      'a rolling update of a managed group',
      { rollingUpdate: {} },
      `${name}.rollingUpdate: EKS itself replaces`,
    ],
    [
      'an interface for the operating system of Bottlerocket',
      { operatingSystem: 'bottlerocket', networks: { 'user-plane': { mode: 'os' } } },
      `${name}.networks["user-plane"].mode: Bottlerocket has no settings`,
    ],
  ])('%s', (_, more, message) => {
    expect(() => {
      checkNodeGroup(managedGroup(more), managedProfile(), name);
    }).toThrow(message);
  });

  test.each<[string, Partial<NodeGroup>, string]>([
    ['without an image', { imageId: undefined }, `${name}.imageId: absent: self-managed nodes need an AMI`],
    [
      'with an AMI type',
      { amiType: 'AL2023_x86_64_STANDARD' },
      `${name}.amiType: is for managed node groups`,
    ],
    [
      'without the cluster security group',
      { cluster: { ...CLUSTER, securityGroupId: undefined } },
      `${name}.cluster.securityGroupId: absent`,
    ],
    [
      'with a rolling update that has no room for a new node',
      { maxSize: 3, rollingUpdate: { minInService: 3 } },
      `${name}.rollingUpdate.minInService: must be below maxSize 3`,
    ],
    [
      'with a rolling update of Bottlerocket',
      { operatingSystem: 'bottlerocket', rollingUpdate: {}, networks: {} },
      `${name}.rollingUpdate: Bottlerocket has no cfn-signal`,
    ],
    [
      'without the service CIDR',
      { cluster: { ...CLUSTER, serviceCidr: undefined } },
      `${name}.cluster.serviceCidr: absent`,
    ],
  ] as [string, Partial<NodeGroup>, string][])('self-managed, %s', (_, more, message) => {
    // A field that is absent is not undefined in JSON.
    const group = JSON.parse(JSON.stringify(selfManagedGroup(more))) as NodeGroup;
    const profile = managedProfile({ selector: { autoScalingGroupNames: ['upf'] } });
    expect(() => {
      checkNodeGroup(group, profile, name);
    }).toThrow(message);
  });

  test.each<[string, NodeGroup, Profile['selector'], string]>([
    [
      'a managed group by its name',
      managedGroup(),
      { autoScalingGroupNames: ['upf'] },
      'selects by the names of groups',
    ],
    [
      'another managed group',
      managedGroup(),
      { tag: { key: 'eks:nodegroup-name', value: 'smf' } },
      'selects the node group smf',
    ],
    [
      'another group',
      selfManagedGroup(),
      { autoScalingGroupNames: ['smf'] },
      'does not select the group upf',
    ],
    [
      'only managed groups',
      selfManagedGroup(),
      { tag: { key: 'eks:nodegroup-name', value: 'upf' } },
      'selects by eks:nodegroup-name',
    ],
    [
      'by a tag of EKS beside its own',
      selfManagedGroup(),
      {
        tags: [
          { key: 'eks:cluster-name', value: 'core' },
          { key: 'profile', value: 'upf' },
        ],
      },
      'selects by eks:cluster-name, which only AWS sets, and never on a self-managed group. Select by the name of the group, or by kubernetes.io/cluster/core',
    ],
    [
      'by a tag of AWS',
      selfManagedGroup(),
      { tag: { key: 'aws:autoscaling:groupName', value: 'upf' } },
      'selects by aws:autoscaling:groupName',
    ],
  ])('if its profile selects %s', (_, group, selector, message) => {
    expect(() => {
      checkNodeGroup(group, managedProfile({ selector }), name);
    }).toThrow(`${name}.profile: the profile upf ${message}`);
  });
});

test('a network without a device index in a subnet of the primary interfaces is refused', () => {
  const [subnetId = ''] = managedGroup().subnetIds;
  const check = (deviceIndex?: number): void => {
    const slots = [slot({ network: 'signaling', subnetIds: [subnetId], deviceIndex: deviceIndex ?? null })];
    checkNodeGroup(managedGroup({ networks: {} }), managedProfile({ slots }), 'g');
  };
  expect(() => {
    check();
  }).toThrow(`g.subnetIds: the network "signaling" has no device index and the subnet ${subnetId}`);
  expect(() => {
    check(1);
  }).not.toThrow();
});

test.each<[string[], NodeGroup, boolean]>([
  [['*'], managedGroup(), true],
  [['eks-smf-*', 'eks-upf-*'], managedGroup(), true],
  [['eks-smf-*'], managedGroup(), false],
  [['eks-upf'], managedGroup(), false],
  [['upf'], selfManagedGroup(), true],
  [['u?f'], selfManagedGroup(), true],
  [['u.f', 'eks-upf-*'], selfManagedGroup(), false],
])(
  'with the patterns %j, the hook of the group can be completed or is refused',
  (patterns, group, allowed) => {
    const check = expect(() => {
      checkPatterns(group, managedProfile(), patterns, 'g');
    });
    if (allowed) {
      check.not.toThrow();
    } else {
      check.toThrow(/^g\.name: autoScalingGroupNamePatterns do not match (eks-)?upf/);
    }
  },
);

test('the hook of a group that its profile selects by name can always be completed', () => {
  const profile = managedProfile({ selector: { autoScalingGroupNames: ['upf'] } });
  expect(() => {
    checkPatterns(selfManagedGroup(), profile, ['eks-*'], 'g');
  }).not.toThrow();
});

describe('a setting of the launch template is refused', () => {
  test.each([
    ['userData', 'IyE=', 'Hookline writes the user data'],
    ['imageId', 'ami-1', 'the AMI is a setting of the node group'],
    ['instanceType', 'm5.large', 'the instance types are a setting of the node group'],
    ['securityGroupIds', ['sg-1'], 'the template must have the cluster security group beside them'],
    [
      'networkInterfaces',
      [{ deviceIndex: 0, subnetId: 'subnet-1' }],
      'the interfaces of networks come from the profile',
    ],
    ['iamInstanceProfile', { arn: 'arn' }, 'the nodes’ role is a setting of the node group'],
    ['tagSpecifications', [], 'the profile has the tags'],
    ['metadataOptions', { httpTokens: 'optional' }, 'Hookline requires IMDSv2'],
  ])('for every group: %s', (setting, value, message) => {
    for (const managed of [true, false]) {
      expect(() => {
        checkLaunchTemplateData({ [setting]: value }, managed, 'launchTemplate');
      }).toThrow(`launchTemplate.${setting}: ${message}`);
    }
  });

  test.each([
    ['instanceInitiatedShutdownBehavior', 'stop', 'EKS refuses a shutdown behavior'],
    ['hibernationOptions', { configured: true }, 'EKS refuses hibernation'],
    ['instanceMarketOptions', { marketType: 'spot' }, 'EKS refuses a request of Spot instances'],
  ])('for a managed node group only: %s', (setting, value, message) => {
    const check = (managed: boolean): void => {
      checkLaunchTemplateData({ [setting]: value }, managed, 'launchTemplate');
    };
    expect(() => {
      check(true);
    }).toThrow(`launchTemplate.${setting}: ${message}`);
    expect(() => {
      check(false);
    }).not.toThrow();
  });
});
