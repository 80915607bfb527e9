/**
 * The user data of Bottlerocket: settings, in TOML.
 *
 * No setting configures a secondary interface: it stays down, with the name that its place in the discovery gives it. A
 * bootstrap container configures it, and holds kubelet back until it is there. The account builds its image from
 * `node/bottlerocket` and hosts it. It gets the settings of the node's programs (bottlerocket-os/bottlerocket,
 * `settings.bootstrap-containers`).
 */
import { Fn, Token } from 'aws-cdk-lib';
import { type NodeFacts, asciiJson, valueAndEffect } from './node-facts';

/**
 * Returns the user data.
 *
 * @param facts what the node must know
 * @param bootstrapContainerImage the image of the account's bootstrap container
 */
export function bottlerocketUserData(
  { settings, maxPods, taints, join }: NodeFacts,
  bootstrapContainerImage?: string,
): string {
  const lines = ['[settings.kubernetes]', `max-pods = ${maxPods}`];
  if (join !== undefined) {
    const { cluster, labels } = join;
    lines.push(
      `cluster-name = ${asciiJson(cluster.name)}`,
      `api-server = ${asciiJson(cluster.endpoint)}`,
      `cluster-certificate = ${asciiJson(cluster.certificateAuthority)}`,
      `cluster-dns-ip = ${asciiJson(dnsAddress(cluster.serviceCidr))}`,
      ...table('settings.kubernetes.node-labels', Object.entries(labels)),
    );
  }
  lines.push(
    ...table(
      'settings.kubernetes.node-taints',
      taints.map((taint) => [taint.key, valueAndEffect(taint)]),
    ),
  );
  if (bootstrapContainerImage !== undefined) {
    lines.push(
      '[settings.bootstrap-containers.hookline]',
      `source = ${asciiJson(bootstrapContainerImage)}`,
      // Each boot, because the state of a link is lost with it; and without the interfaces the node must not go on.
      'mode = "always"',
      'essential = true',
      `user-data = "${base64(asciiJson(settings))}"`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function table(name: string, entries: readonly (readonly [string, string])[]): string[] {
  return entries.length === 0
    ? []
    : [`[${name}]`, ...entries.map(([key, value]) => `${asciiJson(key)} = ${asciiJson(value)}`)];
}

/** The address of CoreDNS: the tenth of the service CIDR, as EKS's own bootstrap has it. */
function dnsAddress(cidr: string): string {
  // Of a token, the parts are known at deployment: a.b.c.0 becomes a.b.c.10.
  if (Token.isUnresolved(cidr)) {
    const part = (n: number): string => Fn.select(n, Fn.split('.', cidr));
    return `${part(0)}.${part(1)}.${part(2)}.10`;
  }
  return cidr.includes(':') ? cidr.replace(/:*\/\d+$/, '::a') : cidr.replace(/\.\d+\/\d+$/, '.10');
}

function base64(text: string): string {
  return Token.isUnresolved(text) ? Fn.base64(text) : Buffer.from(text).toString('base64');
}
