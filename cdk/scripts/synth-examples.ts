/**
 * Synthesises each of `examples/` into `cdk.out/EXAMPLE`. `--functions FOLDER` takes the functions' zip files from there
 * and not from `dist/functions`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../lib/config';
import { ConfigurationError } from '../lib/configuration-error';
import { FunctionCode } from '../lib/function-code';
import { hooklineApp } from '../lib/hookline-app';

const CDK = join(__dirname, '..');

function main(): void {
  const { values } = parseArgs({ options: { functions: { type: 'string' } } });
  const code = values.functions === undefined ? undefined : FunctionCode.packaged(resolve(values.functions));
  for (const example of readdirSync(join(CDK, 'examples')).sort()) {
    const file = ['hookline.config.json', 'hookline.config.ts']
      .map((name) => join(CDK, 'examples', example, name))
      .find(existsSync);
    if (file === undefined) {
      continue;
    }
    const outdir = join(CDK, 'cdk.out', example);
    const { app, stack } = hooklineApp(loadConfig(file), code, { outdir });
    app.synth();
    console.log(join(outdir, stack.templateFile));
  }
}

try {
  main();
} catch (error) {
  if (!(error instanceof ConfigurationError)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
