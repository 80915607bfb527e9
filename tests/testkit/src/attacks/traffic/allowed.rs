//! The calls of the traffic stack that must be allowed.

use super::super::call::ACCOUNT;
use super::super::denied::attack as call;
use super::super::services::{TRACES, of_all, state_machine, writes_log};
use super::super::{Attempt, FRAMEWORK, TRAFFIC_TABLE};
use super::{
    HOURLY, INPUTS, LISTS, NIGHTLY, QUERIES, QUEUE, RESULTS, Things, catalog, each, glue, kms_key,
    listings_of, machine, metrics, own_function, schedules, sent, tables, workgroup,
};
use crate::roles::{NETWORK_OWNER, STACK, Traffic};

/// The calls that must be allowed.
pub(in super::super) fn calls(things: &Things) -> Vec<Attempt> {
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
