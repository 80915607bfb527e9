//! The pods that were deleted since the last run: what no listing shows, neither their end nor, between two listings, themselves.
//!
//! A run replays the pods' watch from where the last one ended, which an object in S3 remembers. The API server remembers the last 100 changes
//! of pods, or those of the last 75 seconds if these are more (`k8s.io/apiserver`, `storage/cacher/watch_cache.go`). So there is a run every minute. It may begin
//! at any second of its minute (EventBridge Scheduler User Guide, "Schedule types"), so two runs may begin two minutes apart. If many
//! pods change, a run therefore follows the changes until its minute is nearly over.
//!
//! What the API server has forgotten is lost; the next listing is then all that there is, as if there were no replays. A line tells only
//! what the deleted object proves.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use hookline_kubernetes::{Caller, Cluster, Event, Reader, RequestFailure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::aws::Aws;
use crate::error::{Error, Result};
use crate::extract::{FOR_REPORT, Settings, in_time, not_encoded};
use crate::object::Object;
use crate::objects::{Node, Pod};
use crate::payload::Payload;
use crate::record::{DeletedRecord, PodRecord, Record, Zone, node_of};

/// How long the API server sends events. It sends a bookmark two seconds before the end
/// (`k8s.io/apiserver`, `storage/cacher/cache_watcher.go`), which ends the replay.
const WATCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after its scheduled time a run may follow the changes. The next one may begin after a minute, where this one ended.
const FOLLOW_UNTIL: Duration = Duration::from_secs(58);

/// What a run leaves for the next one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    /// The cluster's endpoint. A new cluster of the same name has another one, and other versions.
    endpoint: String,
    /// The version after which the next watch begins.
    resource_version: String,
}

/// Why deletions are missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// No run remembered where it ended: this is the first one, or the function may not read what it wrote.
    First,
    /// The API server has forgotten what happened since then.
    Forgotten,
    /// The cluster's role does not allow to watch pods.
    Refused,
}

/// What a run with `deletedPods` returns.
#[derive(Debug, Serialize)]
pub struct Outcome {
    bucket: String,
    /// `None` if nothing is to be written.
    key: Option<String>,
    deleted: u64,
    bytes: usize,
    missed: Option<Missed>,
}

/// Replays the watch, and writes the pods that were deleted.
///
/// # Errors
/// Returns an [`Error`] if they are not written. The next run then begins where this one did.
pub async fn run(
    aws: &Aws,
    payload: &Payload,
    settings: Settings,
    until: Instant,
    deadline: Instant,
) -> Result<Outcome> {
    const STEP: &str = "replay the watch of the pods";
    let replay = in_time(until, STEP, Box::pin(replay(aws, payload, settings, until))).await?;
    let Replay {
        object,
        deleted,
        state,
        missed,
    } = replay;
    let before_report = deadline.checked_sub(FOR_REPORT).unwrap_or(deadline);
    let bytes = object
        .finish()
        .map_err(|error| not_encoded(payload, &error))?;
    let bytes = bytes.bytes;
    let mut outcome = Outcome {
        bucket: payload.bucket.clone(),
        key: None,
        deleted,
        bytes: 0,
        missed,
    };
    if deleted > 0 {
        outcome.key = Some(payload.key.clone());
        outcome.bytes = bytes.len();
        let storing = Box::pin(aws.store(payload, bytes));
        in_time(before_report, "write the object", storing).await?;
    }
    // After the object: a run that fails before it leaves everything to the next one.
    if let Some(state) = state {
        let state = serde_json::to_vec(&state).map_err(|error| not_encoded(payload, &error))?;
        let storing = Box::pin(aws.store_watch_state(payload, state));
        in_time(before_report, "remember where it ended", storing).await?;
    }
    info!(deleted, key = outcome.key, "deleted pods written");
    Ok(outcome)
}

struct Replay {
    object: Object,
    deleted: u64,
    /// `None` if what is remembered stays.
    state: Option<State>,
    missed: Option<Missed>,
}

async fn replay(
    aws: &Aws,
    payload: &Payload,
    settings: Settings,
    until: Instant,
) -> Result<Replay> {
    let (config, principal) = aws.reader(payload).await?;
    let caller = Caller::new(config, principal)?;
    let cluster = Cluster::find(&payload.cluster, &caller).await?;
    let reader = cluster.reader(settings.backoff, until);
    let state = |resource_version: &str| State {
        endpoint: cluster.endpoint().to_owned(),
        resource_version: resource_version.to_owned(),
    };
    let remembered = aws.watch_state(payload).await?;
    let remembered = remembered.and_then(|json| serde_json::from_slice::<State>(&json).ok());
    let remembered = remembered.filter(|state| state.endpoint == cluster.endpoint());
    let mut deletions = Deletions::new(&reader, payload);
    let missed = match &remembered {
        None => {
            let why = "nothing tells where the last run ended: this is the first one, or the function's role may not s3:GetObject";
            log(Missed::First, why);
            Some(Missed::First)
        }
        Some(from) => {
            match deletions
                .read(&from.resource_version, settings, until)
                .await
            {
                Ok(()) => None,
                Err(error) => Some(missed_by(error)?),
            }
        }
    };
    let state = match missed {
        None => Some(state(&deletions.resource_version)),
        Some(Missed::Refused) => None,
        // From now on.
        Some(Missed::First | Missed::Forgotten) => {
            let mut pods = reader.list::<Pod>(1);
            pods.next_page().await?;
            pods.resource_version().map(state)
        }
    };
    Ok(Replay {
        object: deletions.object,
        deleted: deletions.count,
        state: state.filter(|state| remembered.as_ref() != Some(state)),
        missed,
    })
}

/// What a failed watch means. Any other failure is an error.
fn missed_by(error: Error) -> Result<Missed> {
    let failure = match &error {
        Error::Kubernetes(kubernetes) => kubernetes.failure(),
        _ => None,
    };
    let missed = match failure {
        Some(RequestFailure::Expired { .. }) => Missed::Forgotten,
        Some(RequestFailure::Forbidden { .. }) => Missed::Refused,
        _ => return Err(error),
    };
    log(missed, &error.to_string());
    Ok(missed)
}

/// A metric filter counts these lines by their cluster (cdk/lib/traffic/metrics.ts).
fn log(missed: Missed, error: &str) {
    warn!(reason = ?missed, error, "deletions missed");
}

/// The deletions that a watch shows, in an object.
struct Deletions<'a> {
    reader: &'a Reader,
    payload: &'a Payload,
    started_at: Timestamp,
    /// The nodes of deleted pods by their name; `None` for one that does not exist.
    nodes: HashMap<String, Option<Node>>,
    object: Object,
    count: u64,
    /// How many pods were created, changed or deleted.
    changes: u64,
    /// The version of the last event.
    resource_version: String,
}

/// How a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everything until now was sent.
    Bookmark,
    /// The API server ended it.
    TimeOut,
    /// It took too long, or broke off. What was read is true all the same.
    Early,
}

impl<'a> Deletions<'a> {
    fn new(reader: &'a Reader, payload: &'a Payload) -> Self {
        Self {
            reader,
            payload,
            started_at: Timestamp::now(),
            nodes: HashMap::new(),
            object: Object::new(),
            count: 0,
            changes: 0,
            resource_version: String::new(),
        }
    }

    /// Catches up with the present: until a bookmark says that everything until now was sent, or nothing more comes. After many changes,
    /// follows them. The next run goes on after the last event.
    async fn read(&mut self, from: &str, settings: Settings, until: Instant) -> Result<()> {
        from.clone_into(&mut self.resource_version);
        let limit = until.min(Instant::now() + settings.replay_limit);
        loop {
            let before = self.changes;
            match self.watch(WATCH_TIMEOUT, limit, true).await? {
                // There may be more.
                End::TimeOut if self.changes > before => {}
                End::TimeOut | End::Bookmark => break,
                End::Early => return Ok(()),
            }
        }
        // Nothing, if the run is started by hand for an hour of the past.
        let since = Timestamp::now().duration_since(self.payload.scheduled_at);
        let since = Duration::try_from(since).unwrap_or_default();
        let left = FOLLOW_UNTIL.saturating_sub(since);
        if self.changes > settings.follow_above && left >= Duration::from_secs(1) {
            let limit = until.min(Instant::now() + left + FOR_REPORT);
            if let Err(error) = self.watch(left, limit, false).await {
                warn!(%error, "the watch failed: the next run goes on from here");
            }
        }
        Ok(())
    }

    /// Reads the events of one watch. An event is true whenever it comes, so nothing depends on their order.
    async fn watch(&mut self, timeout: Duration, limit: Instant, to_bookmark: bool) -> Result<End> {
        let mut watch = self.reader.watch::<Pod>(&self.resource_version, timeout);
        let mut is_new = false;
        loop {
            let Ok(event) = timeout_at(limit, watch.next_event()).await else {
                warn!("the watch takes too long: the next run goes on from here");
                return Ok(End::Early);
            };
            let mut is_bookmark = false;
            match event {
                Ok(Some(Event::Bookmark)) => is_bookmark = true,
                Ok(Some(Event::Changed)) => self.changes += 1,
                Ok(Some(Event::Deleted(pod))) => {
                    self.changes += 1;
                    self.write(&pod).await?;
                }
                Ok(None) => return Ok(End::TimeOut),
                Err(error) if is_new => {
                    warn!(%error, "the watch broke off: the next run goes on from here");
                    return Ok(End::Early);
                }
                Err(error) => return Err(error.into()),
            }
            is_new = true;
            watch
                .resource_version()
                .clone_into(&mut self.resource_version);
            if is_bookmark && to_bookmark {
                return Ok(End::Bookmark);
            }
        }
    }

    /// Writes a pod, if it proves that it had an address, and since when.
    async fn write(&mut self, pod: &Pod) -> Result<()> {
        let has_network = pod.network_time().is_some() && !pod.ips().is_empty();
        if pod.spec.host_network || !has_network {
            return Ok(());
        }
        if let Some(name) = node_of(pod)
            && let Entry::Vacant(unknown) = self.nodes.entry(name.to_owned())
        {
            unknown.insert(self.reader.get::<Node>(name).await?);
        }
        let node = node_of(pod).and_then(|name| self.nodes.get(name)?.as_ref());
        // A node's name comes from its address, and the next instance with the address has the same name.
        let node = node.filter(|node| node.metadata.creation_timestamp <= pod.start_time());
        let zone = node.map(Zone::of);
        let grouping = &self.payload.grouping;
        let record = Record::Deleted(DeletedRecord {
            pod: PodRecord::of(
                &self.payload.cluster,
                pod,
                zone.as_ref(),
                grouping,
                self.started_at,
            ),
            instance_id: node.and_then(Node::instance_id),
        });
        let written = self.object.write(&record);
        written.map_err(|error| not_encoded(self.payload, &error))?;
        self.count += 1;
        Ok(())
    }
}
