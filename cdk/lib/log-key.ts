/** The key that encrypts logs. */
import { ArnFormat, Aws, Duration, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/** A key for the log groups of a construct. CloudWatch Logs may use it for those of this account and region only. */
export function logKey(scope: Construct, removalPolicy: RemovalPolicy): Key {
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
