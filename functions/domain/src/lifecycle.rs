//! What an instance's lifecycle state says of its launch.
//!
//! States: Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling instance lifecycle"; those that begin with `Warmed:`:
//! "Lifecycle state transitions for instances in a warm pool".

use crate::execution::{CompletionOutcome, LifecycleActionResult};

/// What became of a launch, where Auto Scaling knows of no active lifecycle action of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterNoActiveAction {
    /// The action had ended before.
    Ended(CompletionOutcome),
    /// CONTINUE came too late: the instance is on its way out.
    TooLate,
    /// ABANDON may be too late, or may have been accepted a moment ago and not show yet; another hook may also hold the launch.
    LookAgain,
}

impl AfterNoActiveAction {
    /// Judges by the instance's lifecycle state; `None` is an instance that Auto Scaling does not know.
    #[must_use]
    pub fn of(result: LifecycleActionResult, lifecycle_state: Option<&str>) -> Self {
        match (result, is_over(lifecycle_state)) {
            (LifecycleActionResult::Continue, true) => Self::TooLate,
            (LifecycleActionResult::Continue, false) | (LifecycleActionResult::Abandon, true) => {
                Self::Ended(CompletionOutcome::AlreadyCompleted)
            }
            (LifecycleActionResult::Abandon, false) if lifecycle_state == Some("Pending:Wait") => {
                Self::LookAgain
            }
            (LifecycleActionResult::Abandon, false) => {
                Self::Ended(CompletionOutcome::AlreadyContinued)
            }
        }
    }
}

/// Whether an instance in this lifecycle state is on its way out of its group, or of the group's warm pool.
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
    fn instance_on_its_way_out_is_over() {
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
    fn late_completion_is_judged_by_what_the_launch_came_to() {
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
                AfterNoActiveAction::of(result, state),
                wanted,
                "{result:?} {state:?}"
            );
        }
    }
}
