import { checkNodeGroup } from '../../lib/nodegroup/multus-node-group';
import { userData } from '../../lib/nodegroup/node-group-template';
import type { NodeGroup, NodeTaint } from '../../lib/shared/config';
import type { Profile } from '../../lib/shared/profile.generated';
import { managedGroup, managedProfile, selfManagedGroup } from './support';

const DEFAULT_KEY = 'hookline.io/not-ready';
const TAINTS: NodeTaint[] = [{ key: 'multus', value: 'pending', effect: 'NO_SCHEDULE' }];

function tainted(key?: string): Profile {
  return managedProfile({
    selector: { tag: { key: 'hookline-profile', value: 'upf' } },
    startupTaint: { cluster: 'core', ...(key === undefined ? {} : { key }) },
  });
}

/** The kubelet flags and the part of the user data that has them. */
function flags(group: NodeGroup, profile: Profile): string[] {
  const text = userData(group, profile, 'g');
  return [...text.matchAll(/^ {6}- "(--register-with-taints=.*)"$/gm)].map(([, flag = '']) => flag);
}

describe('the startup taint of the profile', () => {
  test('is what kubelet of Amazon Linux registers with, beside the taints of the group', () => {
    const expected = [`--register-with-taints=multus=pending:NoSchedule,${DEFAULT_KEY}=true:NoSchedule`];
    for (const group of [
      managedGroup({ taints: TAINTS }),
      selfManagedGroup({ taints: TAINTS }),
      selfManagedGroup({ taints: TAINTS, management: 'managed' }),
    ]) {
      expect(flags(group, tainted())).toEqual(expected);
    }
  });

  test('comes after the NodeConfig of EKS, in /etc/eks/nodeadm.d', () => {
    const text = userData(managedGroup(), tainted(), 'g');
    const [, dropIn = ''] = text.split("cat >/etc/eks/nodeadm.d/50-hookline.yaml <<'HOOKLINE'\n");
    expect(dropIn).toContain(`      - "--register-with-taints=${DEFAULT_KEY}=true:NoSchedule"\n`);
  });

  test('is in the settings of Bottlerocket, on both kinds of groups', () => {
    for (const group of [managedGroup({ taints: TAINTS }), selfManagedGroup({ taints: TAINTS })]) {
      const text = userData({ ...group, operatingSystem: 'bottlerocket' }, tainted('example.com/wait'), 'g');
      expect(text).toContain(
        '[settings.kubernetes.node-taints]\n"multus" = "pending:NoSchedule"\n"example.com/wait" = "true:NoSchedule"\n',
      );
    }
  });

  test('may be a taint of a self-managed group, with its value and effect', () => {
    const taints: NodeTaint[] = [{ key: DEFAULT_KEY, value: 'mine', effect: 'NO_EXECUTE' }];
    expect(flags(selfManagedGroup({ taints }), tainted())).toEqual([
      `--register-with-taints=${DEFAULT_KEY}=mine:NoExecute`,
    ]);
  });

  test('that is absent leaves the taints of a managed group to EKS', () => {
    expect(flags(managedGroup({ taints: TAINTS }), managedProfile())).toEqual([]);
    expect(flags(managedGroup({ taints: TAINTS }), managedProfile({ startupTaint: null }))).toEqual([]);
    const bottlerocket = managedGroup({ taints: TAINTS, operatingSystem: 'bottlerocket' });
    expect(userData(bottlerocket, managedProfile(), 'g')).not.toContain('node-taints');
  });
});

describe('a group is refused', () => {
  const check = (group: NodeGroup, profile: Profile) => () => {
    checkNodeGroup(group, profile, 'g');
  };
  const own = (effect: NodeTaint['effect']): { taints: NodeTaint[] } => ({
    taints: [{ key: DEFAULT_KEY, effect }],
  });

  test('if its cluster is another than that of the startup taint', () => {
    const profile = managedProfile({ startupTaint: { cluster: 'edge' } });
    expect(check(managedGroup(), profile)).toThrow(/^g\.cluster\.name: core, but the profile upf removes/);
  });

  test('if it is managed and has the startup taint itself, which EKS applies again', () => {
    const profile = managedProfile({ startupTaint: { cluster: 'core' } });
    expect(check(managedGroup(own('NO_SCHEDULE')), profile)).toThrow(/^g\.taints: has the startup taint/);
  });

  test('if its own startup taint holds no pod back', () => {
    const profile = managedProfile({
      selector: { autoScalingGroupNames: ['upf'] },
      startupTaint: { cluster: 'core' },
    });
    expect(check(selfManagedGroup(own('PREFER_NO_SCHEDULE')), profile)).toThrow(/^g\.taints: .*PREFER_NO/);
    expect(check(selfManagedGroup(own('NO_SCHEDULE')), profile)).not.toThrow();
  });

  test('never for a startup taint that fits', () => {
    const profile = managedProfile({ startupTaint: { cluster: 'core' } });
    expect(check(managedGroup({ taints: TAINTS }), profile)).not.toThrow();
  });
});
