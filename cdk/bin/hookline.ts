#!/usr/bin/env -S npx tsx
/**
 * The CDK app. What it deploys is in `hookline.config.json` or `hookline.config.ts`, or in the file that
 * `-c config=FILE` names. `-c functions=FOLDER` takes the functions' zip files from another folder.
 */
import { App } from 'aws-cdk-lib';
import { loadConfig } from '../lib/shared/config';
import { ConfigurationError } from '../lib/shared/configuration-error';
import { FunctionCode } from '../lib/shared/function-code';
import { hooklineApp } from '../lib/hookline-app';

/** What `-c NAME=VALUE` says. This app is only asked: synthesised in the end, it would take the place of the other. */
function context(name: string): string | undefined {
  const value: unknown = new App({ autoSynth: false }).node.tryGetContext(name);
  return typeof value === 'string' ? value : undefined;
}

try {
  const functions = context('functions');
  hooklineApp(
    loadConfig(context('config')),
    functions === undefined ? undefined : FunctionCode.packaged(functions),
  ).app.synth();
} catch (error) {
  if (!(error instanceof ConfigurationError)) {
    throw error;
  }
  // A mistake in the configuration is said in one line: where the app stood when it found it helps nobody.
  console.error(error.message);
  process.exitCode = 1;
}
