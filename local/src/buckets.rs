//! Token buckets: how AWS limits the rate of API calls, per action, account and Region.
//!
//! EC2's sizes are those of the EC2 Developer Guide ("Request throttling for the Amazon EC2 API").
//! Auto Scaling publishes none, so its calls get the sizes of EC2's classes.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::settings::Settings;

/// The size of a token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// How many calls may come in a burst.
    pub capacity: f64,
    /// How many calls a second are allowed in the long run.
    pub refill_per_second: f64,
}

impl Bucket {
    /// The bucket of an action that is called with filters, ids or pages.
    #[must_use]
    pub fn of(action: &str) -> Self {
        size(action, true)
    }
}

const fn bucket(capacity: f64, refill_per_second: f64) -> Bucket {
    Bucket {
        capacity,
        refill_per_second,
    }
}

const NON_MUTATING: Bucket = bucket(100.0, 20.0);
const UNFILTERED: Bucket = bucket(50.0, 10.0);
const MUTATING: Bucket = bucket(50.0, 5.0);

fn size(action: &str, narrowed: bool) -> Bucket {
    match action {
        "CreateNetworkInterface"
        | "DeleteNetworkInterface"
        | "ModifyNetworkInterfaceAttribute"
        | "AssignPrivateIpAddresses"
        | "UnassignPrivateIpAddresses" => bucket(100.0, 5.0),
        "CreateTags" | "DeleteTags" => bucket(100.0, 10.0),
        "RunInstances" | "TerminateInstances" | "StartInstances" | "StopInstances" => {
            bucket(1000.0, 5.0)
        }
        _ if !is_read(action) => MUTATING,
        _ if narrowed => NON_MUTATING,
        _ => UNFILTERED,
    }
}

fn is_read(action: &str) -> bool {
    ["Describe", "Get", "List", "Search"]
        .iter()
        .any(|prefix| action.starts_with(prefix))
}

/// Whether a Describe call has filters, ids or pages. Others have a smaller bucket.
fn is_narrowed(params: &BTreeMap<String, String>) -> bool {
    params
        .keys()
        .any(|key| !matches!(key.as_str(), "Action" | "Version" | "DryRun" | "NextToken"))
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

/// How full each bucket is.
#[derive(Debug)]
pub(crate) struct Buckets {
    levels: BTreeMap<(String, String, bool), Level>,
}

impl Buckets {
    pub(crate) fn new() -> Self {
        Self {
            levels: BTreeMap::new(),
        }
    }

    /// Takes a token for a call. Returns false if the bucket is empty.
    pub(crate) fn take(
        &mut self,
        settings: &Settings,
        service: &str,
        action: &str,
        params: &BTreeMap<String, String>,
        now: Instant,
    ) -> bool {
        let narrowed = !is_read(action) || is_narrowed(params);
        let bucket = settings
            .buckets
            .get(action)
            .copied()
            .unwrap_or_else(|| size(action, narrowed));
        let level = self
            .levels
            .entry((service.to_owned(), action.to_owned(), narrowed))
            .or_insert(Level {
                tokens: bucket.capacity,
                at: now,
            });
        let refilled =
            now.saturating_duration_since(level.at).as_secs_f64() * bucket.refill_per_second;
        level.tokens = (level.tokens + refilled).min(bucket.capacity);
        level.at = now;
        // A whisker less than one, so that adding up fractions does not cost a token.
        if level.tokens < 1.0 - 1e-9 {
            return false;
        }
        level.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_empties_and_refills_at_its_rate() {
        let settings = Settings::for_tests();
        let mut buckets = Buckets::new();
        let none = BTreeMap::new();
        let mut take = |action: &str| {
            let mut taken = 0;
            while buckets.take(&settings, "ec2", action, &none, Instant::now()) {
                taken += 1;
            }
            taken
        };
        assert_eq!(take("CreateNetworkInterface"), 100);
        assert_eq!(
            take("AttachNetworkInterface"),
            50,
            "each action has its own"
        );
        assert_eq!(take("DescribeNetworkInterfaces"), 50, "unfiltered");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(take("CreateNetworkInterface"), 10);
        assert_eq!(take("DescribeNetworkInterfaces"), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_filtered_describe_has_a_larger_bucket_and_settings_override_sizes() {
        let mut settings = Settings::for_tests();
        settings
            .buckets
            .insert("AttachNetworkInterface".to_owned(), bucket(1.0, 1.0));
        let mut buckets = Buckets::new();
        let filtered = BTreeMap::from([("NetworkInterfaceId.1".to_owned(), "eni-1".to_owned())]);
        let mut take = |action: &str| {
            (0..1000)
                .take_while(|_| buckets.take(&settings, "ec2", action, &filtered, Instant::now()))
                .count()
        };
        assert_eq!(take("DescribeNetworkInterfaces"), 100);
        assert_eq!(take("AttachNetworkInterface"), 1);
    }
}
