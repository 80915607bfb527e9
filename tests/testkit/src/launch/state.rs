//! The Task states of a launch, as the state machine's file has them.

use std::sync::LazyLock;

use hookline_statemachine::StateMachine;
use hookline_statemachine::state::{self as asl, Task};
use serde_json::{Value, json};

/// A Task state of the state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// `$`
    TagNode,
    /// `$.plan`
    PlanInterfaces,
    /// `$.allocation`
    CreateInterfaces,
    /// `$.wired`
    AttachInterfaces,
    /// `$.completion`, with CONTINUE
    ContinueLaunch,
    /// `$.startupTaint`
    RemoveStartupTaint,
    /// `$.deleteOnTermination`
    SetDeleteOnTermination,
    /// `$.completion`, with ABANDON
    AbandonLaunch,
    /// `$.release`
    ReleaseInterfaces,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TagNode,
        Self::PlanInterfaces,
        Self::CreateInterfaces,
        Self::AttachInterfaces,
        Self::ContinueLaunch,
        Self::RemoveStartupTaint,
        Self::SetDeleteOnTermination,
        Self::AbandonLaunch,
        Self::ReleaseInterfaces,
    ];
    /// The states of a launch without failures, in order.
    pub const WAY: [Self; 5] = [
        Self::TagNode,
        Self::PlanInterfaces,
        Self::CreateInterfaces,
        Self::AttachInterfaces,
        Self::ContinueLaunch,
    ];

    /// Its function.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::TagNode => "tag-node",
            Self::PlanInterfaces => "plan-interfaces",
            Self::CreateInterfaces => "create-interfaces",
            Self::AttachInterfaces => "attach-interfaces",
            Self::ContinueLaunch | Self::AbandonLaunch => "complete-hook",
            Self::RemoveStartupTaint => "remove-startup-taint",
            Self::SetDeleteOnTermination => "set-delete-on-termination",
            Self::ReleaseInterfaces => "release-interfaces",
        }
    }

    /// The state of this name in the state machine's file.
    pub(super) fn task(self) -> &'static Task {
        match MACHINE.states.get(&format!("{self:?}")) {
            Some(asl::State::Task(task)) => task,
            _ => unreachable!("{self:?} is a Task state of launch-node.asl.json"),
        }
    }
}

/// The state machine's file, read once.
static MACHINE: LazyLock<StateMachine> = LazyLock::new(|| {
    StateMachine::read(hookline_statemachine::LAUNCH_NODE)
        .unwrap_or_else(|error| unreachable!("launch-node.asl.json: {error}"))
});

/// The data of an execution whose `TagNode` failed, as the Pass state `NothingMadeYet` makes it.
pub(super) fn nothing_made_yet(data: &Value) -> Value {
    let mut data = data.clone();
    data["failure"] = json!({"Error": "Hookline.Throttled", "Cause": "test"});
    match MACHINE.states.get("NothingMadeYet") {
        Some(asl::State::Pass(pass)) => pass
            .parameters
            .as_ref()
            .and_then(|parameters| parameters.evaluate(&data, &json!({})).ok())
            .unwrap_or(data),
        _ => unreachable!("NothingMadeYet is a Pass state of launch-node.asl.json"),
    }
}
