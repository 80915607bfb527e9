//! One token bucket of EC2 and what a launch takes of it, as the generic cell rate algorithm sees
//! them, with a launch for a cell.
//!
//! The algorithm (ITU-T Recommendation I.371, annex A) has three terms. The *emission interval* is
//! the time between two cells at the rate of the bucket. The *burst tolerance* is how much earlier
//! than its *theoretical arrival time* a cell may come.

use std::cmp::Reverse;

use crate::profile::{Profile, TokenBucket};

/// How much of a full bucket the first launches of a burst use, in tenths. The rest is for other
/// callers of the account, and for launches that take some seconds more or less than others: one
/// that comes early then finds a token instead of a refusal, whose repetition costs more time than
/// the tokens would have saved (docs/performance.md, "Scale-out").
const BURST_TENTHS: i64 = 6;

/// How many hundredths of what a bucket gets launches leave in it. One that runs empty is refilled by
/// these while the scale-out goes on. If launches used it at its full rate, it would stay empty, and
/// every launch after that would be refused and repeat its calls.
const LEFT_BY_LAUNCHES: u8 = 2;

/// A token bucket, and how many of its tokens a launch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The bucket.
    pub bucket: TokenBucket,
    /// How many calls a launch makes.
    pub calls: usize,
    /// How many hundredths of what the bucket gets are left in it, below 100.
    pub left_hundredths: u8,
}

impl Demand {
    /// What a launch of `profile` takes, until its node is ready, of the buckets that are narrow
    /// enough to matter. What the node's VPC CNI takes soon after belongs to it: without room for
    /// that, the VPC CNI of the first nodes would empty the buckets for all launches after them.
    #[must_use]
    pub fn of(profile: &Profile) -> [Self; 3] {
        let interfaces = profile.slots.len() + vpc_cni_interfaces(profile);
        let rates = profile.request_rates;
        [
            (rates.create_network_interface, interfaces),
            (rates.attach_network_interface, interfaces),
            (
                rates.modify_network_interface_attribute,
                attributes(profile),
            ),
        ]
        .map(|(bucket, calls)| Self {
            bucket,
            calls,
            left_hundredths: LEFT_BY_LAUNCHES,
        })
    }

    /// What a launch takes of the attributes' bucket if it sets DeleteOnTermination at once.
    #[must_use]
    pub fn of_all_attributes(profile: &Profile) -> Self {
        Self {
            calls: profile.slots.len() + attributes(profile),
            ..Self::of_delete_on_termination(profile)
        }
    }

    /// What a node takes of the same bucket that sets DeleteOnTermination after CONTINUE. It leaves
    /// nothing: whoever is throttled then stands back for a while.
    #[must_use]
    pub fn of_delete_on_termination(profile: &Profile) -> Self {
        Self {
            bucket: profile.request_rates.modify_network_interface_attribute,
            calls: profile.slots.len(),
            left_hundredths: 0,
        }
    }

    /// The demand that takes longest to serve; of two alike the one with the smaller bucket.
    #[must_use]
    pub fn narrowest(demands: &[Self]) -> Option<&Self> {
        demands
            .iter()
            .max_by_key(|demand| (demand.emission_interval(), Reverse(demand.bucket.capacity)))
    }

    /// The time between two launches at the rate of the bucket, less what is left in it, in
    /// milliseconds, rounded up.
    #[must_use]
    pub fn emission_interval(&self) -> i64 {
        let used = 100 - i64::from(self.left_hundredths.min(99));
        let refill = i64::from(self.bucket.refill_per_second).max(1) * used;
        let taken = milliseconds(self.calls()).saturating_mul(100);
        taken.saturating_add(refill - 1) / refill
    }

    /// How many launches come in so many milliseconds at that rate, rounded up.
    #[must_use]
    pub fn launches_coming_in(&self, milliseconds: i64) -> i64 {
        let interval = self.emission_interval();
        milliseconds
            .saturating_add(interval.saturating_sub(1))
            .checked_div(interval)
            .unwrap_or(i64::MAX)
    }

    /// Whether what a burst takes of a full bucket serves so many launches.
    #[must_use]
    pub fn is_served_by_a_burst(&self, launches: i64) -> bool {
        launches.saturating_mul(self.calls()) <= i64::from(self.bucket.capacity) * BURST_TENTHS / 10
    }

    /// How many launches of a burst may go at once.
    #[must_use]
    pub fn burst(&self) -> i64 {
        self.launches_served_by(BURST_TENTHS)
    }

    /// How many launches are served by what a burst leaves in the bucket.
    #[must_use]
    pub fn reserve(&self) -> i64 {
        self.launches_served_by(10 - BURST_TENTHS)
    }

    /// When a launch that comes at `arrival` conforms, in seconds, rounded up. `before` are the
    /// arrivals of the launches that come first, in order, in seconds since the epoch.
    #[must_use]
    pub fn conforming_time(&self, before: &[i64], arrival: i64) -> i64 {
        let interval = self.emission_interval();
        let burst_tolerance = interval.saturating_mul(self.burst() - 1);
        let theoretical_arrival_time = before.iter().fold(i64::MIN, |time, arrival| {
            time.max(milliseconds(*arrival)).saturating_add(interval)
        });
        let wait = theoretical_arrival_time
            .saturating_sub(burst_tolerance)
            .saturating_sub(milliseconds(arrival));
        arrival.saturating_add(wait.max(0).saturating_add(999) / 1000)
    }

    fn calls(&self) -> i64 {
        i64::try_from(self.calls).unwrap_or(i64::MAX)
    }

    /// How many launches so many tenths of a full bucket serve, at least one.
    fn launches_served_by(&self, tenths: i64) -> i64 {
        (i64::from(self.bucket.capacity) * tenths / 10)
            .checked_div(self.calls())
            .unwrap_or(i64::MAX)
            .max(1)
    }
}

fn vpc_cni_interfaces(profile: &Profile) -> usize {
    usize::try_from(profile.request_rates.vpc_cni_interfaces).unwrap_or(usize::MAX)
}

/// The ModifyNetworkInterfaceAttribute calls of a launch, DeleteOnTermination not counted: for each
/// slot whose SourceDestCheck is not as EC2 creates it, and those of the VPC CNI on a node that
/// starts: DeleteOnTermination of each interface that it adds, and the security groups of the
/// primary one (aws/amazon-vpc-cni-k8s, `pkg/awsutils/awsutils.go`, `AllocENI` and `RefreshSGIDs`).
fn attributes(profile: &Profile) -> usize {
    let slots = profile.slots.iter();
    let source_dest_checks = slots.filter(|slot| !slot.source_dest_check).count();
    let of_vpc_cni = match vpc_cni_interfaces(profile) {
        0 => 0,
        interfaces => interfaces + 1,
    };
    source_dest_checks + of_vpc_cni
}

const fn milliseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::four_slots;

    /// Eight calls a launch of a bucket of 100 tokens that gets five a second.
    fn demand() -> Demand {
        Demand {
            bucket: TokenBucket {
                capacity: 100,
                refill_per_second: 5,
            },
            calls: 8,
            left_hundredths: 0,
        }
    }

    #[test]
    fn emission_interval_is_calls_divided_by_rate_rounded_up() {
        assert_eq!(demand().emission_interval(), 1_600);
        let odd = Demand {
            bucket: TokenBucket {
                capacity: 1,
                refill_per_second: 3,
            },
            calls: 1,
            left_hundredths: 0,
        };
        assert_eq!(odd.emission_interval(), 334);
    }

    #[test]
    fn what_is_left_in_the_bucket_makes_the_interval_longer() {
        let interval = |left_hundredths| {
            let demand = Demand {
                left_hundredths,
                ..demand()
            };
            demand.emission_interval()
        };
        assert_eq!([0, 2, 20].map(interval), [1_600, 1_633, 2_000]);
        // A bucket that leaves all it gets would serve nobody.
        assert_eq!([99, 100, 255].map(interval), [160_000; 3]);
    }

    #[test]
    fn launches_come_one_in_each_interval_and_any_number_where_they_take_nothing() {
        let within = |milliseconds| demand().launches_coming_in(milliseconds);
        assert_eq!([0, 1, 1_600, 1_601].map(within), [0, 1, 1, 2]);
        let nothing = Demand {
            calls: 0,
            ..demand()
        };
        assert_eq!(nothing.launches_coming_in(1), i64::MAX);
    }

    #[test]
    fn burst_and_reserve_are_six_and_four_tenths_of_the_bucket() {
        assert_eq!(demand().burst(), 60 / 8);
        assert_eq!(demand().reserve(), 40 / 8);
        let tiny = Demand {
            calls: 1_000,
            ..demand()
        };
        assert_eq!((tiny.burst(), tiny.reserve()), (1, 1));
        let nothing = Demand {
            calls: 0,
            ..demand()
        };
        assert_eq!(nothing.burst(), i64::MAX);
    }

    #[test]
    fn launch_of_a_burst_conforms_at_once_and_the_next_one_an_interval_later() {
        for (before, wanted) in [(0, 0), (6, 0), (7, 2), (8, 4), (12, 10)] {
            let arrivals = vec![1_000; before];
            assert_eq!(
                demand().conforming_time(&arrivals, 1_000),
                1_000 + wanted,
                "{before}"
            );
        }
    }

    #[test]
    fn bucket_that_had_time_to_refill_serves_a_burst_again() {
        let arrivals = vec![0; 100];
        // A hundred launches take 160 s of refill.
        assert_eq!(demand().conforming_time(&arrivals, 160), 160);
        assert_eq!(demand().conforming_time(&arrivals, 100), 151);
    }

    #[test]
    fn narrowest_demand_takes_longest_and_of_two_alike_has_the_smaller_bucket() {
        let mut profile = four_slots();
        let demands = Demand::of(&profile);
        assert_eq!(demands.map(|demand| demand.calls), [4, 4, 4]);
        assert_eq!(Demand::of_all_attributes(&profile).calls, 8);
        assert_eq!(Demand::of_delete_on_termination(&profile).calls, 4);
        for slot in &mut profile.slots {
            slot.source_dest_check = true;
        }
        let demands = Demand::of(&profile);
        assert_eq!(demands.map(|demand| demand.calls), [4, 4, 0]);
        assert_eq!(Demand::of_all_attributes(&profile).calls, 4);
        // AttachNetworkInterface has 50 tokens, the others 100.
        assert_eq!(Demand::narrowest(&demands).unwrap().bucket.capacity, 50);
    }

    #[test]
    fn calls_of_the_vpc_cni_belong_to_the_launch_of_its_node() {
        let mut profile = four_slots();
        let calls = |interfaces| {
            profile.request_rates.vpc_cni_interfaces = interfaces;
            let [create, attach, modify] = Demand::of(&profile).map(|demand| demand.calls);
            assert_eq!(Demand::of_all_attributes(&profile).calls, modify + 4);
            assert_eq!(Demand::of_delete_on_termination(&profile).calls, 4);
            (create, attach, modify)
        };
        assert_eq!([0, 1, 3].map(calls), [(4, 4, 4), (5, 5, 6), (7, 7, 8)]);
    }
}
