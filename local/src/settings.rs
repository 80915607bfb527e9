//! The settings of the fake AWS: its account and Region, its delays, and how far it deviates from
//! the ideal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::buckets::Bucket;
use crate::node::NodeSettings;

/// A range of durations. Each call draws one evenly.
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

/// The settings of a fake AWS. By default nothing lags, nothing is throttled, and what takes
/// minutes in AWS takes a second.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Region's name.
    pub region: String,
    /// The account's number.
    pub account: String,
    /// Names of the Availability Zones; a zone's id is made from its position.
    pub availability_zones: Vec<String>,
    /// The instance types that a zone does not offer, by the zone's name. A zone offers all others.
    pub types_not_offered: BTreeMap<String, BTreeSet<String>>,
    /// The seed of everything random.
    pub seed: u64,
    /// The date and time at the start; the machine's own when `None`.
    pub started_at: Option<Timestamp>,

    /// How long a call takes: half before it takes effect, half after.
    pub latency: Latency,
    /// Other latencies for single actions, by name.
    pub latency_of: BTreeMap<String, Latency>,
    /// Whether calls are throttled by token buckets (EC2 Developer Guide, "Request throttling for
    /// the Amazon EC2 API").
    pub throttle: bool,
    /// Other buckets for single actions, by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// How many calls the call log keeps. The oldest leave it first.
    pub call_log_limit: usize,

    /// How far EC2's Describe calls lag behind the current state, for instances and network
    /// interfaces (EC2 Developer Guide, "Eventual consistency in the Amazon EC2 API").
    pub describe_lag: Duration,
    /// Whether each Describe call lags by a random part of `describe_lag` instead of all of it. A
    /// later answer can then be older than an earlier one.
    pub describe_lag_varies: bool,
    /// For how long after a launch DescribeInstances and CreateTags answer
    /// `InvalidInstanceID.NotFound`.
    pub instance_not_found_for: Duration,
    /// For how long after a launch DescribeInstances shows an instance without any tag (EC2
    /// Developer Guide, "Eventual consistency in the Amazon EC2 API").
    pub instance_tags_not_shown_for: Duration,
    /// For how long after a creation Attach, Modify, Delete and CreateTags answer
    /// `InvalidNetworkInterfaceID.NotFound`.
    pub interface_not_found_for: Duration,

    /// How long an instance is `pending`.
    pub instance_pending_for: Duration,
    /// Other times for single instance types, by name. AWS promises no time. Nodes in the field are
    /// `pending` for some seconds; bare metal, large volumes and scarce capacity take minutes.
    pub pending_for_type: BTreeMap<String, Latency>,
    /// How long after a launch DescribeInstances does not show the instance's volumes yet.
    pub volume_attach_for: Duration,
    /// How long an instance is `shutting-down`.
    pub shutdown_for: Duration,
    /// For how long a terminated instance is still described. On AWS it is about an hour (EC2 User
    /// Guide, "Terminate Amazon EC2 instances").
    pub terminated_visible_for: Duration,
    /// How long an attachment is `attaching`.
    pub attach_for: Duration,
    /// How long an attachment is `detaching`.
    pub detach_for: Duration,
    /// How long after a RunInstances call by Auto Scaling CloudTrail's event comes. `None`: there
    /// is no trail, and so no event.
    pub trail_delivers_after: Option<Duration>,
    /// The account's quota of network interfaces per Region (5,000 by default on AWS).
    pub network_interface_limit: usize,
    /// The token bucket of StartExecution: how many at once, and how many more each second (Step Functions Developer Guide, "Quotas":
    /// those of us-west-2). Service Quotas tells it; nothing is throttled by it.
    pub start_execution_bucket: (u32, u32),
    /// The software of the instances: they boot, and kubelet and the VPC CNI start. `None`: an
    /// instance that runs does nothing.
    pub node: Option<NodeSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: "us-west-2".to_owned(),
            account: "123456789012".to_owned(),
            availability_zones: ["us-west-2a", "us-west-2b", "us-west-2c"]
                .map(str::to_owned)
                .to_vec(),
            types_not_offered: BTreeMap::new(),
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
            instance_tags_not_shown_for: Duration::ZERO,
            interface_not_found_for: Duration::ZERO,
            instance_pending_for: Duration::from_secs(1),
            pending_for_type: BTreeMap::new(),
            volume_attach_for: Duration::ZERO,
            shutdown_for: Duration::from_secs(1),
            terminated_visible_for: Duration::from_secs(3600),
            attach_for: Duration::from_millis(500),
            detach_for: Duration::from_millis(500),
            trail_delivers_after: None,
            network_interface_limit: 5000,
            start_execution_bucket: (1_300, 300),
            node: None,
        }
    }
}

impl Settings {
    /// The defaults, with a fixed start (2026-01-01) so that histories can be compared.
    #[must_use]
    pub fn for_tests() -> Self {
        Self {
            started_at: Some(Timestamp::constant(1_767_225_600, 0)),
            ..Self::default()
        }
    }

    /// Whether a zone offers an instance type.
    #[must_use]
    pub fn offers(&self, zone: &str, instance_type: &str) -> bool {
        let missing = self.types_not_offered.get(zone);
        missing.is_none_or(|types| !types.contains(instance_type))
    }

    /// How long an instance of this type is `pending`.
    #[must_use]
    pub fn pending_of(&self, instance_type: &str) -> Latency {
        let of_type = self.pending_for_type.get(instance_type).copied();
        of_type.unwrap_or(Latency::fixed(self.instance_pending_for))
    }

    /// The latency of an action.
    #[must_use]
    pub fn latency_of(&self, action: &str) -> Latency {
        self.latency_of.get(action).copied().unwrap_or(self.latency)
    }
}
