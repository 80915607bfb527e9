//! Whether a replay of a launch can help, and its command.

use hookline_domain::reconcile::{Member, Waiting, launch_event};
use hookline_domain::time::rfc3339;
use serde::Serialize;
use serde_json::json;

use super::Remedy;
use super::finding::quoted;
use crate::observed::case::Case;

/// What a replay would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Replay {
    /// Whether it can help.
    pub(crate) helps: bool,
    /// Why, or why not.
    pub(crate) why: String,
    /// Its command, if it helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<Remedy>,
}

impl Replay {
    fn no(why: impl Into<String>) -> Self {
        Self {
            helps: false,
            why: why.into(),
            command: None,
        }
    }

    /// Judges whether a replay can help.
    pub(crate) fn of(case: &Case) -> Self {
        if case.runs() {
            return Self::no("An execution for the launch is running.");
        }
        let missing = case.networks_without_interface();
        let command = || from_execution(case).or_else(|| from_nothing(case));
        match (case.waits(), case.is_in_service()) {
            (true, _) => Self {
                helps: true,
                why: "The launch waits at its hook: a replay continues from what exists, when the cause is mended.".to_owned(),
                command: command(),
            },
            (_, true) if !missing.is_empty() && case.executions.is_empty() => {
                Self::no("There is no execution to repeat: adopt the node, or replace it.")
            }
            (_, true) if !missing.is_empty() => Self {
                helps: true,
                why: format!("The node is InService and lacks {}: a replay creates and attaches what is missing, when the cause is mended.", missing.join(", ")),
                command: from_execution(case),
            },
            (_, true) if case.entered("StartupTaintLeft").is_some() => Self {
                helps: true,
                why: "The node keeps its startup taint: a replay removes it, when the cause is mended."
                    .to_owned(),
                command: from_execution(case),
            },
            (_, true) => Self::no("The node is InService with all its interfaces: a replay changes nothing."),
            _ => Self::no("The launch is over: Auto Scaling replaces the instance, and the replacement starts anew."),
        }
    }
}

/// Starts an execution with the input of the newest one.
fn from_execution(case: &Case) -> Option<Remedy> {
    let execution = case.execution()?;
    let (machine, arn) = (
        quoted(case.deployment.machine.arn()),
        quoted(&execution.arn),
    );
    let line = format!(
        "aws stepfunctions start-execution --state-machine-arn {machine} --input \
         \"$(aws stepfunctions describe-execution --execution-arn {arn} --query input --output text)\""
    );
    Some(Remedy::Shell(line.split(' ').map(str::to_owned).collect()))
}

/// Starts the execution that reconcile would start. It has reconcile's name and input, so that
/// there is only one of the two.
fn from_nothing(case: &Case) -> Option<Remedy> {
    let (input, group, seen) = (
        case.input.as_ref()?,
        case.group.as_ref()?,
        case.seen.as_ref()?,
    );
    let waiting = Waiting {
        member: Member {
            instance: case.instance.clone(),
            group: group.name.clone(),
            group_arn: group.arn.clone(),
        },
        to_warm_pool: case
            .lifecycle_state()
            .is_some_and(|state| state.starts_with("Warmed:")),
        activity: None,
    };
    let hook = &input.profile.hook.name;
    let time = rfc3339(waiting.began_at(seen.instance.launched_at));
    let event = launch_event(&case.deployment.machine, &waiting, hook, &time);
    Some(Remedy::run([
        "aws",
        "stepfunctions",
        "start-execution",
        "--state-machine-arn",
        case.deployment.machine.arn(),
        "--name",
        &waiting.execution_name(hook),
        "--input",
        &json!({"event": event, "profile": input.value}).to_string(),
    ]))
}
