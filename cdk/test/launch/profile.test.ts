import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Lazy, Token } from 'aws-cdk-lib';
import { checkProfile } from '../../lib/launch/profile';
import type { ConfigurationError } from '../../lib/shared/configuration-error';
import { REPOSITORY } from '../../lib/shared/repository';
import { type InvalidFixture, configurationError, fixtures, profile, slot } from '../support';

const errorOf = (value: unknown): ConfigurationError =>
  configurationError(() => {
    checkProfile(value);
  });

/** Removes the root and the quotes of keys, as `tags["team"]` and `tags.team` name the same field. */
function plain(field: string): string {
  return field.replace(/^profile\.?/, '').replaceAll(/\["([\w-]+)"\]/g, '.$1');
}

test('there are fixtures of both kinds', () => {
  expect(fixtures('profiles', 'valid').length).toBeGreaterThan(5);
  expect(fixtures('profiles', 'invalid').length).toBeGreaterThan(30);
});

test.each(fixtures('profiles', 'valid'))('%s is accepted', (_, value) => {
  expect(() => {
    checkProfile(value);
  }).not.toThrow();
});

test.each(fixtures('profiles', 'invalid'))('%s is rejected with the name of the field', (_, value) => {
  const { profile: invalid, field } = value as InvalidFixture;
  const error = errorOf(invalid);
  // The functions name a list; this check names the item of the list.
  const named = plain(error.field);
  const within = field !== '' && ['.', '['].some((mark) => named.startsWith(`${plain(field)}${mark}`));
  expect(within ? plain(field) : named).toBe(plain(field));
  expect(error.problem).not.toBe('');
  expect(error.remedy).not.toBe('');
});

test.each(fixtures('profiles', 'invalid'))('%s has one mistake', (_, value) => {
  expect(errorOf((value as InvalidFixture).profile).mistakes).toHaveLength(1);
});

test('the rules that no JSON Schema has are told in the words of the functions', () => {
  const folder = join(REPOSITORY, 'functions/domain/src/profile');
  const rust = ['validation.rs', 'validation/slot.rs', 'validation/tags.rs', '../tags/template.rs']
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
  const rules = fixtures('profiles', 'invalid').filter(
    ([, value]) => (value as { schema?: boolean }).schema === false,
  );
  expect(rules.length).toBeGreaterThan(10);
  const others = rules.flatMap(([name, value]) => {
    const { field, remedy } = errorOf((value as InvalidFixture).profile);
    const words = remedy.replace(/^Did you mean `\w+`\? /, '').replaceAll('"', '\\"');
    // A range is refused by its type, whose error has the remedy of every type.
    return rust.includes(`${words}"`) || /\.excludedRanges\[\d+\]$/.test(field) ? [] : [`${name}: ${remedy}`];
  });
  expect(others).toEqual([]);
});

test('a template with a syntax error is rejected with its line and column', () => {
  const error = errorOf(profile({ nodeTags: { Name: 'upf-\n{{ private_ip | }}' } }));
  expect(error.message).toMatch(
    /^profile\.nodeTags\["Name"\]: line 2, column \d+: syntax error: .+\. Correct the template/,
  );
});

test('a template may use variables that only the node defines', () => {
  expect(() => {
    checkProfile(
      profile({ nodeTags: { Name: "{{ tags['Env'] | default('dev') }}-{{ private_ip | octets(2) }}" } }),
    );
  }).not.toThrow();
});

describe('tokens', () => {
  const token = (name: string): string => Lazy.string({ produce: () => name });

  test('are accepted as ids of subnets and security groups and as names of groups', () => {
    expect(() => {
      checkProfile(
        profile({
          selector: { autoScalingGroupNames: [token('group')] },
          securityGroupIds: [token('sg')],
          slots: [slot({ subnetIds: [token('a'), token('b')], securityGroupIds: [token('sg')] })],
        }),
      );
    }).not.toThrow();
  });

  test('that are equal are rejected as duplicate subnets', () => {
    const subnet = token('a');
    const error = errorOf(profile({ slots: [slot({ subnetIds: [subnet, subnet] })] }));
    expect(error.field).toBe('profile.slots[0].subnetIds');
  });

  test('are rejected in other fields', () => {
    expect(errorOf(profile({ name: token('name') })).field).toBe('profile.name');
    expect(errorOf(profile({ nodeTags: { Name: token('template') } })).field).toBe('profile.nodeTags.Name');
    expect(errorOf(profile({ slots: [slot({ deviceIndex: Token.asNumber({ Ref: 'x' }) })] })).field).toBe(
      'profile.slots[0].deviceIndex',
    );
  });

  test('are rejected as a whole list', () => {
    const error = errorOf(
      profile({ slots: [slot({ subnetIds: Token.asList({ 'Fn::Split': [',', 'x'] }) })] }),
    );
    expect(error.field).toBe('profile.slots[0].subnetIds');
    expect(error.problem).toContain('list');
  });
});
