import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { loadConfig } from '../lib/configuration';
import { hooklineApp } from '../lib/hookline-app';
import { runbookPage } from '../lib/shared/runbook';
import { code, resources, text } from './support';

const docs = join(__dirname, '..', '..', 'docs');

/** The description of each alarm of an example, by the alarm's name. */
function alarmsOf(example: string): Map<string, string> {
  const { stack } = hooklineApp(loadConfig(join(__dirname, '..', 'examples', example)), code);
  const alarms = resources(Template.fromStack(stack), 'AWS::CloudWatch::Alarm').values();
  return new Map(
    [...alarms].map(({ Properties: alarm }) => [text(alarm['AlarmName']), text(alarm['AlarmDescription'])]),
  );
}

const alarms = alarmsOf(join('one-group-over-three-azs', 'hookline.config.json'));

test('the description of each alarm ends with a page that exists', () => {
  expect(alarms.size).toBeGreaterThan(10);
  for (const [name, description] of alarms) {
    const [, page = ''] = / What to do: docs\/([^#]+)(#.+)?$/.exec(description) ?? [];
    expect([name, page, existsSync(join(docs, page))]).toEqual([name, expect.stringMatching(/\.md$/), true]);
  }
});

test('the page of each alarm is the one that docs/operations.md names', () => {
  const operations = readFileSync(join(docs, 'operations.md'), 'utf8');
  const [, table = ''] = /## Find your alarm\n([\s\S]*?)\n## /.exec(operations) ?? [];
  const rows = [...table.matchAll(/^\| (`.*`) \| \[.*\]\((.*)\) \|$/gm)];
  const named = rows.flatMap(([, names = '', page = '']) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => [name, page]),
  );
  expect(named.length).toBeGreaterThan(10);
  for (const [name = '', page] of named.filter(([name]) => !name?.startsWith('cross-az-traffic'))) {
    expect([name, runbookPage(name)]).toEqual([name, page]);
  }
});

test('an alarm without a page is an error that says where to add one', () => {
  expect(() => runbookPage('unheard-of')).toThrow('cdk/lib/shared/runbook.ts');
});
