//! The groups of the Region that no profile and no rule of the deployment is for, and in which launches
//! wait.

use super::group::{Group, Hook};

/// Such groups, as far as they were looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uncovered {
    /// Each with its launch hooks.
    pub(crate) groups: Vec<(Group, Vec<Hook>)>,
    /// Those whose hooks were not looked at, as that would have taken too many calls, or failed.
    pub(crate) not_looked_at: Vec<String>,
    /// How many groups of the Region were looked at, if there are more, or may be: to look at those
    /// would have taken too many calls, or failed.
    pub(crate) listed_of_more: Option<usize>,
    /// Why the look broke off, if a call of it failed, and what to do.
    pub(crate) failed: Option<String>,
}
