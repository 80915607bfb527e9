/** The storage of the cross-AZ traffic: buckets, flow logs, Glue tables, and the Athena workgroup with its named queries. */
import { Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnNamedQuery, CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import { CfnFlowLog } from 'aws-cdk-lib/aws-ec2';
import { CfnDatabase, CfnTable } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type IBucket,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from '../shared/acknowledgements';
import { ConfigurationError } from '../shared/configuration-error';
import {
  NAMED_QUERIES,
  type NamedQueryValues,
  VPC_COLUMN,
  flowLogFormat,
  namedQuery,
  purpose,
  tableInput,
} from './definitions';

/** The folder of the listings in the traffic bucket. */
export const PODS_FOLDER = 'pods/';
/** The folder in which extract-pods remembers where it ended its last replay of each cluster's watch. Athena reads no folder that begins with `_`. */
export const WATCH_FOLDER = `${PODS_FOLDER}_watch/`;
/** The folder of the Iceberg table's files in the traffic bucket. */
export const TABLE_FOLDER = 'cross-az-traffic/';
/** The folder of the files of the Iceberg table of the inputs in the traffic bucket. */
export const INPUTS_FOLDER = 'cross-az-inputs/';
/** The name of the Iceberg table. */
export const RESULT_TABLE = 'cross_az_traffic';
/** The name of the Iceberg table that tells what each hour was made from. */
export const INPUTS_TABLE = 'cross_az_inputs';
const GIB = 2 ** 30;

/** The network whose traffic is measured. */
export type TrafficSource =
  | {
      /** The id of a VPC. It may be a token. */
      readonly vpcId: string;
    }
  | {
      /** The ids of all subnets of the cluster's nodes. They may be tokens. */
      readonly subnetIds: readonly string[];
    }
  | {
      /** The folder of flow logs that exist already: `s3://BUCKET/…/aws-service=vpcflowlogs/aws-region=REGION/`. */
      readonly flowLogsLocation: string;
      /**
       * The ARN of the KMS key that encrypts them; not an alias.
       *
       * @default - S3 encrypts them (SSE-S3)
       */
      readonly flowLogsKeyArn?: string;
      /**
       * Their longest aggregation interval in minutes, 1 or 10.
       *
       * @default 1
       */
      readonly flowLogsIntervalMinutes?: number;
      /**
       * The id of the clusters' VPC, not a token, if the folder has the flow logs of other VPCs too. Their format needs the field vpc-id.
       *
       * @default - all records count
       */
      readonly flowLogsVpcId?: string;
    };

/** The form of {@link TrafficSource}'s location: the bucket, and the folder with what comes before the partitions. */
const FLOW_LOGS_LOCATION =
  /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/((?:[^/]+\/)*AWSLogs\/aws-account-id=\d{12}\/aws-service=vpcflowlogs\/aws-region=[a-z0-9-]+\/)$/;

/** Props of {@link TrafficStore}. */
export interface TrafficStoreProps {
  /** The prefix of the names of the database and the workgroup. */
  readonly namePrefix: string;
  /** The network whose traffic is measured. */
  readonly source: TrafficSource;
  /** How long flow logs and listings are kept. An hour can be computed again for as long. */
  readonly keepInputs: Duration;
  /** The maximum amount of data that a query may scan, in GiB. */
  readonly scanLimitGiB: number;
  /** What the named queries need. */
  readonly queries: NamedQueryValues;
  /** What happens to the buckets, their objects and the database when the construct is removed: RETAIN or DESTROY. */
  readonly removalPolicy: RemovalPolicy;
}

/** The buckets, flow logs, tables, workgroup and named queries. */
export class TrafficStore extends Construct {
  /** The bucket of the flow logs. */
  readonly flowLogsBucket: IBucket;
  /** The folder of the flow logs in their bucket. */
  readonly flowLogsFolder: string;
  /** What may be read in that bucket: all of the stack's own, else only that folder. */
  readonly flowLogsReadable: string;
  /** The ARN of the KMS key that encrypts the flow logs, if S3 does not (SSE-S3). */
  readonly flowLogsKeyArn: string | undefined;
  /** The bucket of the listings and of the Iceberg table. */
  readonly trafficBucket: Bucket;
  /** The bucket of the query results. */
  readonly resultsBucket: Bucket;
  /** The name of the Glue database. */
  readonly databaseName: string;
  /** The name of the Athena workgroup. */
  readonly workGroupName: string;
  /** The Glue database. */
  readonly database: CfnDatabase;
  /** The Athena workgroup. */
  readonly workGroup: CfnWorkGroup;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: TrafficStoreProps,
  ) {
    super(scope, id);
    this.databaseName = `${props.namePrefix.toLowerCase().replaceAll('-', '_')}_traffic`;
    this.workGroupName = `${props.namePrefix}-traffic`;
    if ('flowLogsLocation' in props.source) {
      [this.flowLogsBucket, this.flowLogsFolder] = this.existingFlowLogs(props.source.flowLogsLocation);
      this.flowLogsReadable = this.flowLogsFolder;
      this.flowLogsKeyArn = props.source.flowLogsKeyArn;
    } else {
      const bucket = this.createBucket('FlowLogs', [{ expiration: props.keepInputs }]);
      this.flowLogsBucket = bucket;
      this.flowLogsFolder = `AWSLogs/aws-account-id=${Aws.ACCOUNT_ID}/aws-service=vpcflowlogs/aws-region=${Stack.of(this).region}/`;
      this.flowLogsReadable = 'AWSLogs/';
      this.createFlowLogs(bucket, props.source);
    }
    // The tables' files have no expiration: only the tables' metadata knows which files are in use. VACUUM deletes the others.
    this.trafficBucket = this.createBucket('Traffic', [
      { prefix: PODS_FOLDER, expiration: props.keepInputs },
    ]);
    this.resultsBucket = this.createBucket('QueryResults', [{ expiration: Duration.days(7) }]);
    this.database = this.createDatabase();
    this.workGroup = this.createWorkGroup();
  }

  /** The location of the Iceberg table's files. */
  get tableLocation(): string {
    return this.trafficBucket.s3UrlForObject(TABLE_FOLDER);
  }

  /** The location of the files of the Iceberg table of the inputs. */
  get inputsLocation(): string {
    return this.trafficBucket.s3UrlForObject(INPUTS_FOLDER);
  }

  private createBucket(id: string, rules: LifecycleRule[]): Bucket {
    const bucket = new Bucket(this, id, {
      // With S3-managed keys, the delivery of flow logs needs no key policy, and reads cause no KMS calls.
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
        'Athena reads many objects each hour, and each read would add to the access logs. Use CloudTrail data events to audit reads.',
    });
    return bucket;
  }

  /** The bucket and the folder of flow logs that exist already. */
  private existingFlowLogs(location: string): [IBucket, string] {
    const [, bucketName, folder] = FLOW_LOGS_LOCATION.exec(location) ?? [];
    if (bucketName === undefined || folder === undefined) {
      throw new ConfigurationError(
        'source.flowLogsLocation',
        `${location} is not a folder of flow logs with Hive-compatible prefixes`,
        'Write s3://BUCKET/PREFIX/AWSLogs/aws-account-id=ACCOUNT/aws-service=vpcflowlogs/aws-region=REGION/',
      );
    }
    return [Bucket.fromBucketName(this, 'FlowLogs', bucketName), folder];
  }

  private createFlowLogs(
    bucket: Bucket,
    source: Exclude<TrafficSource, { readonly flowLogsLocation: string }>,
  ): void {
    this.allowFlowLogDelivery(bucket);
    const [resourceType, ids] =
      'vpcId' in source ? (['VPC', [source.vpcId]] as const) : (['Subnet', source.subnetIds] as const);
    for (const [n, resourceId] of ids.entries()) {
      const flowLog = new CfnFlowLog(this, `FlowLog${n + 1}`, {
        resourceType,
        resourceId,
        // Records with the log status SKIPDATA have no action. AWS does not document that a filter by action keeps them.
        trafficType: 'ALL',
        logDestinationType: 's3',
        logDestination: bucket.bucketArn,
        logFormat: flowLogFormat(),
        maxAggregationInterval: 60,
        // The L1 construct does not convert these keys, so they are CloudFormation's names.
        destinationOptions: { FileFormat: 'parquet', HiveCompatiblePartitions: true, PerHourPartition: true },
      });
      if (bucket.policy !== undefined) {
        flowLog.node.addDependency(bucket.policy);
      }
    }
  }

  /** The policy of the VPC User Guide ("Amazon S3 bucket permissions for flow logs"), limited to the folder of this account. */
  private allowFlowLogDelivery(bucket: Bucket): void {
    const principals = [new ServicePrincipal('delivery.logs.amazonaws.com')];
    const fromThisAccount = {
      StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
      ArnLike: { 'aws:SourceArn': Stack.of(this).formatArn({ service: 'logs', resource: '*' }) },
    };
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AWSLogDeliveryWrite',
        principals,
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects(`AWSLogs/aws-account-id=${Aws.ACCOUNT_ID}/*`)],
        conditions: {
          ...fromThisAccount,
          StringEquals: { ...fromThisAccount.StringEquals, 's3:x-amz-acl': 'bucket-owner-full-control' },
        },
      }),
    );
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AWSLogDeliveryAclCheck',
        principals,
        actions: ['s3:GetBucketAcl', 's3:ListBucket'],
        resources: [bucket.bucketArn],
        conditions: fromThisAccount,
      }),
    );
  }

  private createDatabase(): CfnDatabase {
    const database = new CfnDatabase(this, 'Database', {
      catalogId: Aws.ACCOUNT_ID,
      databaseInput: {
        name: this.databaseName,
        description: 'Cross-AZ traffic (Hookline)',
      },
    });
    database.applyRemovalPolicy(this.props.removalPolicy);
    const tables = {
      flow_logs: { flow_logs_location: this.flowLogsBucket.s3UrlForObject(this.flowLogsFolder) },
      pods: { pods_location: this.trafficBucket.s3UrlForObject(PODS_FOLDER) },
    };
    const vpcColumns = this.props.queries.flowLogsVpcId === undefined ? [] : [VPC_COLUMN];
    for (const name of ['flow_logs', 'pods'] as const) {
      const table = new CfnTable(this, name === 'pods' ? 'PodsTable' : 'FlowLogsTable', {
        catalogId: Aws.ACCOUNT_ID,
        databaseName: this.databaseName,
        tableInput: tableInput(name, tables[name], name === 'flow_logs' ? vpcColumns : []),
      });
      table.addResourceDependency(database);
      table.applyRemovalPolicy(this.props.removalPolicy);
    }
    return database;
  }

  private createWorkGroup(): CfnWorkGroup {
    const workGroup = new CfnWorkGroup(this, 'WorkGroup', {
      name: this.workGroupName,
      description: 'Queries of the cross-AZ traffic (Hookline)',
      // Without this option, a workgroup that has run queries cannot be deleted.
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
    for (const name of Object.keys(NAMED_QUERIES)) {
      const queryString = namedQuery(name, this.props.queries);
      if (queryString === undefined) {
        continue;
      }
      const query = new CfnNamedQuery(this, `Query-${name}`, {
        name,
        description: purpose(name).slice(0, 1024),
        database: this.databaseName,
        queryString,
        workGroup: this.workGroupName,
      });
      query.addResourceDependency(workGroup);
      query.addResourceDependency(this.database);
    }
    return workGroup;
  }
}
