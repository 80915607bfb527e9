//! The data of an execution: all that passes between the states of
//! `statemachine/launch-node.asl.json`.
//!
//! An execution starts with an event and a profile. [`TagNode`](input) reads and checks both once,
//! and returns an [`Execution`]; every later state takes what it needs of that, by name, and adds
//! its own result to it:
//!
//! | state | is given | returns | at |
//! |---|---|---|---|
//! | `TagNode` | [`TagNodeRequest`] | [`Execution`] | `$` |
//! | `PlanInterfaces` | [`PlanRequest`] | [`Plan`] | `$.plan` |
//! | `CreateInterfaces` | [`CreateRequest`] | [`Allocation`] | `$.allocation` |
//! | `AttachInterfaces` | [`AttachRequest`] | [`Summary`] | `$.wired` |
//! | `ContinueLaunch`, `AbandonLaunch` | [`CompleteRequest`] | [`Completion`] | `$.completion` |
//! | `RemoveStartupTaint` | [`RemoveStartupTaintRequest`] | [`StartupTaintRemoval`] | `$.startupTaint` |
//! | `SetDeleteOnTermination` | [`SetDeleteOnTerminationRequest`] | [`DeleteOnTermination`] | `$.deleteOnTermination` |
//! | `ReleaseInterfaces` | [`ReleaseRequest`] | [`Release`] | `$.release` |
//!
//! `docs/states.md` is made from these types and from a run. An execution that began under the
//! first release has data of another shape; [`previous`] reads and writes that.

pub mod allocation;
pub mod completion;
pub mod delete_on_termination;
pub mod input;
pub mod names;
pub mod node;
pub mod plan;
pub mod previous;
pub mod requests;
pub mod startup_taint;
pub mod summary;
pub mod verdict;

pub use allocation::{Allocation, AllocationOutcome, CreatedInterface, RefusedCreate};
pub use completion::{
    Completion, CompletionNext, CompletionOutcome, LifecycleActionResult, Release,
};
pub use delete_on_termination::{
    DeleteOnTermination, DeleteOnTerminationStep, DeleteOnTerminationTiming,
};
pub use input::{Execution, HookOwner, NextStep};
pub use node::Node;
pub use plan::{Observations, Plan, PlannedInterface, Step, WaitReason};
pub use requests::{
    AttachRequest, CompleteRequest, CreateRequest, LaunchOutcome, PlanRequest, ReleaseRequest,
    RemoveStartupTaintRequest, SetDeleteOnTerminationRequest, TagNodeRequest,
};
pub use startup_taint::{StartupTaintRemoval, StartupTaintStep};
pub use summary::{NodeRef, Seconds, Summary, WiredInterface};
pub use verdict::verdict_tags;
