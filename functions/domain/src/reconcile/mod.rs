//! What reconcile decides: about launches that wait at their hook, about orphaned interfaces, and
//! about those that lack DeleteOnTermination.

pub mod launches;
pub mod limits;
pub mod orphans;
pub mod unsettled;

pub use launches::{
    Candidate, Ended, Groups, LaunchAction, LaunchActivity, LaunchFacts, Member, ProfileInput,
    Waiting, candidates, groups, launch_action, launch_event, overdue,
};
pub use limits::Limits;
