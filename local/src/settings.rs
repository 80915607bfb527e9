//! What can be set about the simulated AWS: who and where it is, how fast it is, and how awkward.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::buckets::Bucket;

/// A range of durations that one is drawn from, evenly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// At least this long.
    pub min: Duration,
    /// At most this long.
    pub max: Duration,
}

impl Latency {
    /// Always this long.
    #[must_use]
    pub fn fixed(duration: Duration) -> Self {
        Self {
            min: duration,
            max: duration,
        }
    }

    /// Between `min` and `max` milliseconds.
    #[must_use]
    pub fn millis(min: u64, max: u64) -> Self {
        Self {
            min: Duration::from_millis(min),
            max: Duration::from_millis(max),
        }
    }
}

/// The settings of a simulated AWS. The defaults are quick and well-behaved: nothing lags, nothing is
/// throttled, and what takes minutes in AWS takes a second.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Region's name.
    pub region: String,
    /// The account's number.
    pub account: String,
    /// Names of the Availability Zones; a zone's id is made from its position.
    pub availability_zones: Vec<String>,
    /// The seed of everything random.
    pub seed: u64,
    /// The date and time at the start; the machine's own when `None`.
    pub started_at: Option<Timestamp>,

    /// How long a call takes: half before it takes effect, half after.
    pub latency: Latency,
    /// Other latencies for single actions, by name.
    pub latency_of: BTreeMap<String, Latency>,
    /// Whether calls take tokens from buckets and are refused when there are none.
    pub throttle: bool,
    /// Other buckets for single actions, by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// How many calls are remembered; the oldest are forgotten first.
    pub call_log_limit: usize,

    /// How far behind the truth EC2's Describe calls are, for instances and network interfaces.
    pub describe_lag: Duration,
    /// Whether each Describe call lags by a random part of `describe_lag` instead of all of it, so that
    /// a later answer can be older than an earlier one.
    pub describe_lag_varies: bool,
    /// For how long DescribeInstances and CreateTags do not know a launched instance (`InvalidInstanceID.NotFound`).
    pub instance_not_found_for: Duration,
    /// For how long Attach, Modify, Delete and CreateTags do not know a created network interface
    /// (`InvalidNetworkInterfaceID.NotFound`).
    pub interface_not_found_for: Duration,

    /// How long an instance is `pending`.
    pub instance_pending_for: Duration,
    /// How long after a launch the instance's volumes are not shown on it yet.
    pub volume_attach_for: Duration,
    /// How long an instance is `shutting-down`.
    pub shutdown_for: Duration,
    /// For how long a terminated instance can still be described.
    pub terminated_visible_for: Duration,
    /// How long an attachment is `attaching`.
    pub attach_for: Duration,
    /// How long an attachment is `detaching`.
    pub detach_for: Duration,
    /// How long after a call CloudTrail's event comes (RunInstances by Auto Scaling); there is no trail, and so no event, when
    /// `None`.
    pub trail_delivers_after: Option<Duration>,
    /// How many network interfaces the account may have.
    pub network_interface_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: "us-west-2".to_owned(),
            account: "123456789012".to_owned(),
            availability_zones: ["us-west-2a", "us-west-2b", "us-west-2c"]
                .map(str::to_owned)
                .to_vec(),
            seed: 0,
            started_at: None,
            latency: Latency::default(),
            latency_of: BTreeMap::new(),
            throttle: false,
            buckets: BTreeMap::new(),
            call_log_limit: 1_000_000,
            describe_lag: Duration::ZERO,
            describe_lag_varies: false,
            instance_not_found_for: Duration::ZERO,
            interface_not_found_for: Duration::ZERO,
            instance_pending_for: Duration::from_secs(1),
            volume_attach_for: Duration::ZERO,
            shutdown_for: Duration::from_secs(1),
            terminated_visible_for: Duration::from_secs(3600),
            attach_for: Duration::from_millis(500),
            detach_for: Duration::from_millis(500),
            trail_delivers_after: None,
            network_interface_limit: 5000,
        }
    }
}

impl Settings {
    /// A fixed date (2026-01-01) instead of the machine's, for histories that are compared.
    #[must_use]
    pub fn for_tests() -> Self {
        Self {
            started_at: Some(Timestamp::constant(1_767_225_600, 0)),
            ..Self::default()
        }
    }

    /// The latency of an action.
    #[must_use]
    pub fn latency_of(&self, action: &str) -> Latency {
        self.latency_of.get(action).copied().unwrap_or(self.latency)
    }
}
