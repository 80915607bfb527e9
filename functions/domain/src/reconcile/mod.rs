//! What reconcile decides: about launches that wait at their hook, and about orphaned interfaces.

pub mod launches;
pub mod limits;
pub mod orphans;

pub use launches::{
    Candidate, Ended, Facts, Groups, Member, Next, ProfileInput, after, candidates, groups,
    launch_event, overdue,
};
pub use limits::Limits;
