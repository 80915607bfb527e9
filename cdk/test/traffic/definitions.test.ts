import { readFileSync } from 'node:fs';
import { CROSS_AZ_TRAFFIC } from '../../lib/shared/repository';
import {
  WINDOWS,
  checkInputsStatement,
  createTableStatement,
  metricsStatement,
  storeInputsStatement,
  storeStatement,
} from '../../lib/traffic/definitions';

test.each([
  ['AskForInputs', checkInputsStatement(WINDOWS.hourly, ['prod']), 'w.earlier < 1 '],
  ['AskForInputs', checkInputsStatement(WINDOWS.settling, ['prod']), "- INTERVAL '72' HOUR"],
  ['AskToStoreInputs', storeInputsStatement(), 'MERGE INTO cross_az_inputs'],
  ['AskToStore', storeStatement(0.02, 10), "CAST('0.02' AS double)"],
  ['AskForMetrics', metricsStatement(7, ['prod', 'batch']), 'place <= 7'],
])(
  '%s: the statement has no comment, no unresolved parameter, and a {} for each argument',
  (state, statement, parameter) => {
    expect(statement).not.toMatch(/^\s*--/m);
    expect(statement.replaceAll('{}', '')).not.toMatch(/(?<![:\d]):[a-z_]+|[{}\\]/);
    expect(statement).toContain(parameter);
    const { States: states } = JSON.parse(readFileSync(CROSS_AZ_TRAFFIC, 'utf8')) as {
      States: Record<string, { Parameters: Record<string, string> }>;
    };
    const call = /^States\.Format\(\$\.statement, (.*)\)$/.exec(
      states[state]?.Parameters['statement.$'] ?? '',
    )?.[1];
    expect(statement.split('{}').length - 1).toBe(call?.split(', ').length);
  },
);

test('the statement has the kinds of services that cost less', () => {
  const statement = storeStatement(0.01, 1);
  expect(statement).toContain("dst_group_kind IN ('ApplicationLoadBalancer', 'ClassicLoadBalancer'");
  expect(statement).toContain("'TransitGateway', 'ElastiCache')");
});

test.each([
  ['create-table', 'cross_az_traffic'],
  ['create-inputs-table', 'cross_az_inputs'],
] as const)('%s: the statement has the table and its location', (name, table) => {
  const statement = createTableStatement(name, 's3://a/b/');
  expect(statement).toContain(`EXISTS ${table} (`);
  expect(statement).toContain("LOCATION 's3://a/b/'");
  expect(statement).not.toContain(':location');
});
