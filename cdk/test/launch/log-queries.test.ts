import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { LogQueries } from '../../lib/launch/log-queries';
import { NodeNaming } from '../../lib/naming/node-naming';
import { deployedFunctions } from '../../lib/shared/functions';
import { REPOSITORY } from '../../lib/shared/repository';
import { code, namingProfile, orchestratorStack, resources, text } from '../support';

const { stack, orchestrator } = orchestratorStack({ namePrefix: 'core' });
const naming = new NodeNaming(stack, 'Naming', {
  code,
  naming: [{ profile: namingProfile() }],
  namePrefix: 'core',
});
new LogQueries(stack, 'LogQueries', { orchestrator, moreLogGroups: [naming.logGroup('name-nodes')] });
const template = Template.fromStack(stack);
const queries = [...resources(template, 'AWS::Logs::QueryDefinition').values()].map((it) => it.Properties);

/** The queries of docs/operations/logs.md: the anchor of the heading, and the text below it. */
function documented(): [string, string][] {
  const page = readFileSync(join(REPOSITORY, 'docs', 'operations', 'logs.md'), 'utf8');
  const sections = page.split('\n### ').slice(1);
  return sections.map((section) => {
    const [heading = ''] = section.split('\n', 1);
    const anchor = heading
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-');
    const [, query = ''] = /```text\n([^`]+)\n```/.exec(section) ?? [];
    return [anchor, query];
  });
}

test('the saved queries are those of docs/operations/logs.md', () => {
  const saved = queries.map((query) => [text(query['Name']), text(query['QueryString'])]);
  expect(saved.length).toBeGreaterThan(5);
  expect(saved).toEqual(documented().map(([anchor, query]) => [`hookline/core/${anchor}`, query]));
});

test('each parameter of a query is declared, and described', () => {
  for (const query of queries) {
    const used = [...text(query['QueryString']).matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name);
    const declared = (query['Parameters'] ?? []) as { Name: string; Description: string }[];
    expect([...new Set(used)]).toEqual(declared.map(({ Name: name }) => name));
    expect(declared.every(({ Description: description }) => description !== '')).toBe(true);
  }
});

test('each query is over the log groups of all functions', () => {
  const logGroups = new Map(
    [...resources(template, 'AWS::Logs::LogGroup')].map(([id, { Properties: group }]) => [
      id,
      text(group['LogGroupName']),
    ]),
  );
  for (const query of queries) {
    const references = query['LogGroupNames'] as { Ref: string }[];
    const names = references.map(({ Ref: id }) => logGroups.get(id));
    expect(names.sort()).toEqual(
      [...deployedFunctions(), 'name-nodes'].map((name) => `/aws/lambda/core-${name}`).sort(),
    );
  }
});
