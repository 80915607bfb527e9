//! What reconcile decides: about launches that wait at their hook, about launch loops, about orphaned
//! interfaces, and about those that lack DeleteOnTermination.

pub mod brake;
pub mod launches;
pub mod limits;
pub mod loops;
pub mod orphans;
pub mod profiles;
pub mod unsettled;

pub use launches::{
    Candidate, Ended, LaunchAction, LaunchActivity, LaunchFacts, Member, Waiting, candidates,
    launch_action, launch_event, overdue,
};
pub use limits::Limits;
pub use profiles::{Groups, ProfileInput, Profiles, groups};
