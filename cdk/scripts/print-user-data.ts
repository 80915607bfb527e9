/**
 * Prints the user data of a node group, for a launch template that another tool makes. `--group NAME` names the group; it may be
 * absent if there is one only. `--config FILE` replaces `hookline.config.json`.
 */
import { parseArgs } from 'node:util';
import { completeConfig } from '../lib/complete-config';
import { loadConfig } from '../lib/configuration';
import { userData } from '../lib/nodegroup/node-group-template';
import { ConfigurationError, reportingConfigurationErrors } from '../lib/shared/configuration-error';

function main(): void {
  const { values } = parseArgs({ options: { config: { type: 'string' }, group: { type: 'string' } } });
  const file = loadConfig(values.config).config;
  if (file.network !== undefined) {
    throw new ConfigurationError(
      'network',
      'its ids are known when it is deployed, and the user data has them',
      'Take the user data from the launch template of the node group',
    );
  }
  const { config } = completeConfig(file, undefined);
  const groups = config.nodeGroups ?? [];
  const group =
    values.group === undefined && groups.length === 1
      ? groups[0]
      : groups.find(({ name }) => name === values.group);
  const profile = config.profiles.find(({ name }) => name === group?.profile);
  if (group === undefined || profile === undefined) {
    throw new ConfigurationError(
      '--group',
      values.group === undefined ? 'absent' : `there is no node group ${values.group}`,
      groups.length === 0
        ? 'Add nodeGroups to the configuration'
        : `Use one of ${groups.map(({ name }) => name).join(', ')}`,
    );
  }
  process.stdout.write(userData(group, profile, `nodeGroup ${group.name}`));
}

reportingConfigurationErrors(main);
