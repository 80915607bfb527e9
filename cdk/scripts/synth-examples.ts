/**
 * Synthesises each example of `examples/` into `cdk.out/EXAMPLE`. `--out FOLDER` replaces `cdk.out`. `--functions FOLDER` takes
 * the functions' zip files from that folder instead of `dist/functions`; `--functions stand-in` needs none. `--architecture arm64|x86_64` replaces the
 * architecture of the examples.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hooklineApp } from '../lib/hookline-app';
import { checkConfig, loadConfig } from '../lib/configuration';
import { reportingConfigurationErrors } from '../lib/shared/configuration-error';
import { FunctionCode } from '../lib/shared/function-code';
import { given } from './options';

const CDK = join(__dirname, '..');

function main(): void {
  const values = given({
    functions: { type: 'string' },
    architecture: { type: 'string' },
    out: { type: 'string' },
  });
  const code = values.functions === undefined ? undefined : FunctionCode.fromSetting(values.functions);
  const out = values.out === undefined ? join(CDK, 'cdk.out') : resolve(values.out);
  for (const example of readdirSync(join(CDK, 'examples')).sort()) {
    const file = ['hookline.config.json', 'hookline.config.ts']
      .map((name) => join(CDK, 'examples', example, name))
      .find(existsSync);
    if (file === undefined) {
      continue;
    }
    const outdir = join(out, example);
    const { config, folder } = loadConfig(file);
    const architecture: unknown = values.architecture ?? config.architecture;
    const changed: unknown = architecture === undefined ? config : { ...config, architecture };
    checkConfig(changed);
    const { app, stack } = hooklineApp({ config: changed, folder }, code, { outdir });
    app.synth();
    console.log(join(outdir, stack.templateFile));
  }
}

reportingConfigurationErrors(main);
