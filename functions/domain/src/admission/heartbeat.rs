//! When a launch that waits extends its hook.
//!
//! A hook ends when its `HeartbeatTimeout` has passed since it began or was last extended
//! (RecordLifecycleActionHeartbeat). Auto Scaling throttles that call too. Thousands of launches that extended
//! their hooks every few minutes would be refused most of the time, and some until their hooks end. So a
//! hook is extended when it has to be: seldom while its launch only waits, and shortly before the launch
//! goes on.

use serde_json::Value;

use crate::execution::{Plan, Step};

/// The longest that a launch waits for its turn without extending its hook, in seconds.
const MAX_SECONDS: u32 = 900;
/// The first extensions of launches that begin at once are spread over so many seconds before that.
const SPREAD_SECONDS: u32 = 600;
/// How long after the last extension a launch still goes on, in seconds. The rest of a launch can take 1,581
/// s (docs/operations/hook.md), and the hook has 1,800.
pub const MAX_SECONDS_GOING_ON: u32 = 210;
/// What a look takes at the end of a wait, in seconds, of these.
const LOOK_SECONDS: u32 = 60;
/// How long to wait until the next try if the hook should have been extended before, in seconds.
const RETRY_SECONDS: u32 = 60;

/// The hook of a launch, as the execution's data tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    /// Somebody else completes the hook, or there is none: nothing is extended.
    NotOurs,
    /// It is Hookline's.
    Ours {
        /// How long after the event it was last extended, in seconds; `None` if it was not.
        extended_after: Option<u64>,
        /// How long after the event it is now, in seconds; `None` if the event's time is not known.
        now: Option<u64>,
        /// What came of an extension just now; `None` if there was none.
        just_now: Option<Extension>,
    },
}

/// What came of extending a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Its timeout began anew.
    Done,
    /// Auto Scaling refused it, with all retries.
    Failed,
}

impl Heartbeat {
    /// What `plan` means, and what came of the extension after it: null, or `{}`, or an error. `is_ours` says
    /// whether Hookline completes the hook, `seconds_since_event` the time now, as the plan's own time is.
    #[must_use]
    pub fn of(
        is_ours: bool,
        plan: Option<&Plan>,
        extension: Option<&Value>,
        seconds_since_event: Option<u64>,
    ) -> Self {
        if !is_ours {
            return Self::NotOurs;
        }
        let was_tried = matches!(
            plan.map(|plan| &plan.step),
            Some(Step::Wait {
                extend_hook: true,
                ..
            })
        );
        let just_now = was_tried.then(|| match extension.and_then(|it| it.get("Error")) {
            Some(_) => Extension::Failed,
            None => Extension::Done,
        });
        Self::Ours {
            extended_after: match just_now {
                Some(Extension::Done) => seconds_since_event,
                _ => plan.and_then(|plan| plan.extended_after),
            },
            now: seconds_since_event,
            just_now,
        }
    }

    /// How long after the event the hook was last extended, in seconds.
    #[must_use]
    pub const fn extended_after(&self) -> Option<u64> {
        match self {
            Self::NotOurs => None,
            Self::Ours { extended_after, .. } => *extended_after,
        }
    }

    /// The longest wait for a turn, in seconds, until the hook is to be extended; `None` if it never is.
    /// `jitter` differs from launch to launch.
    #[must_use]
    pub fn until_due(&self, jitter: u32) -> Option<u32> {
        let age = self.age()?;
        let due = match self.extended_after() {
            Some(_) => MAX_SECONDS,
            None => MAX_SECONDS - jitter % SPREAD_SECONDS,
        };
        Some(due.saturating_sub(age).max(RETRY_SECONDS))
    }

    /// Whether a launch can go on after a wait of so many seconds without extending its hook first.
    #[must_use]
    pub fn lasts(&self, seconds: u32) -> bool {
        self.age()
            .is_none_or(|age| age.saturating_add(seconds) <= MAX_SECONDS_GOING_ON)
    }

    /// Whether a launch goes on now: its hook lasts, or an extension was just tried.
    #[must_use]
    pub fn may_go_on(&self) -> bool {
        let tried = matches!(
            self,
            Self::Ours {
                just_now: Some(_),
                ..
            }
        );
        tried || self.lasts(0)
    }

    /// The same as [`lasts`](Self::lasts) after a wait at whose end the launch looks what to do.
    #[must_use]
    pub fn lasts_for_a_look_after(&self, seconds: u32) -> bool {
        self.lasts(seconds.saturating_add(LOOK_SECONDS))
    }

    /// How long ago the hook began or was last extended, in seconds; `None` if that does not matter.
    /// Where the event's time is not known, it counts as long ago.
    fn age(&self) -> Option<u32> {
        match self {
            Self::NotOurs => None,
            Self::Ours {
                just_now: Some(Extension::Done),
                ..
            } => Some(0),
            Self::Ours {
                extended_after,
                now,
                ..
            } => {
                let age = now.map_or(MAX_SECONDS.into(), |now| {
                    now.saturating_sub(extended_after.unwrap_or(0))
                });
                Some(u32::try_from(age).unwrap_or(u32::MAX))
            }
        }
    }
}
