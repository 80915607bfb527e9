//! The attacks on the traffic stack. Each must be denied.

use super::super::call::{Call, compared};
use super::super::denied::attack;
use super::super::{Attempt, FRAMEWORK, TRAFFIC_TABLE};
use super::{HOURLY, LISTS, NIGHTLY, QUERIES, QUEUE, RESULTS, Things, metrics, sent};
use crate::roles::NETWORK_OWNER;

/// The attacks that must be denied.
pub(in super::super) fn attacks(things: &Things) -> Vec<Attempt> {
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
    let others = |key: &str| format!("arn:{}:s3:::backups{key}", things.partition);
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
            others("/pods/one"),
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
            things.arn("eks", "cluster/other"),
        ),
        denied(
            "takes on another role",
            "only the roles of its clusters",
            "sts:AssumeRole",
            format!("arn:{}:iam::{NETWORK_OWNER}:role/admin", things.partition),
        ),
        denied(
            "runs a query",
            "it queries nothing",
            "athena:StartQueryExecution",
            things.workgroup(),
        ),
        denied(
            "writes another function's log",
            "its own log group",
            "logs:PutLogEvents",
            things.log_stream("other"),
        ),
    ];
    if things.is_in_vpc {
        let keys = vec![("lambda:SourceFunctionArn", things.function(LISTS))];
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
    let others = |key: &str| format!("arn:{}:s3:::backups{key}", things.partition);
    vec![
        denied(
            "runs a query in another workgroup",
            WORKGROUP,
            "athena:StartQueryExecution",
            things.arn("athena", "workgroup/primary"),
        ),
        denied(
            "reads the results of another workgroup",
            WORKGROUP,
            "athena:GetQueryResults",
            things.arn("athena", "workgroup/primary"),
        ),
        denied(
            "reads another data catalog",
            "only Glue's",
            "athena:GetDataCatalog",
            things.catalog("hive"),
        ),
        denied("lists another bucket", BUCKETS, "s3:ListBucket", others("")),
        denied(
            "reads another bucket",
            BUCKETS,
            "s3:GetObject",
            others("/one"),
        ),
        denied(
            "writes into another bucket",
            BUCKETS,
            "s3:PutObject",
            others("/one"),
        ),
        denied(
            "overwrites a flow log",
            BUCKETS,
            "s3:PutObject",
            things.record(),
        ),
        denied(
            "deletes a flow log",
            BUCKETS,
            "s3:DeleteObject",
            things.record(),
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
            things.table("flow_logs"),
        ),
        denied(
            "changes a table of another database",
            TABLES,
            "glue:UpdateTable",
            things.glue("table/billing/costs"),
        ),
        denied(
            "deletes a table of the results",
            "none deletes a table",
            "glue:DeleteTable",
            things.table(RESULTS[0]),
        ),
        denied(
            "reads another database",
            "only its database, and Athena's default",
            "glue:GetDatabase",
            things.glue("database/billing"),
        ),
        denied(
            "writes another function's log",
            "its own log group",
            "logs:PutLogEvents",
            things.log_stream("other"),
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
            things.glue("table/billing/costs"),
        ),
        denied(
            TRAFFIC_TABLE,
            "reads what a query returns",
            CREATES,
            "athena:GetQueryResults",
            things.workgroup(),
        ),
        denied(
            TRAFFIC_TABLE,
            "reads a flow log",
            CREATES,
            "s3:GetObject",
            things.record(),
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
            things.table(RESULTS[0]),
        ),
        denied(
            QUERIES,
            "reads a table of another database",
            "only the tables of the traffic",
            "glue:GetTable",
            things.glue("table/billing/costs"),
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
            things.function("reconcile"),
        ),
        denied(
            FRAMEWORK,
            "invokes another function",
            "only that which creates the tables",
            "lambda:InvokeFunction",
            things.function("reconcile"),
        ),
        denied(
            FRAMEWORK,
            "reads the code of another function",
            "only that which creates the tables",
            "lambda:GetFunction",
            things.function("reconcile"),
        ),
        denied(
            QUERIES,
            "reads another object of the bucket of the flow logs",
            "only the flow logs",
            "s3:GetObject",
            format!("{}/secrets/one", things.flow_logs),
        ),
    ];
    if things.key.is_some() {
        attacks.push(denied(
            QUERIES,
            "decrypts with another key",
            "only the key of the flow logs",
            "kms:Decrypt",
            things.key_of_other("2"),
        ));
    }
    attacks
}

fn attacks_of_starts(things: &Things) -> Vec<Attempt> {
    const ONLY: &str = "a schedule starts its target only";
    let mut attacks = Vec::new();
    for by in [HOURLY, NIGHTLY] {
        let launches = compared("states:StartExecution", things.machine("launch-node"));
        attacks.push(attack(by, "starts another state machine", ONLY, launches));
    }
    for by in things.listings.iter().copied() {
        let other = compared("lambda:InvokeFunction", things.function("reconcile"));
        attacks.push(attack(by, "invokes another function", ONLY, other));
    }
    for by in things.schedules() {
        let queue = things.arn("sqs", "orders");
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
