/** The log groups of a construct, and the key that encrypts them. */
import { ArnFormat, Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/** How logs are kept. */
export interface LogSettings {
  /** For how long. @default RetentionDays.THREE_MONTHS */
  readonly retention?: RetentionDays | undefined;
  /** Encrypts them. @default a key of the construct's own, rotated each year */
  readonly encryptionKey?: IKey | undefined;
  /** What becomes of them, and of the construct's own key, when the construct is removed. @default RemovalPolicy.DESTROY */
  readonly removalPolicy?: RemovalPolicy | undefined;
}

/** The log groups of a construct: alike but for their names. */
export class Logs {
  /** Encrypts them. */
  readonly encryptionKey: IKey;
  private readonly retention: RetentionDays;
  private readonly removalPolicy: RemovalPolicy;

  constructor(scope: Construct, settings: LogSettings) {
    this.retention = settings.retention ?? RetentionDays.THREE_MONTHS;
    this.removalPolicy = settings.removalPolicy ?? RemovalPolicy.DESTROY;
    this.encryptionKey = settings.encryptionKey ?? logKey(scope, this.removalPolicy);
  }

  /** Another one of them. */
  group(scope: Construct, id: string, logGroupName: string): LogGroup {
    return new LogGroup(scope, id, {
      logGroupName,
      retention: this.retention,
      encryptionKey: this.encryptionKey,
      removalPolicy: this.removalPolicy,
    });
  }
}

/** A key for the log groups of a construct. CloudWatch Logs may use it for those of this account and region only. */
function logKey(scope: Construct, removalPolicy: RemovalPolicy): Key {
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
