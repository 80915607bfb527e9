/** The app: the stacks of a configuration, and the checks of cdk-nag. */
import { App, type AppProps, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { completeConfig, networkProps } from './complete-config';
import { HooklineStack, functionCode } from './hookline-stack';
import type { LoadedConfig } from './configuration';
import { NetworkStack, networkStackName } from './nodegroup/network-stack';
import { throwAll } from './shared/configuration-error';
import type { FunctionCode } from './shared/function-code';
import { TemplateQuotas } from './shared/template-quotas';
import { CrossAzTrafficStack } from './traffic/cross-az-traffic-stack';

/** An app with its stacks. */
export interface HooklineApp {
  /** The app. */
  readonly app: App;
  /** The stack of launches and of node naming. */
  readonly stack: HooklineStack;
  /** The stack of the network; absent if the configuration has no `network`. */
  readonly networkStack?: NetworkStack;
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
  { config: file, folder }: LoadedConfig,
  code?: FunctionCode,
  props?: AppProps,
): HooklineApp {
  const app = new App(props);
  const account = file.account ?? process.env['CDK_DEFAULT_ACCOUNT'];
  const region = file.region ?? process.env['CDK_DEFAULT_REGION'];
  const env = { ...(account === undefined ? {} : { account }), ...(region === undefined ? {} : { region }) };
  const networkStack =
    file.network === undefined
      ? undefined
      : new NetworkStack(app, networkStackName(file.stackName), { network: networkProps(file.network), env });
  const { config, mistakes } = completeConfig(file, networkStack?.network);
  throwAll(mistakes.map(({ error }) => error));
  const stack = new HooklineStack(app, config.stackName, {
    config,
    folder,
    ...(code === undefined ? {} : { code }),
    env,
  });
  // The name of the cluster is literal, so no reference says that the network comes first.
  if (networkStack !== undefined) {
    stack.addStackDependency(networkStack);
  }
  const trafficStack =
    config.traffic === undefined
      ? undefined
      : new CrossAzTrafficStack(app, `${config.stackName}-traffic`, {
          traffic: config.traffic,
          config,
          code: code ?? functionCode(app, config.functions, folder),
          env,
        });
  if (networkStack !== undefined && trafficStack !== undefined) {
    trafficStack.addStackDependency(networkStack);
  }
  for (const [key, value] of Object.entries(config.tags ?? {})) {
    Tags.of(app).add(key, value);
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new TemplateQuotas());
  return {
    app,
    stack,
    ...(networkStack === undefined ? {} : { networkStack }),
    ...(trafficStack === undefined ? {} : { trafficStack }),
  };
}
