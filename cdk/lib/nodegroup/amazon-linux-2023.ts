/**
 * The user data of Amazon Linux 2023: a script that installs the node's programs, and what nodeadm needs.
 *
 * nodeadm starts kubelet after all scripts of the user data, even if one fails. So the script first puts kubelet's drop-in, which
 * needs the gate: if anything after it fails, kubelet does not start.
 */
import { readFileSync } from 'node:fs';
import { NODE_BUNDLE, NODE_SIGNAL_BUNDLE } from '../shared/repository';
import { type Part, multipart } from './mime';
import type { NodeSettings } from './node-settings';
import { type JoinFacts, type NodeFacts, asciiJson, valueAndEffect } from './node-facts';
import { signalScript } from './rolling-update';

/**
 * Returns the user data, in MIME.
 *
 * If EKS adds how the node joins, it does so in a NodeConfig with `maxPods`, whose place among the parts is not documented.
 * nodeadm reads `/etc/eks/nodeadm.d` after the user data, and the later value wins (awslabs/amazon-eks-ami, nodeadm). So
 * maxPods is there, and the startup taint of a profile, for the same reason.
 */
export function amazonLinuxUserData(facts: NodeFacts): string {
  const { settings, join } = facts;
  const parts: Part[] =
    join === undefined ? [] : [{ contentType: 'application/node.eks.aws', content: nodeConfig(join, facts) }];
  const dropIn = join === undefined ? drop(facts) : '';
  const signal = facts.signal === undefined ? '' : signalScript(facts.signal);
  const script =
    installScript(inLines(settings), signal === '' ? NODE_BUNDLE : NODE_SIGNAL_BUNDLE) + signal + dropIn;
  return multipart([...parts, { contentType: 'text/x-shellscript; charset="us-ascii"', content: script }]);
}

/**
 * The script. Each byte counts (EC2's limit), and `node/user-data` must know the commands that write files. A hardened image may
 * mount /tmp with noexec, so nothing is executed there. The bundle is a number in base 94, which 3**20 divides if
 * nothing of it is damaged (`node/bundle.py`); 0 is a bundle that is lost. If it is damaged, the script ends, and kubelet does not start
 * without the gate.
 */
function installScript(settings: string, bundle: string): string {
  return `#!/bin/bash
set -euo pipefail
dir=/etc/systemd/system/kubelet.service.d
mkdir -p $dir
cat >$dir/50-hookline.conf <<'HOOKLINE'
[Service]
ExecStartPre=/usr/local/libexec/hookline/hookline-gate
HOOKLINE
work=$(mktemp -d)
mkdir -p "$work"/{program,systemd/kubelet.service.d}
python3 -c 'import lzma, sys
n = 0
for c in open(0, "rb").read():
  if c > 32: n = n*94 + c - 33
if (n or 1) % 3**20: sys.exit("Hookline: damaged user data")
it = iter(lzma.decompress(n.to_bytes(n.bit_length()//8 + 1, "big")[:-4]).decode().split("\\0"))
for f, t in zip(it, it): open(sys.argv[1] + f, "w").write(t)' "$work/" <<'HOOKLINE'
${readFileSync(bundle, 'utf8')}HOOKLINE
bash "$work/install.sh" <<'HOOKLINE'
${settings}
HOOKLINE
rm -r "$work"
`;
}

/** The settings with a line for each network: a MIME parser need not take lines of more than 998 characters. */
function inLines({ gate, ...others }: NodeSettings): string {
  const rest = Object.entries(others).map(([key, value]) => `,${asciiJson(key)}:${asciiJson(value)}`);
  return `{"gate":[\n${gate.map(asciiJson).join(',\n')}\n]${rest.join('')}}`;
}

function drop(facts: NodeFacts): string {
  return `mkdir -p /etc/eks/nodeadm.d
cat >/etc/eks/nodeadm.d/50-hookline.yaml <<'HOOKLINE'
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
${kubelet(facts, {}).join('\n')}
HOOKLINE
`;
}

function nodeConfig({ cluster, labels }: JoinFacts, facts: NodeFacts): string {
  const lines = [
    'apiVersion: node.eks.aws/v1alpha1',
    'kind: NodeConfig',
    'spec:',
    '  cluster:',
    `    name: ${asciiJson(cluster.name)}`,
    `    apiServerEndpoint: ${asciiJson(cluster.endpoint)}`,
    `    certificateAuthority: ${asciiJson(cluster.certificateAuthority)}`,
    `    cidr: ${asciiJson(cluster.serviceCidr)}`,
    ...kubelet(facts, labels),
  ];
  return `${lines.join('\n')}\n`;
}

/** The lines of a NodeConfig for kubelet. */
function kubelet({ maxPods, taints }: NodeFacts, labels: Readonly<Record<string, string>>): string[] {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const registered = taints.map((taint) => `${taint.key}=${valueAndEffect(taint)}`);
  const flags = [
    ...(pairs.length === 0 ? [] : [`--node-labels=${pairs.join(',')}`]),
    ...(registered.length === 0 ? [] : [`--register-with-taints=${registered.join(',')}`]),
  ];
  return [
    '  kubelet:',
    '    config:',
    `      maxPods: ${maxPods}`,
    ...(flags.length === 0 ? [] : ['    flags:', ...flags.map((flag) => `      - ${asciiJson(flag)}`)]),
  ];
}
