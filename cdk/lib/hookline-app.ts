/** The app: a stack for a configuration, and the rules that it must keep. */
import { App, type AppProps, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { LoadedConfig } from './shared/config';
import type { FunctionCode } from './shared/function-code';
import { CrossAzTrafficStack } from './traffic/cross-az-traffic-stack';
import { HooklineStack, functionCode } from './hookline-stack';

/** An app with its stack. */
export interface HooklineApp {
  /** The app. */
  readonly app: App;
  /** Its stack. */
  readonly stack: HooklineStack;
  /** The stack of the traffic across Availability Zones, where the configuration has it. */
  readonly trafficStack?: CrossAzTrafficStack;
}

/**
 * The app of a configuration. Synthesising it fails on a finding of cdk-nag's AwsSolutions that nobody gave a reason for.
 *
 * @param loaded what to deploy
 * @param code where the functions' code comes from; what the configuration says when absent
 * @param props of the app
 */
export function hooklineApp(
  { config, folder }: LoadedConfig,
  code?: FunctionCode,
  props?: AppProps,
): HooklineApp {
  const app = new App(props);
  const account = config.account ?? process.env['CDK_DEFAULT_ACCOUNT'];
  const region = config.region ?? process.env['CDK_DEFAULT_REGION'];
  const env = { ...(account === undefined ? {} : { account }), ...(region === undefined ? {} : { region }) };
  const stack = new HooklineStack(app, config.stackName, {
    config,
    folder,
    ...(code === undefined ? {} : { code }),
    env,
  });
  const trafficStack =
    config.traffic === undefined
      ? undefined
      : new CrossAzTrafficStack(app, `${config.stackName}-traffic`, {
          traffic: config.traffic,
          config,
          code: code ?? functionCode(config.functions, folder),
          env,
        });
  for (const [key, value] of Object.entries(config.tags ?? {})) {
    Tags.of(app).add(key, value);
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { app, stack, ...(trafficStack === undefined ? {} : { trafficStack }) };
}
