/**
 * IAM statements for principals that run Athena queries. Athena reads and writes a query's data with the permissions of the
 * principal that started the query (Athena User Guide, "Configure access to databases and tables in the AWS Glue Data Catalog").
 *
 * They have what AWS's own templates grant for these calls (Step Functions Developer Guide, "Run Athena queries with Step
 * Functions", IAM policies; the same in aws-cdk-lib's AthenaStartQueryExecution), without what no statement here does: create or
 * delete buckets, databases, tables of others, or partitions in Glue. An Iceberg table has its partitions in its own files.
 */
import { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../shared/metric-namespace';
import {
  INPUTS_FOLDER,
  INPUTS_TABLE,
  PODS_FOLDER,
  RESULT_TABLE,
  TABLE_FOLDER,
  type TrafficStore,
} from './traffic-store';

/** The catalog of the store's database: Glue's. */
const CATALOG = 'AwsDataCatalog';

/** The statements to run queries in the store's workgroup and to write their results. */
export function queryStatements(store: TrafficStore): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['athena:GetQueryExecution', 'athena:GetWorkGroup', 'athena:StartQueryExecution'],
      resources: [workGroupArn(store)],
    }),
    // A query that names its catalog reads the catalog's definition.
    new PolicyStatement({
      actions: ['athena:GetDataCatalog'],
      resources: [arn(store, 'athena', 'datacatalog', CATALOG)],
    }),
    // If Lake Formation governs a table's location, Athena asks it for credentials. The action has no resource-level permissions.
    new PolicyStatement({ actions: ['lakeformation:GetDataAccess'], resources: ['*'] }),
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
      actions: ['glue:GetDatabase', 'glue:GetDatabases'],
      resources: [...databaseArns(store), arn(store, 'glue', 'database', 'default')],
    }),
  ];
}

/** The statements to create the result tables, to see which columns they have, and to add some. */
export function createTableStatements(store: TrafficStore): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['athena:GetTableMetadata'],
      resources: [arn(store, 'athena', 'datacatalog', CATALOG)],
    }),
    new PolicyStatement({
      actions: ['glue:CreateTable', 'glue:GetTable', 'glue:GetTables', 'glue:UpdateTable'],
      resources: [...databaseArns(store), ...resultTableArns(store)],
    }),
    ...tableFileStatements(store),
  ];
}

/**
 * The statements to read the flow logs, the listings and what a query returns, to replace rows of the result tables, and to keep
 * these up. VACUUM deletes files; without s3:DeleteObject it succeeds and deletes none (Athena User Guide, "VACUUM").
 */
export function storeTrafficStatements(store: TrafficStore): PolicyStatement[] {
  const inputs = ['flow_logs', 'pods'].map((name) => tableArn(store, name));
  return [
    new PolicyStatement({ actions: ['athena:GetQueryResults'], resources: [workGroupArn(store)] }),
    new PolicyStatement({
      actions: [
        'glue:BatchGetPartition',
        'glue:GetPartition',
        'glue:GetPartitions',
        'glue:GetTable',
        'glue:GetTables',
      ],
      resources: [...databaseArns(store), ...inputs, ...resultTableArns(store)],
    }),
    // A commit to an Iceberg table updates the table's definition in Glue.
    new PolicyStatement({
      actions: ['glue:UpdateTable'],
      resources: [...databaseArns(store), ...resultTableArns(store)],
    }),
    new PolicyStatement({
      actions: ['s3:GetBucketLocation', 's3:ListBucket'],
      resources: [store.flowLogsBucket.bucketArn],
    }),
    new PolicyStatement({
      actions: ['s3:GetObject'],
      resources: [
        store.flowLogsBucket.arnForObjects(`${store.flowLogsReadable}*`),
        store.trafficBucket.arnForObjects(`${PODS_FOLDER}*`),
      ],
    }),
    // S3 decrypts an object with the permissions of who reads it. For a key of another account, the key's policy alone does not
    // suffice (KMS Developer Guide, "Allowing users in other accounts to use a KMS key").
    ...(store.flowLogsKeyArn === undefined
      ? []
      : [new PolicyStatement({ actions: ['kms:Decrypt'], resources: [store.flowLogsKeyArn] })]),
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
      resources: [TABLE_FOLDER, INPUTS_FOLDER].map((folder) => bucket.arnForObjects(`${folder}*`)),
    }),
  ];
}

function workGroupArn(store: TrafficStore): string {
  return arn(store, 'athena', 'workgroup', store.workGroupName);
}

function resultTableArns(store: TrafficStore): string[] {
  return [RESULT_TABLE, INPUTS_TABLE].map((name) => tableArn(store, name));
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
