//! Which published versions of functions no execution can use any more.
//!
//! An execution ends with the definition that it began with, and so with the versions that this one
//! names (docs/adr/0027-an-execution-ends-with-the-code-that-it-began-with.md).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::observed::function::FunctionRef;

/// What names versions of functions.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// The functions that the state machines name now: new executions call them.
    pub(crate) now: BTreeSet<FunctionRef>,
    /// Those of the definitions with which the running executions began.
    pub(crate) running: BTreeSet<FunctionRef>,
}

/// Why a version stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Keep {
    /// The state machine calls it.
    UsedNow,
    /// An execution that runs began with it.
    UsedByRunningExecution,
    /// An update that is under way has published it, or somebody by hand.
    NewerThanTheStateMachine,
    /// The one before that of the state machine. An update that fails goes back to it.
    Previous,
}

/// What becomes of the versions of one function.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Those that no execution can use any more.
    pub(crate) delete: Vec<u64>,
    /// The others.
    pub(crate) keep: BTreeMap<u64, Keep>,
}

/// Decides about the published versions of a function. A function of which no state machine names a
/// version by its number keeps all: nothing tells then which one is the newest that is used.
pub(crate) fn decide(function: &str, published: &BTreeSet<u64>, used: &Used) -> Decision {
    let versions_in = |of: &BTreeSet<FunctionRef>| -> BTreeSet<u64> {
        let of_function = of.iter().filter(|it| it.name == function);
        of_function
            .filter_map(|it| it.qualifier.as_deref()?.parse().ok())
            .collect()
    };
    let (now, running) = (versions_in(&used.now), versions_in(&used.running));
    let newest = now.last().copied().unwrap_or_default();
    let previous = published.range(..newest).next_back();
    let mut decision = Decision::default();
    for version in published {
        let keep = match version {
            version if now.contains(version) => Keep::UsedNow,
            version if running.contains(version) => Keep::UsedByRunningExecution,
            version if *version > newest => Keep::NewerThanTheStateMachine,
            version if Some(version) == previous => Keep::Previous,
            version => {
                decision.delete.push(*version);
                continue;
            }
        };
        decision.keep.insert(*version, keep);
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(now: &[&str], running: &[&str]) -> Used {
        let all = |names: &[&str]| {
            let read = |name: &&str| FunctionRef::of_name(name).unwrap();
            names.iter().map(read).collect()
        };
        Used {
            now: all(now),
            running: all(running),
        }
    }

    fn decided(published: &[u64], used: &Used) -> (Vec<u64>, Vec<(u64, Keep)>) {
        let published = published.iter().copied().collect();
        let decision = decide("tag-node", &published, used);
        (decision.delete, decision.keep.into_iter().collect())
    }

    #[test]
    fn versions_before_the_previous_one_go() {
        let used = used(&["tag-node:7", "other:1"], &["other:2"]);
        let keep = vec![(5, Keep::Previous), (7, Keep::UsedNow)];
        assert_eq!(decided(&[1, 2, 5, 7], &used), (vec![1, 2], keep));
    }

    #[test]
    fn version_of_a_running_execution_stays() {
        let used = used(&["tag-node:7"], &["tag-node:2", "tag-node:7"]);
        let keep = vec![
            (2, Keep::UsedByRunningExecution),
            (5, Keep::Previous),
            (7, Keep::UsedNow),
        ];
        assert_eq!(decided(&[1, 2, 5, 7], &used), (vec![1], keep));
    }

    #[test]
    fn version_that_an_update_has_just_published_stays() {
        let used = used(&["tag-node:2"], &[]);
        let keep = vec![
            (1, Keep::Previous),
            (2, Keep::UsedNow),
            (3, Keep::NewerThanTheStateMachine),
        ];
        assert_eq!(decided(&[1, 2, 3], &used), (vec![], keep));
    }

    #[test]
    fn nothing_goes_of_a_function_that_is_named_by_an_alias_or_without_a_version() {
        for named in ["tag-node", "tag-node:live"] {
            let (delete, keep) = decided(&[1, 2, 3], &used(&[named], &[]));
            assert_eq!(delete, [0; 0], "{named}");
            assert_eq!(keep.len(), 3, "{named}");
        }
        assert_eq!(decided(&[], &used(&["tag-node:1"], &[])), (vec![], vec![]));
    }
}
