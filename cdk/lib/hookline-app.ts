/** The app: the stacks of a configuration, and the checks of cdk-nag. */
import { App, type AppProps, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { HooklineStack, functionCode } from './hookline-stack';
import type { LoadedConfig } from './configuration';
import type { FunctionCode } from './shared/function-code';
import { TemplateQuotas } from './shared/template-quotas';
import { CrossAzTrafficStack } from './traffic/cross-az-traffic-stack';

/** An app with its stacks. */
export interface HooklineApp {
  /** The app. */
  readonly app: App;
  /** The stack of launches and of node naming. */
  readonly stack: HooklineStack;
  /** The stack of the cross-AZ traffic; absent if the configuration has no `traffic`. */
  readonly trafficStack?: CrossAzTrafficStack;
}

/**
 * Creates the app of a configuration. Synthesis fails if cdk-nag's AwsSolutions rules report a finding that has no
 * acknowledgement.
 *
 * @param loaded the configuration
 * @param code the source of the functions' code. Default: what the context `functions` names, or else `functions` of the configuration
 * @param props the props of the app
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
          code: code ?? functionCode(app, config.functions, folder),
          env,
        });
  for (const [key, value] of Object.entries(config.tags ?? {})) {
    Tags.of(app).add(key, value);
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new TemplateQuotas());
  return { app, stack, ...(trafficStack === undefined ? {} : { trafficStack }) };
}
