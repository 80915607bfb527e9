//! The states, and where they lead. ASL, "State Types".

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::path::{Path, PathField};
use crate::retry::{Catcher, Retrier};
use crate::rule::ChoiceRule;
use crate::template::{Expression, Template};
use crate::{Error, StateMachine};

/// A state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "Type")]
pub enum State {
    /// Calls a function or an AWS service.
    Task(Task),
    /// Passes its input on, or makes another output.
    Pass(Pass),
    /// Chooses the next state.
    Choice(Choice),
    /// Waits.
    Wait(Wait),
    /// Runs a state machine for each item of a list.
    Map(Map),
    /// Runs several state machines at once.
    Parallel(Parallel),
    /// Ends the execution well.
    Succeed(Succeed),
    /// Ends the execution with an error.
    Fail(Fail),
}

/// A Task state. ASL, "Task State".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Task {
    /// What the state does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The ARN of what is called. In the files, a function's is a placeholder:
    /// `${TagNodeFunctionArn}`.
    pub resource: String,
    /// What of the state's input is used.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub input_path: PathField,
    /// What is sent; without it, the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Template>,
    /// What is made of the answer; without it, the answer itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_selector: Option<Template>,
    /// Where the result goes in the state's input.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub result_path: PathField,
    /// What of that is the state's output.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub output_path: PathField,
    /// The longest that a call may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// The retriers. The first that is for an error is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry: Vec<Retrier>,
    /// The catchers. The first that is for an error is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catch: Vec<Catcher>,
    /// The next state; `None` if the scope ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the scope ends here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub end: bool,
}

/// A Pass state. ASL, "Pass State".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Pass {
    /// What the state does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What of the state's input is used.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub input_path: PathField,
    /// What the result is made of, from the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Template>,
    /// The result, as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Where the result goes in the state's input.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub result_path: PathField,
    /// What of that is the state's output.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub output_path: PathField,
    /// The next state; `None` if the scope ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the scope ends here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub end: bool,
}

/// A Choice state. ASL, "Choice State".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Choice {
    /// What the state decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The rules. The first whose condition holds is used.
    pub choices: Vec<ChoiceRule>,
    /// The next state if no condition holds. Without it, the execution fails with
    /// `States.NoChoiceMatched`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// A Wait state: for a number of seconds, or for as many as are at a path. ASL, "Wait State".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Wait {
    /// What the state waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// How long, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Where the number of seconds is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_path: Option<Path>,
    /// The next state; `None` if the scope ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the scope ends here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub end: bool,
}

/// A Map state. ASL, "Map State".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Map {
    /// What the state does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Where the list is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_path: Option<Path>,
    /// The input of an item's state machine; without it, the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_selector: Option<Template>,
    /// The state machine that is run for each item.
    pub item_processor: StateMachine,
    /// Where the list of results goes in the state's input.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub result_path: PathField,
    /// The retriers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry: Vec<Retrier>,
    /// The catchers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catch: Vec<Catcher>,
    /// The next state; `None` if the scope ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the scope ends here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub end: bool,
}

/// A Parallel state. ASL, "Parallel State".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Parallel {
    /// What the state does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The state machines that are run at once.
    pub branches: Vec<StateMachine>,
    /// Where the list of results goes in the state's input.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub result_path: PathField,
    /// The retriers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry: Vec<Retrier>,
    /// The catchers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catch: Vec<Catcher>,
    /// The next state; `None` if the scope ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the scope ends here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub end: bool,
}

/// A Succeed state. ASL, "Succeed State".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Succeed {
    /// What has been reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What of the data is the execution's output.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub output_path: PathField,
}

/// A Fail state: its error and its cause are written in it, or are made from the data. ASL, "Fail
/// State"; the paths are Step Functions' (Developer Guide, "Fail workflow state").
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Fail {
    /// What has gone wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The error's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Where the error's name is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_path: Option<Expression>,
    /// The cause, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Where the cause is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause_path: Option<Expression>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl State {
    /// The name of its type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Task(_) => "Task",
            Self::Pass(_) => "Pass",
            Self::Choice(_) => "Choice",
            Self::Wait(_) => "Wait",
            Self::Map(_) => "Map",
            Self::Parallel(_) => "Parallel",
            Self::Succeed(_) => "Succeed",
            Self::Fail(_) => "Fail",
        }
    }

    /// What it does; empty if it does not say.
    #[must_use]
    pub fn comment(&self) -> &str {
        let comment = match self {
            Self::Task(state) => &state.comment,
            Self::Pass(state) => &state.comment,
            Self::Choice(state) => &state.comment,
            Self::Wait(state) => &state.comment,
            Self::Map(state) => &state.comment,
            Self::Parallel(state) => &state.comment,
            Self::Succeed(state) => &state.comment,
            Self::Fail(state) => &state.comment,
        };
        comment.as_deref().unwrap_or_default()
    }

    /// The state that follows when all goes well; `None` for the last of a scope, and for a choice.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        self.transition().0
    }

    /// `Next` and `End`.
    fn transition(&self) -> (Option<&str>, bool) {
        let (next, end) = match self {
            Self::Task(state) => (&state.next, state.end),
            Self::Pass(state) => (&state.next, state.end),
            Self::Wait(state) => (&state.next, state.end),
            Self::Map(state) => (&state.next, state.end),
            Self::Parallel(state) => (&state.next, state.end),
            Self::Choice(_) => (&None, false),
            Self::Succeed(_) | Self::Fail(_) => (&None, true),
        };
        (next.as_deref(), end)
    }

    /// Whether its scope ends with it.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.transition().1
    }

    /// Its retriers.
    #[must_use]
    pub fn retry(&self) -> &[Retrier] {
        match self {
            Self::Task(state) => &state.retry,
            Self::Map(state) => &state.retry,
            Self::Parallel(state) => &state.retry,
            _ => &[],
        }
    }

    /// Its catchers.
    #[must_use]
    pub fn catch(&self) -> &[Catcher] {
        match self {
            Self::Task(state) => &state.catch,
            Self::Map(state) => &state.catch,
            Self::Parallel(state) => &state.catch,
            _ => &[],
        }
    }

    /// The retrier that is used for an error, and its index: the first that is for it.
    #[must_use]
    pub fn retrier(&self, error: &str) -> Option<(usize, &Retrier)> {
        let mut retriers = self.retry().iter().enumerate();
        retriers.find(|(_, retrier)| retrier.takes(error))
    }

    /// The catcher that is used for an error, and its index: the first that is for it.
    #[must_use]
    pub fn catcher(&self, error: &str) -> Option<(usize, &Catcher)> {
        let mut catchers = self.catch().iter().enumerate();
        catchers.find(|(_, catcher)| catcher.takes(error))
    }

    /// Its rules, if it is a choice.
    #[must_use]
    pub fn choices(&self) -> &[ChoiceRule] {
        match self {
            Self::Choice(state) => &state.choices,
            _ => &[],
        }
    }

    /// Where it goes if no rule holds, if it is a choice.
    #[must_use]
    pub fn default_choice(&self) -> Option<&str> {
        match self {
            Self::Choice(state) => state.default.as_deref(),
            _ => None,
        }
    }

    /// Where it puts its result.
    #[must_use]
    pub fn result_path(&self) -> Option<&Path> {
        match self {
            Self::Task(state) => state.result_path.path(),
            Self::Pass(state) => state.result_path.path(),
            Self::Map(state) => state.result_path.path(),
            Self::Parallel(state) => state.result_path.path(),
            _ => None,
        }
    }

    /// The state machines inside it.
    #[must_use]
    pub fn inner(&self) -> Vec<&StateMachine> {
        match self {
            Self::Map(state) => vec![&state.item_processor],
            Self::Parallel(state) => state.branches.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Every state that it leads to.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.next()
            .into_iter()
            .chain(self.choices().iter().map(|rule| rule.next.as_str()))
            .chain(self.default_choice())
            .chain(self.catch().iter().map(|catcher| catcher.next.as_str()))
    }

    /// Checks what the types leave open.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (next, end) = self.transition();
        let either = |one: bool, other: bool, what: &str| match one != other {
            true => Ok(()),
            false => Err(Error::new(format!("it has both of {what}, or neither"))),
        };
        if !matches!(self, Self::Choice(_)) {
            either(next.is_some(), end, "Next and End")?;
        }
        match self {
            Self::Wait(wait) => either(
                wait.seconds.is_some(),
                wait.seconds_path.is_some(),
                "Seconds and SecondsPath",
            ),
            Self::Choice(choice) if choice.choices.is_empty() => {
                Err(Error::new("it has no choices"))
            }
            Self::Pass(pass) if pass.parameters.is_some() && pass.result.is_some() => {
                Err(Error::new("it has both of Parameters and Result"))
            }
            Self::Fail(fail) if fail.error.is_some() && fail.error_path.is_some() => {
                Err(Error::new("it has both of Error and ErrorPath"))
            }
            Self::Fail(fail) if fail.cause.is_some() && fail.cause_path.is_some() => {
                Err(Error::new("it has both of Cause and CausePath"))
            }
            _ => Ok(()),
        }
    }
}
