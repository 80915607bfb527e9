/**
 * IAM statements for those who ask Athena: what a query reads and writes is read and written in the name of who started it
 * (Athena User Guide, "Configure access to databases and tables in the AWS Glue Data Catalog").
 */
import { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { NAMESPACE } from '../launch/metrics';
import { RESULT_TABLE, TABLE_FOLDER, PODS_FOLDER, type TrafficStore } from './traffic-store';

/** The statements that let somebody run queries in the store's workgroup, and have the results written. */
export function mayQuery(store: TrafficStore): PolicyStatement[] {
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
    // Athena asks for the database `default` too, whatever the query is about.
    new PolicyStatement({
      actions: ['glue:GetDatabase'],
      resources: [...databaseArns(store), arn(store, 'glue', 'database', 'default')],
    }),
  ];
}

/** The statements that let somebody make the table of the results. */
export function mayMakeTable(store: TrafficStore): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['glue:CreateTable', 'glue:GetTable', 'glue:UpdateTable'],
      resources: [...databaseArns(store), tableArn(store, RESULT_TABLE)],
    }),
    ...onTableFiles(store),
  ];
}

/** The statements that let the state machine read the flow logs and listings, and replace rows of the results. */
export function mayStoreTraffic(store: TrafficStore): PolicyStatement[] {
  const tables = ['flow_logs', 'pods', RESULT_TABLE].map((name) => tableArn(store, name));
  return [
    new PolicyStatement({
      actions: ['glue:BatchGetPartition', 'glue:GetPartition', 'glue:GetPartitions', 'glue:GetTable'],
      resources: [...databaseArns(store), ...tables],
    }),
    // A commit to an Iceberg table is a new version of its definition.
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
    ...onTableFiles(store),
  ];
}

/**
 * The statement that lets somebody put values of Hookline's metrics. The action knows no resource; the namespace limits it
 * (CloudWatch User Guide, "Using condition keys to limit access to CloudWatch namespaces").
 */
export function mayPutMetrics(): PolicyStatement {
  return new PolicyStatement({
    actions: ['cloudwatch:PutMetricData'],
    resources: ['*'],
    conditions: { StringEquals: { 'cloudwatch:namespace': NAMESPACE } },
  });
}

function onTableFiles({ trafficBucket: bucket }: { trafficBucket: IBucket }): PolicyStatement[] {
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

/** Glue wants an action on a table to be allowed on its database and on the catalog too. */
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
