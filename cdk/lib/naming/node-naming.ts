/** Names and tags the nodes of groups without a hook: the function, the state machine, and the rules that start it. */
import type { Rule } from 'aws-cdk-lib/aws-events';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ConfigurationError } from '../shared/configuration-error';
import { Fleet } from '../shared/fleet';
import { type FunctionName, NAMING_STATE_MACHINE, deployedFunctions } from '../shared/functions';
import { Hosting, type HostingProps } from '../shared/hosting';
import { checkNamingProfile } from './naming-profile';
import { type Naming, NamingRules } from './naming-rules';
import { NAME_NODE } from '../shared/repository';

/** Props of {@link NodeNaming}. */
export interface NodeNamingProps extends HostingProps {
  /** What the nodes of each group are called and tagged, and by which event. */
  readonly naming: readonly Naming[];
}

/**
 * The function `name-nodes`, the state machine `name-node`, and the rules of each naming profile. Groups whose launches wait
 * at a hook need none of it: their profile has the same fields.
 */
export class NodeNaming extends Construct {
  /** The state machine that names the nodes of an event. */
  readonly stateMachine: StateMachine;
  /** Takes the events that could not be delivered. */
  readonly deadLetterQueue: Queue;
  /** The function, by its name. */
  readonly functions: ReadonlyMap<FunctionName, Function>;
  /** The rules of each profile, by the profile's name: one or two. */
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  /** What the names of its resources begin with. */
  readonly namePrefix: string;
  /** Encrypts the logs. */
  readonly encryptionKey: IKey;

  private readonly hosting: Hosting;

  constructor(scope: Construct, id: string, props: NodeNamingProps) {
    super(scope, id);
    check(props.naming);
    const fleet = new Fleet(
      this,
      props.naming.map(({ profile }) => profile),
      [],
    );
    this.hosting = new Hosting(this, props, fleet);
    this.namePrefix = this.hosting.namePrefix;
    this.encryptionKey = this.hosting.logs.encryptionKey;
    this.deadLetterQueue = this.hosting.deadLetterQueue;
    this.functions = new Map(
      deployedFunctions(NAMING_STATE_MACHINE).map((name) => [name, this.hosting.makeFunction(name)]),
    );
    this.stateMachine = this.hosting.makeStateMachine(
      NAMING_STATE_MACHINE,
      NAME_NODE,
      'Names and tags the nodes that one event tells of (Hookline)',
      this.functions,
    );
    const role = new Role(this, 'StartNamingRole', {
      assumedBy: new ServicePrincipal('events.amazonaws.com'),
      description: 'Lets the rules of Hookline start executions that name nodes',
    });
    this.rules = new Map(
      props.naming.map((naming, n) => {
        const { rules } = new NamingRules(this, `Naming-${naming.profile.name}`, {
          naming,
          field: `naming[${n}]`,
          stateMachine: this.stateMachine,
          role,
          deadLetterQueue: this.deadLetterQueue,
        });
        return [naming.profile.name, rules];
      }),
    );
  }

  /** The log group of the function, or of the state machine. */
  logGroup(name: FunctionName | typeof NAMING_STATE_MACHINE): LogGroup {
    const found = this.hosting.logGroups.get(name);
    if (found === undefined) {
      throw new Error(`${name} is not deployed here`);
    }
    return found;
  }
}

function check(naming: readonly Naming[]): void {
  if (naming.length === 0) {
    throw new ConfigurationError('naming', 'no naming profile', 'Give at least one, or make no NodeNaming');
  }
  const names = new Map<string, number>();
  for (const [n, { profile }] of naming.entries()) {
    checkNamingProfile(profile, `naming[${n}].profile`);
    const other = names.get(profile.name);
    if (other !== undefined) {
      throw new ConfigurationError(
        `naming[${n}].profile.name`,
        `${JSON.stringify(profile.name)} is also the name of naming[${other}].profile`,
        'Give each profile a name of its own',
      );
    }
    names.set(profile.name, n);
  }
}
