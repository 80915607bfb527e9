//! Metrics in CloudWatch's embedded metric format: JSON lines on stdout, among the logs. CloudWatch
//! Logs extracts the values. This needs no call and no permission, and cannot fail an invocation.
//!
//! Format: Amazon CloudWatch User Guide, "Specification: Embedded metric format"; limits of
//! dimension values: CloudWatch API Reference, *Dimension*. What each metric means is in
//! `docs/operations/metrics.md`.
//!
//! The crates that write this format are a recorder for the whole process
//! (`metrics_cloudwatch_embedded`) or a framework (`metrique`). Hookline needs one JSON object for
//! each set of dimensions.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use hookline_domain::deployment::Deployment;
use hookline_domain::ids::SubnetId;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Hookline";

/// A metric, by its name in CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Nodes whose interfaces were all verified.
    LaunchesWired,
    /// Launches for which Auto Scaling accepted ABANDON.
    LaunchesAbandoned,
    /// Plans that only wait.
    LaunchesWaiting,
    /// The time from the event until Auto Scaling accepted CONTINUE.
    EventToContinue,
    /// Completions that came after the launch had ended the other way.
    LateVerdicts,
    /// Nodes whose launch went on without a tag of the profile.
    NodesWithoutTags,
    /// Creates that EC2 refused because an address was taken.
    AddressConflicts,
    /// Attempts that AWS throttled, the SDK's own retries included.
    ThrottledCalls,
    /// Free IPv4 addresses of a subnet after a plan, as far as the profile may use them.
    FreeAddresses,
    /// Executions that reconcile started.
    ReconcileStarted,
    /// Launches that reconcile abandoned.
    ReconcileAbandoned,
    /// Interfaces of these launches that reconcile released.
    ReconcileReleased,
    /// Orphaned interfaces that reconcile deleted.
    ReconcileDeleted,
    /// What reconcile looked at and skipped.
    ReconcileLeft,
    /// Profiles that reconcile refused as invalid.
    ReconcileRefusedProfiles,
    /// Launches that have been waiting for too long at a launch hook, in a group that a profile
    /// with `hook.complete` covers.
    LaunchesOverdue,
    /// Groups in a launch loop, and those that are braked because of one.
    LaunchLoops,
    /// Launch hooks that are missing, are not as a launch needs them, or that no profile answers.
    HookProblems,
    /// Nodes that are InService, lack interfaces of the profile, and are not older than it.
    NodesWithoutInterfaces,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::LaunchesWired,
        Self::LaunchesAbandoned,
        Self::LaunchesWaiting,
        Self::EventToContinue,
        Self::LateVerdicts,
        Self::NodesWithoutTags,
        Self::AddressConflicts,
        Self::ThrottledCalls,
        Self::FreeAddresses,
        Self::ReconcileStarted,
        Self::ReconcileAbandoned,
        Self::ReconcileReleased,
        Self::ReconcileDeleted,
        Self::ReconcileLeft,
        Self::ReconcileRefusedProfiles,
        Self::LaunchesOverdue,
        Self::LaunchLoops,
        Self::HookProblems,
        Self::NodesWithoutInterfaces,
    ];

    /// CloudWatch's `Unit`.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::EventToContinue => "Milliseconds",
            _ => "Count",
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The variants have CloudWatch's names.
        std::fmt::Debug::fmt(self, f)
    }
}

/// What a value is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Everything in the deployment: the dimension `Deployment`.
    All,
    /// The launches of the profile by this name: `Deployment` and `Profile`.
    Profile(String),
    /// A subnet, which deployments may share: `SubnetId`.
    Subnet(SubnetId),
}

impl Subject {
    /// A profile, by its name.
    #[must_use]
    pub fn profile(name: &str) -> Self {
        Self::Profile(name.to_owned())
    }

    /// The names and values of its dimensions in CloudWatch, in the metrics of this deployment. Two
    /// deployments of one Region may have profiles by the same name.
    #[must_use]
    pub fn dimensions(&self, deployment: &Deployment) -> Vec<(&'static str, String)> {
        let deployment = || ("Deployment", deployment.as_str().to_owned());
        match self {
            Self::All => vec![deployment()],
            Self::Profile(name) => vec![deployment(), ("Profile", printable(name))],
            Self::Subnet(id) => vec![("SubnetId", id.to_string())],
        }
    }
}

/// CloudWatch accepts printable ASCII only, and not only blanks.
fn printable(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| match c {
            ' '..='~' => c,
            _ => '?',
        })
        .collect();
    match text.trim() {
        "" => "?".to_owned(),
        _ => text,
    }
}

/// The values of one invocation. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// When the invocation started: monotonic, and in milliseconds since the epoch.
    started: Instant,
    started_at: i64,
    deployment: Deployment,
    values: Arc<Mutex<BTreeMap<Subject, BTreeMap<Metric, u64>>>>,
}

impl Metrics {
    /// No values, for an invocation of a function of `deployment` that begins now, at `milliseconds`
    /// since the epoch.
    #[must_use]
    pub fn starting_at(milliseconds: i64, deployment: &Deployment) -> Self {
        Self {
            started: Instant::now(),
            started_at: milliseconds,
            deployment: deployment.clone(),
            values: Arc::default(),
        }
    }

    /// The time now, in milliseconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.started_at.saturating_add(passed)
    }

    /// Adds to a count, which begins at 0. Adding 0 sends a 0 to CloudWatch.
    pub fn add(&self, metric: Metric, of: Subject, number: usize) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let mut values = self.values();
        let value = values.entry(of).or_default().entry(metric).or_default();
        *value = value.saturating_add(number);
    }

    /// Sets a value. The last one counts.
    pub fn set(&self, metric: Metric, of: Subject, value: u64) {
        self.values().entry(of).or_default().insert(metric, value);
    }

    /// Removes and returns the values, as documents of the embedded metric format.
    #[must_use]
    pub fn take(&self) -> Vec<Value> {
        let now = self.now();
        std::mem::take(&mut *self.values())
            .into_iter()
            .map(|(of, values)| document(of.dimensions(&self.deployment), &values, now))
            .collect()
    }

    /// Writes the values, one line for each document.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut impl Write) -> std::io::Result<()> {
        for document in self.take() {
            // In one write, so that no log line comes between.
            out.write_all(format!("{document}\n").as_bytes())?;
        }
        out.flush()
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<Subject, BTreeMap<Metric, u64>>> {
        // A panic cannot leave a number half-written.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One document: the values that share their dimensions.
fn document(
    dimensions: Vec<(&'static str, String)>,
    values: &BTreeMap<Metric, u64>,
    now: i64,
) -> Value {
    let keys: Vec<&str> = dimensions.iter().map(|(key, _)| *key).collect();
    let metrics: Vec<Value> = values
        .keys()
        .map(|metric| json!({"Name": metric.to_string(), "Unit": metric.unit()}))
        .collect();
    let mut root = Map::new();
    root.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [keys],
                "Metrics": metrics,
            }],
        }),
    );
    for (key, value) in dimensions {
        root.insert(key.to_owned(), Value::String(value));
    }
    for (metric, value) in values {
        root.insert(metric.to_string(), json!(value));
    }
    Value::Object(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core() -> Deployment {
        Deployment::read("core").unwrap()
    }

    /// The documents, with their time replaced.
    fn at(now: i64, metrics: &Metrics) -> Vec<Value> {
        let mut documents = metrics.take();
        for document in &mut documents {
            let timestamp = &mut document["_aws"]["Timestamp"];
            assert!(timestamp.as_i64() >= Some(metrics.started_at));
            *timestamp = json!(now);
        }
        documents
    }

    #[test]
    fn each_set_of_dimensions_has_a_document() {
        let metrics = Metrics::starting_at(1_795_252_521_000, &core());
        metrics.add(Metric::AddressConflicts, Subject::profile("upf"), 1);
        metrics
            .clone()
            .add(Metric::AddressConflicts, Subject::profile("upf"), 2);
        metrics.set(Metric::EventToContinue, Subject::profile("upf"), 7_040);
        metrics.add(Metric::ReconcileLeft, Subject::All, 0);
        assert_eq!(
            at(7, &metrics),
            [
                json!({
                    "_aws": {
                        "Timestamp": 7,
                        "CloudWatchMetrics": [{
                            "Namespace": "Hookline",
                            "Dimensions": [["Deployment"]],
                            "Metrics": [{"Name": "ReconcileLeft", "Unit": "Count"}],
                        }],
                    },
                    "Deployment": "core",
                    "ReconcileLeft": 0,
                }),
                json!({
                    "_aws": {
                        "Timestamp": 7,
                        "CloudWatchMetrics": [{
                            "Namespace": "Hookline",
                            "Dimensions": [["Deployment", "Profile"]],
                            "Metrics": [
                                {"Name": "EventToContinue", "Unit": "Milliseconds"},
                                {"Name": "AddressConflicts", "Unit": "Count"},
                            ],
                        }],
                    },
                    "Deployment": "core",
                    "Profile": "upf",
                    "EventToContinue": 7_040,
                    "AddressConflicts": 3,
                }),
            ]
        );
        assert_eq!(metrics.take(), Vec::<Value>::new());
    }

    #[test]
    fn all_metrics_fit_into_one_document() {
        // The format's own limit for one directive.
        assert!(Metric::ALL.len() <= 100);
    }

    #[test]
    fn each_document_is_one_line() {
        let metrics = Metrics::starting_at(0, &core());
        for name in ["a", "b\nc"] {
            metrics.add(Metric::LaunchesWired, Subject::profile(name), 1);
        }
        let mut written = Vec::new();
        metrics.write_to(&mut written).unwrap();
        let lines: Vec<Value> = String::from_utf8(written)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["Profile"], "b?c");
    }

    #[test]
    fn dimension_value_is_made_printable() {
        assert_eq!(printable("upf us-west-2a"), "upf us-west-2a");
        assert_eq!(printable("Zürich\t1"), "Z?rich?1");
        assert_eq!(printable("  "), "?");
        assert_eq!(printable(""), "?");
    }
}
