//! What the lifecycle state of an instance says about its launch.
//!
//! States: Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling instance lifecycle"; those
//! that begin with `Warmed:`: "Lifecycle state transitions for instances in a warm pool".

use crate::execution::{CompletionOutcome, LifecycleActionResult};

/// How a launch ended, if Auto Scaling has no active lifecycle action for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterNoActiveAction {
    /// The action had ended before.
    Ended(CompletionOutcome),
    /// CONTINUE came too late: the instance is terminating or detaching.
    TooLate,
    /// Not known yet: ABANDON may be too late, or Auto Scaling may not show yet that it accepted
    /// it. Another hook may also hold the launch.
    LookAgain,
}

impl AfterNoActiveAction {
    /// Decides by the instance's lifecycle state; `None` means that Auto Scaling does not know it.
    /// `waits_in` is the state that the launch waits in: another one on the way into a warm pool.
    #[must_use]
    pub fn of(
        result: LifecycleActionResult,
        lifecycle_state: Option<&str>,
        waits_in: &str,
    ) -> Self {
        match (result, is_over(lifecycle_state)) {
            (LifecycleActionResult::Continue, true) => Self::TooLate,
            (LifecycleActionResult::Continue, false) | (LifecycleActionResult::Abandon, true) => {
                Self::Ended(CompletionOutcome::AlreadyCompleted)
            }
            (LifecycleActionResult::Abandon, false) if lifecycle_state == Some(waits_in) => {
                Self::LookAgain
            }
            (LifecycleActionResult::Abandon, false) => {
                Self::Ended(CompletionOutcome::AlreadyContinued)
            }
        }
    }
}

/// Whether an instance in this lifecycle state leaves its group, or the group's warm pool, or has
/// left it.
fn is_over(lifecycle_state: Option<&str>) -> bool {
    lifecycle_state.is_none_or(|state| {
        let state = state.strip_prefix("Warmed:").unwrap_or(state);
        state.starts_with("Terminat") || state.starts_with("Detach")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminating_or_detaching_instance_is_over() {
        for state in [
            "Terminating",
            "Terminating:Wait",
            "Terminating:Proceed",
            "Terminated",
            "Detaching",
            "Detached",
            "Warmed:Terminating:Wait",
            "Warmed:Terminated",
        ] {
            assert!(is_over(Some(state)), "{state}");
        }
        assert!(is_over(None));
        for state in [
            "Pending",
            "Pending:Wait",
            "Pending:Proceed",
            "InService",
            "EnteringStandby",
            "Standby",
            "Warmed:Pending:Wait",
            "Warmed:Stopped",
            "Warmed:Running",
        ] {
            assert!(!is_over(Some(state)), "{state}");
        }
    }

    #[test]
    fn late_completion_is_decided_by_the_lifecycle_state() {
        use AfterNoActiveAction::{Ended, LookAgain, TooLate};
        use CompletionOutcome::{AlreadyCompleted, AlreadyContinued};
        use LifecycleActionResult::{Abandon, Continue};
        for (result, state, wanted) in [
            (Continue, Some("InService"), Ended(AlreadyCompleted)),
            (Continue, Some("Pending:Proceed"), Ended(AlreadyCompleted)),
            (Continue, Some("Terminating"), TooLate),
            (Continue, None, TooLate),
            (Abandon, Some("Terminated"), Ended(AlreadyCompleted)),
            (Abandon, None, Ended(AlreadyCompleted)),
            (Abandon, Some("Pending:Wait"), LookAgain),
            (Abandon, Some("Pending:Proceed"), Ended(AlreadyContinued)),
            (Abandon, Some("InService"), Ended(AlreadyContinued)),
        ] {
            assert_eq!(
                AfterNoActiveAction::of(result, state, "Pending:Wait"),
                wanted,
                "{result:?} {state:?}"
            );
        }
    }

    #[test]
    fn launch_into_a_warm_pool_has_gone_on_when_it_is_in_the_pool_or_has_left_it() {
        use AfterNoActiveAction::{Ended, LookAgain, TooLate};
        use CompletionOutcome::{AlreadyCompleted, AlreadyContinued};
        use LifecycleActionResult::{Abandon, Continue};
        for (result, state, wanted) in [
            (Continue, "Warmed:Stopped", Ended(AlreadyCompleted)),
            (Continue, "Pending:Wait", Ended(AlreadyCompleted)),
            (Continue, "Warmed:Terminating:Wait", TooLate),
            (Abandon, "Warmed:Pending:Wait", LookAgain),
            (Abandon, "Warmed:Pending:Proceed", Ended(AlreadyContinued)),
            (Abandon, "Warmed:Running", Ended(AlreadyContinued)),
            // It waits again, for the group.
            (Abandon, "Pending:Wait", Ended(AlreadyContinued)),
            (Abandon, "Warmed:Terminated", Ended(AlreadyCompleted)),
        ] {
            let found = AfterNoActiveAction::of(result, Some(state), "Warmed:Pending:Wait");
            assert_eq!(found, wanted, "{result:?} {state}");
        }
    }
}
