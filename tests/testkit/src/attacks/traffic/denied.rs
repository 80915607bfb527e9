//! The attacks on the traffic stack. Each must be denied.

use super::super::call::{ACCOUNT, Call, compared};
use super::super::denied::attack;
use super::super::{Attempt, FRAMEWORK, TRAFFIC_TABLE};
use super::{
    HOURLY, LISTS, NIGHTLY, QUERIES, QUEUE, RESULTS, Things, catalog, glue, kms_key, listings_of,
    machine, metrics, own_function, schedules, sent, table, workgroup,
};
use crate::roles::{NETWORK_OWNER, Traffic};

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
