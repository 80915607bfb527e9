/** `network` of a configuration: one file makes the network, and the profile, the node groups and the definitions follow from it. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { Stack } from 'aws-cdk-lib';
import { fromAnEmptyAccount } from '../../examples/from-an-empty-account-in-code/app';
import { checkConfig, loadConfig } from '../../lib/configuration';
import { hooklineApp } from '../../lib/hookline-app';
import type { HooklineConfigFile } from '../../lib/shared/config';
import { ConfigurationError, mistakesOf } from '../../lib/shared/configuration-error';
import { code, resources, text } from '../support';

const CDK = join(__dirname, '..', '..');
const FILE = join(CDK, 'examples', 'from-an-empty-account', 'hookline.config.json');

function example(): HooklineConfigFile {
  return JSON.parse(JSON.stringify(loadConfig(FILE).config)) as HooklineConfigFile;
}

function made(config: HooklineConfigFile): { network: Template; hookline: Template } {
  checkConfig(config);
  const { app, stack, networkStack } = hooklineApp({ config, folder: CDK }, code);
  // Synthesis fails on a finding of cdk-nag.
  app.synth();
  if (networkStack === undefined) {
    throw new Error('no stack of the network');
  }
  return { network: Template.fromStack(networkStack), hookline: Template.fromStack(stack) };
}

/** The settings in the user data of each launch template, with `<…>` for each id. */
function userData(template: Template): string[] {
  return [...resources(template, 'AWS::EC2::LaunchTemplate').values()].map(({ Properties: properties }) => {
    const data = properties['LaunchTemplateData'] as { UserData: { 'Fn::Base64': unknown } };
    return text(data.UserData['Fn::Base64']);
  });
}

/** How many ids of subnets a network has in the settings of a node. */
function subnetsOf(network: string, settings: string | undefined): number {
  const list = new RegExp(`"network":"${network}","subnetIds":\\[([^\\]]*)\\]`).exec(settings ?? '')?.[1];
  return list === undefined ? 0 : list.split(',').length;
}

const groupOfZone = (zone: string): Pick<HooklineConfigFile, 'profiles' | 'nodeGroups'> => {
  const { profiles, nodeGroups = [] } = example();
  const name = `upf-${zone}`;
  return {
    profiles: profiles.map((one) => ({
      ...one,
      name,
      selector: { tag: { key: 'eks:nodegroup-name', value: name } },
    })),
    nodeGroups: nodeGroups.map((one) => ({ ...one, name, profile: name, zones: [zone] })),
  };
};

describe('the example', () => {
  const { network, hookline } = made(example());

  test('makes the same network and node group as the example in code', () => {
    const app = fromAnEmptyAccount(code);
    const templateOf = (id: string): Template => {
      const found = app.node.findChild(id);
      if (!(found instanceof Stack)) {
        throw new Error(`${id} is no stack`);
      }
      return Template.fromStack(found);
    };
    const [ofCode, hooklineOfCode] = [templateOf('hookline-upf-network'), templateOf('hookline-upf')];
    expect(network.toJSON()['Resources']).toEqual(ofCode.toJSON()['Resources']);
    for (const type of ['AWS::EKS::Nodegroup', 'AWS::EC2::LaunchTemplate', 'AWS::IAM::Policy']) {
      expect(Object.fromEntries(resources(hookline, type))).toEqual(
        Object.fromEntries(resources(hooklineOfCode, type)),
      );
    }
  });

  test('tells each network’s subnets of both zones to a node', () => {
    const [settings] = userData(hookline);
    expect(subnetsOf('signaling', settings)).toBe(2);
    expect(subnetsOf('user-plane', settings)).toBe(2);
  });

  test('gives its definitions, without an id in them', () => {
    const printed = execFileSync(
      join(CDK, 'node_modules', '.bin', 'tsx'),
      ['scripts/manifests.ts', '--config', FILE, '--demo', 'upf', '--zone', 'us-west-2a'],
      { cwd: CDK, encoding: 'utf8' },
    );
    const { items } = JSON.parse(printed) as { items: { kind: string }[] };
    expect(items.map(({ kind }) => kind)).toEqual([
      'NetworkAttachmentDefinition',
      'NetworkAttachmentDefinition',
      'Deployment',
    ]);
    expect(printed).not.toMatch(/subnet-|sg-|Token\[/);
  });
});

test('a profile gets the subnets of the zones of its node groups only', () => {
  const [first, second] = ['us-west-2a', 'us-west-2b'].map(groupOfZone);
  const { hookline } = made({
    ...example(),
    profiles: [...(first?.profiles ?? []), ...(second?.profiles ?? [])],
    nodeGroups: [...(first?.nodeGroups ?? []), ...(second?.nodeGroups ?? [])],
  });
  const found = userData(hookline);
  expect(found.map((settings) => subnetsOf('user-plane', settings))).toEqual([1, 1]);
  const [ofFirst, ofSecond] = [...resources(hookline, 'AWS::EC2::LaunchTemplate').values()].map(
    ({ Properties: properties }) => JSON.stringify(properties),
  );
  expect(ofFirst).toContain('Subnetuserplane1');
  expect(ofFirst).not.toContain('Subnetuserplane2');
  expect(ofSecond).toContain('Subnetuserplane2');
  for (const { Properties: properties } of resources(hookline, 'AWS::EKS::Nodegroup').values()) {
    expect(properties['Subnets']).toHaveLength(1);
  }
});

test('ids that the file has stay, and a group of the profile wins over that of the network', () => {
  const config = example();
  const subnetIds = ['subnet-0123456789abcdef0'];
  const profiles = config.profiles.map((one) => ({
    ...one,
    securityGroupIds: ['sg-0123456789abcdef0'],
    slots: [...(one.slots ?? []), { network: 'storage', subnetIds }],
  }));
  const { network, hookline } = made({ ...config, profiles });
  const [rule] = [...resources(hookline, 'AWS::Events::Rule').values()].filter(
    ({ Properties: properties }) => properties['EventPattern'] !== undefined,
  );
  expect(JSON.stringify(rule?.Properties)).toContain('subnet-0123456789abcdef0');
  expect(text(JSON.stringify(rule?.Properties))).toContain('sg-0123456789abcdef0');
  const groupOfSignaling = [...resources(network, 'AWS::EC2::SecurityGroup').keys()].find((id) =>
    id.includes('signaling'),
  );
  expect(groupOfSignaling).toBeDefined();
  expect(JSON.stringify(hookline.toJSON())).not.toContain(String(groupOfSignaling));
});

function outputs({ network }: { network: Template }): string[] {
  return Object.values(network.toJSON()['Outputs'] as Record<string, { Export?: { Name: string } }>)
    .flatMap(({ Export: name }) => name?.Name ?? [])
    .sort();
}

test('what a group with an AMI of its own imports of the cluster stays exported without the AMI', () => {
  const config = example();
  const nodeGroups = (config.nodeGroups ?? []).map((one) => ({
    ...one,
    imageId: 'ami-0123456789abcdef0',
  }));
  const before = outputs(made({ ...config, nodeGroups }));
  const after = outputs(made(config));
  expect(before.some((name) => name.includes('CertificateAuthority'))).toBe(true);
  expect(before.filter((name) => !after.includes(name))).toEqual([]);
});

test('a slot can go before its network: the export that the deployed stack still imports stays', () => {
  const config = example();
  const before = outputs(made(config));
  const profiles = config.profiles.map((one) => ({ ...one, slots: (one.slots ?? []).slice(0, 1) }));
  const nodeGroups = (config.nodeGroups ?? []).map(({ networks = {}, ...one }) => ({
    ...one,
    networks: { signaling: networks['signaling'] ?? {} },
  }));
  const after = outputs(made({ ...config, profiles, nodeGroups }));
  expect(before.some((name) => name.includes('Subnetuserplane'))).toBe(true);
  expect(before.filter((name) => !after.includes(name))).toEqual([]);
});

test('a definition needs a range for pods, which is reserved in each subnet of its network', () => {
  const config = example();
  config.network = {
    zones: ['us-west-2a', 'us-west-2b'],
    networks: [{ name: 'signaling' }, { name: 'user-plane', podPrefixLength: 26 }],
    cluster: { name: 'core', version: '1.33' },
  };
  config.nodeGroups = (config.nodeGroups ?? []).map((one) => ({
    ...one,
    zones: ['us-west-2b'],
    networks: { 'user-plane': { definition: { type: 'ipvlan', ipam: 'whereabouts' } } },
  }));
  const { network } = made(config);
  network.resourceCountIs('AWS::EC2::SubnetCidrReservation', 2);
  config.network.networks = [{ name: 'signaling' }, { name: 'user-plane' }];
  expect(mistakes(config)).toEqual([
    'nodeGroups[0].networks["user-plane"].definition: missing field `zones`. Add the field',
  ]);
});

test('an existing VPC and cluster keep their ids, without any export of them', () => {
  const nodeSubnetIds = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
  const config = example();
  const { zones, networks } = config.network ?? { zones: [], networks: [] };
  const existingVpc = { vpcId: 'vpc-0123456789abcdef0', networkCidr: '10.9.0.0/20', nodeSubnetIds };
  const nodeGroups = (config.nodeGroups ?? []).map((one) => ({ ...one, cluster: { name: 'old' } }));
  const { network, hookline } = made({ ...config, network: { zones, networks, existingVpc }, nodeGroups });
  network.resourceCountIs('AWS::EC2::VPC', 0);
  network.resourceCountIs('AWS::EKS::Cluster', 0);
  network.resourceCountIs('AWS::EC2::Subnet', 4);
  const exported = Object.values(network.toJSON()['Outputs'] as Record<string, { Export?: object }>).filter(
    (output) => output.Export !== undefined,
  );
  expect(JSON.stringify(exported)).not.toContain('subnet-0123456789abcdef');
  hookline.hasResourceProperties('AWS::EKS::Nodegroup', { ClusterName: 'old', Subnets: nodeSubnetIds });
});

test('without NAT gateways the nodes’ subnets are the isolated ones', () => {
  const config = example();
  config.network = { ...(config.network ?? { zones: [], networks: [] }), vpc: { natGateways: 0 } };
  const { hookline } = made(config);
  const [nodegroup] = [...resources(hookline, 'AWS::EKS::Nodegroup').values()];
  expect(nodegroup?.Properties['Subnets']).toHaveLength(2);
});

function mistakes(config: unknown): string[] {
  return mistakesOf(() => {
    checkConfig(config);
  }).map((error: ConfigurationError) => error.message);
}

test.each<[string, (config: HooklineConfigFile) => object, string[]]>([
  [
    'no network, and no ids',
    (config) => ({ ...config, network: undefined }),
    [
      'nodeGroups[0]: missing field `cluster`. Add the field',
      'nodeGroups[0]: missing field `subnetIds`. Add the field',
      'profiles[0].slots[0]: missing field `subnetIds`. Add the field',
      'profiles[0].slots[1]: missing field `subnetIds`. Add the field',
    ],
  ],
  [
    'a network that is misspelt',
    (config) => ({
      ...config,
      profiles: config.profiles.map((one) => ({
        ...one,
        slots: [{ network: 'signalling' }, { network: 'user-plane' }],
      })),
    }),
    [
      'profiles[0].slots[0].network: "signalling" is no network of network.networks, and the slot has no subnetIds. Did you mean `signaling`? Use one of signaling, user-plane, or add subnetIds',
      'profiles[0].slots[0]: missing field `subnetIds`. Add the field',
    ],
  ],
  [
    'a zone of another Region',
    (config) => ({ ...config, region: 'eu-west-1' }),
    [
      'network.zones[0]: us-west-2a is not in the Region eu-west-1. Name zones of the Region, or correct `region`',
      'network.zones[1]: us-west-2b is not in the Region eu-west-1. Name zones of the Region, or correct `region`',
    ],
  ],
  [
    'a zone that the network has not',
    (config) => ({
      ...config,
      nodeGroups: config.nodeGroups?.map((one) => ({ ...one, zones: ['us-west-2a', 'us-west-2c'] })),
    }),
    ['nodeGroups[0].zones[1]: "us-west-2c" is no zone of the network. Use one of us-west-2a, us-west-2b'],
  ],
  [
    'zones and subnets',
    (config) => ({
      ...config,
      nodeGroups: config.nodeGroups?.map((one) => ({
        ...one,
        zones: ['us-west-2a'],
        subnetIds: ['subnet-0123456789abcdef0'],
      })),
    }),
    ['nodeGroups[0].zones: the group has subnetIds, too. Remove one of the two'],
  ],
  [
    'a new VPC and one that exists',
    (config) => ({
      ...config,
      network: {
        ...config.network,
        vpc: {},
        existingVpc: {
          vpcId: 'vpc-0123456789abcdef0',
          networkCidr: '10.9.0.0/20',
          nodeSubnetIds: ['subnet-01234567', 'subnet-01234568'],
        },
      },
    }),
    ['network: has a vpc and an existingVpc. Remove one of the two'],
  ],
  [
    'a VPC that is too small',
    (config) => ({ ...config, network: { ...config.network, vpc: { cidr: '10.0.0.0/21' } } }),
    [
      'network.vpc.cidr: "10.0.0.0/21" is not an IPv4 CIDR block of /16 to /20. Write one such as 10.0.0.0/16',
    ],
  ],
  [
    'an existing VPC with a subnet for two of three zones',
    (config) => ({
      ...config,
      network: {
        ...config.network,
        zones: ['us-west-2a', 'us-west-2b', 'us-west-2c'],
        existingVpc: {
          vpcId: 'vpc-0123456789abcdef0',
          networkCidr: '10.9.0.0/20',
          nodeSubnetIds: ['subnet-01234567', 'subnet-01234568'],
        },
      },
    }),
    [
      'network.existingVpc.nodeSubnetIds: expected a subnet for each of 3 zones, found 2. Name one for each zone, in their order',
    ],
  ],
  [
    'a network without a zone list, whose other parts are not blamed',
    (config) => ({ ...config, network: { networks: [{ name: 'signaling' }] } }),
    ['network: missing field `zones`. Add the field'],
  ],
])('%s is refused', (_, change, expected) => {
  expect(mistakes(change(example()))).toEqual(expected);
});

test('the example has no mistake', () => {
  expect(mistakes(example())).toEqual([]);
});
