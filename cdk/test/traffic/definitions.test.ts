import { readFileSync } from 'node:fs';
import { CROSS_AZ_TRAFFIC } from '../../lib/shared/repository';
import { createTableStatement, metricsStatement, storeStatement } from '../../lib/traffic/definitions';

test.each([
  ['AskToStore', storeStatement(0.02), "CAST('0.02' AS double)"],
  ['AskForMetrics', metricsStatement(7), 'place <= 7'],
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

test('the statement that creates the table has its location', () => {
  expect(createTableStatement('s3://a/b/')).toContain("LOCATION 's3://a/b/'");
  expect(createTableStatement('s3://a/b/')).not.toContain(':location');
});
