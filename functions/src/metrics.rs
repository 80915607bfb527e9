//! Metrics, by CloudWatch's embedded metric format: JSON lines on stdout, beside the logs, from which CloudWatch Logs
//! takes the values. No call, no permission, nothing that can fail an invocation.
//!
//! Format: Amazon CloudWatch User Guide, "Specification: Embedded metric format"; limits of dimension values:
//! CloudWatch API Reference, *Dimension*. What each metric means is in `docs/operations.md`.
//!
//! The crates that write this format are a recorder for the whole process (`metrics_cloudwatch_embedded`) or a framework
//! of their own (`metrique`). What is needed here is one JSON object for each set of dimensions.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use hookline_domain::ids::SubnetId;

/// The namespace of all of them.
pub const NAMESPACE: &str = "Hookline";

/// A metric, by the name that it has in CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Nodes whose interfaces were all seen as asked.
    LaunchesWired,
    /// Launches that were given up: ABANDON was accepted.
    LaunchesAbandoned,
    /// Plans that were only to wait.
    LaunchesWaiting,
    /// From the event's time until CONTINUE was accepted.
    EventToContinue,
    /// Verdicts that came when the launch had already ended the other way.
    LateVerdicts,
    /// Creates that EC2 refused for a taken address.
    AddressConflicts,
    /// Attempts that AWS throttled, the SDK's own retries included.
    ThrottledCalls,
    /// IPv4 addresses of a subnet that the profile may still take, after a plan.
    FreeAddresses,
    /// Executions that reconcile started.
    ReconcileStarted,
    /// Launches that reconcile gave up.
    ReconcileAbandoned,
    /// Interfaces of these launches that reconcile released.
    ReconcileReleased,
    /// Interfaces without an owner that reconcile deleted.
    ReconcileDeleted,
    /// What reconcile looked at and did not do.
    ReconcileLeft,
    /// Profiles that reconcile could not read.
    ReconcileRefusedProfiles,
    /// Launches that have been waiting at a hook of Hookline's for too long.
    LaunchesOverdue,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::LaunchesWired,
        Self::LaunchesAbandoned,
        Self::LaunchesWaiting,
        Self::EventToContinue,
        Self::LateVerdicts,
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

/// What a value is about: none or one dimension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Everything.
    All,
    /// `Profile`: the launches of the profile by this name.
    Profile(String),
    /// `SubnetId`
    Subnet(SubnetId),
}

impl Dimension {
    /// A profile, by its name.
    #[must_use]
    pub fn profile(name: &str) -> Self {
        Self::Profile(name.to_owned())
    }

    /// The dimension's name and value.
    fn dimension(&self) -> Option<(&'static str, String)> {
        match self {
            Self::All => None,
            Self::Profile(name) => Some(("Profile", printable(name))),
            Self::Subnet(id) => Some(("SubnetId", id.to_string())),
        }
    }
}

/// CloudWatch takes printable ASCII only, and not blanks alone.
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

/// What is measured in one invocation. Clones share it.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The invocation's start, by two clocks.
    started: Instant,
    started_at: i64,
    values: Arc<Mutex<BTreeMap<Dimension, BTreeMap<Metric, u64>>>>,
}

impl Metrics {
    /// Nothing yet, for an invocation that begins now: `milliseconds` since the epoch.
    #[must_use]
    pub fn starting_at(milliseconds: i64) -> Self {
        Self {
            started: Instant::now(),
            started_at: milliseconds,
            values: Arc::default(),
        }
    }

    /// The time now, in milliseconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.started_at.saturating_add(passed)
    }

    /// Adds to a number of things, from 0. Adding 0 makes CloudWatch get a 0.
    pub fn add(&self, metric: Metric, of: Dimension, number: usize) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let mut values = self.values();
        let value = values.entry(of).or_default().entry(metric).or_default();
        *value = value.saturating_add(number);
    }

    /// Sets a value; the last one counts.
    pub fn set(&self, metric: Metric, of: Dimension, value: u64) {
        self.values().entry(of).or_default().insert(metric, value);
    }

    /// What has been measured, as documents of the embedded metric format; it is gone from here then.
    #[must_use]
    pub fn take(&self) -> Vec<Value> {
        let now = self.now();
        std::mem::take(&mut *self.values())
            .into_iter()
            .map(|(of, values)| document(&of, &values, now))
            .collect()
    }

    /// Writes what has been measured, a line for each document.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn write_to(&self, out: &mut impl Write) -> std::io::Result<()> {
        for document in self.take() {
            // In one piece, so that no log line comes between.
            out.write_all(format!("{document}\n").as_bytes())?;
        }
        out.flush()
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<Dimension, BTreeMap<Metric, u64>>> {
        // Numbers are whole whoever panicked meanwhile.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One document: the values that share their dimensions.
fn document(of: &Dimension, values: &BTreeMap<Metric, u64>, now: i64) -> Value {
    let dimension = of.dimension();
    let keys: Vec<&str> = dimension.iter().map(|(key, _)| *key).collect();
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
    if let Some((key, value)) = dimension {
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

    /// The documents, at a time of their own.
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
    fn a_document_for_each_set_of_dimensions() {
        let metrics = Metrics::starting_at(1_795_252_521_000);
        metrics.add(Metric::AddressConflicts, Dimension::profile("upf"), 1);
        metrics
            .clone()
            .add(Metric::AddressConflicts, Dimension::profile("upf"), 2);
        metrics.set(Metric::EventToContinue, Dimension::profile("upf"), 7_040);
        metrics.add(Metric::ReconcileLeft, Dimension::All, 0);
        assert_eq!(
            at(7, &metrics),
            [
                json!({
                    "_aws": {
                        "Timestamp": 7,
                        "CloudWatchMetrics": [{
                            "Namespace": "Hookline",
                            "Dimensions": [[]],
                            "Metrics": [{"Name": "ReconcileLeft", "Unit": "Count"}],
                        }],
                    },
                    "ReconcileLeft": 0,
                }),
                json!({
                    "_aws": {
                        "Timestamp": 7,
                        "CloudWatchMetrics": [{
                            "Namespace": "Hookline",
                            "Dimensions": [["Profile"]],
                            "Metrics": [
                                {"Name": "EventToContinue", "Unit": "Milliseconds"},
                                {"Name": "AddressConflicts", "Unit": "Count"},
                            ],
                        }],
                    },
                    "Profile": "upf",
                    "EventToContinue": 7_040,
                    "AddressConflicts": 3,
                }),
            ]
        );
        assert_eq!(metrics.take(), Vec::<Value>::new());
    }

    #[test]
    fn all_values_fit_into_one_document() {
        // The format's own limit for one directive.
        assert!(Metric::ALL.len() <= 100);
    }

    #[test]
    fn each_document_is_a_line() {
        let metrics = Metrics::starting_at(0);
        for name in ["a", "b\nc"] {
            metrics.add(Metric::LaunchesWired, Dimension::profile(name), 1);
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
    fn a_dimension_is_what_cloudwatch_takes() {
        assert_eq!(printable("upf us-west-2a"), "upf us-west-2a");
        assert_eq!(printable("Zürich\t1"), "Z?rich?1");
        assert_eq!(printable("  "), "?");
        assert_eq!(printable(""), "?");
    }
}
