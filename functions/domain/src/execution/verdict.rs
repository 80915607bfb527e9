//! The tags by which an instance tells its execution and how that ended. They are for people, and for
//! the `hookline` command: nothing that Hookline decides rests on them. With them goes the mark of the
//! launch, if the node runs on without its interfaces: other launches wait for it no longer.

use serde_json::Value;

use super::completion::{Completion, CompletionOutcome, LifecycleActionResult};
use crate::quotas::MAX_TAG_VALUE_LENGTH;
use crate::tags::Tags;
use crate::tags::own::{EXECUTION, LAUNCHED_AT, VERDICT};

/// The tags of the instance after a completion, or `None` if this execution has decided nothing about
/// the instance: the launch went on without it, or the instance is not the profile's.
///
/// If the action was completed before, a run of the state whose response was lost may have done it, or
/// another caller. Then the tags are for an instance that has none yet.
///
/// `execution` is the execution's name, `is_covered` whether the profile covers the instance, `is_marked`
/// whether the instance has the mark of this launch, and `failure` what a catcher of the state machine
/// kept: `{"Error": …, "Cause": …}`.
#[must_use]
pub fn verdict_tags(
    execution: &str,
    completion: &Completion,
    is_covered: bool,
    is_marked: bool,
    failure: Option<&Value>,
) -> Option<Tags> {
    // The data of an execution that began under an earlier release has no name of it.
    if execution.is_empty() {
        return None;
    }
    let verdict = match (completion.outcome, completion.result) {
        (CompletionOutcome::Completed | CompletionOutcome::AlreadyCompleted, result) => {
            result.as_str()
        }
        (CompletionOutcome::NotOurs, LifecycleActionResult::Continue) if is_covered => "WIRED",
        (CompletionOutcome::NotOurs, LifecycleActionResult::Abandon) if is_covered => "NOT_WIRED",
        _ => return None,
    };
    let error = failure.and_then(|failure| failure.get("Error")?.as_str());
    let value = match (completion.result, error) {
        (LifecycleActionResult::Abandon, Some(error)) => format!("{verdict} {error}"),
        _ => verdict.to_owned(),
    };
    let mut tags = Tags::from([
        (EXECUTION.to_owned(), execution.to_owned()),
        (
            VERDICT.to_owned(),
            value.chars().take(MAX_TAG_VALUE_LENGTH).collect(),
        ),
    ]);
    if verdict == "NOT_WIRED" && is_marked {
        // CreateTags cannot remove a tag. One without a time is no mark.
        tags.insert(LAUNCHED_AT.to_owned(), String::new());
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::execution::completion::CompletionNext;
    use CompletionOutcome::{AlreadyCompleted, AlreadyContinued, Completed, NotOurs};
    use LifecycleActionResult::{Abandon, Continue};

    fn completion(result: LifecycleActionResult, outcome: CompletionOutcome) -> Completion {
        Completion {
            result,
            outcome,
            next: CompletionNext::End,
            lifecycle_state: None,
            summary: None,
        }
    }

    fn verdict(
        result: LifecycleActionResult,
        outcome: CompletionOutcome,
        is_covered: bool,
        failure: Option<&Value>,
    ) -> Option<String> {
        let completion = completion(result, outcome);
        let mut tags = verdict_tags("run-1", &completion, is_covered, true, failure)?;
        assert_eq!(tags.remove("hookline:execution").as_deref(), Some("run-1"));
        let verdict = tags.remove("hookline:verdict");
        let mark = tags.remove("hookline:launched-at");
        let runs_on = verdict.as_ref().unwrap().starts_with("NOT_WIRED");
        assert_eq!(mark.as_deref(), runs_on.then_some(""));
        assert!(tags.is_empty(), "{tags:?}");
        let of_none = verdict_tags("", &completion, is_covered, true, failure);
        assert_eq!(of_none, None);
        verdict
    }

    #[test]
    fn verdict_is_the_result_with_the_error_that_led_to_it() {
        let failure = json!({"Error": "Hookline.DeviceIndexTaken", "Cause": "…"});
        let said = |result, outcome| verdict(result, outcome, true, Some(&failure)).unwrap();
        assert_eq!(said(Continue, Completed), "CONTINUE");
        assert_eq!(
            said(Abandon, Completed),
            "ABANDON Hookline.DeviceIndexTaken"
        );
        // A lost response changes nothing of the verdict.
        assert_eq!(said(Continue, AlreadyCompleted), "CONTINUE");
        assert_eq!(
            said(Abandon, AlreadyCompleted),
            "ABANDON Hookline.DeviceIndexTaken"
        );
        assert_eq!(said(Continue, NotOurs), "WIRED");
        assert_eq!(
            said(Abandon, NotOurs),
            "NOT_WIRED Hookline.DeviceIndexTaken"
        );
        for failure in [None, Some(json!(null)), Some(json!({"Error": 7}))] {
            let said = verdict(Abandon, Completed, true, failure.as_ref());
            assert_eq!(said.as_deref(), Some("ABANDON"), "{failure:?}");
        }
    }

    #[test]
    fn an_execution_that_decided_nothing_says_nothing() {
        for result in [Continue, Abandon] {
            assert_eq!(verdict(result, AlreadyContinued, true, None), None);
            assert_eq!(verdict(result, NotOurs, false, None), None);
            // Before the profile's check, only the hook tells whose launch it is.
            assert!(verdict(result, Completed, false, None).is_some());
        }
    }

    #[test]
    fn instance_without_a_mark_gets_none_that_is_empty() {
        let completion = completion(Abandon, NotOurs);
        let tags = verdict_tags("run-1", &completion, true, false, None).unwrap();
        assert!(!tags.contains_key("hookline:launched-at"), "{tags:?}");
    }

    #[test]
    fn verdict_fits_a_tag() {
        let failure = json!({"Error": "é".repeat(300)});
        let said = verdict(Abandon, Completed, true, Some(&failure)).unwrap();
        assert_eq!(said.chars().count(), MAX_TAG_VALUE_LENGTH);
    }
}
