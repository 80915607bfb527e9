//! What the roles of the traffic stack allow and deny. The fake AWS has neither Athena nor S3, so all of
//! these calls are only compared with the policies.
//!
//! Athena calls Glue, S3 and Lake Formation with the role that runs a query. Which calls a statement
//! needs: Athena User Guide, "Configure access to databases and tables in the AWS Glue Data Catalog" and
//! "Control access to Amazon S3 from Athena"; Step Functions Developer Guide, "Run Athena queries with
//! Step Functions". Glue authorises an action on a table on the catalog and the database as well.

use super::call::{ACCOUNT, Call, ROLE, compared};
use super::denied::{attack, attack as call};
use super::services::{TRACES, of_all, state_machine, writes_log};
use super::{Attempt, FRAMEWORK, TRAFFIC_TABLE};
use crate::roles::{NETWORK_OWNER, STACK, Traffic};
use hookline_local::iam::TemplateRoles;

const LISTS: &str = "extract-pods";
const QUERIES: &str = "cross-az-traffic";
const HOURLY: &str = "schedule of cross-az-traffic";
const NIGHTLY: &str = "schedule of cross-az-traffic-nightly";
const LISTING: &str = "schedule of extract-pods";
const LISTING_OF_OTHER: &str = "schedule of extract-pods-edge";
const QUEUE: &str = "queue of traffic";

/// The things of the stack, as ARNs.
pub(super) struct Things {
    traffic: Traffic,
    /// The bucket of the listings and of the tables.
    bucket: String,
    results: String,
    flow_logs: String,
    handler: String,
    queue: String,
}

impl Things {
    /// Those of a template.
    pub(super) fn of(roles: &TemplateRoles, traffic: Traffic) -> Self {
        let named = |part: &str| {
            let name = roles.buckets.iter().find(|name| name.contains(part));
            format!("arn:aws:s3:::{}", name.map_or("", String::as_str))
        };
        let handler = roles
            .functions
            .keys()
            .find(|name| name.contains("TableFunction"));
        let queue = roles
            .queues
            .keys()
            .find(|arn| arn.contains("TrafficDeadLetters"));
        Self {
            bucket: named("StoreTraffic"),
            results: named("StoreQueryResults"),
            flow_logs: match traffic {
                Traffic::Own => named("StoreFlowLogs"),
                Traffic::OfOthers => "arn:aws:s3:::central-flow-logs".to_owned(),
            },
            handler: own_function(handler.map_or("", String::as_str)),
            queue: queue.cloned().unwrap_or_default(),
            traffic,
        }
    }

    /// An object of a listing.
    fn listing(&self) -> String {
        format!(
            "{}/pods/dt=2026-01-01/hour=00/prod.one.json.gz",
            self.bucket
        )
    }

    /// An object of the flow logs that may be read.
    fn records(&self) -> String {
        match self.traffic {
            Traffic::Own => format!("{}/AWSLogs/one", self.flow_logs),
            Traffic::OfOthers => format!(
                "{}/network/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-west-2/one",
                self.flow_logs
            ),
        }
    }
}

/// The function with this name, without the prefix.
fn own_function(name: &str) -> String {
    format!("arn:aws:lambda:{ACCOUNT}:function:{STACK}-{name}")
}

fn machine(name: &str) -> String {
    format!("arn:aws:states:{ACCOUNT}:stateMachine:{STACK}-{name}")
}

fn workgroup(name: &str) -> String {
    format!("arn:aws:athena:{ACCOUNT}:workgroup/{name}")
}

fn catalog(name: &str) -> String {
    format!("arn:aws:athena:{ACCOUNT}:datacatalog/{name}")
}

fn glue(resource: &str) -> String {
    format!("arn:aws:glue:{ACCOUNT}:{resource}")
}

fn table(name: &str) -> String {
    glue(&format!("table/{STACK}_traffic/{name}"))
}

/// What Glue authorises an action on these tables on.
fn tables(names: &[&str]) -> Vec<String> {
    let parents = [glue("catalog"), glue(&format!("database/{STACK}_traffic"))];
    let tables = names.iter().map(|name| table(name));
    parents.into_iter().chain(tables).collect()
}

const RESULTS: [&str; 2] = ["cross_az_traffic", "cross_az_inputs"];
const INPUTS: [&str; 2] = ["flow_logs", "pods"];

/// Each action on each resource.
fn each(
    by: &'static str,
    why: &'static str,
    actions: &[&'static str],
    resources: &[String],
) -> Vec<Attempt> {
    let mut calls = Vec::new();
    for action in actions {
        for resource in resources {
            let short = resource.splitn(6, ':').last().unwrap_or_default();
            let what = format!("calls {action} on {short}");
            calls.push(call(by, what, why, compared(action, resource)));
        }
    }
    calls
}

/// The calls that must be allowed.
pub(super) fn allowed(things: &Things) -> Vec<Attempt> {
    let mut calls = [
        listings(things),
        queries(things, QUERIES),
        stores(things),
        queries(things, TRAFFIC_TABLE),
        creates_tables(things),
        starts(things),
        logs(),
    ]
    .concat();
    calls.push(call(
        QUEUE,
        "takes what a schedule could not start",
        "nobody loses it",
        sent(things, true),
    ));
    calls
}

fn listings(things: &Things) -> Vec<Attempt> {
    const READS: &str = "it lists the cluster";
    let cluster = format!("arn:aws:eks:{ACCOUNT}:cluster/prod");
    let mut calls = [
        each(LISTS, "the listing", &["s3:PutObject"], &[things.listing()]),
        each(
            LISTS,
            "where the last replay ended",
            &["s3:GetObject", "s3:PutObject"],
            &[format!("{}/pods/_watch/prod.json", things.bucket)],
        ),
        each(LISTS, READS, &["eks:DescribeCluster"], &[cluster]),
        of_all(
            LISTS,
            READS,
            &["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"],
        ),
    ]
    .concat();
    if things.traffic == Traffic::OfOthers {
        let role = format!("arn:aws:iam::{NETWORK_OWNER}:role/pods-reader");
        calls.extend(each(
            LISTS,
            "a cluster of another account",
            &["sts:AssumeRole"],
            &[role],
        ));
        // AWS Managed Policy Reference, "AWSLambdaVPCAccessExecutionRole".
        calls.extend(of_all(
            LISTS,
            "Lambda puts the function into its network",
            &[
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
            ],
        ));
    }
    calls
}

/// What every statement of SQL needs.
fn queries(things: &Things, by: &'static str) -> Vec<Attempt> {
    const QUERY: &str = "a query in its workgroup";
    const RESULT: &str = "the result of a query";
    [
        each(
            by,
            QUERY,
            &[
                "athena:GetQueryExecution",
                "athena:StartQueryExecution",
                "athena:GetWorkGroup",
            ],
            &[workgroup("hookline-traffic")],
        ),
        each(
            by,
            QUERY,
            &["athena:GetDataCatalog"],
            &[catalog("AwsDataCatalog")],
        ),
        of_all(by, QUERY, &["lakeformation:GetDataAccess"]),
        each(
            by,
            RESULT,
            &[
                "s3:GetBucketLocation",
                "s3:ListBucket",
                "s3:ListBucketMultipartUploads",
            ],
            std::slice::from_ref(&things.results),
        ),
        each(
            by,
            RESULT,
            &[
                "s3:AbortMultipartUpload",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            &[format!("{}/queries/one.csv", things.results)],
        ),
        each(
            by,
            QUERY,
            &["glue:GetDatabase", "glue:GetDatabases"],
            &[tables(&[]), vec![glue("database/default")]].concat(),
        ),
    ]
    .concat()
}

/// What is needed to read and write the tables.
fn table_files(things: &Things, by: &'static str) -> Vec<Attempt> {
    const FILES: &str = "the files of the tables";
    let files = ["cross-az-traffic", "cross-az-inputs"];
    [
        each(
            by,
            FILES,
            &["s3:GetBucketLocation", "s3:ListBucket"],
            std::slice::from_ref(&things.bucket),
        ),
        each(
            by,
            FILES,
            &[
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            &files.map(|folder| format!("{}/{folder}/data/one.parquet", things.bucket)),
        ),
    ]
    .concat()
}

fn stores(things: &Things) -> Vec<Attempt> {
    const READS: &str = "SELECT of the flow logs and the listings, MERGE into the results";
    let all = [INPUTS, RESULTS].concat();
    let mut calls = [
        each(
            QUERIES,
            READS,
            &[
                "glue:BatchGetPartition",
                "glue:GetPartition",
                "glue:GetPartitions",
                "glue:GetTable",
                "glue:GetTables",
            ],
            &tables(&all),
        ),
        each(
            QUERIES,
            "a commit",
            &["glue:UpdateTable"],
            &tables(&RESULTS),
        ),
        each(
            QUERIES,
            READS,
            &["s3:GetBucketLocation", "s3:ListBucket"],
            std::slice::from_ref(&things.flow_logs),
        ),
        each(
            QUERIES,
            READS,
            &["s3:GetObject"],
            &[things.records(), things.listing()],
        ),
        each(
            QUERIES,
            "the hours to store, and the metrics",
            &["athena:GetQueryResults"],
            &[workgroup("hookline-traffic")],
        ),
        table_files(things, QUERIES),
        each(
            QUERIES,
            "a listing before the query",
            &["lambda:InvokeFunction"],
            &[own_function(LISTS)],
        ),
    ]
    .concat();
    calls.push(call(
        QUERIES,
        "puts metrics of Hookline",
        "the metrics of an hour",
        metrics("Hookline"),
    ));
    if things.traffic == Traffic::OfOthers {
        let key = kms_key("00000000-0000-4000-8000-000000000001");
        calls.extend(each(QUERIES, READS, &["kms:Decrypt"], &[key]));
    }
    calls
}

fn creates_tables(things: &Things) -> Vec<Attempt> {
    const CREATES: &str = "CREATE TABLE and ALTER TABLE";
    [
        each(
            TRAFFIC_TABLE,
            "which columns there are",
            &["athena:GetTableMetadata"],
            &[catalog("AwsDataCatalog")],
        ),
        each(
            TRAFFIC_TABLE,
            CREATES,
            &[
                "glue:CreateTable",
                "glue:GetTable",
                "glue:GetTables",
                "glue:UpdateTable",
            ],
            &tables(&RESULTS),
        ),
        table_files(things, TRAFFIC_TABLE),
        each(
            FRAMEWORK,
            "CloudFormation's request",
            // It waits for a function that Lambda is still updating.
            &["lambda:InvokeFunction", "lambda:GetFunction"],
            std::slice::from_ref(&things.handler),
        ),
    ]
    .concat()
}

/// The schedules of the listings of each cluster.
fn listings_of(things: &Things) -> Vec<&'static str> {
    match things.traffic {
        Traffic::Own => vec![LISTING],
        Traffic::OfOthers => vec![LISTING, LISTING_OF_OTHER],
    }
}

/// All schedules.
fn schedules(things: &Things) -> Vec<&'static str> {
    [vec![HOURLY, NIGHTLY], listings_of(things)].concat()
}

fn starts(things: &Things) -> Vec<Attempt> {
    let mut calls = Vec::new();
    for by in [HOURLY, NIGHTLY] {
        let machine = machine(QUERIES);
        calls.extend(each(
            by,
            "its time has come",
            &["states:StartExecution"],
            &[machine],
        ));
    }
    for by in listings_of(things) {
        let listed = own_function(LISTS);
        calls.extend(each(
            by,
            "its time has come",
            &["lambda:InvokeFunction"],
            &[listed],
        ));
    }
    for by in schedules(things) {
        let queue = std::slice::from_ref(&things.queue);
        calls.extend(each(
            by,
            "what it could not start",
            &["sqs:SendMessage"],
            queue,
        ));
    }
    calls
}

fn logs() -> Vec<Attempt> {
    let group = |name: &str| {
        format!("arn:aws:logs:{ACCOUNT}:log-group:/aws/lambda/{STACK}-{name}:log-stream:one")
    };
    let mut calls = writes_log(LISTS, &group(LISTS)).to_vec();
    for by in [TRAFFIC_TABLE, FRAMEWORK] {
        calls.extend(writes_log(by, &group("traffic-table")));
    }
    calls.extend(of_all(LISTS, "Lambda traces", &TRACES));
    calls.extend(state_machine(QUERIES));
    calls
}

fn metrics(namespace: &str) -> Call {
    let keys = vec![("cloudwatch:namespace", namespace.to_owned())];
    Call::Compared("cloudwatch:PutMetricData", "*".to_owned(), keys)
}

fn kms_key(id: &str) -> String {
    format!("arn:aws:kms:us-west-2:{NETWORK_OWNER}:key/{id}")
}

/// As a schedule sends what it could not start, with its role.
fn sent(things: &Things, secure: bool) -> Call {
    let keys = vec![
        (ROLE, "arn:aws:iam::123456789012:role/schedule".to_owned()),
        ("aws:SecureTransport", secure.to_string()),
    ];
    Call::Compared("sqs:SendMessage", things.queue.clone(), keys)
}

/// The attacks that must be denied.
pub(super) fn denied(things: &Things) -> Vec<Attempt> {
    [
        attacks_of_listings(things),
        attacks_of_queries(things, QUERIES),
        attacks_of_queries(things, TRAFFIC_TABLE),
        attacks_on_tables(things),
        attacks_of_starts(things),
        vec![attack(
            QUEUE,
            "takes a message without TLS",
            "no call without TLS",
            sent(things, false),
        )],
    ]
    .concat()
}

fn attacks_of_listings(things: &Things) -> Vec<Attempt> {
    const ONLY: &str = "it only writes listings";
    let denied = |what: &str, why, action, resource: String| {
        attack(LISTS, what, why, compared(action, resource))
    };
    let in_bucket = |key: &str| format!("{}/{key}", things.bucket);
    let mut attacks = vec![
        denied(
            "writes into the files of the results",
            ONLY,
            "s3:PutObject",
            in_bucket("cross-az-traffic/data/one.parquet"),
        ),
        denied(
            "writes into another bucket",
            "only the bucket of the listings",
            "s3:PutObject",
            "arn:aws:s3:::backups/pods/one".to_owned(),
        ),
        denied(
            "reads a listing",
            ONLY,
            "s3:GetObject",
            in_bucket("pods/one"),
        ),
        denied(
            "deletes a listing",
            ONLY,
            "s3:DeleteObject",
            in_bucket("pods/one"),
        ),
        denied(
            "describes another cluster",
            "only its clusters",
            "eks:DescribeCluster",
            format!("arn:aws:eks:{ACCOUNT}:cluster/other"),
        ),
        denied(
            "takes on another role",
            "only the roles of its clusters",
            "sts:AssumeRole",
            format!("arn:aws:iam::{NETWORK_OWNER}:role/admin"),
        ),
        denied(
            "runs a query",
            "it queries nothing",
            "athena:StartQueryExecution",
            workgroup("hookline-traffic"),
        ),
        denied(
            "writes another function's log",
            "its own log group",
            "logs:PutLogEvents",
            format!("arn:aws:logs:{ACCOUNT}:log-group:/aws/lambda/other:log-stream:one"),
        ),
    ];
    if things.traffic == Traffic::OfOthers {
        let keys = vec![("lambda:SourceFunctionArn", own_function(LISTS))];
        attacks.push(attack(
            LISTS,
            "creates an interface itself",
            "only Lambda does, outside the function",
            Call::Compared("ec2:CreateNetworkInterface", "*".to_owned(), keys),
        ));
    }
    attacks
}

/// Those of both roles that run queries.
fn attacks_of_queries(things: &Things, by: &'static str) -> Vec<Attempt> {
    const WORKGROUP: &str =
        "only its workgroup, which limits what a query scans and where it writes";
    const BUCKETS: &str = "only the buckets of the traffic";
    const FOLDERS: &str = "only the folders of the tables";
    const TABLES: &str = "only the tables of the results";
    let denied = |what: &str, why, action, resource: String| {
        attack(by, what, why, compared(action, resource))
    };
    let in_bucket = |key: &str| format!("{}/{key}", things.bucket);
    vec![
        denied(
            "runs a query in another workgroup",
            WORKGROUP,
            "athena:StartQueryExecution",
            workgroup("primary"),
        ),
        denied(
            "reads the results of another workgroup",
            WORKGROUP,
            "athena:GetQueryResults",
            workgroup("primary"),
        ),
        denied(
            "reads another data catalog",
            "only Glue's",
            "athena:GetDataCatalog",
            catalog("hive"),
        ),
        denied(
            "lists another bucket",
            BUCKETS,
            "s3:ListBucket",
            "arn:aws:s3:::backups".to_owned(),
        ),
        denied(
            "reads another bucket",
            BUCKETS,
            "s3:GetObject",
            "arn:aws:s3:::backups/one".to_owned(),
        ),
        denied(
            "writes into another bucket",
            BUCKETS,
            "s3:PutObject",
            "arn:aws:s3:::backups/one".to_owned(),
        ),
        denied(
            "overwrites a flow log",
            BUCKETS,
            "s3:PutObject",
            things.records(),
        ),
        denied(
            "deletes a flow log",
            BUCKETS,
            "s3:DeleteObject",
            things.records(),
        ),
        denied(
            "overwrites a listing",
            FOLDERS,
            "s3:PutObject",
            in_bucket("pods/one"),
        ),
        denied(
            "deletes a listing",
            FOLDERS,
            "s3:DeleteObject",
            in_bucket("pods/one"),
        ),
        denied(
            "deletes the result of a query",
            "S3 does, after seven days",
            "s3:DeleteObject",
            format!("{}/queries/one.csv", things.results),
        ),
        denied(
            "changes the table of the flow logs",
            TABLES,
            "glue:UpdateTable",
            table("flow_logs"),
        ),
        denied(
            "changes a table of another database",
            TABLES,
            "glue:UpdateTable",
            glue("table/billing/costs"),
        ),
        denied(
            "deletes a table of the results",
            "none deletes a table",
            "glue:DeleteTable",
            table(RESULTS[0]),
        ),
        denied(
            "reads another database",
            "only its database, and Athena's default",
            "glue:GetDatabase",
            glue("database/billing"),
        ),
        denied(
            "writes another function's log",
            "its own log group",
            "logs:PutLogEvents",
            format!("arn:aws:logs:{ACCOUNT}:log-group:/aws/lambda/other:log-stream:one"),
        ),
    ]
}

fn attacks_on_tables(things: &Things) -> Vec<Attempt> {
    let denied = |by, what: &str, why, action, resource: String| {
        attack(by, what, why, compared(action, resource))
    };
    const CREATES: &str = "it creates tables, and reads none";
    let mut attacks = vec![
        denied(
            TRAFFIC_TABLE,
            "creates a table in another database",
            "only the tables of the results",
            "glue:CreateTable",
            glue("table/billing/costs"),
        ),
        denied(
            TRAFFIC_TABLE,
            "reads what a query returns",
            CREATES,
            "athena:GetQueryResults",
            workgroup("hookline-traffic"),
        ),
        denied(
            TRAFFIC_TABLE,
            "reads a flow log",
            CREATES,
            "s3:GetObject",
            things.records(),
        ),
        denied(
            TRAFFIC_TABLE,
            "reads a listing",
            CREATES,
            "s3:GetObject",
            format!("{}/pods/one", things.bucket),
        ),
        denied(
            QUERIES,
            "creates a table of the results",
            "the deployment creates them",
            "glue:CreateTable",
            table(RESULTS[0]),
        ),
        denied(
            QUERIES,
            "reads a table of another database",
            "only the tables of the traffic",
            "glue:GetTable",
            glue("table/billing/costs"),
        ),
        attack(
            QUERIES,
            "puts metrics of another namespace",
            "only Hookline's",
            metrics("AWS/Billing"),
        ),
        denied(
            QUERIES,
            "invokes another function",
            "only extract-pods",
            "lambda:InvokeFunction",
            own_function("reconcile"),
        ),
        denied(
            FRAMEWORK,
            "invokes another function",
            "only that which creates the tables",
            "lambda:InvokeFunction",
            own_function("reconcile"),
        ),
        denied(
            FRAMEWORK,
            "reads the code of another function",
            "only that which creates the tables",
            "lambda:GetFunction",
            own_function("reconcile"),
        ),
        denied(
            QUERIES,
            "reads another object of the bucket of the flow logs",
            "only the flow logs",
            "s3:GetObject",
            format!("{}/secrets/one", things.flow_logs),
        ),
    ];
    if things.traffic == Traffic::OfOthers {
        attacks.push(denied(
            QUERIES,
            "decrypts with another key",
            "only the key of the flow logs",
            "kms:Decrypt",
            kms_key("00000000-0000-4000-8000-000000000002"),
        ));
    }
    attacks
}

fn attacks_of_starts(things: &Things) -> Vec<Attempt> {
    const ONLY: &str = "a schedule starts its target only";
    let mut attacks = Vec::new();
    for by in [HOURLY, NIGHTLY] {
        let launches = compared("states:StartExecution", machine("launch-node"));
        attacks.push(attack(by, "starts another state machine", ONLY, launches));
    }
    for by in listings_of(things) {
        let other = compared("lambda:InvokeFunction", own_function("reconcile"));
        attacks.push(attack(by, "invokes another function", ONLY, other));
    }
    for by in schedules(things) {
        let queue = format!("arn:aws:sqs:{ACCOUNT}:orders");
        let sent = compared("sqs:SendMessage", queue);
        attacks.push(attack(
            by,
            "sends to another queue",
            "only the dead-letter queue",
            sent,
        ));
    }
    attacks
}
