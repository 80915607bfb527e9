/** The function, the state machine and the rules that name and tag the nodes of groups without a hook. */
import type { Rule } from 'aws-cdk-lib/aws-events';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ConfigurationError, checkAll } from '../shared/configuration-error';
import { type FunctionName, NAMING_STATE_MACHINE, deployedFunctions } from '../shared/functions';
import { Hosting, type HostingProps } from '../shared/hosting';
import { ProfileResources } from '../shared/profile-resources';
import { NAME_NODE } from '../shared/repository';
import { checkUniqueNames } from '../shared/unique-names';
import { checkNamingProfile } from './naming-profile';
import { type Naming, NamingRules } from './naming-rules';

/** Props of {@link NodeNaming}. */
export interface NodeNamingProps extends HostingProps {
  /** The naming profiles and the events that start their executions. */
  readonly naming: readonly Naming[];
}

/**
 * The function `name-nodes`, the state machine `name-node`, and the rules of each naming profile. Groups with a launch hook do
 * not need this construct: their profile has the same fields.
 */
export class NodeNaming extends Construct {
  /** The state machine that names the nodes of an event. */
  readonly stateMachine: StateMachine;
  /** Receives the events that could not be delivered. */
  readonly deadLetterQueue: Queue;
  /** The function, by its name without the prefix. */
  readonly functions: ReadonlyMap<FunctionName, Function>;
  /** The rules of each profile, by the profile's name: one or two. */
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  /** The prefix of the resources' names. */
  readonly namePrefix: string;
  /** The key that encrypts the logs. */
  readonly encryptionKey: IKey;

  private readonly hosting: Hosting;

  constructor(scope: Construct, id: string, props: NodeNamingProps) {
    super(scope, id);
    checkNaming(props.naming);
    const resources = new ProfileResources(
      this,
      props.naming.map(({ profile }) => profile),
      [],
    );
    this.hosting = new Hosting(this, props, resources);
    this.namePrefix = this.hosting.namePrefix;
    this.encryptionKey = this.hosting.logGroups.encryptionKey;
    this.deadLetterQueue = this.hosting.deadLetterQueue;
    this.functions = new Map(
      deployedFunctions(NAMING_STATE_MACHINE).map((name) => [name, this.hosting.createFunction(name)]),
    );
    this.stateMachine = this.hosting.createStateMachine(
      NAMING_STATE_MACHINE,
      NAME_NODE,
      'Names and tags the nodes of an event (Hookline)',
      this.functions,
    );
    const role = new Role(this, 'StartNamingRole', {
      assumedBy: new ServicePrincipal('events.amazonaws.com'),
      description: 'EventBridge starts executions that name nodes with this role (Hookline)',
    });
    this.rules = new Map(
      props.naming.map((naming, n) => {
        const { rules } = new NamingRules(this, `Naming-${naming.profile.name}`, {
          naming,
          field: `naming[${n}]`,
          stateMachine: this.stateMachine,
          role,
          deadLetterQueue: this.hosting.deadLetterQueueForRules,
        });
        return [naming.profile.name, rules];
      }),
    );
  }

  /** Returns the log group of the function or of the state machine. */
  logGroup(name: FunctionName | typeof NAMING_STATE_MACHINE): LogGroup {
    return this.hosting.logGroup(name);
  }
}

function checkNaming(naming: readonly Naming[]): void {
  if (naming.length === 0) {
    throw new ConfigurationError(
      'naming',
      'no naming profile',
      'Add at least one, or do not create NodeNaming',
    );
  }
  const field = (n: number): string => `naming[${n}].profile`;
  const profiles = naming.map(({ profile }) => profile);
  checkAll(
    ...profiles.map((profile, n) => () => {
      checkNamingProfile(profile, field(n));
    }),
    () => {
      checkUniqueNames(profiles, field);
    },
  );
}
