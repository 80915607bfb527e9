//! What reconcile decides: about launches that wait at their hook, and about orphaned interfaces.

pub mod launches;
pub mod limits;
pub mod orphans;

pub use launches::{
    Candidate, Ended, Facts, Given, Groups, Member, Next, after, candidates, event, groups, overdue,
};
pub use limits::Limits;
