import { Lazy } from 'aws-cdk-lib';
import { checkNamingProfile } from '../../lib/naming/naming-profile';
import type { ConfigurationError } from '../../lib/shared/configuration-error';
import { type InvalidFixture, configurationError, fixtures, namingProfile } from '../support';

const errorOf = (value: unknown): ConfigurationError =>
  configurationError(() => {
    checkNamingProfile(value);
  });

test('there are fixtures of both kinds', () => {
  expect(fixtures('naming-profiles', 'valid').length).toBeGreaterThan(1);
  expect(fixtures('naming-profiles', 'invalid').length).toBeGreaterThan(5);
});

test.each(fixtures('naming-profiles', 'valid'))('%s is accepted', (_, value) => {
  expect(() => {
    checkNamingProfile(value);
  }).not.toThrow();
});

test.each(fixtures('naming-profiles', 'invalid'))('%s is rejected with the name of the field', (_, value) => {
  const { profile: invalid, field } = value as InvalidFixture;
  const error = errorOf(invalid);
  expect(error.field).toBe(`profile.${field}`);
  expect(error.problem).not.toBe('');
  expect(error.remedy).not.toBe('');
});

test.each(['nodeTags', 'volumeTags', 'interfaceTags'])(
  'a template of %s with a syntax error is rejected with its line and column',
  (field) => {
    expect(errorOf(namingProfile({ [field]: { x: 'a\n{{ az | }}' } })).message).toMatch(
      new RegExp(
        `^profile\\.${field}\\["x"\\]: line 2, column \\d+: syntax error: .+\\. Correct the template`,
      ),
    );
  },
);

test('namePreset excludes nodeTags.Name and counts as a tag', () => {
  const preset = { namePreset: 'cluster-ip' } as const;
  expect(errorOf(namingProfile(preset)).field).toBe('profile.nodeTags["Name"]');
  const nodeTags = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, 'v']));
  expect(errorOf(namingProfile({ ...preset, nodeTags })).message).toMatch(
    /^profile\.nodeTags: 51 tags, at most 50\. /,
  );
  expect(() => {
    checkNamingProfile(namingProfile({ nodeTags }));
  }).not.toThrow();
});

test('a tag key with a control character is rejected', () => {
  expect(errorOf(namingProfile({ volumeTags: { 'a\u0007b': 'x' } })).problem).toBe(
    'control characters in the key',
  );
});

test('a token is accepted as the name of a group only', () => {
  const token = (): string => Lazy.string({ produce: () => 'x' });
  expect(() => {
    checkNamingProfile(namingProfile({ selector: { autoScalingGroupNames: [token()] } }));
  }).not.toThrow();
  expect(errorOf(namingProfile({ nodeTags: { Name: token() } })).field).toBe('profile.nodeTags.Name');
});
