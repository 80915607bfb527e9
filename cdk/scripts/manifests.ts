/**
 * Prints the NetworkAttachmentDefinitions of a configuration's node groups, as a list in JSON that `kubectl apply -f` takes.
 * `--config FILE` replaces `hookline.config.json`. `--app FILE` takes the configuration of an app instead: a TypeScript file whose default
 * export returns it, as that of `examples/from-an-empty-account-in-code`. `--namespace NAME` replaces `default`. `--demo GROUP` adds the demo
 * application on the nodes of a group, `--zone ZONE` chooses its zone.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { demoApplication } from '../lib/nodegroup/demo-application';
import { networkDefinitions } from '../lib/nodegroup/network-definitions';
import { loadConfig, withPlaceholderNetwork } from '../lib/configuration';
import type { HooklineConfig } from '../lib/shared/config';
import { ConfigurationError, reportingConfigurationErrors } from '../lib/shared/configuration-error';
import { given } from './options';

/** The configuration of an app. The stacks check it when they are synthesised; here, ids of the app's own constructs are tokens. */
function configOfApp(file: string): HooklineConfig {
  const path = resolve(file);
  // tsx lets `require` load TypeScript.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const app = (existsSync(path) ? require(path) : {}) as { default?: unknown };
  if (typeof app.default !== 'function') {
    throw new ConfigurationError(
      '--app',
      existsSync(path) ? `${path} has no function as its default export` : `${path} does not exist`,
      'Give a file like examples/from-an-empty-account-in-code/app.ts, whose default export is a function that returns the configuration',
    );
  }
  return (app.default as () => HooklineConfig)();
}

function main(): void {
  const values = given({
    config: { type: 'string' },
    app: { type: 'string' },
    namespace: { type: 'string', default: 'default' },
    demo: { type: 'string' },
    zone: { type: 'string' },
  });
  const config =
    values.app === undefined
      ? withPlaceholderNetwork(loadConfig(values.config).config)
      : configOfApp(values.app);
  const items = [
    ...networkDefinitions(config, values.namespace),
    ...(values.demo === undefined
      ? []
      : [demoApplication(config, values.demo, values.namespace, values.zone)]),
  ];
  console.log(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2));
}

reportingConfigurationErrors(main);
