/** What works otherwise than one may expect, in a node group that is allowed. `cdk synth` prints it. */
import type { NodeGroup } from '../shared/config';
import type { Profile } from '../shared/profile.generated';
import { podAddresses } from './node-settings';

/** A warning, with the id by which it can be acknowledged. */
export interface GroupWarning {
  /** Its id. */
  readonly id: string;
  /** What it says. */
  readonly message: string;
}

/**
 * Returns the warnings of a checked node group.
 *
 * @param group the node group
 * @param profile its profile
 */
export function groupWarnings(group: NodeGroup, { slots = [] }: Profile): GroupWarning[] {
  const { networks = {} } = group;
  const waited = slots.filter(({ network }) => !(networks[network]?.ignore ?? false));
  const named = (found: typeof slots): string =>
    found.map(({ network }) => JSON.stringify(network)).join(', ');
  // One address serves one pod.
  const withoutUse = waited.filter(({ network, ipv6 = 'none' }) => {
    const { mode, cni } = networks[network] ?? {};
    return ipv6 !== 'none' && mode !== 'os' && (cni === undefined || podAddresses(cni) !== 'primary');
  });
  const withMacvlan = waited.filter(({ network }) =>
    [networks[network]?.cni, networks[network]?.definition].some((plugin) => plugin?.type === 'macvlan'),
  );
  const warnings: (GroupWarning | false)[] = [
    group.operatingSystem === 'bottlerocket' &&
      group.bootstrapContainerImage === undefined && {
        id: 'hookline:bottlerocketWithoutGate',
        message:
          'Bottlerocket without bootstrapContainerImage: kubelet does not wait for the interfaces of the profile, and they stay down (docs/node-groups.md)',
      },
    withoutUse.length > 0 && {
      id: 'hookline:ipv6NotConfigured',
      message: `the interfaces of ${named(withoutUse)} get an IPv6 address (ipv6 of the slot), which nothing on the node configures: use the mode os, or cni with one pod for the interface (addresses primary), unless your pods' own IPAM gives it (docs/node.md, "IPv6")`,
    },
    withMacvlan.length > 0 && {
      id: 'hookline:macvlanUntried',
      message: `the pods of ${named(withMacvlan)} use macvlan, which AWS's guides for Multus do not: it is untried on an interface of EC2. A VPC delivers only to the interface's own hardware address, so one pod has the whole interface (passthru). host-device gives the same, and ipvlan serves several pods (docs/node-groups.md, "Limits")`,
    },
  ];
  return warnings.filter((warning) => warning !== false);
}
