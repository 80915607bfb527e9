/** A node group whose nodes get the interfaces of a profile: managed by EKS, or self-managed. */
import { readFileSync } from 'node:fs';
import { Annotations, Lazy, Stack } from 'aws-cdk-lib';
import { CfnAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import { type CfnLaunchTemplate, InstanceArchitecture } from 'aws-cdk-lib/aws-ec2';
import { CfnAccessEntry, CfnNodegroup } from 'aws-cdk-lib/aws-eks';
import { CfnInstanceProfile, type IRole, Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { heartbeatOf } from '../launch/hook-rules';
import { LaunchLifecycleHook, hookSettings } from '../launch/launch-lifecycle-hook';
import type { NodeLaunchOrchestrator } from '../launch/node-launch-orchestrator';
import { checkProfile } from '../launch/profile';
import { acknowledge } from '../shared/acknowledgements';
import type { NodeGroup } from '../shared/config';
import { checkAll, mistakesOf, throwAll } from '../shared/configuration-error';
import type { Profile } from '../shared/profile.generated';
import { CONFIG_SCHEMA } from '../shared/repository';
import { compileSchema, schemaMistakes } from '../shared/schema-check';
import { soundParts } from '../shared/sound-parts';
import { withPlaceholderIds } from '../shared/tokens';
import { FirstNodes, SIZES_IN_TEMPLATE } from './first-nodes';
import { checkGroupHook } from './group-hook';
import { checkGroup, checkSelector, checkSubnets, isManaged } from './group-rules';
import { groupWarnings } from './group-warnings';
import { architectureOf } from './instance-types';
import type { LaunchTemplateData } from './launch-template-rules';
import { checkSize, createLaunchTemplate, instanceTags, podsOfGroup, userData } from './node-group-template';
import type { SignalFacts } from './node-facts';
import { createNodeRole } from './node-role';
import { nodeSettings } from './node-settings';
import { LONGEST_SIGNAL, checkRollingUpdate, updatePolicy } from './rolling-update';
import { checkStartupTaint } from './startup-taint';

/** Props of {@link MultusNodeGroup}. */
export interface MultusNodeGroupProps {
  /** The orchestrator that prepares the nodes. It has the profile. */
  readonly orchestrator: NodeLaunchOrchestrator;
  /**
   * The node group, as the configuration has it. The ids of subnets and security groups, the attributes of the cluster and the
   * ARN of the role may be tokens.
   */
  readonly group: NodeGroup;
  /**
   * More settings of the launch template. What EKS forbids in it is refused.
   *
   * @default - none
   */
  readonly launchTemplate?: LaunchTemplateData;
}

const schema = JSON.parse(readFileSync(CONFIG_SCHEMA, 'utf8')) as object;
// What a configuration file may leave to its `network` has been filled in.
const validate = compileSchema(
  {
    $ref: 'config#/$defs/NodeGroup',
    type: 'object',
    required: ['cluster', 'subnetIds'],
    properties: {
      networks: {
        type: 'object',
        additionalProperties: {
          type: 'object',
          properties: { definition: { type: 'object', required: ['zones'] } },
        },
      },
    },
  },
  schema,
);

/**
 * A node group with its launch template, its hook and, if it has none, its role.
 *
 * The first nodes come after the hook. Later deployments never change the number of nodes, except that Auto Scaling keeps it
 * between the minimum and the maximum. A new version of the launch template replaces the nodes of a managed node group; those of
 * a self-managed group stay until an instance refresh, unless it has a `rollingUpdate`.
 */
export class MultusNodeGroup extends Construct {
  /** The launch template. */
  readonly launchTemplate: CfnLaunchTemplate;
  /** The role of the nodes. */
  readonly nodeRole: IRole;
  /** The managed node group; absent for self-managed nodes. */
  readonly nodegroup?: CfnNodegroup;
  /** The Auto Scaling group of self-managed nodes; absent for a managed node group, whose group EKS creates. */
  readonly autoScalingGroup?: CfnAutoScalingGroup;

  constructor(scope: Construct, id: string, props: MultusNodeGroupProps) {
    super(scope, id);
    const { orchestrator, group } = props;
    const profile = orchestrator.profile(group.profile);
    const field = `nodeGroup ${group.name}`;
    checkAll(
      () => {
        checkNodeGroup(group, profile, field);
      },
      () => {
        checkGroupHook(group, profile, {
          profiles: orchestrator.profiles,
          patterns: orchestrator.autoScalingGroupNamePatterns,
          fields: { group: field, profile: orchestrator.profileField(profile) },
        });
      },
    );

    this.nodeRole =
      group.nodeRoleArn === undefined
        ? createNodeRole(this, 'NodeRole')
        : Role.fromRoleArn(this, 'NodeRole', group.nodeRoleArn, { mutable: false });
    const managed = isManaged(group);
    const instanceProfile = managed
      ? undefined
      : new CfnInstanceProfile(this, 'InstanceProfile', { roles: [this.nodeRole.roleName] });
    this.launchTemplate = createLaunchTemplate(this, 'LaunchTemplate', {
      group,
      profile,
      more: props.launchTemplate ?? {},
      field,
      ...(instanceProfile === undefined ? {} : { instanceProfileArn: instanceProfile.attrArn }),
      ...(group.rollingUpdate === undefined ? {} : { signal: this.signal() }),
    });
    if (managed) {
      this.nodegroup = this.createManaged(props, profile);
    } else {
      this.autoScalingGroup = this.createSelfManaged(props, profile);
    }
    for (const { id: warning, message } of groupWarnings(group, profile)) {
      Annotations.of(this).addWarningV2(warning, message);
    }
  }

  /** The group that waits for its nodes. It is created after its launch template, which names it. */
  private signal(): SignalFacts {
    const { stackName, region } = Stack.of(this);
    const produce = (): string => Stack.of(this).resolve(this.autoScalingGroup?.logicalId) as string;
    return { stack: stackName, resource: Lazy.string({ produce }), region };
  }

  private createManaged({ orchestrator, group }: MultusNodeGroupProps, profile: Profile): CfnNodegroup {
    const nodegroup = new CfnNodegroup(this, 'Nodegroup', {
      clusterName: group.cluster.name,
      nodegroupName: group.name,
      nodeRole: this.nodeRole.roleArn,
      subnets: [...group.subnetIds],
      instanceTypes: [...group.instanceTypes],
      scalingConfig: SIZES_IN_TEMPLATE,
      launchTemplate: {
        id: this.launchTemplate.ref,
        version: this.launchTemplate.attrLatestVersionNumber,
      },
      ...(group.imageId === undefined ? { amiType: group.amiType ?? amiType(group) } : {}),
      ...(group.labels === undefined ? {} : { labels: group.labels }),
      ...(group.taints === undefined ? {} : { taints: group.taints }),
    });
    // Nodes of a new template come after the profile that it was made from. The role's policies are there before the nodes.
    nodegroup.node.addDependency(orchestrator.ready, this.nodeRole);
    const hook = new LaunchLifecycleHook(this, 'Hook', {
      orchestrator,
      profile: profile.name,
      target: { managedNodeGroup: { clusterName: group.cluster.name, nodegroupName: group.name } },
      heartbeatTimeout: heartbeatOf(group.heartbeatTimeoutSeconds),
    });
    hook.node.addDependency(nodegroup);
    const first = new FirstNodes(this, `FirstNodes-${group.name}`, {
      orchestrator,
      group: { clusterName: group.cluster.name, nodegroupName: group.name },
      ...sizes(group),
    });
    first.node.addDependency(hook);
    return nodegroup;
  }

  private createSelfManaged(
    { orchestrator, group }: MultusNodeGroupProps,
    profile: Profile,
  ): CfnAutoScalingGroup {
    const { minSize, maxSize } = sizes(group);
    const specification = {
      launchTemplateId: this.launchTemplate.ref,
      version: this.launchTemplate.attrLatestVersionNumber,
    };
    const autoScalingGroup = new CfnAutoScalingGroup(this, 'Group', {
      autoScalingGroupName: group.name,
      vpcZoneIdentifier: [...group.subnetIds],
      // No desired capacity: CloudFormation would set it again in each deployment (aws/aws-cdk#5215).
      minSize: String(minSize),
      maxSize: String(maxSize),
      // Auto Scaling puts the hook before it launches anything.
      lifecycleHookSpecificationList: [hookSettings(profile, heartbeatOf(group.heartbeatTimeoutSeconds))],
      ...(group.instanceTypes.length === 1
        ? { launchTemplate: specification }
        : {
            mixedInstancesPolicy: {
              launchTemplate: {
                launchTemplateSpecification: specification,
                overrides: group.instanceTypes.map((instanceType) => ({ instanceType })),
              },
            },
          }),
      tags: [
        { key: `kubernetes.io/cluster/${group.cluster.name}`, value: 'owned' },
        // The role that completes hooks knows a group by the tags of its profile.
        ...instanceTags(profile),
      ].map((tag) => ({ ...tag, propagateAtLaunch: true })),
    });
    acknowledge(autoScalingGroup, {
      'AwsSolutions-AS3': 'Hookline follows each launch by its hook, and alarms on those that fail.',
      ...(group.instanceTypes.length === 1
        ? {}
        : {
            'AwsSolutions-EC26':
              'The rule cannot read the launch template of a mixed instances policy. That template encrypts the volume.',
          }),
    });
    const replacesNodes = updatePolicy(group);
    if (replacesNodes !== undefined) {
      autoScalingGroup.cfnOptions.updatePolicy = replacesNodes;
    }
    autoScalingGroup.node.addDependency(orchestrator.ready, this.nodeRole);
    if (group.nodeRoleArn === undefined) {
      const entry = new CfnAccessEntry(this, 'AccessEntry', {
        clusterName: group.cluster.name,
        principalArn: this.nodeRole.roleArn,
        type: 'EC2_LINUX',
      });
      autoScalingGroup.addResourceDependency(entry);
    }
    // Also if the group begins with its minimum: otherwise a later change of either would create it, and set the size of a
    // group in production.
    const first = new FirstNodes(this, `FirstNodes-${group.name}`, {
      orchestrator,
      group: group.name,
      ...sizes(group),
    });
    first.node.addDependency(autoScalingGroup);
    return autoScalingGroup;
  }
}

/** The fields of a node group that the rules need. */
const NEEDED: readonly (keyof NodeGroup)[] = [
  'name',
  'profile',
  'cluster',
  'subnetIds',
  'instanceTypes',
  'maxSize',
];

/**
 * Checks a node group: its JSON Schema, the rules between its fields and the profile, and the size of its user data. What its JSON Schema
 * refuses is left out of the rules.
 *
 * @param group the value to check
 * @param profile the profile
 * @param field the node group's name in an error
 * @throws ConfigurationError that names each field and its remedy
 */
export function checkNodeGroup(group: unknown, profile: Profile, field: string): asserts group is NodeGroup {
  checkProfile(profile, `profile ${profile.name}`);
  const resolved = withPlaceholderIds(group, field);
  const mistakes = schemaMistakes(validate, field, resolved);
  const wrong = mistakes.flatMap(({ path, isUnknownField }) => (isUnknownField ? [] : [path[0] ?? '']));
  checkAll(
    () => {
      throwAll(mistakes.map(({ error }) => error));
    },
    () => {
      // With a mistake in the group itself, or in a field that is needed, the rules would find what follows from it.
      if (wrong.some((name) => name === '' || (NEEDED as readonly string[]).includes(name))) {
        return;
      }
      const sound = (value: unknown): NodeGroup => {
        const parts = Object.entries(soundParts(value, mistakes));
        return Object.fromEntries(
          parts.filter(([name, part]) => name === 'networks' || !wrong.includes(name) || part === undefined),
        ) as unknown as NodeGroup;
      };
      const [raw, checked] = [sound(group), sound(resolved)];
      const found = groupRules(raw, checked, profile, field).flatMap((check) => mistakesOf(check));
      throwAll(found.filter((mistake) => !wrong.some((name) => mistake.field === `${field}.${name}`)));
    },
  );
}

function groupRules(group: NodeGroup, resolved: NodeGroup, profile: Profile, field: string): (() => void)[] {
  return [
    () => {
      checkGroup(resolved, field);
    },
    () => {
      checkSelector(group, profile, field);
    },
    () => {
      checkSubnets(group, profile, field);
    },
    () => {
      checkStartupTaint(group, profile, field);
    },
    () => {
      checkRollingUpdate(group, field);
    },
    () => {
      architectureOf(group.instanceTypes, `${field}.instanceTypes`);
    },
    () => {
      nodeSettings(resolved, profile, field);
    },
    () => {
      podsOfGroup(resolved, profile, field);
    },
    () => {
      // Together: one subnet of both is one placeholder.
      const longest = withPlaceholderIds({ group, profile }, field) as { group: NodeGroup; profile: Profile };
      const signal = group.rollingUpdate === undefined ? undefined : LONGEST_SIGNAL;
      checkSize(userData(longest.group, longest.profile, field, signal), group, field);
    },
  ];
}

function sizes({ minSize = 0, initialSize = minSize, maxSize }: NodeGroup): {
  minSize: number;
  initialSize: number;
  maxSize: number;
} {
  return { minSize, initialSize, maxSize };
}

/** EKS's standard type of AMI (EKS API, Nodegroup, `amiType`). */
function amiType({ operatingSystem, instanceTypes }: NodeGroup): string {
  const arm = architectureOf(instanceTypes, 'instanceTypes') === InstanceArchitecture.ARM_64;
  return operatingSystem === 'bottlerocket'
    ? `BOTTLEROCKET_${arm ? 'ARM_64' : 'x86_64'}`
    : `AL2023_${arm ? 'ARM_64' : 'x86_64'}_STANDARD`;
}
