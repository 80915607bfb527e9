//! The decision before this one, as the execution's data tell it.

use super::heartbeat::Heartbeat;
use super::wait::Wait;
use crate::execution::{Allocation, Plan, Step, WaitReason};

/// What earlier rounds mean for this decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previous {
    /// The number of this round, from 1. A plan that only waited does not count.
    pub round: u32,
    /// What is left of the last plan's wait, in seconds and with its reason; `None` if the last
    /// plan did not wait.
    pub wait: Option<(u32, WaitReason)>,
    /// How many launches were ahead then.
    pub ahead: usize,
    /// Whether the last plan was carried out and met an address that somebody else has.
    pub address_was_taken: bool,
    /// Whether every slot has its interface. It can be attached once the instance runs.
    pub has_interfaces: bool,
}

impl Previous {
    /// What `plan`, and the allocation that came of it, mean. `seconds_since_event` is the time
    /// now, as the plan's own time is.
    #[must_use]
    pub fn of(
        plan: Option<&Plan>,
        allocation: Option<&Allocation>,
        seconds_since_event: Option<u64>,
    ) -> Self {
        let Some(plan) = plan else {
            return Self {
                round: 1,
                wait: None,
                ahead: 0,
                address_was_taken: false,
                has_interfaces: false,
            };
        };
        let wait = match &plan.step {
            Step::Create { .. } => None,
            Step::Wait {
                seconds,
                reason,
                then_seconds,
                ..
            } => {
                // The heartbeat and the calls between two pieces of a wait take time too. It counts
                // as waited: otherwise a launch that waits in several pieces begins later than its
                // turn.
                let passed = plan
                    .seconds_since_event
                    .zip(seconds_since_event)
                    .map_or(0, |(planned_at, now)| now.saturating_sub(planned_at));
                let besides = passed.saturating_sub((*seconds).into());
                let besides = u32::try_from(besides).unwrap_or(u32::MAX);
                Some((then_seconds.saturating_sub(besides), *reason))
            }
        };
        Self {
            round: plan.round.saturating_add(u32::from(wait.is_none())),
            ahead: plan.ahead,
            address_was_taken: wait.is_none()
                && allocation.is_some_and(Allocation::met_taken_address),
            has_interfaces: allocation.is_some_and(Allocation::is_complete),
            wait,
        }
    }

    /// Whether this is the launch's first decision.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.round == 1 && self.wait.is_none()
    }

    /// Whether a listing that is up to a minute old may decide: at a launch's first decision, and when it
    /// only waits for its instance. Many launches look at the same time then.
    #[must_use]
    pub fn may_rest_on_a_recent_listing(&self) -> bool {
        self.is_first()
            || self.has_interfaces
            || matches!(self.wait, Some((_, WaitReason::Pending)))
    }

    /// The rest of a wait that was cut.
    #[must_use]
    pub fn remaining_wait(&self, jitter: u32, hook: &Heartbeat) -> Option<Wait> {
        match self.wait {
            Some((seconds, reason)) if seconds > 0 => {
                Some(Wait::new(seconds, reason, jitter, hook))
            }
            _ => None,
        }
    }

    /// Whether a launch may let a backlog go first: at its first decision, and as long as fewer
    /// launches are ahead than at the one before.
    #[must_use]
    pub fn backlog_shrinks(&self, ahead: usize) -> bool {
        self.is_first() || ahead < self.ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::{DeleteOnTerminationTiming, Observations, RefusedCreate};

    fn plan(step: Step) -> Plan {
        Plan {
            step,
            round: 3,
            ahead: 9,
            observations: Observations::default(),
            node_running: false,
            delete_on_termination: DeleteOnTerminationTiming::AtOnce,
            seconds_since_event: Some(100),
            extended_after: None,
        }
    }

    fn wait(seconds: u32, then_seconds: u32) -> Step {
        Step::Wait {
            seconds,
            reason: WaitReason::Turn,
            then_seconds,
            extend_hook: false,
        }
    }

    fn create() -> Step {
        Step::Create {
            slots: Vec::new(),
            surplus: Vec::new(),
        }
    }

    #[test]
    fn launch_without_a_plan_is_at_its_first_decision() {
        let first = Previous::of(None, None, Some(5));
        assert!(first.is_first());
        assert_eq!(first.remaining_wait(0, &Heartbeat::NotOurs), None);
        assert!(first.backlog_shrinks(1_000_000));
    }

    #[test]
    fn plan_that_waited_keeps_its_round_and_one_that_created_begins_another() {
        assert_eq!(Previous::of(Some(&plan(wait(5, 0))), None, None).round, 3);
        assert_eq!(Previous::of(Some(&plan(create())), None, None).round, 4);
        assert!(!Previous::of(Some(&plan(wait(5, 0))), None, None).is_first());
    }

    #[test]
    fn complete_allocation_means_that_the_launch_has_its_interfaces() {
        let has = |allocation: &Allocation| {
            Previous::of(Some(&plan(create())), Some(allocation), None).has_interfaces
        };
        assert!(has(&Allocation::new(3, Vec::new(), Vec::new(), false)));
        assert!(!has(&Allocation::new(3, Vec::new(), Vec::new(), true)));
        assert!(!Previous::of(Some(&plan(create())), None, None).has_interfaces);
    }

    #[test]
    fn recent_listing_may_decide_first_and_while_the_instance_is_pending() {
        let may = |step| Previous::of(Some(&plan(step)), None, None).may_rest_on_a_recent_listing();
        let pending = Step::Wait {
            seconds: 5,
            reason: WaitReason::Pending,
            then_seconds: 0,
            extend_hook: false,
        };
        assert!(Previous::of(None, None, None).may_rest_on_a_recent_listing());
        assert!(may(pending));
        assert!(!may(wait(5, 0)));
        assert!(!may(create()));
        // AttachInterfaces has ended because the instance does not run yet.
        let complete = Allocation::new(3, Vec::new(), Vec::new(), false);
        let after_attach = Previous::of(Some(&plan(create())), Some(&complete), None);
        assert!(after_attach.may_rest_on_a_recent_listing());
    }

    #[test]
    fn first_round_that_waited_is_no_first_decision() {
        let mut waited = plan(wait(5, 0));
        waited.round = 1;
        assert!(!Previous::of(Some(&waited), None, None).is_first());
    }

    #[test]
    fn rest_of_a_wait_is_less_what_passed_besides_it() {
        let rest = |now| Previous::of(Some(&plan(wait(200, 300))), None, now).wait;
        assert_eq!(rest(Some(300)), Some((300, WaitReason::Turn)));
        assert_eq!(rest(Some(307)), Some((293, WaitReason::Turn)));
        assert_eq!(rest(Some(5000)), Some((0, WaitReason::Turn)));
        // A clock that goes back, or an event without a time, is no reason to wait less.
        assert_eq!(rest(Some(1)), Some((300, WaitReason::Turn)));
        assert_eq!(rest(None), Some((300, WaitReason::Turn)));
    }

    #[test]
    fn wait_without_a_rest_is_over() {
        let over = Previous::of(Some(&plan(wait(200, 0))), None, Some(300));
        assert_eq!(over.remaining_wait(0, &Heartbeat::NotOurs), None);
        assert!(over.backlog_shrinks(8));
        assert!(!over.backlog_shrinks(9));
    }

    #[test]
    fn taken_address_counts_for_the_plan_that_met_it_only() {
        let refused = vec![RefusedCreate::AddressTaken {
            network: "n".to_owned(),
            addresses: Vec::new(),
        }];
        let met = Allocation::new(3, Vec::new(), refused, false);
        assert!(Previous::of(Some(&plan(create())), Some(&met), None).address_was_taken);
        assert!(!Previous::of(Some(&plan(wait(5, 0))), Some(&met), None).address_was_taken);
        assert!(!Previous::of(Some(&plan(create())), None, None).address_was_taken);
    }
}
