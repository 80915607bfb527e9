/** The log groups of a construct, and the KMS key that encrypts them. */
import { ArnFormat, Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/** The settings of {@link LogGroups}. */
export interface LogGroupSettings {
  /**
   * How long logs are kept.
   *
   * @default RetentionDays.THREE_MONTHS
   */
  readonly retention?: RetentionDays | undefined;
  /**
   * The key that encrypts the logs.
   *
   * @default - a key that the construct creates; KMS rotates it each year
   */
  readonly encryptionKey?: IKey | undefined;
  /**
   * What happens to the logs, and to a key that the construct creates, when the construct is removed.
   *
   * @default RemovalPolicy.DESTROY
   */
  readonly removalPolicy?: RemovalPolicy | undefined;
}

/** Creates the log groups of a construct, all with the same settings. */
export class LogGroups {
  /** The key that encrypts the logs. */
  readonly encryptionKey: IKey;
  private readonly retention: RetentionDays;
  private readonly removalPolicy: RemovalPolicy;

  constructor(scope: Construct, settings: LogGroupSettings) {
    this.retention = settings.retention ?? RetentionDays.THREE_MONTHS;
    this.removalPolicy = settings.removalPolicy ?? RemovalPolicy.DESTROY;
    this.encryptionKey = settings.encryptionKey ?? createKey(scope, this.removalPolicy);
  }

  /** Creates a log group. */
  create(scope: Construct, id: string, logGroupName: string): LogGroup {
    return new LogGroup(scope, id, {
      logGroupName,
      retention: this.retention,
      encryptionKey: this.encryptionKey,
      removalPolicy: this.removalPolicy,
    });
  }
}

/** Creates a key that CloudWatch Logs may use for the log groups of this account and Region only. */
function createKey(scope: Construct, removalPolicy: RemovalPolicy): Key {
  const key = new Key(scope, 'LogKey', {
    description: 'Encrypts the logs of Hookline',
    enableKeyRotation: true,
    pendingWindow: Duration.days(7),
    removalPolicy,
  });
  // CloudWatch Logs User Guide, "Encrypt log data using AWS KMS".
  key.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal(`logs.${Stack.of(scope).region}.${Aws.URL_SUFFIX}`)],
      actions: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': Stack.of(scope).formatArn({
            service: 'logs',
            resource: 'log-group',
            resourceName: '*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        },
      },
    }),
  );
  return key;
}
