#!/usr/bin/env -S npx tsx
/**
 * The CDK app. It reads `hookline.config.json` or `hookline.config.ts`, or the file of `-c config=FILE`. With
 * `-c functions=FOLDER` it takes the functions' zip files from that folder.
 */
import { App } from 'aws-cdk-lib';
import { hooklineApp } from '../lib/hookline-app';
import { loadConfig } from '../lib/shared/config';
import { reportingConfigurationErrors } from '../lib/shared/configuration-error';
import { FunctionCode } from '../lib/shared/function-code';

/** Returns the value of `-c NAME=VALUE`. It comes from a temporary app, which must not write an assembly of its own. */
function context(name: string): string | undefined {
  const value: unknown = new App({ autoSynth: false }).node.tryGetContext(name);
  return typeof value === 'string' ? value : undefined;
}

reportingConfigurationErrors(() => {
  const functions = context('functions');
  hooklineApp(
    loadConfig(context('config')),
    functions === undefined ? undefined : FunctionCode.packaged(functions),
  ).app.synth();
});
