/** A demo application: two pods on different nodes of a group, each with the group's networks beside the cluster's own. */
import type { HooklineConfig, NodeGroup } from '../shared/config';
import { ConfigurationError } from '../shared/configuration-error';
import { isManaged } from './group-rules';
import { definitionNames } from './network-definitions';

const NAME = 'hookline-networks-demo';
/** kubelet's limit of an interface's name in a pod is the kernel's. */
const INTERFACE = 'net';
const PORT = 8080;

/** A manifest of the demo application. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: object;
}

/**
 * Returns the demo application of a node group. Each pod serves its host name on all of its interfaces, at port 8080.
 *
 * @param config the configuration
 * @param groupName the node group
 * @param namespace the namespace of the definitions
 * @param zone the zone of the pods, if the group is over several and its definitions are of one each
 * @throws ConfigurationError if the group does not exist, or if its pods have no second interface
 */
export function demoApplication(
  config: Pick<HooklineConfig, 'nodeGroups'>,
  groupName: string,
  namespace: string,
  zone?: string,
): Manifest {
  const group = (config.nodeGroups ?? []).find(({ name }) => name === groupName);
  if (group === undefined) {
    throw new ConfigurationError(
      `nodeGroup ${groupName}`,
      'there is no node group of this name',
      `Use one of ${(config.nodeGroups ?? []).map(({ name }) => name).join(', ')}`,
    );
  }
  const networks = networksOf(group, zone);
  const labels = { 'app.kubernetes.io/name': NAME };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME, namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: {
          labels,
          annotations: {
            'k8s.v1.cni.cncf.io/networks': JSON.stringify(
              networks.map((name, n) => ({ name, interface: `${INTERFACE}${n + 1}` })),
            ),
          },
        },
        spec: {
          automountServiceAccountToken: false,
          nodeSelector: nodeSelector(group, zone),
          tolerations: (group.taints ?? []).map(({ key, effect }) => ({
            key,
            operator: 'Exists',
            effect: {
              NO_SCHEDULE: 'NoSchedule',
              NO_EXECUTE: 'NoExecute',
              PREFER_NO_SCHEDULE: 'PreferNoSchedule',
            }[effect],
          })),
          // An interface has addresses for few pods, and a host-device interface is for one.
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } },
              ],
            },
          },
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65534,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              name: 'server',
              image: 'busybox:1.37',
              command: [
                'sh',
                '-c',
                `ip -4 address; hostname >/tmp/index.html; exec httpd -f -v -p ${PORT} -h /tmp`,
              ],
              ports: [{ name: 'http', containerPort: PORT }],
              readinessProbe: { httpGet: { path: '/', port: 'http' } },
              resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '32Mi' } },
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
            },
          ],
        },
      },
    },
  };
}

function networksOf(group: NodeGroup, zone: string | undefined): string[] {
  const { networks = {} } = group;
  const withZones = Object.values(networks).find(({ definition }) => (definition?.zones.length ?? 0) > 1);
  if (withZones !== undefined && zone === undefined) {
    throw new ConfigurationError(
      `nodeGroup ${group.name}`,
      'a network has a definition for each zone, and a pod must be in the zone of its definitions',
      `Name the zone: ${(withZones.definition?.zones ?? []).map((one) => one.zone).join(', ')}`,
    );
  }
  // The address of a pod of a static definition is in its annotation, so such pods are not made by a Deployment.
  const dynamic = Object.fromEntries(
    Object.entries(networks).filter(([, { definition }]) => definition?.ipam !== 'static'),
  );
  const names = definitionNames({ ...group, networks: dynamic }, zone);
  if (names.length === 0) {
    throw new ConfigurationError(
      `nodeGroup ${group.name}.networks`,
      'no network has a cni, or a definition with whereabouts, so a pod has no second interface',
      'Add cni to a network',
    );
  }
  return names;
}

/** EKS labels the nodes of managed node groups. Self-managed nodes have the labels of the configuration. */
function nodeSelector(group: NodeGroup, zone: string | undefined): Record<string, string> {
  return {
    ...(isManaged(group) ? { 'eks.amazonaws.com/nodegroup': group.name } : group.labels),
    ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
  };
}
