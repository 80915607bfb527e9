//! What reconcile decides: about launches that wait at their hook, and about orphaned interfaces.

pub mod launches;
pub mod limits;
pub mod orphans;

pub use launches::{
    Candidate, Ended, Groups, LaunchAction, LaunchFacts, Member, ProfileInput, candidates, groups,
    launch_action, launch_event, overdue,
};
pub use limits::Limits;
