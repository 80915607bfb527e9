//! What the roles of the traffic stack allow and deny. The fake AWS has neither Athena nor S3, so all of
//! these calls are only compared with the policies.
//!
//! Athena calls Glue, S3 and Lake Formation with the role that runs a query. Which calls a statement
//! needs: Athena User Guide, "Configure access to databases and tables in the AWS Glue Data Catalog" and
//! "Control access to Amazon S3 from Athena"; Step Functions Developer Guide, "Run Athena queries with
//! Step Functions". Glue authorises an action on a table on the catalog and the database as well.
//!
//! The calls are in [`allowed`], the attacks in [`denied`].

pub(super) mod allowed;
pub(super) mod denied;

use super::Attempt;
use super::call::{ACCOUNT, Call, ROLE, compared};
use super::denied::attack as call;
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
