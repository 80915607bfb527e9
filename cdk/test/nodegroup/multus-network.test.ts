import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { ofCidr } from '../../lib/nodegroup/ipv4';
import { MultusNetwork, type MultusNetworkProps } from '../../lib/nodegroup/multus-network';
import { networkDefinitions } from '../../lib/nodegroup/network-definitions';
import { resources, slot } from '../support';
import { CLUSTER, managedGroup, managedProfile } from './support';

const PROPS: MultusNetworkProps = {
  zones: ['us-west-2a', 'us-west-2b'],
  networks: [{ name: 'signaling' }, { name: 'user-plane', podPrefixLength: 26 }],
};

function make(more: Partial<MultusNetworkProps> = {}): {
  stack: Stack;
  network: MultusNetwork;
  template: Template;
} {
  const stack = new Stack(new App(), 'network', { env: { region: 'us-west-2' } });
  const network = new MultusNetwork(stack, 'Network', { ...PROPS, ...more });
  return { stack, network, template: Template.fromStack(stack) };
}

interface SubnetOf {
  readonly CidrBlock: string;
  readonly AvailabilityZone: string;
  readonly MapPublicIpOnLaunch: boolean;
  readonly Tags?: { Key: string }[];
}

function subnets(template: Template): [string, SubnetOf][] {
  return [...resources(template, 'AWS::EC2::Subnet')].map(([id, { Properties: properties }]) => [
    id,
    properties as unknown as SubnetOf,
  ]);
}

/** The CIDR blocks by logical id, without those of a third zone. */
function blocks(template: Template): Map<string, string> {
  return new Map(subnets(template).map(([id, { CidrBlock: cidr }]) => [id, cidr]));
}

describe('a new VPC', () => {
  const { template, network, stack } = make();

  test('has public and private subnets, and one for each network, in each zone', () => {
    const zones = (pattern: RegExp): string[] =>
      subnets(template).flatMap(([id, { AvailabilityZone: zone }]) => (pattern.test(id) ? [zone] : []));
    for (const pattern of [/private/, /public/, /Subnetsignaling/, /Subnetuserplane/]) {
      expect(zones(pattern)).toEqual(['us-west-2a', 'us-west-2b']);
    }
    expect(subnets(template)).toHaveLength(8);
    template.resourceCountIs('AWS::EC2::NatGateway', 2);
  });

  test('has no two subnets with an address in common, and none with public addresses', () => {
    const ranges = subnets(template).map(([, { CidrBlock: cidr }]) => ofCidr(cidr));
    const sorted = ranges
      .filter((range) => range !== undefined)
      .sort((one, other) => one.first - other.first);
    expect(sorted).toHaveLength(8);
    for (const [n, range] of sorted.entries()) {
      expect(range.first).toBeGreaterThan(sorted[n - 1]?.last ?? -1);
    }
    expect(subnets(template).every(([, subnet]) => !subnet.MapPublicIpOnLaunch)).toBe(true);
  });

  test('has no route out of the subnets of networks, and never the tag of the VPC CNI', () => {
    const routes = [...resources(template, 'AWS::EC2::Route').keys()];
    expect(routes.length).toBeGreaterThan(0);
    expect(routes.filter((id) => /Subnet(signaling|userplane)/.test(id))).toEqual([]);
    for (const [id, { Tags: tags = [] }] of subnets(template)) {
      if (/Subnet(signaling|userplane)/.test(id)) {
        expect(tags.map(({ Key: key }) => key)).not.toContain('kubernetes.io/role/cni');
        expect(tags.filter(({ Key: key }) => key.startsWith('kubernetes.io/'))).toEqual([]);
      }
    }
  });

  test('reserves the ranges for pods, explicitly', () => {
    const reservations = [...resources(template, 'AWS::EC2::SubnetCidrReservation').values()];
    expect(reservations.map(({ Properties: { Cidr: cidr, ReservationType: type } }) => [cidr, type])).toEqual(
      network.definitionZones('user-plane').map(({ podRange }) => [podRange, 'explicit']),
    );
    expect(reservations).toHaveLength(2);
  });

  test('has a security group for each network, whose members reach one another', () => {
    const ingress = [...resources(template, 'AWS::EC2::SecurityGroupIngress').values()];
    expect(ingress).toHaveLength(2);
    for (const { Properties: rule } of ingress) {
      expect(rule).toMatchObject({ IpProtocol: '-1' });
      expect(rule['GroupId']).toEqual(rule['SourceSecurityGroupId']);
    }
    expect(network.securityGroupId('signaling')).not.toBe(network.securityGroupId('user-plane'));
  });

  test('gives the ids of a network’s subnets, of all zones or of one', () => {
    const all = network.subnetIds('user-plane').map((id) => stack.resolve(id) as unknown);
    expect(all).toHaveLength(2);
    expect(network.subnetIds('user-plane', 'us-west-2b').map((id) => stack.resolve(id) as unknown)).toEqual([
      all[1],
    ]);
    expect([...network.nodeSubnetIds.keys()]).toEqual(PROPS.zones);
    expect(() => network.subnetIds('smf')).toThrow('network smf: has no subnet in us-west-2a. ');
    expect(() => network.securityGroupId('smf')).toThrow('network smf: has no subnet');
    expect(() => network.definitionZones('signaling')).toThrow(
      'network signaling: has no range for pods. Set podPrefixLength',
    );
  });

  test('keeps every subnet when a third zone and a network are added', () => {
    const zones = [...PROPS.zones, 'us-west-2c'];
    const later = blocks(make({ zones, networks: [...PROPS.networks, { name: 'storage' }] }).template);
    for (const [id, cidr] of blocks(template)) {
      expect([id, later.get(id)]).toEqual([id, cidr]);
    }
    expect(later.size).toBe(15);
  });

  test('without NAT gateways has endpoints of what nodes need', () => {
    const { template } = make({ vpc: { natGateways: 0 } });
    template.resourceCountIs('AWS::EC2::NatGateway', 0);
    const services = [...resources(template, 'AWS::EC2::VPCEndpoint').values()].map(
      ({ Properties: endpoint }) => JSON.stringify(endpoint['ServiceName']),
    );
    for (const service of ['s3', 'ec2', 'ecr.api', 'ecr.dkr', 'eks', 'sts']) {
      expect(services.some((name) => name.includes(`.${service}"`))).toBe(true);
    }
  });

  test('can be as small as /20', () => {
    const found = [
      ...blocks(make({ vpc: { cidr: '10.4.0.0/20' }, networks: [{ name: 'n', prefixLength: 26 }] }).template),
    ];
    const [ofNetworks, ofCluster] = [true, false].map((wanted) =>
      found.filter(([id]) => id.includes('Subnetn') === wanted).map(([, cidr]) => ofCidr(cidr)?.first ?? 0),
    );
    expect(Math.min(...(ofNetworks ?? []))).toBeGreaterThan(Math.max(...(ofCluster ?? [])));
  });
});

test('an existing VPC gets the subnets of networks only', () => {
  const nodeSubnetIds = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
  const { template, network } = make({
    vpc: { vpcId: 'vpc-0123456789abcdef0', networkCidr: '10.9.0.0/20', nodeSubnetIds },
  });
  template.resourceCountIs('AWS::EC2::VPC', 0);
  expect([...blocks(template).values()]).toEqual([
    '10.9.0.0/24',
    '10.9.1.0/24',
    '10.9.3.0/24',
    '10.9.4.0/24',
  ]);
  expect([...network.nodeSubnetIds.values()]).toEqual(nodeSubnetIds);
});

describe('the cluster', () => {
  test('is new, without Auto Mode and without nodes, in the private subnets', () => {
    const { template, network } = make({ cluster: { name: 'core', version: '1.33' } });
    const [cluster] = [...resources(template, 'AWS::EKS::Cluster').values()];
    expect(cluster?.Properties).toMatchObject({
      Name: 'core',
      Version: '1.33',
      ResourcesVpcConfig: { EndpointPrivateAccess: true, EndpointPublicAccess: false },
      KubernetesNetworkConfig: { ServiceIpv4Cidr: '172.20.0.0/16' },
      AccessConfig: { AuthenticationMode: 'API' },
    });
    expect(cluster?.Properties['ComputeConfig'] ?? { Enabled: false }).toMatchObject({ Enabled: false });
    template.resourceCountIs('AWS::EKS::Nodegroup', 0);
    expect(network.cluster).toMatchObject({ name: 'core', serviceCidr: '172.20.0.0/16' });
  });

  test('can have a public endpoint', () => {
    const { template } = make({ cluster: { name: 'core', version: '1.33', publicEndpoint: true } });
    template.hasResourceProperties('AWS::EKS::Cluster', {
      ResourcesVpcConfig: { EndpointPublicAccess: true },
    });
  });

  test('is in the subnets of an existing VPC', () => {
    const nodeSubnetIds = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
    const vpc = { vpcId: 'vpc-0123456789abcdef0', networkCidr: '10.9.0.0/20', nodeSubnetIds };
    const { template } = make({ vpc, cluster: { name: 'core', version: '1.33' } });
    template.hasResourceProperties('AWS::EKS::Cluster', { ResourcesVpcConfig: { SubnetIds: nodeSubnetIds } });
  });

  test('exists, or there is none', () => {
    const { template, network } = make({ cluster: CLUSTER });
    template.resourceCountIs('AWS::EKS::Cluster', 0);
    expect(network.cluster).toBe(CLUSTER);
    expect(make().network.cluster).toBeUndefined();
  });
});

test('the zones of a network are those of its definitions', () => {
  const { network } = make();
  const slots = [slot({ network: 'user-plane', subnetIds: network.subnetIds('user-plane') })];
  const definition = {
    type: 'ipvlan',
    ipam: 'whereabouts',
    zones: network.definitionZones('user-plane'),
  } as const;
  const made = networkDefinitions(
    {
      profiles: [managedProfile({ slots })],
      nodeGroups: [
        managedGroup({
          networks: {
            'user-plane': {
              interfaceName: 'up0',
              definition: { ...definition, zones: [...definition.zones] },
            },
          },
        }),
      ],
    },
    'default',
  );
  expect(made.map(({ metadata }) => metadata.name)).toEqual([
    'user-plane-us-west-2a',
    'user-plane-us-west-2b',
  ]);
});

test.each<[string, Partial<MultusNetworkProps>, string]>([
  ['one zone', { zones: ['us-west-2a'] }, 'zones: ["us-west-2a"] are not two or three different zones'],
  [
    'a zone twice',
    { zones: ['us-west-2a', 'us-west-2a'] },
    'zones: ["us-west-2a","us-west-2a"] are not two or three different zones',
  ],
  [
    'a VPC that is too small',
    { vpc: { cidr: '10.0.0.0/21' } },
    'vpc.cidr: "10.0.0.0/21" is not an IPv4 CIDR block of /16 to /20',
  ],
  [
    'an existing VPC with a subnet for one zone only',
    { vpc: { vpcId: 'vpc-0123456789abcdef0', networkCidr: '10.9.0.0/20', nodeSubnetIds: ['subnet-1'] } },
    'vpc.nodeSubnetIds: expected a subnet for each of 2 zones, found 1',
  ],
])('%s is refused', (_, more, message) => {
  expect(() => make(more)).toThrow(message);
});
