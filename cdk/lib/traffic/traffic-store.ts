/** Where the traffic is kept and asked for: buckets, the flow logs, Glue's tables, and Athena's workgroup with its queries. */
import { Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnNamedQuery, CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import { CfnFlowLog } from 'aws-cdk-lib/aws-ec2';
import { CfnDatabase, CfnTable } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from '../shared/acknowledgements';
import { NAMED_QUERIES, flowLogFormat, purpose, sql, tableInput } from './definitions';

/** The folder of the listings. */
export const PODS_FOLDER = 'pods/';
/** The folder of the files of the Iceberg table. */
export const TABLE_FOLDER = 'cross-az-traffic/';
/** The Iceberg table. */
export const RESULT_TABLE = 'cross_az_traffic';
const GIB = 2 ** 30;

/** The network whose traffic is looked at. */
export type TrafficSource =
  | {
      /** A whole VPC. May be a token. */
      readonly vpcId: string;
    }
  | {
      /** Some of its subnets: all that the cluster's nodes are in. May be tokens. */
      readonly subnetIds: readonly string[];
    };

/** Props of {@link TrafficStore}. */
export interface TrafficStoreProps {
  /** What the names of the database and the workgroup begin with. */
  readonly namePrefix: string;
  /** The network whose traffic is looked at. */
  readonly source: TrafficSource;
  /** How long flow logs and listings are kept: that far back an hour can be computed again. */
  readonly keepInputs: Duration;
  /** The most that a query may scan, in GiB. */
  readonly scanLimitGiB: number;
  /** What becomes of the buckets with what is in them, and of the database. RETAIN or DESTROY. */
  readonly removalPolicy: RemovalPolicy;
}

/** Buckets, flow logs, tables, workgroup and queries. */
export class TrafficStore extends Construct {
  /** Where the flow logs are delivered. */
  readonly flowLogsBucket: Bucket;
  /** The listings, and the files of the Iceberg table. */
  readonly trafficBucket: Bucket;
  /** What Athena's queries found. */
  readonly resultsBucket: Bucket;
  /** Glue's database. */
  readonly databaseName: string;
  /** Athena's workgroup. */
  readonly workGroupName: string;
  /** The database and the workgroup: what a query needs. */
  readonly database: CfnDatabase;
  readonly workGroup: CfnWorkGroup;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: TrafficStoreProps,
  ) {
    super(scope, id);
    this.databaseName = `${props.namePrefix.toLowerCase().replaceAll('-', '_')}_traffic`;
    this.workGroupName = `${props.namePrefix}-traffic`;
    this.flowLogsBucket = this.makeBucket('FlowLogs', [{ expiration: props.keepInputs }]);
    // No rule for the table's files: which of them are in use only the table knows.
    this.trafficBucket = this.makeBucket('Traffic', [{ prefix: PODS_FOLDER, expiration: props.keepInputs }]);
    this.resultsBucket = this.makeBucket('QueryResults', [{ expiration: Duration.days(7) }]);
    this.makeFlowLogs();
    this.database = this.makeDatabase();
    this.workGroup = this.makeWorkGroup();
  }

  /** Where the files of the Iceberg table go. */
  get tableLocation(): string {
    return this.trafficBucket.s3UrlForObject(TABLE_FOLDER);
  }

  private makeBucket(id: string, rules: LifecycleRule[]): Bucket {
    const bucket = new Bucket(this, id, {
      // Flow logs can be delivered to it without a key policy, and reading costs no calls of KMS.
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [...rules, { abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      removalPolicy: this.props.removalPolicy,
      autoDeleteObjects: this.props.removalPolicy === RemovalPolicy.DESTROY,
    });
    acknowledge(bucket, {
      'AwsSolutions-S1':
        'Access logs would be objects without end for what Athena reads each hour. CloudTrail’s data events tell who reads, where that is wanted.',
    });
    return bucket;
  }

  private makeFlowLogs(): void {
    this.allowDelivery();
    const { source } = this.props;
    const [resourceType, ids] =
      'vpcId' in source ? (['VPC', [source.vpcId]] as const) : (['Subnet', source.subnetIds] as const);
    for (const [n, resourceId] of ids.entries()) {
      const flowLog = new CfnFlowLog(this, `FlowLog${n + 1}`, {
        resourceType,
        resourceId,
        // Records of what was skipped have no action, and AWS does not say that a filter by action keeps them.
        trafficType: 'ALL',
        logDestinationType: 's3',
        logDestination: this.flowLogsBucket.bucketArn,
        logFormat: flowLogFormat(),
        maxAggregationInterval: 60,
        // CloudFormation's own names: the construct takes them as they are.
        destinationOptions: { FileFormat: 'parquet', HiveCompatiblePartitions: true, PerHourPartition: true },
      });
      if (this.flowLogsBucket.policy !== undefined) {
        flowLog.node.addDependency(this.flowLogsBucket.policy);
      }
    }
  }

  /** As the VPC User Guide has it ("Amazon S3 bucket permissions for flow logs"), with the folder that this account's logs go to. */
  private allowDelivery(): void {
    const principals = [new ServicePrincipal('delivery.logs.amazonaws.com')];
    const ours = {
      StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
      ArnLike: { 'aws:SourceArn': Stack.of(this).formatArn({ service: 'logs', resource: '*' }) },
    };
    this.flowLogsBucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AWSLogDeliveryWrite',
        principals,
        actions: ['s3:PutObject'],
        resources: [this.flowLogsBucket.arnForObjects(`AWSLogs/aws-account-id=${Aws.ACCOUNT_ID}/*`)],
        conditions: {
          ...ours,
          StringEquals: { ...ours.StringEquals, 's3:x-amz-acl': 'bucket-owner-full-control' },
        },
      }),
    );
    this.flowLogsBucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AWSLogDeliveryAclCheck',
        principals,
        actions: ['s3:GetBucketAcl', 's3:ListBucket'],
        resources: [this.flowLogsBucket.bucketArn],
        conditions: ours,
      }),
    );
  }

  private makeDatabase(): CfnDatabase {
    const database = new CfnDatabase(this, 'Database', {
      catalogId: Aws.ACCOUNT_ID,
      databaseInput: {
        name: this.databaseName,
        description: 'Traffic across Availability Zones (Hookline)',
      },
    });
    database.applyRemovalPolicy(this.props.removalPolicy);
    const folder = `AWSLogs/aws-account-id=${Aws.ACCOUNT_ID}/aws-service=vpcflowlogs/aws-region=${Stack.of(this).region}/`;
    const tables = {
      flow_logs: { flow_logs_location: this.flowLogsBucket.s3UrlForObject(folder) },
      pods: { pods_location: this.trafficBucket.s3UrlForObject(PODS_FOLDER) },
    };
    for (const name of ['flow_logs', 'pods'] as const) {
      const table = new CfnTable(this, name === 'pods' ? 'PodsTable' : 'FlowLogsTable', {
        catalogId: Aws.ACCOUNT_ID,
        databaseName: this.databaseName,
        tableInput: tableInput(name, tables[name]),
      });
      table.addResourceDependency(database);
      table.applyRemovalPolicy(this.props.removalPolicy);
    }
    return database;
  }

  private makeWorkGroup(): CfnWorkGroup {
    const workGroup = new CfnWorkGroup(this, 'WorkGroup', {
      name: this.workGroupName,
      description: 'Queries about traffic across Availability Zones (Hookline)',
      // Without it, a workgroup that was ever used cannot be removed.
      recursiveDeleteOption: true,
      workGroupConfiguration: {
        bytesScannedCutoffPerQuery: this.props.scanLimitGiB * GIB,
        enforceWorkGroupConfiguration: true,
        engineVersion: { selectedEngineVersion: 'Athena engine version 3' },
        publishCloudWatchMetricsEnabled: true,
        requesterPaysEnabled: false,
        resultConfiguration: {
          outputLocation: this.resultsBucket.s3UrlForObject('queries/'),
          encryptionConfiguration: { encryptionOption: 'SSE_S3' },
          expectedBucketOwner: Aws.ACCOUNT_ID,
        },
      },
    });
    for (const name of NAMED_QUERIES) {
      const query = new CfnNamedQuery(this, `Query-${name}`, {
        name,
        description: purpose(name).slice(0, 1024),
        database: this.databaseName,
        queryString: sql(name),
        workGroup: this.workGroupName,
      });
      query.addResourceDependency(workGroup);
      query.addResourceDependency(this.database);
    }
    return workGroup;
  }
}
