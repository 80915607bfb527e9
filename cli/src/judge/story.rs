//! The story of a launch, from its execution's history: what each state did, how long it took, and
//! what failed in it.

mod sentences;

use hookline_domain::execution::completion::Release;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::sentences::{WAITS, allocated, attached, completed, planned, released, untainted};
use crate::observed::execution::{HistoryEvent, message};

pub(crate) use self::sentences::waits_for;

/// A state that the execution was in, or several waits in turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    pub(crate) state: String,
    /// When it was entered, in milliseconds since the epoch.
    pub(crate) at: i64,
    /// In milliseconds; null while the execution is in it.
    pub(crate) took: Option<i64>,
    /// What it did.
    pub(crate) did: Vec<String>,
    /// What failed in it, and was retried or caught.
    pub(crate) failures: Vec<Failure>,
}

/// An error in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failure {
    pub(crate) error: String,
    /// The newest message with this error.
    pub(crate) message: String,
    pub(crate) times: usize,
}

/// States that do nothing by themselves.
const SILENT: [&str; 6] = ["Choice", "Pass", "Parallel", "Map", "Execution", "Succeed"];

/// The states that an execution was in, in time order.
pub(crate) fn steps(history: &[HistoryEvent]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for event in history {
        let state = event.state.as_deref();
        let silent = SILENT.iter().any(|kind| event.kind.starts_with(kind));
        if event.kind.ends_with("StateEntered") {
            leave(&mut steps, event.at);
            if let (Some(state), false) = (state, silent) {
                steps.push(Step {
                    state: state.to_owned(),
                    at: event.at,
                    took: None,
                    did: Vec::new(),
                    failures: Vec::new(),
                });
            }
        } else if event.kind.ends_with("StateExited") {
            if let Some(step) = steps.last_mut().filter(|step| state == Some(&step.state)) {
                let output = event.output.as_deref().unwrap_or_default();
                let output = serde_json::from_str(output).unwrap_or_default();
                step.did = did(&step.state, &output, step.failures.is_empty());
            }
            leave(&mut steps, event.at);
        } else if event.kind.starts_with("Execution") {
            leave(&mut steps, event.at);
        } else if let (Some((error, cause)), Some(step)) = (&event.failed, steps.last_mut()) {
            step.fail(error, cause);
        }
    }
    let mut steps = together(steps);
    let keeps = keeps_interfaces(history);
    for step in &mut steps {
        let meaning = match step.state.as_str() {
            "LaunchAbandoned" if keeps => Some(KEPT),
            state => ending(state),
        };
        if let Some(meaning) = meaning {
            step.did = vec![meaning.to_owned()];
        }
    }
    steps
}

/// What `LaunchAbandoned` means where the release left interfaces on the instance.
const KEPT: &str =
    "the launch is given up, and the instance keeps the interfaces that are attached";

/// Whether the release of the launch left interfaces on its instance.
fn keeps_interfaces(history: &[HistoryEvent]) -> bool {
    let mut releases = history
        .iter()
        .filter(|event| event.left() == Some("ReleaseInterfaces"))
        .filter_map(|event| serde_json::from_str(event.output.as_deref()?).ok())
        .filter_map(|output: Value| part::<Release>(&output, "release"));
    releases.next_back().is_some_and(|it| !it.kept.is_empty())
}

/// What failed in these steps, each once, in time order: the state, the error, and how often.
pub(crate) fn failures(steps: &[Step]) -> Vec<(&str, &Failure)> {
    let failures = steps.iter().flat_map(|step| {
        let failures = step.failures.iter();
        failures.map(|failure| (step.state.as_str(), failure))
    });
    failures.collect()
}

/// Says how long the last state took, unless that is known.
fn leave(steps: &mut [Step], at: i64) {
    if let Some(step) = steps.last_mut()
        && step.took.is_none()
    {
        step.took = Some(at - step.at);
    }
}

impl Step {
    fn fail(&mut self, error: &str, cause: &str) {
        let message = message(cause);
        match self
            .failures
            .iter_mut()
            .find(|failure| failure.error == error)
        {
            Some(known) => {
                known.times += 1;
                known.message = message;
            }
            None => self.failures.push(Failure {
                error: error.to_owned(),
                message,
                times: 1,
            }),
        }
    }

    fn is_wait(&self) -> bool {
        matches!(
            self.state.as_str(),
            "WaitForTagTurn" | "WaitForTurn" | "WaitForOthers" | "WaitForTheNode" | "ExtendHook"
        )
    }

    /// Whether it is a plan that only waits: it names no subnet.
    fn plans_to_wait(&self) -> bool {
        self.state == "PlanInterfaces" && self.did.iter().any(|text| text.starts_with(WAITS))
    }
}

/// Puts the waits of a launch together: a long one has hundreds.
fn together(steps: Vec<Step>) -> Vec<Step> {
    let mut found: Vec<Step> = Vec::new();
    for step in steps {
        let waits = step.is_wait() || step.plans_to_wait();
        match found.last_mut() {
            // The first plan says what is waited for; the newest says how it stands.
            Some(last) if waits && (last.plans_to_wait() || last.is_wait()) => {
                last.took = step.took.map(|took| step.at + took - last.at);
                if step.plans_to_wait() {
                    last.did.truncate(1);
                    last.did
                        .extend(step.did.into_iter().map(|text| format!("then {text}")));
                }
                last.failures.extend(step.failures);
            }
            _ => found.push(step),
        }
    }
    found
}

/// What a final state means for the node.
pub(super) fn ending(state: &str) -> Option<&'static str> {
    Some(match state {
        "LaunchAbandoned" => "the launch is given up, and nothing of it is left",
        "NodeNotWired" => "the node lacks interfaces, and its hook is not Hookline's to complete",
        "LaunchWentOn" => "the launch had gone on before: the node may lack interfaces",
        "HookNotCompleted" => "the hook could not be completed, and ends by its timeout",
        "InterfacesLeftBehind" => "the launch is given up, and interfaces of it are left",
        "StartupTaintLeft" => {
            "the node is ready, and keeps its startup taint: no pod is scheduled there"
        }
        "InputRefused" => "the event or the profile cannot be read: nothing was changed",
        _ => return None,
    })
}

/// A part of the data of a state, if it is there and has its type.
pub(super) fn part<T: DeserializeOwned>(output: &Value, key: &str) -> Option<T> {
    serde_json::from_value(output.get(key)?.clone()).ok()
}

/// What a state did, by the data with which it was left.
fn did(state: &str, output: &Value, succeeded_at_once: bool) -> Vec<String> {
    let text = |path: &str| {
        output
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    match state {
        "TagNode" => match text("/next") {
            "IGNORE" => vec![format!("is not for this profile: {}", text("/reason"))],
            "WAIT" => {
                vec!["waits for its turn to be tagged: many launches began at once".to_owned()]
            }
            "" => Vec::new(),
            _ => vec![format!(
                "{} in {}, tagged {:?}",
                text("/node/instanceType"),
                text("/node/availabilityZone"),
                text("/node/name")
            )],
        },
        "PlanInterfaces" => part(output, "plan")
            .map(|plan| planned(&plan))
            .unwrap_or_default(),
        "CreateInterfaces" => part(output, "allocation")
            .map(|it| allocated(&it))
            .unwrap_or_default(),
        "AttachInterfaces" => part(output, "wired")
            .map(|it| attached(&it))
            .unwrap_or_default(),
        "ContinueLaunch" | "AbandonLaunch" => part(output, "completion")
            .map(|it| vec![completed(&it)])
            .unwrap_or_default(),
        "RemoveStartupTaint" => part(output, "startupTaint")
            .map(|it| vec![untainted(&it)])
            .unwrap_or_default(),
        "ReleaseInterfaces" => part(output, "release")
            .map(|it| vec![released(&it)])
            .unwrap_or_default(),
        "ExtendHook" if succeeded_at_once => vec!["the hook's timeout began anew".to_owned()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "story_tests.rs"]
mod tests;
