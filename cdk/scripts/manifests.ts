/**
 * Prints the NetworkAttachmentDefinitions of a configuration's node groups, as a list in JSON that `kubectl apply -f` takes.
 * `--config FILE` replaces `hookline.config.json`. `--namespace NAME` replaces `default`. `--demo GROUP` adds the demo application
 * on the nodes of a group, `--zone ZONE` chooses its zone.
 */
import { parseArgs } from 'node:util';
import { checkNodeGroup } from '../lib/nodegroup/multus-node-group';
import { demoApplication } from '../lib/nodegroup/demo-application';
import { networkDefinitions } from '../lib/nodegroup/network-definitions';
import { loadConfig } from '../lib/shared/config';
import { ConfigurationError, reportingConfigurationErrors } from '../lib/shared/configuration-error';

function main(): void {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      namespace: { type: 'string', default: 'default' },
      demo: { type: 'string' },
      zone: { type: 'string' },
    },
  });
  const { config } = loadConfig(values.config);
  for (const group of config.nodeGroups ?? []) {
    const profile = config.profiles.find(({ name }) => name === group.profile);
    if (profile === undefined) {
      throw new ConfigurationError(
        `nodeGroup ${group.name}.profile`,
        `no profile has the name ${group.profile}`,
        'Correct it',
      );
    }
    checkNodeGroup(group, profile, `nodeGroup ${group.name}`);
  }
  const items = [
    ...networkDefinitions(config, values.namespace),
    ...(values.demo === undefined
      ? []
      : [demoApplication(config, values.demo, values.namespace, values.zone)]),
  ];
  console.log(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2));
}

reportingConfigurationErrors(main);
