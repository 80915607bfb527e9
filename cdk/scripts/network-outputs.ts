/** The outputs of the stack of a configuration's network: what CloudFormation says, or a file of `cdk deploy --outputs-file`. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type StackOutputs, checkOrigin, deployNetwork } from '../lib/deployed-network';
import { networkStackName } from '../lib/nodegroup/network-stack';
import type { HooklineConfigFile } from '../lib/shared/config';
import { ConfigurationError } from '../lib/shared/configuration-error';

/**
 * Returns the outputs of the network's stack.
 *
 * @param config the configuration
 * @param file a file of `cdk deploy --outputs-file`. Default: the AWS CLI is asked
 * @throws ConfigurationError that says how to come by them
 */
export function networkOutputs(config: HooklineConfigFile, file: string | undefined): StackOutputs {
  return file === undefined ? ofCloudFormation(config) : ofFile(config, file);
}

function ofFile({ stackName }: HooklineConfigFile, file: string): StackOutputs {
  const stack = networkStackName(stackName);
  const again = `Write it: ${deployNetwork(stackName)} --outputs-file ${file}`;
  let outputs: Record<string, StackOutputs | undefined> | null;
  try {
    outputs = JSON.parse(readFileSync(file, 'utf8')) as typeof outputs;
  } catch (error) {
    throw new ConfigurationError('--outputs', `${file} cannot be read (${String(error)})`, again);
  }
  const found: unknown = outputs?.[stack];
  if (typeof found !== 'object' || found === null) {
    throw new ConfigurationError('--outputs', `${file} has no outputs of the stack ${stack}`, again);
  }
  return found as StackOutputs;
}

function ofCloudFormation(config: HooklineConfigFile): StackOutputs {
  const { stackName, region } = config;
  const stack = networkStackName(stackName);
  const call = ['cloudformation', 'describe-stacks', '--stack-name', stack, '--output', 'json'];
  const { status, stdout, stderr, error } = spawnSync(
    'aws',
    region === undefined ? call : [...call, '--region', region],
    { encoding: 'utf8' },
  );
  if (error !== undefined) {
    throw new ConfigurationError(
      'network',
      `its ids are those of the stack ${stack}, which the AWS CLI tells, and \`aws\` cannot be run (${error.message})`,
      `Install the AWS CLI; or write the outputs with ${deployNetwork(stackName)} --outputs-file outputs.json, and give --outputs outputs.json`,
    );
  }
  // CloudFormation API Reference, DescribeStacks: ValidationError.
  if (status !== 0 && stderr.includes('does not exist')) {
    throw new ConfigurationError(
      'network',
      `the stack ${stack}, whose ids are in the user data, is not there yet`,
      `Deploy it first: ${deployNetwork(stackName)}`,
    );
  }
  if (status !== 0) {
    throw new ConfigurationError(
      'network',
      `the outputs of the stack ${stack} cannot be read: ${stderr.trim()}`,
      'Correct the credentials or the Region of the AWS CLI, or give --outputs FILE',
    );
  }
  const found = described(stdout);
  if (found === undefined) {
    throw new ConfigurationError(
      'network',
      `what \`aws cloudformation describe-stacks\` printed of the stack ${stack} is not its JSON`,
      'Run that command, and correct the AWS CLI (an alias, or a wrapper that prints more); or give --outputs FILE',
    );
  }
  // arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/…
  const [, , , ofRegion, account] = found.StackId?.split(':') ?? [];
  checkOrigin(config, { account, region: ofRegion });
  const outputs = found.Outputs ?? [];
  return Object.fromEntries(outputs.map(({ OutputKey: key, OutputValue: value }) => [key, value]));
}

/** A stack, as `describe-stacks` prints it. */
interface Described {
  readonly StackId?: string;
  readonly Outputs?: readonly { readonly OutputKey: string; readonly OutputValue: string }[];
}

function described(stdout: string): Described | undefined {
  try {
    const answer = JSON.parse(stdout) as { readonly Stacks?: readonly Described[] } | null;
    return answer?.Stacks?.[0];
  } catch {
    return undefined;
  }
}
