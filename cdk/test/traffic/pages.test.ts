import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { hooklineApp } from '../../lib/hookline-app';
import { CROSS_AZ_TRAFFIC, REPOSITORY } from '../../lib/shared/repository';
import { NAMED_QUERIES } from '../../lib/traffic/definitions';
import { ENV, code, profile, resources, text } from '../support';

const CONFIG_SCHEMA = join(__dirname, '..', '..', 'lib', 'shared', 'config.schema.json');
const PAGES = 'docs/cross-az-traffic';
const ALARMS = `${PAGES}/alarms.md`;

const read = (page: string): string => readFileSync(join(REPOSITORY, page), 'utf8');

/** The first cells of the table below a heading of a page: what is between backticks in each row. */
function named(page: string, heading: string): string[] {
  const [, section = ''] = new RegExp(`\n## ${heading}\n([^]*?)\n##+ `).exec(read(page)) ?? [];
  const cells = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

test('each alarm of the traffic has its row, and its description names the page', () => {
  const traffic = { clusterName: 'prod', vpcId: 'vpc-0123456789abcdef0', usdPerDayAlarm: 40 };
  const config = { stackName: 'hookline', ...ENV, profiles: [profile()], traffic };
  const { trafficStack } = hooklineApp({ config, folder: '.' }, code);
  if (trafficStack === undefined) {
    throw new Error('the app has no traffic stack');
  }
  const alarms = [...resources(Template.fromStack(trafficStack), 'AWS::CloudWatch::Alarm').values()];
  const names = alarms.map(({ Properties: alarm }) =>
    text(alarm['AlarmName']).replace('hookline-cross-az-traffic-', ''),
  );
  expect(named(ALARMS, 'Find your alarm').sort()).toEqual(names.sort());
  for (const { Properties: alarm } of alarms) {
    expect(text(alarm['AlarmDescription'])).toMatch(new RegExp(` What to do: ${ALARMS}$`));
  }
});

test('each state in which an execution ends has its row', () => {
  const machine = JSON.parse(readFileSync(CROSS_AZ_TRAFFIC, 'utf8')) as {
    States: Record<string, { Type: string; Error?: string }>;
  };
  const ends = Object.entries(machine.States).filter(([, { Type }]) => Type === 'Succeed' || Type === 'Fail');
  expect(named(ALARMS, 'How an execution ends').sort()).toEqual(ends.map(([name]) => name).sort());
  for (const [name, { Error: error }] of ends) {
    if (error !== undefined) {
      expect(read(ALARMS)).toContain(`| \`${name}\` | \`${error}\` |`);
    }
  }
});

test('each field of the configuration has its row', () => {
  const { $defs: definitions } = JSON.parse(readFileSync(CONFIG_SCHEMA, 'utf8')) as {
    $defs: { Traffic: { properties: object } };
  };
  const fields = Object.keys(definitions.Traffic.properties);
  expect(named(`${PAGES}/deploy.md`, 'Fields').sort()).toEqual(fields.sort());
});

test('each named query has its row', () => {
  expect(named(`${PAGES}/table.md`, 'Named queries').sort()).toEqual(Object.keys(NAMED_QUERIES).sort());
});
