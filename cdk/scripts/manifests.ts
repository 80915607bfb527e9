/**
 * Prints the NetworkAttachmentDefinitions of a configuration's node groups, as a list in JSON that `kubectl apply -f` takes.
 * `--config FILE` replaces `hookline.config.json`. `--namespace NAME` replaces `default`. `--demo GROUP` adds the demo application
 * on the nodes of a group, `--zone ZONE` chooses its zone.
 */
import { parseArgs } from 'node:util';
import { demoApplication } from '../lib/nodegroup/demo-application';
import { networkDefinitions } from '../lib/nodegroup/network-definitions';
import { loadConfig } from '../lib/configuration';
import { reportingConfigurationErrors } from '../lib/shared/configuration-error';

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
  const items = [
    ...networkDefinitions(config, values.namespace),
    ...(values.demo === undefined
      ? []
      : [demoApplication(config, values.demo, values.namespace, values.zone)]),
  ];
  console.log(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2));
}

reportingConfigurationErrors(main);
