//! The least time that EC2's token buckets allow for a scale-out.

use super::demand::Demand;
use crate::profile::{Profile, TokenBucket};

/// Calls that must be made, and the bucket that serves them, which is full at first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calls {
    /// How many calls the bucket allows at once.
    pub capacity: f64,
    /// How many more each second.
    pub refill_per_second: f64,
    /// How many calls there are.
    pub calls: usize,
}

/// The least time in which the buckets serve all calls, in seconds.
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts of calls are far below 2^53
pub fn least_seconds(buckets: impl IntoIterator<Item = Calls>) -> f64 {
    let seconds = |of: Calls| (of.calls as f64 - of.capacity).max(0.0) / of.refill_per_second;
    buckets.into_iter().map(seconds).fold(0.0, f64::max)
}

/// The least time in which the buckets of a profile's request rates allow the last of so many nodes
/// to be ready, in seconds: every interface is created and attached once, and SourceDestCheck is
/// set once where it is false. The VPC CNI's calls on all nodes but the last are added.
#[must_use]
pub fn bound_seconds(profile: &Profile, nodes: usize) -> f64 {
    let with_cni = Demand::of(profile);
    let mut alone = profile.clone();
    alone.request_rates.vpc_cni_interfaces = 0;
    let without = Demand::of(&alone);
    least_seconds(with_cni.iter().zip(without).map(|(with_cni, without)| {
        let TokenBucket {
            capacity,
            refill_per_second,
        } = with_cni.bucket;
        let of_cni = with_cni.calls.saturating_sub(without.calls);
        Calls {
            capacity: capacity.into(),
            refill_per_second: refill_per_second.max(1).into(),
            calls: without
                .calls
                .saturating_mul(nodes)
                .saturating_add(of_cni.saturating_mul(nodes.saturating_sub(1))),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::four_slots;

    #[test]
    fn bound_is_what_docs_performance_says() {
        let mut profile = four_slots();
        profile.request_rates.vpc_cni_interfaces = 1;
        // Four attributes of each of a hundred nodes, two more of 99, of a bucket of 100.
        assert_eq!(bound_seconds(&profile, 100).round(), 100.0);
        assert_eq!(bound_seconds(&profile, 500).round(), 580.0);
        assert_eq!(bound_seconds(&profile, 10), 0.0);
        profile.request_rates.vpc_cni_interfaces = 0;
        // Four hundred attaches, of a bucket of 50.
        assert_eq!(bound_seconds(&profile, 100), 70.0);
        assert_eq!(bound_seconds(&profile, 0), 0.0);
    }

    #[test]
    fn narrowest_bucket_decides() {
        let bucket = |capacity, refill_per_second, calls| Calls {
            capacity,
            refill_per_second,
            calls,
        };
        let buckets = [
            bucket(10.0, 1.0, 30),
            bucket(0.0, 2.0, 50),
            bucket(9.0, 1.0, 9),
        ];
        assert_eq!(least_seconds(buckets), 25.0);
        assert_eq!(least_seconds([]), 0.0);
    }
}
