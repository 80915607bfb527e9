/**
 * IAM statements for principals that run Athena queries. Athena reads and writes a query's data with the permissions of the
 * principal that started the query (Athena User Guide, "Configure access to databases and tables in the AWS Glue Data Catalog").
 */
import { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../shared/metric-namespace';
import { RESULT_TABLE, TABLE_FOLDER, PODS_FOLDER, type TrafficStore } from './traffic-store';

/** The statements to run queries in the store's workgroup and to write their results. */
export function queryStatements(store: TrafficStore): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['athena:GetQueryExecution', 'athena:GetQueryResults', 'athena:StartQueryExecution'],
      resources: [arn(store, 'athena', 'workgroup', store.workGroupName)],
    }),
    new PolicyStatement({
      actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
      resources: [store.resultsBucket.bucketArn],
    }),
    new PolicyStatement({
      actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:PutObject'],
      resources: [store.resultsBucket.arnForObjects('*')],
    }),
    // Athena reads the database `default` as well, for every query.
    new PolicyStatement({
      actions: ['glue:GetDatabase'],
      resources: [...databaseArns(store), arn(store, 'glue', 'database', 'default')],
    }),
  ];
}

/** The statements to create the result table. */
export function createTableStatements(store: TrafficStore): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['glue:CreateTable', 'glue:GetTable', 'glue:UpdateTable'],
      resources: [...databaseArns(store), tableArn(store, RESULT_TABLE)],
    }),
    ...tableFileStatements(store),
  ];
}

/** The statements to read the flow logs and the listings, and to replace rows of the result table. */
export function storeTrafficStatements(store: TrafficStore): PolicyStatement[] {
  const tables = ['flow_logs', 'pods', RESULT_TABLE].map((name) => tableArn(store, name));
  return [
    new PolicyStatement({
      actions: ['glue:BatchGetPartition', 'glue:GetPartition', 'glue:GetPartitions', 'glue:GetTable'],
      resources: [...databaseArns(store), ...tables],
    }),
    // A commit to an Iceberg table updates the table's definition in Glue.
    new PolicyStatement({
      actions: ['glue:UpdateTable'],
      resources: [...databaseArns(store), tableArn(store, RESULT_TABLE)],
    }),
    new PolicyStatement({
      actions: ['s3:GetBucketLocation', 's3:ListBucket'],
      resources: [store.flowLogsBucket.bucketArn],
    }),
    new PolicyStatement({
      actions: ['s3:GetObject'],
      resources: [
        store.flowLogsBucket.arnForObjects('AWSLogs/*'),
        store.trafficBucket.arnForObjects(`${PODS_FOLDER}*`),
      ],
    }),
    ...tableFileStatements(store),
  ];
}

/**
 * The statement to put values of Hookline's metrics. The action has no resource-level permissions; a condition limits it to
 * the namespace (CloudWatch User Guide, "Using condition keys to limit access to CloudWatch namespaces").
 */
export function putMetricsStatement(): PolicyStatement {
  return new PolicyStatement({
    actions: ['cloudwatch:PutMetricData'],
    resources: ['*'],
    conditions: { StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE } },
  });
}

function tableFileStatements({ trafficBucket: bucket }: { trafficBucket: IBucket }): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['s3:GetBucketLocation', 's3:ListBucket'],
      resources: [bucket.bucketArn],
    }),
    new PolicyStatement({
      actions: [
        's3:AbortMultipartUpload',
        's3:DeleteObject',
        's3:GetObject',
        's3:ListMultipartUploadParts',
        's3:PutObject',
      ],
      resources: [bucket.arnForObjects(`${TABLE_FOLDER}*`)],
    }),
  ];
}

/** Glue checks an action on a table on the catalog and on the database as well. */
function databaseArns(store: TrafficStore): string[] {
  return [
    Stack.of(store).formatArn({ service: 'glue', resource: 'catalog' }),
    arn(store, 'glue', 'database', store.databaseName),
  ];
}

function tableArn(store: TrafficStore, table: string): string {
  return arn(store, 'glue', 'table', `${store.databaseName}/${table}`);
}

function arn(scope: Construct, service: string, resource: string, resourceName: string): string {
  return Stack.of(scope).formatArn({ service, resource, resourceName });
}
