//! How many invocations of each function a scale-out has at once.
//!
//! An execution invokes one function after the other. So N launches have at most N invocations at
//! once, of one function and of all together. Fewer are enough: EC2's buckets let launches go on at
//! a rate, after a burst. As many invocations are needed as launches come in the time that those of
//! one launch take (Little's law), and those of the burst. With more, calls only wait for EC2. With
//! fewer, launches wait for Lambda (`TooManyRequestsException`, which the state machine retries).
//!
//! `tests/suites/tests/simulation.rs` holds these numbers against scale-outs in virtual time.

use serde::Serialize;

use super::after_continue::is_at_once;
use super::demand::Demand;
use super::tag_turn;
use crate::profile::Profile;

/// The invocations of one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionConcurrency {
    /// The function's name, without the deployment's.
    pub function: &'static str,
    /// With so many at once, the scale-out takes at most 5 % longer.
    pub needed: usize,
    /// So many at once are there at most, if nothing limits them.
    pub at_most: usize,
}

/// The invocations of all functions of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Concurrency {
    /// With so many at once, of all functions together, the scale-out takes at most 5 % longer.
    pub needed: usize,
    /// So many at once are there at most: one for each launch.
    pub at_most: usize,
    /// Each function, in the order in which a launch invokes them.
    pub functions: Vec<FunctionConcurrency>,
}

/// What paces the launches that come to a function.
#[derive(Clone, Copy)]
enum Pace {
    /// The turns to be tagged. Launches may come all at once, before they know these.
    Tags,
    /// The turns of launches. Of the buckets, the one with the longest interval counts here: the
    /// burst of another may be smaller, so no more launches than these go at once.
    Turns,
    /// The rate of DeleteOnTermination after CONTINUE. Launches wait for the end of the scale-out,
    /// so they may come all at once.
    DeleteOnTermination,
}

/// How long the invocations of one launch take together, in milliseconds: the means of scale-outs that
/// EC2 throttles little, rounded up, with the latencies of docs/performance.md ("What is modelled").
const TAG_NODE: i64 = 2_500;
const PLAN_INTERFACES: i64 = 2_500;
const CREATE_INTERFACES: i64 = 1_500;
/// It waits until the instance runs.
const ATTACH_INTERFACES: i64 = 12_000;
const COMPLETE_HOOK: i64 = 1_500;
/// Not measured, as the scale-out simulator has no cluster: five looks until the node registers, with
/// four calls each.
const REMOVE_STARTUP_TAINT: i64 = 12_000;
const SET_DELETE_ON_TERMINATION: i64 = 4_000;

impl Concurrency {
    /// The invocations of a scale-out of so many nodes of a profile, which are launched at once.
    #[must_use]
    pub fn of(profile: &Profile, nodes: usize) -> Self {
        let wired = !profile.slots.is_empty();
        let unready = i64::try_from(nodes).unwrap_or(i64::MAX);
        let later = wired && !is_at_once(profile, unready);
        let functions = [
            ("tag-node", TAG_NODE, Pace::Tags, true),
            ("plan-interfaces", PLAN_INTERFACES, Pace::Tags, wired),
            ("create-interfaces", CREATE_INTERFACES, Pace::Turns, wired),
            ("attach-interfaces", ATTACH_INTERFACES, Pace::Turns, wired),
            ("complete-hook", COMPLETE_HOOK, Pace::Turns, true),
            (
                "remove-startup-taint",
                REMOVE_STARTUP_TAINT,
                Pace::Turns,
                profile.startup_taint.is_some(),
            ),
            (
                "set-delete-on-termination",
                SET_DELETE_ON_TERMINATION,
                Pace::DeleteOnTermination,
                later,
            ),
        ];
        let functions = functions
            .into_iter()
            .map(|(function, milliseconds, pace, invoked)| {
                let launches = if invoked { nodes } else { 0 };
                let (needed, at_most) = pace.at_once(profile, milliseconds);
                FunctionConcurrency {
                    function,
                    needed: needed.min(launches),
                    at_most: at_most.min(launches),
                }
            });
        let mut all = Self {
            needed: 0,
            at_most: nodes,
            functions: functions.collect(),
        };
        all.needed = all.needed_by(|_| true);
        all
    }

    /// How many invocations of these functions are needed at once, of all of them together.
    #[must_use]
    pub fn needed_by(&self, mut counts: impl FnMut(&str) -> bool) -> usize {
        let functions = self.functions.iter().filter(|it| counts(it.function));
        let needed = functions.fold(0, |sum: usize, it| sum.saturating_add(it.needed));
        needed.min(self.at_most)
    }
}

impl Pace {
    /// How many invocations that take so long are needed at once, and how many there are at most,
    /// of however many launches.
    fn at_once(self, profile: &Profile, milliseconds: i64) -> (usize, usize) {
        let launches = |count| usize::try_from(count).unwrap_or(usize::MAX);
        match self {
            Self::Tags => {
                let demand = tag_turn::demand(profile);
                (
                    launches(demand.launches_coming_in(milliseconds)),
                    usize::MAX,
                )
            }
            Self::Turns => {
                let demands = Demand::of(profile);
                let Some(demand) = Demand::narrowest(&demands) else {
                    return (usize::MAX, usize::MAX);
                };
                let coming = launches(demand.launches_coming_in(milliseconds));
                let needed = launches(demand.burst()).saturating_add(coming);
                // Launches that compute their turns late go together, with what a burst leaves.
                (needed, needed.saturating_add(launches(demand.reserve())))
            }
            Self::DeleteOnTermination => {
                let demand = Demand::of_delete_on_termination(profile);
                (
                    launches(demand.launches_coming_in(milliseconds)),
                    usize::MAX,
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::four_slots;
    use crate::startup_taint::StartupTaint;

    /// Needed, and at most, of a function.
    fn of(profile: &Profile, nodes: usize, function: &str) -> (usize, usize) {
        let found = Concurrency::of(profile, nodes).functions.into_iter();
        let mut found = found.filter(|it| it.function == function);
        found.next().map(|it| (it.needed, it.at_most)).unwrap()
    }

    /// Four slots, and the VPC CNI: six attributes of a bucket of 100 that gets 5 a second. A launch
    /// comes every 1.225 s, and ten are a burst.
    fn with_cni() -> Profile {
        let mut profile = four_slots();
        profile.request_rates.vpc_cni_interfaces = 1;
        profile
    }

    #[test]
    fn launches_come_to_the_first_functions_all_at_once() {
        // Eight launches a second are tagged, and take 2.5 s each.
        for function in ["tag-node", "plan-interfaces"] {
            assert_eq!(of(&with_cni(), 500, function), (20, 500));
            assert_eq!(of(&with_cni(), 19, function), (19, 19));
        }
    }

    #[test]
    fn turns_and_a_burst_pace_the_functions_after_the_plan() {
        for (function, needed) in [
            ("create-interfaces", 10 + 2),
            ("attach-interfaces", 10 + 10),
            ("complete-hook", 10 + 2),
        ] {
            // Six launches that are late.
            assert_eq!(of(&with_cni(), 500, function), (needed, needed + 6));
            assert_eq!(of(&with_cni(), 3, function), (3, 3));
        }
        // Without the VPC CNI, attaches are the narrowest: one launch in 0.817 s, of a bucket of 50,
        // and seven are a burst.
        let attaches = of(&four_slots(), 500, "attach-interfaces");
        assert_eq!(attaches, (7 + 15, 7 + 15 + 5));
    }

    #[test]
    fn delete_on_termination_that_is_set_at_once_needs_no_invocation() {
        // Sixty tokens serve six launches, with ten attributes each.
        let function = "set-delete-on-termination";
        assert_eq!(of(&with_cni(), 6, function), (0, 0));
        assert_eq!(of(&with_cni(), 7, function), (5, 7));
        assert_eq!(of(&with_cni(), 500, function), (5, 500));
    }

    #[test]
    fn functions_that_the_profile_does_not_need_are_not_invoked() {
        let mut profile = with_cni();
        assert_eq!(of(&profile, 500, "remove-startup-taint"), (0, 0));
        profile.startup_taint = Some(StartupTaint {
            cluster: "prod".to_owned(),
            key: "hookline".to_owned(),
        });
        assert_eq!(of(&profile, 500, "remove-startup-taint"), (20, 26));
        profile.slots.clear();
        for function in [
            "plan-interfaces",
            "create-interfaces",
            "attach-interfaces",
            "set-delete-on-termination",
        ] {
            assert_eq!(of(&profile, 500, function), (0, 0));
        }
        assert_eq!(of(&profile, 500, "tag-node"), (20, 500));
        // Only the bucket of the attributes of the VPC CNI paces these launches.
        profile.request_rates.vpc_cni_interfaces = 0;
        assert_eq!(of(&profile, 500, "complete-hook"), (500, 500));
    }

    #[test]
    fn all_together_need_no_more_than_one_for_each_launch() {
        let small = Concurrency::of(&with_cni(), 10);
        assert_eq!((small.needed, small.at_most), (10, 10));
        let large = Concurrency::of(&with_cni(), 500);
        assert_eq!(large.needed, 20 + 20 + 12 + 20 + 12 + 5);
        assert_eq!(large.at_most, 500);
        assert_eq!(large.needed_by(|function| function != "tag-node"), 69);
        assert_eq!(small.needed_by(|function| function != "tag-node"), 10);
        let none = Concurrency::of(&with_cni(), 0);
        assert_eq!((none.needed, none.at_most), (0, 0));
    }

    #[test]
    fn rates_that_cannot_be_are_no_panic() {
        let mut profile = with_cni();
        for bucket in [
            &mut profile.request_rates.attach_network_interface,
            &mut profile.request_rates.modify_network_interface_attribute,
        ] {
            (bucket.capacity, bucket.refill_per_second) = (0, 0);
        }
        profile.slots.clear();
        profile.request_rates.vpc_cni_interfaces = 0;
        let found = Concurrency::of(&profile, usize::MAX);
        assert_eq!((found.needed, found.at_most), (usize::MAX, usize::MAX));
    }
}
