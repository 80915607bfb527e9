//! What the roles of the traffic stack allow and deny. The fake AWS has neither Athena nor S3, so
//! all of these calls are only compared with the policies.
//!
//! Athena calls Glue, S3 and Lake Formation with the role that runs a query. Which calls a
//! statement needs: Athena User Guide, "Configure access to databases and tables in the AWS Glue
//! Data Catalog" and "Control access to Amazon S3 from Athena"; Step Functions Developer Guide,
//! "Run Athena queries with Step Functions". Glue authorises an action on a table on the catalog
//! and the database as well.
//!
//! The calls are in [`allowed`], the attacks in [`denied`].

pub(super) mod allowed;
pub(super) mod denied;

use anyhow::Result;
use hookline_local::iam::{AuthorizationRequest, TemplateRoles};
use hookline_local::{LocalAws, Settings};

use super::Attempt;
use super::call::{Call, ROLE, compared};
use super::denied::attack as call;
use crate::roles::{self, NETWORK_OWNER, STACK, Traffic};

const LISTS: &str = "extract-pods";
const QUERIES: &str = "cross-az-traffic";
const HOURLY: &str = "schedule of cross-az-traffic";
const NIGHTLY: &str = "schedule of cross-az-traffic-nightly";
/// Whose calls those of a schedule of listings are in the tables.
pub const LISTING: &str = "schedule of extract-pods";
const LISTING_OF_OTHER: &str = "schedule of extract-pods-edge";
const QUEUE: &str = "queue of traffic";

/// A cluster that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// With whose role.
    pub by: Reader,
}

/// With whose role a cluster is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The function's own, which describes the cluster with this ARN.
    Function(String),
    /// That with this ARN, which the function takes on for a cluster of another account.
    Role(String),
}

/// The things of a stack, as the calls name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Things {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Its Region.
    pub region: String,
    /// Its account.
    pub account: String,
    /// The prefix of its names: that of the configuration's `name`.
    pub prefix: String,
    /// The ARN of the bucket of the listings and of the tables.
    pub bucket: String,
    /// The ARN of the bucket of the results of queries.
    pub results: String,
    /// The ARN of the bucket of the flow logs.
    pub flow_logs: String,
    /// The folder in it that may be read, which ends with `/`.
    pub records: String,
    /// The ARN of the key that encrypts them, if S3 does not.
    pub key: Option<String>,
    /// The ARN of the function that creates the tables.
    pub handler: String,
    /// The ARN of the dead-letter queue.
    pub queue: String,
    /// The clusters that are listed.
    pub clusters: Vec<Listed>,
    /// Whether the function is in a VPC.
    pub is_in_vpc: bool,
    /// The schedules of the listings: one for each role.
    pub listings: Vec<&'static str>,
}

impl Things {
    /// Those of the fixture.
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
        let stack = roles::stack(STACK, "aws");
        let mut things = Self {
            partition: stack.partition,
            region: stack.region,
            account: stack.account,
            prefix: STACK.to_owned(),
            bucket: named("StoreTraffic"),
            results: named("StoreQueryResults"),
            flow_logs: named("StoreFlowLogs"),
            records: "AWSLogs/".to_owned(),
            queue: queue.cloned().unwrap_or_default(),
            listings: vec![LISTING],
            ..Self::default()
        };
        things.handler = things.function(handler.map_or("", String::as_str));
        things.clusters.push(Listed {
            name: "prod".to_owned(),
            by: Reader::Function(things.arn("eks", "cluster/prod")),
        });
        if traffic == Traffic::OfOthers {
            "arn:aws:s3:::central-flow-logs".clone_into(&mut things.flow_logs);
            "network/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-west-2/"
                .clone_into(&mut things.records);
            things.key = Some(things.key_of_other("1"));
            things.clusters.push(Listed {
                name: "edge".to_owned(),
                by: Reader::Role(format!("arn:aws:iam::{NETWORK_OWNER}:role/pods-reader")),
            });
            things.is_in_vpc = true;
            things.listings.push(LISTING_OF_OTHER);
        }
        things
    }

    /// An object of the listings of each cluster.
    fn listings(&self) -> Vec<String> {
        let of = |Listed { name, .. }: &Listed| {
            format!(
                "{}/pods/dt=2026-01-01/hour=00/{name}.one.json.gz",
                self.bucket
            )
        };
        self.clusters.iter().map(of).collect()
    }

    /// An object of the flow logs that may be read.
    fn record(&self) -> String {
        format!("{}/{}one", self.flow_logs, self.records)
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let Self {
            partition,
            region,
            account,
            ..
        } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The function with this name, without the prefix.
    fn function(&self, name: &str) -> String {
        self.arn("lambda", &format!("function:{}-{name}", self.prefix))
    }

    fn machine(&self, name: &str) -> String {
        self.arn("states", &format!("stateMachine:{}-{name}", self.prefix))
    }

    fn workgroup(&self) -> String {
        self.arn("athena", &format!("workgroup/{}-traffic", self.prefix))
    }

    fn catalog(&self, name: &str) -> String {
        self.arn("athena", &format!("datacatalog/{name}"))
    }

    fn glue(&self, resource: &str) -> String {
        self.arn("glue", resource)
    }

    /// The name of the Glue database (`cdk/lib/traffic/traffic-store.ts`).
    fn database(&self) -> String {
        format!("{}_traffic", self.prefix.to_lowercase().replace('-', "_"))
    }

    fn table(&self, name: &str) -> String {
        self.glue(&format!("table/{}/{name}", self.database()))
    }

    /// What Glue authorises an action on these tables on.
    fn tables(&self, names: &[&str]) -> Vec<String> {
        let database = format!("database/{}", self.database());
        let parents = [self.glue("catalog"), self.glue(&database)];
        let tables = names.iter().map(|name| self.table(name));
        parents.into_iter().chain(tables).collect()
    }

    /// A stream of the log of a function.
    fn log_stream(&self, group: &str) -> String {
        self.arn(
            "logs",
            &format!("log-group:/aws/lambda/{group}:log-stream:one"),
        )
    }

    /// A key of another account, by the last digit of its id.
    fn key_of_other(&self, digit: &str) -> String {
        let Self {
            partition, region, ..
        } = self;
        format!(
            "arn:{partition}:kms:{region}:{NETWORK_OWNER}:key/00000000-0000-4000-8000-00000000000{digit}"
        )
    }

    /// All schedules.
    fn schedules(&self) -> Vec<&'static str> {
        [vec![HOURLY, NIGHTLY], self.listings.clone()].concat()
    }

    /// The calls that must be allowed, or the attacks that must be denied, each with what it is
    /// authorised on.
    ///
    /// # Errors
    /// Never: all of them are only compared.
    pub fn attempts(&self, are_attacks: bool) -> Result<Vec<(Attempt, Vec<AuthorizationRequest>)>> {
        let local = LocalAws::new(Settings::for_tests());
        let attempts = match are_attacks {
            true => denied::attacks(self),
            false => allowed::calls(self),
        };
        let with_requests = attempts.into_iter().map(|attempt| {
            let requests = attempt.call.requests(&local)?;
            Ok((attempt, requests))
        });
        with_requests.collect()
    }
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

/// As a schedule sends what it could not start, with its role.
fn sent(things: &Things, secure: bool) -> Call {
    let keys = vec![
        (
            ROLE,
            format!(
                "arn:{}:iam::{}:role/schedule",
                things.partition, things.account
            ),
        ),
        ("aws:SecureTransport", secure.to_string()),
    ];
    Call::Compared("sqs:SendMessage", things.queue.clone(), keys)
}
