#!/usr/bin/env -S npx tsx
/**
 * The CDK app. It reads `hookline.config.json` or `hookline.config.ts`, or the file of `-c config=FILE`. With
 * `-c functions=FOLDER` it takes the functions' zip files from that folder; with `-c functions=stand-in` it needs none, and the template
 * is for looking only.
 */
import { App } from 'aws-cdk-lib';
import { loadConfig } from '../lib/configuration';
import { hooklineApp } from '../lib/hookline-app';
import { reportingConfigurationErrors } from '../lib/shared/configuration-error';

/** Returns the value of `-c NAME=VALUE`. It comes from a temporary app, which must not write an assembly of its own. */
function context(name: string): string | undefined {
  const value: unknown = new App({ autoSynth: false }).node.tryGetContext(name);
  return typeof value === 'string' ? value : undefined;
}

reportingConfigurationErrors(() => {
  hooklineApp(loadConfig(context('config'))).app.synth();
});
