//! The function: lists a cluster's nodes, pods and Services, and writes them as one object; or the pods that were deleted.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_config::SdkConfig;
use hookline_kubernetes::Error::Request;
use hookline_kubernetes::{Backoff, Caller, Cluster, Reader, RequestFailure};
use hookline_runtime::Invocation;
use hookline_runtime::logs::log_end;
use hookline_runtime::payload::log_field;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, info, info_span, warn};

use crate::attached::AttachedRecord;
use crate::aws::Aws;
use crate::deleted_pods;
use crate::error::{Error, Result};
use crate::instances;
use crate::interfaces;
use crate::kubernetes_services::{self, Selections};
use crate::object::{Finished, Object};
use crate::objects::{Node, Pod};
use crate::payload::Payload;
use crate::record::{
    InstanceRecord, InterfaceRecord, MissingRecord, NodeRecord, Part, PodRecord, Reason, Record,
    ServiceRecord, Zone, node_of,
};

/// The limits of a run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many objects a page has at most. kubectl uses 500 as well: some 4 MB of pods.
    pub page_size: u32,
    /// How many listings are started at most. Each one after the first follows a list that expired
    /// before its end.
    pub max_listings: u32,
    /// The retries of one request.
    pub backoff: Backoff,
    /// How long a replay may take that catches up with the present.
    pub replay_limit: Duration,
    /// After how many changes of pods a run follows them until the next run begins.
    pub follow_above: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page_size: 500,
            max_listings: 3,
            backoff: Backoff::default(),
            replay_limit: Duration::from_secs(30),
            // The API server remembers 100.
            follow_above: 40,
        }
    }
}

/// What the function returns to the state machine.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    bucket: &'a str,
    key: &'a str,
    pods: u64,
    nodes: u64,
    /// `None` if EC2 did not describe them.
    instances: Option<u64>,
    /// `None` if EC2 did not describe them.
    interfaces: Option<u64>,
    /// The Kubernetes Services that select pods. `None` if the cluster did not list them.
    services: Option<u64>,
    bytes: usize,
}

/// How much there is beside nodes and pods.
#[derive(Debug, Clone, Copy)]
struct Described {
    /// `None` if EC2 did not describe the instances.
    instances: Option<u64>,
    /// `None` if EC2 did not describe the interfaces.
    interfaces: Option<u64>,
    /// `None` if the cluster did not list the Services.
    services: Option<u64>,
}

/// The part of the function's time that is reserved for the upload.
const FOR_UPLOAD: Duration = Duration::from_secs(15);
/// The part of the time for the listing that is reserved to compress and write the instances.
const FOR_INSTANCES: Duration = Duration::from_secs(2);
/// The part of the function's time that is reserved to report an error.
pub(crate) const FOR_REPORT: Duration = Duration::from_secs(1);

/// Handles one invocation.
///
/// # Errors
/// Returns an [`Error`] if the object is not written.
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
        log_end(started, None, &result, Error::error_type);
        result
    }
    .instrument(span)
    .await
}

async fn run(aws: &Aws, payload: Value, deadline: Instant, settings: Settings) -> Result<Value> {
    let payload = Payload::read(payload)?;
    let before = |reserve| deadline.checked_sub(reserve).unwrap_or(deadline);
    let until = before(FOR_UPLOAD);
    if payload.deleted_pods {
        let outcome = deleted_pods::run(aws, &payload, settings, until, deadline).await?;
        return serde_json::to_value(outcome).map_err(|error| not_encoded(&payload, &error));
    }
    let listing = Box::pin(list_cluster(aws, &payload, settings, until));
    let (object, described) = in_time(until, "list nodes and pods", listing).await?;
    let Described {
        instances,
        interfaces,
        services,
    } = described;
    let (nodes, pods, bytes) = (object.nodes, object.pods, object.bytes.len());
    let storing = Box::pin(aws.store(&payload, object.bytes));
    in_time(before(FOR_REPORT), "write the object", storing).await?;
    // A metric filter counts these lines by their cluster (cdk/lib/traffic/metrics.ts).
    info!(
        nodes,
        pods,
        instances,
        interfaces,
        services,
        bytes,
        key = payload.key,
        "written"
    );
    let outcome = Outcome {
        bucket: &payload.bucket,
        key: &payload.key,
        pods,
        nodes,
        instances,
        interfaces,
        services,
        bytes,
    };
    serde_json::to_value(outcome).map_err(|error| not_encoded(&payload, &error))
}

/// What `work` returns, or [`Error::OutOfTime`] if it is not done by `until`.
pub(crate) async fn in_time<T>(
    until: Instant,
    step: &'static str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let done = timeout_at(until, work).await;
    done.unwrap_or(Err(Error::OutOfTime { step }))
}

async fn list_cluster(
    aws: &Aws,
    payload: &Payload,
    settings: Settings,
    until: Instant,
) -> Result<(Finished, Described)> {
    let (config, principal) = aws.reader(payload).await?;
    let caller = Caller::new(config.clone(), principal)?;
    let cluster = Cluster::find(&payload.cluster, &caller).await?;
    let reader = cluster.reader(settings.backoff, until);
    let mut listings = 1;
    loop {
        let listing = Listing::new(
            &reader,
            payload,
            (&config, principal),
            cluster.vpc_id(),
            until,
        );
        let detail = match listing.run(settings.page_size).await {
            Ok((object, described)) => {
                let finished = object.finish();
                let finished = finished.map_err(|error| not_encoded(payload, &error))?;
                return Ok((finished, described));
            }
            Err(Error::Kubernetes(Request {
                failure: RequestFailure::Expired { detail },
                ..
            })) => detail,
            Err(error) => return Err(error),
        };
        if listings >= settings.max_listings {
            return Err(Error::ListExpired {
                cluster: payload.cluster.clone(),
                listings,
                detail,
            });
        }
        warn!(listings, detail, "the list expired and starts again");
        listings += 1;
    }
}

/// One listing. The next one starts with an empty object, so that a listing that ends early leaves
/// no records behind.
struct Listing<'a> {
    reader: &'a Reader,
    payload: &'a Payload,
    /// Who asks EC2.
    caller: (&'a SdkConfig, &'a str),
    /// When the listing must end.
    until: Instant,
    observed_at: Timestamp,
    /// The VPC whose interfaces are described.
    vpc_id: Option<&'a str>,
    /// The cluster's EC2 instances.
    instance_ids: HashSet<String>,
    /// The zone of each node, by the name of the node. `None` for a node that does not exist.
    zones: HashMap<String, Option<Zone>>,
    /// What the Services select of the pods so far, or why the cluster did not list them.
    selections: Result<Selections, Reason>,
    object: Object,
}

impl<'a> Listing<'a> {
    fn new(
        reader: &'a Reader,
        payload: &'a Payload,
        caller: (&'a SdkConfig, &'a str),
        vpc_id: Option<&'a str>,
        until: Instant,
    ) -> Self {
        Self {
            reader,
            payload,
            caller,
            until,
            observed_at: Timestamp::now(),
            vpc_id,
            instance_ids: HashSet::new(),
            zones: HashMap::new(),
            selections: Ok(Selections::default()),
            object: Object::new(),
        }
    }

    /// The object, and how much it has beside nodes and pods.
    async fn run(mut self, page_size: u32) -> Result<(Object, Described)> {
        let mut nodes = self.reader.list::<Node>(page_size);
        while let Some(page) = nodes.next_page().await? {
            for node in &page {
                self.node(node)?;
            }
        }
        let services = kubernetes_services::list(self.reader, page_size, self.until).await;
        self.selections = services.map(Selections::new);
        let mut pods = self.reader.list::<Pod>(page_size);
        while let Some(page) = pods.next_page().await? {
            for pod in &page {
                self.pod(pod).await?;
            }
        }
        let described = Described {
            instances: self.instances().await?,
            interfaces: self.interfaces().await?,
            services: self.services()?,
        };
        Ok((self.object, described))
    }

    /// When EC2 must have described what it describes.
    fn until_of_ec2(&self) -> Instant {
        self.until.checked_sub(FOR_INSTANCES).unwrap_or(self.until)
    }

    /// Writes the instances. Returns how many there are.
    async fn instances(&mut self) -> Result<Option<u64>> {
        // After `observed_at`: an instance that runs now ran then.
        let (config, principal) = self.caller;
        let until = self.until_of_ec2();
        let described = instances::describe(config, principal, &self.payload.cluster, until).await;
        let described = match described {
            Ok(described) => described,
            Err(reason) => return self.missing(Part::Instances, reason),
        };
        let mut count = 0;
        for instance in &described {
            let record = InstanceRecord::of(&self.payload.cluster, instance, self.observed_at);
            write(&mut self.object, self.payload, &Record::Instance(record))?;
            for record in AttachedRecord::all(&self.payload.cluster, instance, self.observed_at) {
                write(&mut self.object, self.payload, &Record::Attached(record))?;
            }
            self.instance_ids.insert(instance.id.clone());
            count += 1;
        }
        Ok(Some(count))
    }

    /// Writes the interfaces of the VPC that are not the cluster's. Returns how many there are.
    async fn interfaces(&mut self) -> Result<Option<u64>> {
        let Some(vpc_id) = self.vpc_id else {
            return Ok(None);
        };
        let (config, principal) = self.caller;
        let until = self.until_of_ec2();
        let own = &self.instance_ids;
        let described = interfaces::describe(config, principal, vpc_id, own, until).await;
        let described = match described {
            Ok(described) => described,
            Err(reason) => return self.missing(Part::Interfaces, reason),
        };
        let mut count = 0;
        for interface in &described {
            let record = InterfaceRecord::of(&self.payload.cluster, interface, self.observed_at);
            write(&mut self.object, self.payload, &Record::Interface(record))?;
            count += 1;
        }
        Ok(Some(count))
    }

    /// Writes the Services that select pods. Returns how many there are.
    fn services(&mut self) -> Result<Option<u64>> {
        let selections = match &self.selections {
            Ok(selections) => selections,
            Err(reason) => return self.missing(Part::Services, *reason),
        };
        let mut count = 0;
        for (service, selected) in selections.with_pods() {
            let cluster = &self.payload.cluster;
            let record = ServiceRecord::of(cluster, service, selected, self.observed_at);
            write(&mut self.object, self.payload, &Record::Service(record))?;
            count += 1;
        }
        Ok(Some(count))
    }

    /// Writes that a part is missing, and why. Returns that there is no count of it.
    fn missing(&mut self, part: Part, reason: Reason) -> Result<Option<u64>> {
        let record = MissingRecord {
            cluster: &self.payload.cluster,
            name: part,
            phase: reason,
            observed_at: self.observed_at,
        };
        write(&mut self.object, self.payload, &Record::Missing(record))?;
        Ok(None)
    }

    fn node(&mut self, node: &Node) -> Result<()> {
        self.zones
            .insert(node.metadata.name.clone(), Some(Zone::of(node)));
        self.instance_ids
            .extend(node.instance_id().map(ToOwned::to_owned));
        let record = NodeRecord::of(&self.payload.cluster, node, self.observed_at);
        write(&mut self.object, self.payload, &Record::Node(record))
    }

    async fn pod(&mut self, pod: &Pod) -> Result<()> {
        // The list of pods is newer than the list of nodes. A node may have joined in between.
        if let Some(name) = node_of(pod)
            && !self.zones.contains_key(name)
        {
            match self.reader.get::<Node>(name).await? {
                Some(node) => self.node(&node)?,
                None => {
                    self.zones.insert(name.to_owned(), None);
                }
            }
        }
        if let Ok(selections) = &mut self.selections {
            selections.add(pod, &self.payload.grouping);
        }
        let zone = node_of(pod).and_then(|name| self.zones.get(name)?.as_ref());
        let record = PodRecord::of(
            &self.payload.cluster,
            pod,
            zone,
            &self.payload.grouping,
            self.observed_at,
        );
        write(&mut self.object, self.payload, &Record::Pod(record))
    }
}

fn write(object: &mut Object, payload: &Payload, record: &Record<'_>) -> Result<()> {
    let written = object.write(record);
    written.map_err(|error| not_encoded(payload, &error))
}

pub(crate) fn not_encoded(payload: &Payload, error: &dyn std::fmt::Display) -> Error {
    Error::UploadFailed {
        bucket: payload.bucket.clone(),
        key: payload.key.clone(),
        detail: format!("its content could not be encoded: {error}"),
    }
}
