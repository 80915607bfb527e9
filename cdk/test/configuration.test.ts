import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { checkConfig } from '../lib/configuration';
import { HooklineStack } from '../lib/hookline-stack';
import type { Profile } from '../lib/launch/profile';
import type { HooklineConfig } from '../lib/shared/config';
import { NAMING_STATE_MACHINE, deployedFunctions } from '../lib/shared/functions';
import { CONFIG_SCHEMA } from '../lib/shared/repository';
import { code, configurationError, namingProfile, profile, resources, slot } from './support';

/** The mistakes of a configuration, each as its field and the beginning of what is wrong. */
function mistakes(config: unknown): string[] {
  return configurationError(() => {
    checkConfig(config);
  }).mistakes.map(({ message }) => message);
}

const managed = (nodegroupName: string): object => ({
  managedNodeGroup: { clusterName: 'core', nodegroupName },
});
const byTag = (...tags: readonly (readonly [string, string?])[]): Profile['selector'] => ({
  tags: tags.map(([key, value]) => (value === undefined ? { key } : { key, value })),
});
const upf = profile();
const config = (more: object): unknown => ({ stackName: 'hookline', profiles: [upf], ...more });

test('all mistakes of a configuration are found at once, each with its path in the file', () => {
  const broken: unknown = JSON.parse(readFileSync(join(__dirname, 'broken.config.json'), 'utf8'));
  const found = mistakes(broken).map((message) => /^[^ ]+(?=: )/.exec(message)?.[0]);
  expect(found).toEqual([
    'stackname',
    'architecture',
    'nodeGroups[0].imageid',
    'nodeGroups[0].networks.signalling.mtu',
    'logs.retentionDays',
    'profiles[0].nodeTags["aws:x"]',
    'profiles[0].slots[1].secondaryPrivateAddress',
    'profiles[0].slots[1].subnetIds[0]',
    'profiles[0].nodeTags["Name"]',
    'profiles[0].nodeTags["Name"]',
    'profiles[0].nodeTags["Zone"]',
    'profiles[0].nodeTags["Zone"]',
    'profiles[0].slots[0].securityGroupIds',
    'profiles[0].slots[2].deviceIndex',
    'profiles[0].slots[2].prefixes',
    'profiles[0].slots[2].securityGroupIds',
    'profiles[2].startupTaint.cluster',
    'profiles[2].name',
    'profiles[1].selector.autoScalingGroupNames[1]',
    'profiles[3].selector',
    'hooks[0].profile',
    'hooks[1].autoScalingGroup',
    'hooks[2].managedNodeGroup',
    'hooks[3]',
    'hooks[4].autoScalingGroup',
    'hooks[4].heartbeatTimeoutSeconds',
    'nodeGroups[0].initialSize',
    'nodeGroups[0].networks.signalling',
    'naming[0].profile.nodeTags',
    'naming[0]',
  ]);
});

test.each<[string, object]>([
  ['nothing', []],
  ['a text', 'x' as unknown as object],
  ['lists that are none', { profiles: {}, hooks: 3, nodeGroups: 'x', naming: null }],
  [
    'lists of other things',
    { profiles: [1, null, []], hooks: [null, 'x'], nodeGroups: [null, 7, []], naming: [[]] },
  ],
])('of %s, the form is told', (_, wrong) => {
  expect(mistakes(wrong).length).toBeGreaterThan(0);
});

describe('two profiles that answer one hook', () => {
  const other = (selector: Profile['selector'], more: Partial<Profile> = {}): Profile =>
    profile({ name: 'smf', selector, ...more });

  test.each<[string, Profile['selector'], Profile['selector']]>([
    [
      'by the name of one group',
      { autoScalingGroupNames: ['a', 'b'] },
      { autoScalingGroupNames: ['b', 'c'] },
    ],
    ['by one tag', { tag: { key: 'x', value: 'y' } }, { tag: { key: 'x', value: 'y' } }],
    ['by any value of a tag', { tag: { key: 'x' } }, { tag: { key: 'x', value: 'y' } }],
    ['by fewer tags', byTag(['x', 'y'], ['z']), byTag(['x', 'y'])],
    [
      'by the name, and by the tag of that group',
      { autoScalingGroupNames: ['a'] },
      byTag(['aws:autoscaling:groupName', 'a']),
    ],
  ])('%s are refused', (_, one, two) => {
    for (const [first, second] of [
      [one, two],
      [two, one],
    ] as const) {
      expect(mistakes(config({ profiles: [profile({ selector: first }), other(second)] }))).toEqual([
        expect.stringMatching(
          /^profiles\[1\]\.selector.*: the profiles upf and smf answer the hook hookline-launch of the same .*\. Let one profile select the group, or give each profile a hook of its own$/,
        ),
      ]);
    }
  });

  test.each<[string, Profile['selector'], Profile['selector'], Partial<Profile>]>([
    [
      'hooks',
      { autoScalingGroupNames: ['a'] },
      { autoScalingGroupNames: ['a'] },
      { hook: { name: 'other' } },
    ],
    ['groups', { autoScalingGroupNames: ['a'] }, { autoScalingGroupNames: ['b'] }, {}],
    ['values of a tag', { tag: { key: 'x', value: 'y' } }, { tag: { key: 'x', value: 'z' } }, {}],
    ['tags', { tag: { key: 'x' } }, { tag: { key: 'y' } }, {}],
  ])('with different %s are accepted', (_, one, two, more) => {
    expect(() => {
      checkConfig(config({ profiles: [profile({ selector: one }), other(two, more)] }));
    }).not.toThrow();
  });

  test('of a managed node group, by its cluster and by its name, are refused where its hook is put', () => {
    const profiles = [
      profile({ selector: byTag(['eks:nodegroup-name', 'upf']) }),
      other(byTag(['eks:cluster-name', 'core'])),
    ];
    expect(mistakes(config({ profiles, hooks: [{ profile: 'upf', ...managed('upf') }] }))).toEqual([
      'hooks[0].managedNodeGroup: the profiles upf and smf answer the hook hookline-launch of the same group. Let one profile select the group, or give each profile a hook of its own',
    ]);
  });

  test('of which one is retired are accepted', () => {
    expect(() => {
      checkConfig(config({ retiredProfiles: [other(upf.selector)] }));
    }).not.toThrow();
  });
});

describe('a hook on a group that its profile does not select', () => {
  const hooked = (selector: Profile['selector'], hook: object, more: object = {}): unknown =>
    config({ profiles: [profile({ selector })], hooks: [{ profile: 'upf', ...hook }], ...more });

  test.each<[string, Profile['selector'], object, string]>([
    [
      'by another name',
      { autoScalingGroupNames: ['upf'] },
      { autoScalingGroup: 'smf' },
      'hooks[0].autoScalingGroup: the profile upf does not select the group smf, so no node of the group would be prepared. Add the name to profiles[0].selector.autoScalingGroupNames',
    ],
    [
      'by the tag of another group',
      byTag(['aws:autoscaling:groupName', 'upf']),
      { autoScalingGroup: 'smf' },
      'hooks[0].autoScalingGroup: the profile upf selects the group upf, so no node of the group would be prepared. Use the value smf',
    ],
    [
      'by names, on a managed node group',
      { autoScalingGroupNames: ['upf'] },
      managed('upf'),
      'hooks[0].managedNodeGroup: the profile upf selects by the names of groups, and EKS chooses the name of the group of a managed node group, so no node of the group would be prepared. Select by the tag eks:nodegroup-name with the value upf',
    ],
    [
      'by another cluster',
      byTag(['eks:cluster-name', 'edge']),
      managed('upf'),
      'hooks[0].managedNodeGroup: the profile upf selects nodes of the cluster edge, so no node of the group would be prepared. Use the value core',
    ],
    [
      'by another node group',
      byTag(['eks:nodegroup-name', 'smf']),
      managed('upf'),
      'hooks[0].managedNodeGroup: the profile upf selects the node group smf, so no node of the group would be prepared. Use the value upf',
    ],
  ])('%s, is refused', (_, selector, hook, message) => {
    expect(mistakes(hooked(selector, hook))).toEqual([message]);
  });

  test.each<[string, Profile['selector'], object]>([
    ['the name that EKS chose', { autoScalingGroupNames: ['eks-upf-06c5c4f3'] }, managed('upf')],
    ['a tag that the launch template may set', byTag(['multus', 'upf']), { autoScalingGroup: 'upf' }],
    [
      'the group of EKS by its name',
      byTag(['eks:cluster-name', 'core']),
      { autoScalingGroup: 'eks-upf-06c5' },
    ],
  ])('%s is accepted', (_, selector, hook) => {
    expect(() => {
      checkConfig(hooked(selector, hook));
    }).not.toThrow();
  });

  test('and whose name no pattern matches, is refused; an old name of EKS is not', () => {
    const selector = byTag(['eks:nodegroup-name', 'upf']);
    const patterned = (pattern: string): unknown =>
      hooked(selector, managed('upf'), { autoScalingGroupNamePatterns: [pattern] });
    expect(mistakes(patterned('eks-smf-*'))).toEqual([
      'hooks[0].managedNodeGroup: autoScalingGroupNamePatterns do not match eks-upf-…, so Hookline could not complete the hook. Add eks-upf-* to autoScalingGroupNamePatterns',
    ]);
    for (const pattern of ['eks-*', 'eks-upf-06c5c4f3-8ec0', '*', 'eks-06c5c4f3-8ec0-78ca']) {
      expect(() => {
        checkConfig(patterned(pattern));
      }).not.toThrow();
    }
  });
});

test('a hook that is put twice is refused', () => {
  const hooks = [
    { profile: 'upf', autoScalingGroup: 'upf' },
    { profile: 'upf', autoScalingGroup: 'upf' },
  ];
  expect(mistakes(config({ hooks }))).toEqual([
    'hooks[1]: puts the hook hookline-launch on the same group as hooks[0]. Remove one of the two: a node group has its hook from nodeGroups',
  ]);
});

test('a hook that is put twice on a managed node group is refused, in whichever order its keys are', () => {
  const hooks = [
    { profile: 'upf', managedNodeGroup: { clusterName: 'core', nodegroupName: 'upf' } },
    { profile: 'upf', managedNodeGroup: { nodegroupName: 'upf', clusterName: 'core' } },
  ];
  const selector = byTag(['eks:nodegroup-name', 'upf']);
  expect(mistakes(config({ hooks, profiles: [{ ...upf, selector }] }))).toEqual([
    expect.stringContaining('hooks[1]: puts the hook hookline-launch on the same group as hooks[0].'),
  ]);
});

const hookedUpf: Partial<HooklineConfig> = { hooks: [{ profile: 'upf', autoScalingGroup: 'upf' }] };

function stackOf(given: Partial<HooklineConfig>): HooklineStack {
  const config: HooklineConfig = { stackName: 'hookline', profiles: [upf], ...given };
  checkConfig(config);
  return new HooklineStack(new App(), 'hookline', { config, code });
}

function warnings(given: Partial<HooklineConfig>): string[] {
  return Annotations.fromStack(stackOf(given))
    .findWarning('*', Match.anyValue())
    .map(({ entry }) => entry.data as string);
}

describe('the warning of a profile without hook', () => {
  test('names the profile and the remedy', () => {
    expect(warnings({})).toEqual([
      expect.stringMatching(
        /^profiles\[0\]: no entry of hooks or nodeGroups names the profile upf, .* Add an entry to hooks/,
      ),
    ]);
  });

  test('is not given of a profile with a hook, or with one that is only observed', () => {
    expect(warnings(hookedUpf)).toEqual([]);
    const observed = profile({ hook: { name: 'theirs', complete: false } });
    const hooks = [{ profile: 'upf', autoScalingGroup: 'upf', observeOnly: true }];
    expect(warnings({ profiles: [observed], hooks })).toEqual([]);
  });
});

describe('reserved concurrency', () => {
  test('is that of each function, of launches and of naming', () => {
    const reservedConcurrency = { 'tag-node': 50, 'name-nodes': 20, reconcile: 2 };
    const naming = [{ profile: namingProfile() }];
    const stack = stackOf({ ...hookedUpf, naming, reservedConcurrency });
    const functions = [...resources(Template.fromStack(stack), 'AWS::Lambda::Function').values()];
    const reserved = functions.map(({ Properties: it }) => [
      it['FunctionName'],
      it['ReservedConcurrentExecutions'],
    ]);
    expect(reserved.filter(([, number]) => number !== undefined).sort()).toEqual([
      ['hookline-name-nodes', 20],
      ['hookline-reconcile', 2],
      ['hookline-tag-node', 50],
    ]);
  });

  test.each<[string, object, string]>([
    ['another function', { 'tag-nodes': 5 }, 'reservedConcurrency["tag-nodes"]: unknown field'],
    ['none at all', { 'tag-node': 0 }, 'reservedConcurrency["tag-node"]: must be >= 1, found 0'],
    ['a text', { adopt: '5' }, 'reservedConcurrency.adopt: expected an integer, found "5"'],
  ])('of %s is refused with its field', (_, reservedConcurrency, message) => {
    expect(mistakes(config({ reservedConcurrency }))).toEqual([expect.stringContaining(message)]);
  });

  test('may be given to every function of the two state machines', () => {
    const schema = JSON.parse(readFileSync(CONFIG_SCHEMA, 'utf8')) as {
      $defs: { ReservedConcurrency: { properties: object } };
    };
    const deployed = [...deployedFunctions(), ...deployedFunctions(NAMING_STATE_MACHINE)];
    expect(Object.keys(schema.$defs.ReservedConcurrency.properties).sort()).toEqual(deployed.sort());
  });

  test('has a warning if a scale-out would wait for it', () => {
    const warned = (reservedConcurrency: Required<HooklineConfig>['reservedConcurrency']): string[] =>
      warnings({ ...hookedUpf, reservedConcurrency });
    const after = { 'set-delete-on-termination': 5, reconcile: 1 };
    expect(warned({ 'plan-interfaces': 9, 'tag-node': 10, ...after })).toEqual([
      expect.stringMatching(/^reservedConcurrency\["plan-interfaces"\]: with 9 .* Use at least 10;/),
    ]);
  });
});

test.each<[string, object, string]>([
  [
    'a list',
    { profiles: [{ ...upf, selector: { autoScalingGroupNames: 'upf' } }] },
    'profiles[0].selector.autoScalingGroupNames: expected a list, found "upf". Write a list in square brackets',
  ],
  [
    'an integer',
    { profiles: [{ ...upf, slots: [{ ...slot(), deviceIndex: '1' }] }] },
    'profiles[0].slots[0].deviceIndex: expected an integer, found "1". Write a number, without quotes',
  ],
  ['a text', { tags: { a: 1 } }, 'tags["a"]: expected a text, found 1. Write a text in quotes'],
  [
    'one of several fields',
    { networkLimit: {} },
    'networkLimit: expected one of the fields `tag`, `vpcIds`, found none. Set exactly one of them',
  ],
  [
    'true',
    { functions: { standIn: false } },
    'functions.standIn: expected true, found false. Use this value, or remove the field',
  ],
])('where %s is expected, the error says how to write it', (_, more, message) => {
  expect(mistakes(config(more))).toEqual([message]);
});

test('a slot with an unknown field, and another that breaks a rule, are both named', () => {
  const slots = [{ ...slot(), subnetid: 'x' }, slot({ network: 'b', deviceIndex: 0 })];
  expect(mistakes(config({ profiles: [{ ...upf, slots }] })).map((text) => text.split(':')[0])).toEqual([
    'profiles[0].slots[0].subnetid',
    'profiles[0].slots[1].deviceIndex',
  ]);
});
