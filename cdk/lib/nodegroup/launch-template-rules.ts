/**
 * What a launch template must not have. EKS refuses a node group with such a template only at deployment, and some of it without
 * a reason (EKS User Guide, "Customize managed nodes with launch templates"; EKS API, LaunchTemplateSpecification).
 */
import type { CfnLaunchTemplate } from 'aws-cdk-lib/aws-ec2';
import { ConfigurationError } from '../shared/configuration-error';

/** More settings of a launch template, as CloudFormation has them. */
export type LaunchTemplateData = CfnLaunchTemplate.LaunchTemplateDataProperty;

/** A setting that is refused: the reason and the remedy. */
type Refusal = readonly [reason: string, remedy: string];

/** Refused for every group: Hookline sets it. */
const SET_BY_HOOKLINE: Partial<Record<keyof LaunchTemplateData, Refusal>> = {
  userData: ['Hookline writes the user data', 'Remove it'],
  imageId: ['the AMI is a setting of the node group', 'Use imageId'],
  instanceType: [
    'the instance types are a setting of the node group, and EKS takes them from one place only',
    'Use instanceTypes',
  ],
  securityGroupIds: [
    'the template must have the cluster security group beside them',
    'Use securityGroupIds of the node group',
  ],
  securityGroups: [
    'these are names of security groups outside a VPC',
    'Use securityGroupIds of the node group',
  ],
  networkInterfaces: [
    'the interfaces of networks come from the profile, and EKS chooses the subnet of the primary interface',
    'Remove it; subnetIds and securityGroupIds of the node group are for the primary interface',
  ],
  tagSpecifications: [
    'the profile has the tags of nodes, volumes and interfaces',
    'Use nodeTags, volumeTags and interfaceTags of the profile',
  ],
  iamInstanceProfile: [
    'the nodes’ role is a setting of the node group, and EKS refuses an instance profile',
    'Use nodeRoleArn',
  ],
};

/** Refused for a managed node group: EKS does not take it. */
const REFUSED_BY_EKS: Partial<Record<keyof LaunchTemplateData, Refusal>> = {
  instanceInitiatedShutdownBehavior: [
    'EKS refuses a shutdown behavior: it controls the life of the instances',
    'Remove it',
  ],
  hibernationOptions: ['EKS refuses hibernation', 'Remove it'],
  instanceMarketOptions: ['EKS refuses a request of Spot instances in the template', 'Remove it'],
  instanceRequirements: ['EKS takes instance types of the node group', 'Use instanceTypes'],
};

/**
 * Checks more settings of a launch template.
 *
 * @param data the settings
 * @param managed whether it is for a managed node group
 * @param field their name in an error
 * @throws ConfigurationError that names the setting, the reason and the remedy
 */
export function checkLaunchTemplateData(data: LaunchTemplateData, managed: boolean, field: string): void {
  const refused = { ...SET_BY_HOOKLINE, ...(managed ? REFUSED_BY_EKS : {}) };
  for (const [setting, [reason, remedy]] of Object.entries(refused)) {
    if (data[setting as keyof LaunchTemplateData] !== undefined) {
      throw new ConfigurationError(`${field}.${setting}`, reason, remedy);
    }
  }
  if (data.metadataOptions !== undefined) {
    throw new ConfigurationError(
      `${field}.metadataOptions`,
      'Hookline requires IMDSv2',
      'Use metadataHopLimit of the node group',
    );
  }
}
