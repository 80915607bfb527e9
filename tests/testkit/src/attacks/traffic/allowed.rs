//! The calls of the traffic stack that must be allowed.

use super::super::denied::attack as call;
use super::super::services::{TRACES, of_all, state_machine, writes_log};
use super::super::{Attempt, FRAMEWORK, TRAFFIC_TABLE};
use super::{
    HOURLY, INPUTS, LISTS, Listed, NIGHTLY, QUERIES, QUEUE, RESULTS, Reader, Things, each, metrics,
    sent,
};

/// The calls that must be allowed.
pub(in super::super) fn calls(things: &Things) -> Vec<Attempt> {
    let mut calls = [
        listings(things),
        queries(things, QUERIES),
        stores(things),
        queries(things, TRAFFIC_TABLE),
        creates_tables(things),
        starts(things),
        logs(things),
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
    let replay =
        |Listed { name, .. }: &Listed| format!("{}/pods/_watch/{name}.json", things.bucket);
    let replays: Vec<String> = things.clusters.iter().map(replay).collect();
    let mut calls = [
        each(LISTS, "the listing", &["s3:PutObject"], &things.listings()),
        each(
            LISTS,
            "where the last replay ended",
            &["s3:GetObject", "s3:PutObject"],
            &replays,
        ),
    ]
    .concat();
    let (mut described, mut roles) = (Vec::new(), Vec::new());
    for cluster in &things.clusters {
        match cluster.by.clone() {
            Reader::Function(cluster) => described.push(cluster),
            Reader::Role(role) => roles.push(role),
        }
    }
    if !described.is_empty() {
        calls.extend(each(LISTS, READS, &["eks:DescribeCluster"], &described));
        calls.extend(of_all(
            LISTS,
            READS,
            &["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"],
        ));
    }
    // Clusters can have one role.
    roles.sort_unstable();
    roles.dedup();
    calls.extend(each(
        LISTS,
        "a cluster of another account",
        &["sts:AssumeRole"],
        &roles,
    ));
    if things.is_in_vpc {
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
            &[things.workgroup()],
        ),
        each(
            by,
            QUERY,
            &["athena:GetDataCatalog"],
            &[things.catalog("AwsDataCatalog")],
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
            &[things.tables(&[]), vec![things.glue("database/default")]].concat(),
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
            &things.tables(&all),
        ),
        each(
            QUERIES,
            "a commit",
            &["glue:UpdateTable"],
            &things.tables(&RESULTS),
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
            &[vec![things.record()], things.listings()].concat(),
        ),
        each(
            QUERIES,
            "the hours to store, and the metrics",
            &["athena:GetQueryResults"],
            &[things.workgroup()],
        ),
        table_files(things, QUERIES),
        each(
            QUERIES,
            "a listing before the query",
            &["lambda:InvokeFunction"],
            &[things.function(LISTS)],
        ),
    ]
    .concat();
    calls.push(call(
        QUERIES,
        "puts metrics of Hookline",
        "the metrics of an hour",
        metrics("Hookline"),
    ));
    if let Some(key) = &things.key {
        let key = std::slice::from_ref(key);
        calls.extend(each(QUERIES, READS, &["kms:Decrypt"], key));
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
            &[things.catalog("AwsDataCatalog")],
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
            &things.tables(&RESULTS),
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
        let machine = things.machine(QUERIES);
        calls.extend(each(
            by,
            "its time has come",
            &["states:StartExecution"],
            &[machine],
        ));
    }
    for by in things.listings.iter().copied() {
        let listed = things.function(LISTS);
        calls.extend(each(
            by,
            "its time has come",
            &["lambda:InvokeFunction"],
            &[listed],
        ));
    }
    for by in things.schedules() {
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

fn logs(things: &Things) -> Vec<Attempt> {
    let group = |name: &str| things.log_stream(&format!("{}-{name}", things.prefix));
    let mut calls = writes_log(LISTS, &group(LISTS)).to_vec();
    for by in [TRAFFIC_TABLE, FRAMEWORK] {
        calls.extend(writes_log(by, &group("traffic-table")));
    }
    calls.extend(of_all(LISTS, "Lambda traces", &TRACES));
    calls.extend(state_machine(QUERIES));
    calls
}
