/** The launch template of a node group. */
import { type CfnTag, Fn } from 'aws-cdk-lib';
import { CfnLaunchTemplate } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { NodeGroup } from '../shared/config';
import { ConfigurationError } from '../shared/configuration-error';
import { isTagOfAws, selectorTags } from '../shared/profile-resources';
import type { Profile } from '../shared/profile.generated';
import { amazonLinuxUserData } from './amazon-linux-2023';
import { bottlerocketUserData } from './bottlerocket';
import { eksMergesUserData, isManaged } from './group-rules';
import { type LaunchTemplateData, checkLaunchTemplateData } from './launch-template-rules';
import { maxPods } from './max-pods';
import type { NodeFacts, SignalFacts } from './node-facts';
import { nodeSettings } from './node-settings';
import { registeredTaints } from './startup-taint';

/** EC2's limit of user data, in bytes before base64 (EC2 User Guide, "Run commands when you launch an EC2 instance"). */
const MAX_USER_DATA = 16_384;
/**
 * What EKS adds to the user data of a managed node group, in bytes: a NodeConfig with the cluster's name, endpoint and certificate
 * (some 1,700), its own labels, and MIME around it. The group's labels and taints come on top.
 */
const ADDED_BY_EKS = 2304;
/** The volume of images and pods: on Bottlerocket, the first volume is the operating system's. */
const DEVICES = { al2023: '/dev/xvda', bottlerocket: '/dev/xvdb' } as const;

/**
 * Returns the user data of a node group.
 *
 * @param group the checked node group
 * @param profile the checked profile
 * @param field the node group's name in an error
 * @param signal whom the nodes tell that they are ready, if CloudFormation replaces them
 */
export function userData(group: NodeGroup, profile: Profile, field: string, signal?: SignalFacts): string {
  const { cluster } = group;
  const { endpoint = '', certificateAuthority = '', serviceCidr = '' } = cluster;
  const facts: NodeFacts = {
    settings: nodeSettings(group, profile, field),
    maxPods: podsOfGroup(group, profile, field),
    taints: registeredTaints(group, profile),
    ...(signal === undefined ? {} : { signal }),
    ...(eksMergesUserData(group)
      ? {}
      : {
          join: {
            cluster: { name: cluster.name, endpoint, certificateAuthority, serviceCidr },
            labels: group.labels ?? {},
          },
        }),
  };
  return group.operatingSystem === 'bottlerocket'
    ? bottlerocketUserData(facts, group.bootstrapContainerImage)
    : amazonLinuxUserData(facts);
}

/**
 * Returns kubelet's maxPods of a node group.
 *
 * @param group the node group
 * @param profile the checked profile
 * @param field the node group's name in an error
 * @throws ConfigurationError if an instance type has no room, or if the configured number is too large
 */
export function podsOfGroup(
  { instanceTypes, podAddressing, customNetworking = false, maxPods: wanted }: NodeGroup,
  { slots = [] }: Profile,
  field: string,
): number {
  return maxPods(
    slots,
    instanceTypes,
    { prefixes: podAddressing === 'prefixes', customNetworking },
    wanted,
    field,
  );
}

/**
 * Returns how many bytes the user data of a group may have: EC2's limit without what EKS adds.
 *
 * @param group the node group
 */
export function sizeLimit(group: NodeGroup): number {
  const own = JSON.stringify([group.labels ?? {}, group.taints ?? []]).length;
  return MAX_USER_DATA - (eksMergesUserData(group) ? ADDED_BY_EKS + own : 0);
}

/**
 * Checks that user data fits.
 *
 * @param text the user data, with no token in it
 * @param group the node group
 * @param field its name in an error
 * @throws ConfigurationError if it does not fit
 */
export function checkSize(text: string, group: NodeGroup, field: string): void {
  const limit = sizeLimit(group);
  const added = MAX_USER_DATA - limit;
  const size = Buffer.byteLength(text);
  if (size > limit) {
    throw new ConfigurationError(
      field,
      `the user data has ${size} bytes; ${limit} are possible${added > 0 ? `, because EKS adds up to ${added} and EC2 takes ${MAX_USER_DATA}` : ''}`,
      'Use a group for each Availability Zone, or install the node’s programs in an AMI (docs/node-groups.md)',
    );
  }
}

/** Props of {@link createLaunchTemplate}. */
export interface TemplateProps {
  /** The checked node group. */
  readonly group: NodeGroup;
  /** The checked profile. */
  readonly profile: Profile;
  /** More settings of the template. */
  readonly more: LaunchTemplateData;
  /** The ARN of the instance profile of self-managed nodes. */
  readonly instanceProfileArn?: string;
  /** Whom the nodes tell that they are ready, if CloudFormation replaces them. */
  readonly signal?: SignalFacts;
  /** The node group's name in an error. */
  readonly field: string;
}

/** Creates the launch template. */
export function createLaunchTemplate(scope: Construct, id: string, props: TemplateProps): CfnLaunchTemplate {
  const { group, profile, more, instanceProfileArn, field, signal } = props;
  const managed = isManaged(group);
  checkLaunchTemplateData(more, managed, `${field}.launchTemplate`);
  const [instanceType] = group.instanceTypes;
  const securityGroupIds = templateSecurityGroups(group);
  const tags = instanceTags(profile);
  return new CfnLaunchTemplate(scope, id, {
    launchTemplateData: {
      blockDeviceMappings: [
        {
          deviceName: DEVICES[group.operatingSystem ?? 'al2023'],
          ebs: {
            volumeSize: group.volumeSizeGiB ?? 100,
            volumeType: 'gp3',
            encrypted: true,
            deleteOnTermination: true,
          },
        },
      ],
      ...more,
      metadataOptions: {
        httpEndpoint: 'enabled',
        httpTokens: 'required',
        httpPutResponseHopLimit: group.metadataHopLimit ?? 1,
      },
      userData: Fn.base64(userData(group, profile, field, signal)),
      ...(group.imageId === undefined ? {} : { imageId: group.imageId }),
      ...(securityGroupIds.length === 0 ? {} : { securityGroupIds }),
      ...(managed || instanceType === undefined ? {} : { instanceType }),
      ...(tags.length === 0 ? {} : { tagSpecifications: [{ resourceType: 'instance', tags }] }),
      ...(instanceProfileArn === undefined ? {} : { iamInstanceProfile: { arn: instanceProfileArn } }),
    },
  });
}

/** With none in the template, EKS adds the cluster security group to a managed node group. With any, it does not. */
function templateSecurityGroups({ management, cluster, securityGroupIds = [] }: NodeGroup): string[] {
  const needed = management === 'self-managed' || securityGroupIds.length > 0;
  return needed && cluster.securityGroupId !== undefined
    ? [...new Set([cluster.securityGroupId, ...securityGroupIds])]
    : [];
}

/** The tags that the profile selects by, for the instances. Only EKS and AWS set tags with their prefixes. */
export function instanceTags({ selector }: Profile): CfnTag[] {
  return (
    selectorTags(selector)
      .filter((tag) => !isTagOfAws(tag))
      // The tag of its cluster has a value that Kubernetes knows.
      .map(({ key, value }) => ({
        key,
        value: value ?? (key.startsWith('kubernetes.io/cluster/') ? 'owned' : ''),
      }))
  );
}
