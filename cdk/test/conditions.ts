/**
 * Runs with every test file: each statement that a test synthesises has only conditions of `tests/fixtures/roles/conditions.json`. The
 * tests of the fake AWS read this list, and fail if its evaluator does not know one of them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { REPOSITORY } from '../lib/shared/repository';

const FILE = join('tests', 'fixtures', 'roles', 'conditions.json');
const known = JSON.parse(readFileSync(join(REPOSITORY, FILE), 'utf8')) as {
  /** Of the policies of roles: the operators with their keys. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  /** Of the policies of queues, buckets, keys and functions, and of who may assume a role. */
  readonly resources: Readonly<Record<string, readonly string[]>>;
};
const unknown = new Set<string>();

interface SynthesisedStatement {
  readonly Principal?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

// Every policy of the CDK makes its JSON with this method.
// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the statement, below
const original = PolicyStatement.prototype.toStatementJson;
PolicyStatement.prototype.toStatementJson = function (this: PolicyStatement): unknown {
  const statement = original.call(this) as SynthesisedStatement;
  const kind = statement.Principal === undefined ? 'roles' : 'resources';
  for (const [operator, keys] of Object.entries(statement.Condition ?? {})) {
    for (const key of Object.keys(keys)) {
      const anyTag = key.replace(/Tag\/.*$/, 'Tag/*');
      if (known[kind][operator]?.includes(anyTag) !== true) {
        unknown.add(`${kind}: ${operator} ${anyTag}`);
      }
    }
  }
  return statement;
};

afterAll(() => {
  if (unknown.size > 0) {
    throw new Error(`${FILE} does not have ${[...unknown].sort().join(', ')}`);
  }
});
