//! The function: one listing of a cluster's nodes and pods, written as one object.

use std::collections::HashMap;
use std::time::Duration;

use hookline_runtime::Invocation;
use hookline_runtime::payload::log_field;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, info, info_span, warn};

use crate::aws::Aws;
use crate::error::{Error, Result};
use crate::kubernetes::connection::{Connection, Patience};
use crate::kubernetes::list::{self, Interrupted, List};
use crate::kubernetes::objects::{Node, Pod};
use crate::object::{Finished, Object};
use crate::payload::Payload;
use crate::record::{NodeRecord, PodRecord, Record, Zone, node_of};

/// How a run goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many objects a page has at most. kubectl's own is 500: some 4 MB of pods.
    pub page: u32,
    /// How often a listing is begun. Each beginning but the first follows a list that expired on the way.
    pub beginnings: u32,
    /// With a single request.
    pub patience: Patience,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page: 500,
            beginnings: 3,
            patience: Patience::default(),
        }
    }
}

/// What the state machine gets.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    bucket: &'a str,
    key: &'a str,
    pods: u64,
    nodes: u64,
    bytes: usize,
}

/// Of the function's time, kept for what comes after the listing.
const FOR_STORING: Duration = Duration::from_secs(15);
/// Kept to report what went wrong.
const FOR_REPORTING: Duration = Duration::from_secs(1);

/// Handles one invocation.
///
/// # Errors
/// Whatever keeps the object from being written; then nothing was written.
pub async fn handle(aws: Aws, invocation: Invocation, settings: Settings) -> Result<Value> {
    let payload = &invocation.payload;
    let span = info_span!(
        "invocation",
        function = "extract-pods",
        request_id = invocation.request_id,
        execution = log_field(payload, "/execution"),
        cluster = log_field(payload, "/cluster"),
        hour = log_field(payload, "/hour"),
    );
    async {
        let started = Instant::now();
        let result = run(&aws, invocation.payload, invocation.deadline, settings).await;
        // A number in the logs: JSON has none of 128 bits.
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(_) => info!(milliseconds, "done"),
            Err(error) => warn!(
                milliseconds,
                error_type = error.error_type(),
                %error,
                "failed"
            ),
        }
        result
    }
    .instrument(span)
    .await
}

async fn run(aws: &Aws, payload: Value, deadline: Instant, settings: Settings) -> Result<Value> {
    let payload = Payload::read(payload)?;
    let before = |reserve| deadline.checked_sub(reserve).unwrap_or(deadline);
    let until = before(FOR_STORING);
    let listing = Box::pin(list_cluster(aws, &payload, settings, until));
    let finished = timeout_at(until, listing)
        .await
        .unwrap_or(Err(Error::OutOfTime {
            doing: "list nodes and pods",
        }))?;
    let (nodes, pods, bytes) = (finished.nodes, finished.pods, finished.bytes.len());
    let storing = Box::pin(aws.store(&payload, finished.bytes));
    timeout_at(before(FOR_REPORTING), storing)
        .await
        .unwrap_or(Err(Error::OutOfTime {
            doing: "write the object",
        }))?;
    info!(nodes, pods, bytes, key = payload.key, "written");
    let outcome = Outcome {
        bucket: &payload.bucket,
        key: &payload.key,
        pods,
        nodes,
        bytes,
    };
    serde_json::to_value(outcome).map_err(|error| not_made(&payload, &error))
}

async fn list_cluster(
    aws: &Aws,
    payload: &Payload,
    settings: Settings,
    until: Instant,
) -> Result<Finished> {
    let reader = aws.reader(payload).await?;
    let endpoint = reader.endpoint(&payload.cluster).await?;
    let tokens = reader.tokens(&payload.cluster).await?;
    let connection = Connection::new(&endpoint, tokens, settings.patience, until)?;
    let mut beginnings = 1;
    loop {
        let listing = Listing::new(&connection, payload);
        match listing.run(settings.page).await {
            Ok(object) => return object.finish().map_err(|error| not_made(payload, &error)),
            Err(Interrupted::Failed(error)) => return Err(error),
            Err(Interrupted::Expired(detail)) if beginnings < settings.beginnings => {
                warn!(beginnings, detail, "the list expired, and begins again");
                beginnings += 1;
            }
            Err(Interrupted::Expired(detail)) => {
                return Err(Error::KubernetesUnavailable {
                    cluster: payload.cluster.clone(),
                    action: "list nodes and pods",
                    detail: format!("the list expired {beginnings} times before its end: {detail}"),
                });
            }
        }
    }
}

/// One listing. What it has written is its own: one that is broken off leaves nothing to the next.
struct Listing<'a> {
    connection: &'a Connection,
    payload: &'a Payload,
    observed_at: Timestamp,
    /// Where the nodes are; none for one that is not there.
    zones: HashMap<String, Option<Zone>>,
    object: Object,
}

impl<'a> Listing<'a> {
    fn new(connection: &'a Connection, payload: &'a Payload) -> Self {
        Self {
            connection,
            payload,
            observed_at: Timestamp::now(),
            zones: HashMap::new(),
            object: Object::new(),
        }
    }

    async fn run(mut self, page: u32) -> Result<Object, Interrupted> {
        let mut nodes = List::<Node>::new(self.connection, page);
        while let Some(page) = nodes.page().await? {
            for node in &page {
                self.node(node)?;
            }
        }
        let mut pods = List::<Pod>::new(self.connection, page);
        while let Some(page) = pods.page().await? {
            for pod in &page {
                self.pod(pod).await?;
            }
        }
        Ok(self.object)
    }

    fn node(&mut self, node: &Node) -> Result<()> {
        self.zones
            .insert(node.metadata.name.clone(), Some(Zone::of(node)));
        let record = NodeRecord::of(&self.payload.cluster, node, self.observed_at);
        self.object
            .write(&Record::Node(record))
            .map_err(|error| not_made(self.payload, &error))
    }

    async fn pod(&mut self, pod: &Pod) -> Result<()> {
        // The list of pods is of a later moment than that of the nodes: a node may have joined in between.
        if let Some(name) = node_of(pod)
            && !self.zones.contains_key(name)
        {
            match list::node(self.connection, name).await? {
                Some(node) => self.node(&node)?,
                None => {
                    self.zones.insert(name.to_owned(), None);
                }
            }
        }
        let zone = node_of(pod).and_then(|name| self.zones.get(name)?.as_ref());
        let record = PodRecord::of(
            &self.payload.cluster,
            pod,
            zone,
            &self.payload.grouping,
            self.observed_at,
        );
        self.object
            .write(&Record::Pod(record))
            .map_err(|error| not_made(self.payload, &error))
    }
}

fn not_made(payload: &Payload, error: &dyn std::fmt::Display) -> Error {
    Error::UploadFailed {
        bucket: payload.bucket.clone(),
        key: payload.key.clone(),
        detail: format!("it could not be made: {error}"),
    }
}
