import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Lazy, Token } from 'aws-cdk-lib';
import { ConfigurationError } from '../../lib/shared/configuration-error';
import { checkProfile } from '../../lib/launch/profile';
import { profile, slot } from '../support';

const FIXTURES = join(__dirname, '..', '..', '..', 'functions', 'fixtures', 'profiles');

interface Invalid {
  readonly profile: unknown;
  readonly field: string;
}

function fixtures(kind: 'valid' | 'invalid'): [string, unknown][] {
  return readdirSync(join(FIXTURES, kind))
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name, JSON.parse(readFileSync(join(FIXTURES, kind, name), 'utf8'))]);
}

/** `tags["team"]` and `tags.team` name the same field. */
function plain(field: string): string {
  return field.replace(/^profile\.?/, '').replaceAll(/\["([\w-]+)"\]/g, '.$1');
}

function refusal(value: unknown): ConfigurationError {
  try {
    checkProfile(value);
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return error;
    }
    throw error;
  }
  throw new Error('the profile was taken');
}

test('there are fixtures of both kinds', () => {
  expect(fixtures('valid').length).toBeGreaterThan(5);
  expect(fixtures('invalid').length).toBeGreaterThan(30);
});

test.each(fixtures('valid'))('%s is taken', (_, value) => {
  expect(() => {
    checkProfile(value);
  }).not.toThrow();
});

test.each(fixtures('invalid'))('%s is refused, and its field is named', (_, value) => {
  const { profile: wrong, field } = value as Invalid;
  const error = refusal(wrong);
  // Here the item of a list is named where the functions name the list.
  const named = plain(error.field);
  const within = field !== '' && ['.', '['].some((mark) => named.startsWith(`${plain(field)}${mark}`));
  expect(within ? plain(field) : named).toBe(plain(field));
  expect(error.problem).not.toBe('');
  expect(error.remedy).not.toBe('');
});

test('a template that cannot be read is refused with line and column', () => {
  const error = refusal(profile({ nodeTags: { Name: 'upf-\n{{ private_ip | }}' } }));
  expect(error.message).toMatch(
    /^profile\.nodeTags\["Name"\]: line 2, column \d+: syntax error: .+\. Correct the template/,
  );
});

test('a template may speak of what only the node has', () => {
  expect(() => {
    checkProfile(
      profile({ nodeTags: { Name: "{{ tags['Env'] | default('dev') }}-{{ private_ip | octets(2) }}" } }),
    );
  }).not.toThrow();
});

describe('ids that are tokens', () => {
  const token = (name: string): string => Lazy.string({ produce: () => name });

  test('may stand for subnets, security groups and group names', () => {
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

  test('are told apart: a subnet twice is twice, two are two', () => {
    const subnet = token('a');
    const error = refusal(profile({ slots: [slot({ subnetIds: [subnet, subnet] })] }));
    expect(error.field).toBe('profile.slots[0].subnetIds');
  });

  test('may stand nowhere else, as nothing could be checked', () => {
    expect(refusal(profile({ name: token('name') })).field).toBe('profile.name');
    expect(refusal(profile({ nodeTags: { Name: token('template') } })).field).toBe('profile.nodeTags.Name');
    expect(refusal(profile({ slots: [slot({ deviceIndex: Token.asNumber({ Ref: 'x' }) })] })).field).toBe(
      'profile.slots[0].deviceIndex',
    );
  });

  test('may not stand for a whole list', () => {
    const error = refusal(
      profile({ slots: [slot({ subnetIds: Token.asList({ 'Fn::Split': [',', 'x'] }) })] }),
    );
    expect(error.field).toBe('profile.slots[0].subnetIds');
    expect(error.problem).toContain('list');
  });
});
