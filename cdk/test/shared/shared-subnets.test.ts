/** Subnets that another account shares: their ARNs have the owner's account. */
import { Template } from 'aws-cdk-lib/assertions';
import { list, orchestratorStack, profile, resourcesOfAction, slot, statementsOfRole } from '../support';

/** The account of the stack. */
const ACCOUNT = '123456789012';
const OWNER = '210987654321';
const SUBNET = 'subnet-00000000000000001';
const GROUP = 'sg-00000000000000001';
const VPC = 'vpc-0123456789abcdef0';

const profiles = [profile({ slots: [slot({ subnetIds: [SUBNET], securityGroupIds: [GROUP] })] })];

/** The statements for CreateNetworkInterface that are not about the interface itself. */
function networkStatements(props: object): ReturnType<typeof statementsOfRole> {
  const template = Template.fromStack(orchestratorStack({ profiles, ...props }).stack);
  const statements = statementsOfRole(template, /^OrchestratorCreateInterfacesRole/);
  return statements.filter(
    ({ Action, Resource }) =>
      list(Action).includes('ec2:CreateNetworkInterface') &&
      !JSON.stringify(Resource).includes('network-interface'),
  );
}

/** The accounts and the resources of ARNs: `ACCOUNT:subnet/ID`. */
function named(arns: readonly string[]): string[] {
  return arns.map((arn) => arn.split(':').slice(-2).join(':')).sort();
}

test('only resources of the stack’s account may be used, if no other account is named', () => {
  const arns = resourcesOfAction(networkStatements({}), 'ec2:CreateNetworkInterface');
  expect(named(arns)).toEqual([`${ACCOUNT}:security-group/${GROUP}`, `${ACCOUNT}:subnet/${SUBNET}`]);
});

test('the same subnets and security groups may be used in each account that shares some', () => {
  const statements = networkStatements({ networkOwnerAccounts: [OWNER, OWNER] });
  const arns = named(resourcesOfAction(statements, 'ec2:CreateNetworkInterface'));
  expect(arns.filter((arn) => arn.startsWith(OWNER))).toEqual([
    `${OWNER}:security-group/${GROUP}`,
    `${OWNER}:subnet/${SUBNET}`,
  ]);
  expect(arns).toHaveLength(4);
});

test.each([
  ['VPC', { vpcIds: [VPC] }],
  ['tag', { tag: { key: 'multus', value: 'yes' } }],
])('a limit by %s is for the subnets of each account', (kind, networkLimit) => {
  const statements = networkStatements({ networkOwnerAccounts: [OWNER], networkLimit });
  const arns = named(resourcesOfAction(statements, 'ec2:CreateNetworkInterface'));
  expect(arns.filter((arn) => arn.startsWith(OWNER))).toEqual([
    `${OWNER}:security-group/*`,
    `${OWNER}:subnet/*`,
  ]);
  for (const { Condition } of statements) {
    const text = JSON.stringify(Condition);
    expect(text).toContain(kind === 'VPC' ? `:${OWNER}:vpc/${VPC}` : '"aws:ResourceTag/multus":"yes"');
  }
});
