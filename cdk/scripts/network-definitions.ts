/** Examples of NetworkAttachmentDefinitions and the demo application, for the tests of `node/`: real CNI plugins run them. */
import { join } from 'node:path';
import { demoApplication } from '../lib/nodegroup/demo-application';
import { networkDefinitions } from '../lib/nodegroup/network-definitions';
import type { HooklineConfig } from '../lib/shared/config';
import { REPOSITORY } from '../lib/shared/repository';

/** The file of the examples. */
export const NETWORK_DEFINITIONS = join(REPOSITORY, 'node', 'tests', 'network-definitions.json');

const subnetIds = ['subnet-01234567', 'subnet-89abcdef'];
const zones = (third: number): { zone: string; cidr: string; podRange: string; reserved: boolean }[] => [
  { zone: 'us-west-2a', cidr: `10.0.${third}.0/24`, podRange: `10.0.${third}.128/26`, reserved: true },
  { zone: 'us-west-2b', cidr: `10.1.${third}.0/24`, podRange: `10.1.${third}.128/26`, reserved: true },
];

const config: HooklineConfig = {
  stackName: 'hookline',
  profiles: [
    {
      name: 'upf',
      selector: { autoScalingGroupNames: ['upf'] },
      hook: { name: 'hookline-launch' },
      securityGroupIds: ['sg-01234567'],
      slots: [
        { network: 'signaling', deviceIndex: 1, subnetIds },
        { network: 'user-plane', deviceIndex: 2, subnetIds },
        { network: 'storage', deviceIndex: 3, subnetIds },
        { network: 'management', deviceIndex: 4, subnetIds, secondaryPrivateAddresses: 4 },
      ],
    },
  ],
  nodeGroups: [
    {
      name: 'upf',
      profile: 'upf',
      management: 'self-managed',
      cluster: { name: 'core' },
      subnetIds: ['subnet-00000000'],
      instanceTypes: ['m5.4xlarge'],
      maxSize: 10,
      labels: { workload: 'upf' },
      taints: [{ key: 'multus', value: 'pending', effect: 'NO_SCHEDULE' }],
      networks: {
        signaling: {
          mtu: 1500,
          definition: { type: 'macvlan', ipam: 'static', zones: zones(1), routes: [{ dst: '10.8.0.0/16' }] },
        },
        'user-plane': {
          interfaceName: 'up0',
          definition: {
            name: 'up',
            type: 'ipvlan',
            mode: 'l3',
            mtu: 8000,
            ipam: 'whereabouts',
            zones: zones(2),
          },
        },
        storage: { definition: { type: 'host-device', ipam: 'static', zones: zones(3) } },
        management: { interfaceName: 'mgmt0', cni: { type: 'ipvlan' } },
      },
    },
  ],
};

/** Returns the examples, as JSON. */
export function networkDefinitionExamples(): string {
  const demo = demoApplication(config, 'upf', 'default', 'us-west-2a');
  return `${JSON.stringify([...networkDefinitions(config, 'default'), demo], null, 2)}\n`;
}
