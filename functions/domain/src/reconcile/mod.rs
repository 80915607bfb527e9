//! What reconcile decides: about launches that wait at their hook, about launch loops, about orphaned
//! interfaces, about those that lack DeleteOnTermination, and about what does not fit the profiles.

pub mod brake;
pub mod hooks;
pub mod input;
pub mod launches;
pub mod limits;
pub mod loops;
pub mod nodes;
pub mod orphans;
pub mod profiles;
pub mod unsettled;

pub use input::ReconcileInput;
pub use launches::{
    Candidate, Ended, LaunchAction, LaunchActivity, LaunchFacts, Member, Waiting, candidates,
    launch_action, launch_event, overdue,
};
pub use limits::Limits;
pub use profiles::{Groups, ProfileInput, Profiles, groups};
