import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../../lib/shared/repository';
import { FILTERS, NAME_VARIABLE, VARIABLES, templateProblems } from '../../lib/shared/templates';

const problems = (source: string, hasName = false): string[] =>
  templateProblems(source, hasName).map(({ problem }) => problem);

test('the variables and filters are those of the functions', () => {
  const rust = (file: string): string =>
    readFileSync(join(REPOSITORY, 'functions/domain/src/tags', file), 'utf8');
  const list = /VARIABLES: \[&str; \d+\] = \[(?<names>[^\]]*)\]/.exec(rust('facts.rs'))?.groups?.['names'];
  expect([...(list ?? '').matchAll(/"(\w+)"/g)].map(([, name]) => name)).toEqual(VARIABLES);
  expect(rust('facts.rs')).toContain(`NAME_VARIABLE: &str = "${NAME_VARIABLE}"`);
  const filters = [...rust('template.rs').matchAll(/add_filter\("(\w+)"/g)].map(([, name]) => name);
  expect(filters.sort()).toEqual(FILTERS);
});

test.each([
  "{{ tags['Env'] | default('dev') }}-smf-{{ private_ip | octets(2) }}",
  '{{ asg }}-{{ tags.Env | upper }}-{{ private_dns_name | default(private_ip) }}',
  "{% if tags['Env'] == 'prod' and not az in ['a', \"it's\"] %}x{% elif true %}{{ az }}{% else %}{{ None }}{% endif %}",
  '{% set x = az %}{% set (y, z) = (ip, region) %}{{ x }}{{ y }}{{ z }}',
  "{% for octet in ['a'] %}{{ octet }}{{ loop.index }}{% endfor %}",
  '{% with a = az, b = ip %}{{ a }}{{ b }}{% endwith %}',
  '{% set block | upper %}{{ az }}{% endset %}{{ block }}',
  '{% filter upper %}{{ az }}{% endfilter %}',
  "{{ 'unknown }} | nothing' }}{# {{ unknown }} #}{% raw %}{{ unknown | nothing }}{% endraw %}",
  "{{ private_ip | replace(from='.', to='-') if az else ip }}",
  '{%- if az -%}{{- az -}}{%- endif -%}',
  "{{ {'key': az}['key'] }}{{ tags['a.b'].c.d }}{{ 1.5e3 }}",
])('%s is accepted', (source) => {
  expect(problems(source)).toEqual([]);
});

test.each([
  ['{{ privat_ip }}', 'line 1, column 4: there is no variable `privat_ip`; there are asg, az, '],
  ['a\n {{ zone | upper }}', 'line 2, column 5: there is no variable `zone`'],
  ["é{{ env | default('x') }}", 'line 1, column 5: there is no variable `env`'],
  ['{{ private_ip | dahsed }}', 'line 1, column 17: unknown filter: filter dahsed is unknown'],
  [
    '{% if az %}{% else %}{{ az | title }}{% endif %}',
    'line 1, column 30: unknown filter: filter title is unknown',
  ],
  ['{% filter title %}x{% endfilter %}', 'line 1, column 11: unknown filter: filter title is unknown'],
  ['{{ range(3) }}', 'line 1, column 4: there is no variable `range`'],
  ['{{ az.upper() }}', 'line 1, column 7: unknown method'],
  ['{{ 1 if az is defined else 2 }}', 'line 1, column 15: unknown test: test defined is unknown'],
  ['{{ 1 if az is not defined else 2 }}', 'line 1, column 19: unknown test: test defined is unknown'],
  ['{% macro m() %}{% endmacro %}', 'line 1, column 4: syntax error: unknown statement macro'],
  ["{% include 'x' %}", 'line 1, column 4: syntax error: unknown statement include'],
  ['{% for x in zones %}{{ x }}{% endfor %}', 'line 1, column 13: there is no variable `zones`'],
  ['{% set x = y %}{{ x }}', 'line 1, column 12: there is no variable `y`'],
  ['{{ octets(from=az, to=zon) }}', 'line 1, column 4: there is no variable `octets`'],
  ['{{ az', 'line 1, column 4: syntax error'],
  ['x'.repeat(4097), 'a template longer than 4096 bytes'],
])('%s is refused', (source, problem) => {
  expect(problems(source)[0]).toMatch(new RegExp(`^${problem.replaceAll(/[()]/g, '\\$&')}`));
});

test('every unknown word is named, with the word that was meant', () => {
  expect(templateProblems('{{ privat_ip | dahsed }}{{ regoin }}', false).map(({ remedy }) => remedy)).toEqual(
    [
      'Did you mean `private_ip`? Correct the template (docs/naming.md, Templates)',
      'Did you mean `dashed`? Correct the template (docs/naming.md, Templates)',
      'Did you mean `region`? Correct the template (docs/naming.md, Templates)',
    ],
  );
});

test('the name of the node is a variable for its volumes and interfaces only', () => {
  expect(problems('{{ name }}', true)).toEqual([]);
  expect(problems('{{ name }}', false)).toHaveLength(1);
});
