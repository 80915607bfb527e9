//! What an execution knows once `TagNode` has read its input: the whole of its data, `$`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::node::Node;
use crate::event::Launch;
use crate::profile::Profile;

/// What `TagNode` returns. The fields of later states are null until these have run, so that every
/// state can name what it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The event as it came. The states that give a launch up rest on it alone.
    pub event: Value,
    /// The profile, read and checked, with every default filled in.
    pub profile: Profile,
    /// What the launch needs next.
    pub next: NextStep,
    /// The seconds until its turn to be tagged; null unless `next` is `WAIT`.
    pub wait_seconds: Option<u32>,
    /// Why the execution is not for this profile, for people; null unless `next` is `IGNORE`.
    pub reason: Option<String>,
    /// The launch, read from the event; null if `next` is `IGNORE` or `WAIT`.
    pub launch: Option<Launch>,
    /// Who completes the lifecycle hook.
    pub hook: HookOwner,
    /// The node; null if `next` is `IGNORE` or `WAIT`.
    pub node: Option<Node>,
    /// Null until `PlanInterfaces` has run.
    pub plan: (),
    /// Null until `ExtendHook` has run; then what came of it last: `{}`, or the error and its cause.
    pub extension: (),
    /// Null until `CreateInterfaces` has run.
    pub allocation: (),
    /// Null unless an interface of this launch was lost: then the error and its cause.
    pub lost: (),
    /// Null until `AttachInterfaces` has run.
    pub wired: (),
    /// Null until `RemoveStartupTaint` has run.
    pub startup_taint: (),
    /// Null until `SetDeleteOnTermination` has run.
    pub delete_on_termination: (),
}

/// What a launch needs after `TagNode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NextStep {
    /// Its turn to be tagged: many launches begin at once.
    Wait,
    /// Interfaces, and then its hook.
    Wire,
    /// Only its hook: the profile has no slots.
    Complete,
    /// Nothing: the event is not for this profile.
    Ignore,
}

/// Who completes the lifecycle hook that the launch waits at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HookOwner {
    /// Hookline. It extends the hook while the launch waits, and completes it.
    Hookline,
    /// Somebody else (`profile.hook.complete` is false).
    Another,
    /// Nobody: the node is in service and was adopted, or the event is no launch.
    Nobody,
}

impl HookOwner {
    /// Who completes the hook of `launch` under `profile`.
    #[must_use]
    pub fn of(launch: &Launch, profile: &Profile) -> Self {
        match &launch.action {
            None => Self::Nobody,
            Some(_) if profile.hook.complete => Self::Hookline,
            Some(_) => Self::Another,
        }
    }
}

impl Execution {
    /// The data of an execution whose event is not for this profile.
    #[must_use]
    pub fn ignored(event: Value, profile: Profile, reason: String) -> Self {
        Self {
            reason: Some(reason),
            ..Self::new(event, profile, NextStep::Ignore, HookOwner::Nobody)
        }
    }

    /// The data of an execution whose node is tagged in so many seconds.
    #[must_use]
    pub fn waiting(event: Value, profile: Profile, launch: &Launch, seconds: u32) -> Self {
        let hook = HookOwner::of(launch, &profile);
        Self {
            wait_seconds: Some(seconds),
            ..Self::new(event, profile, NextStep::Wait, hook)
        }
    }

    /// The data of an execution for `launch`, whose node has its tags.
    #[must_use]
    pub fn tagged(event: Value, profile: Profile, launch: Launch, node: Node) -> Self {
        let next = match launch.gets_interfaces(&profile) {
            true => NextStep::Wire,
            false => NextStep::Complete,
        };
        let hook = HookOwner::of(&launch, &profile);
        Self {
            launch: Some(launch),
            node: Some(node),
            ..Self::new(event, profile, next, hook)
        }
    }

    /// The data before any launch is known.
    fn new(event: Value, profile: Profile, next: NextStep, hook: HookOwner) -> Self {
        Self {
            event,
            profile,
            next,
            wait_seconds: None,
            reason: None,
            launch: None,
            hook,
            node: None,
            plan: (),
            extension: (),
            allocation: (),
            lost: (),
            wired: (),
            startup_taint: (),
            delete_on_termination: (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::fixtures::{launch_event, node, profile};

    fn launch() -> Launch {
        Event::read_launch(launch_event()).unwrap()
    }

    fn the_profile() -> Profile {
        Profile::read(profile()).unwrap()
    }

    #[test]
    fn hook_is_completed_by_hookline_unless_the_profile_or_the_event_says_otherwise() {
        let mut profile = the_profile();
        assert_eq!(HookOwner::of(&launch(), &profile), HookOwner::Hookline);
        let adopted = Launch {
            action: None,
            ..launch()
        };
        assert_eq!(HookOwner::of(&adopted, &profile), HookOwner::Nobody);
        profile.hook.complete = false;
        assert_eq!(HookOwner::of(&launch(), &profile), HookOwner::Another);
        assert_eq!(HookOwner::of(&adopted, &profile), HookOwner::Nobody);
    }

    #[test]
    fn launch_without_slots_needs_only_its_hook() {
        let next = |profile: Profile| {
            let execution = Execution::tagged(launch_event(), profile, launch(), node());
            assert_eq!(execution.hook, HookOwner::Hookline);
            execution.next
        };
        assert_eq!(next(the_profile()), NextStep::Wire);
        let mut without_slots = the_profile();
        without_slots.slots.clear();
        assert_eq!(next(without_slots), NextStep::Complete);
    }
}
