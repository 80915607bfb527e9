/**
 * Prints the user data of a node group, for a launch template that another tool makes. `--group NAME` names the group; it may be
 * absent if there is one only. `--config FILE` replaces `hookline.config.json`.
 *
 * If the configuration has a `network`, its ids are those of the deployed stack, which the AWS CLI tells. `--outputs FILE` takes them
 * from what `cdk deploy --outputs-file` wrote instead.
 */
import { completeConfig } from '../lib/complete-config';
import { loadConfig } from '../lib/configuration';
import { deployedIds } from '../lib/deployed-network';
import { userData } from '../lib/nodegroup/node-group-template';
import type { HooklineConfigFile, NodeGroup } from '../lib/shared/config';
import {
  ConfigurationError,
  reportingConfigurationErrors,
  throwAll,
} from '../lib/shared/configuration-error';
import { networkOutputs } from './network-outputs';
import { given } from './options';

function main(): void {
  const values = given({
    config: { type: 'string' },
    group: { type: 'string' },
    outputs: { type: 'string' },
  });
  const file = loadConfig(values.config).config;
  // Before AWS is asked.
  const { name } = groupOf(file, values.group);
  const ids =
    file.network === undefined
      ? undefined
      : deployedIds(file, file.network, networkOutputs(file, values.outputs));
  const { config, mistakes } = completeConfig(file, ids);
  throwAll(mistakes.map(({ error }) => error));
  const group = config.nodeGroups?.find((one) => one.name === name);
  const profile = config.profiles.find((one) => one.name === group?.profile);
  if (group === undefined || profile === undefined) {
    throw new ConfigurationError('--group', `the group ${name} has no profile`, 'Correct its profile');
  }
  process.stdout.write(userData(group, profile, `nodeGroup ${group.name}`));
}

function groupOf({ nodeGroups = [] }: HooklineConfigFile, name: string | undefined): Pick<NodeGroup, 'name'> {
  const group =
    name === undefined && nodeGroups.length === 1
      ? nodeGroups[0]
      : nodeGroups.find((one) => one.name === name);
  if (group === undefined) {
    throw new ConfigurationError(
      '--group',
      name === undefined ? 'absent' : `there is no node group ${name}`,
      nodeGroups.length === 0
        ? 'Add nodeGroups to the configuration'
        : `Use one of ${nodeGroups.map((one) => one.name).join(', ')}`,
    );
  }
  return group;
}

reportingConfigurationErrors(main);
