//! What is meant by the commands that only look at a deployment.

use super::{Source, Subject, Target};
use crate::args::reads::ReadArgs;

/// A command that looks at a deployment, and changes nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) stack: Option<String>,
    pub(crate) what: Question,
}

/// What is asked about the deployment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Status,
    /// `status --watch`
    Watch,
    /// An instance, a node's name, an execution or a group.
    Explain(String),
    Check(Subject),
    Plan {
        group: String,
        nodes: usize,
    },
    Timeline {
        group: String,
        /// How far back it looks, in seconds.
        window: i64,
        target: Target,
    },
}

impl Read {
    pub(super) fn of(args: ReadArgs) -> Self {
        let (deployment, what) = match args {
            ReadArgs::Status { deployment, watch } => match watch {
                true => (deployment, Question::Watch),
                false => (deployment, Question::Status),
            },
            ReadArgs::Explain { what, deployment } => (deployment, Question::Explain(what)),
            ReadArgs::Check {
                deployment,
                config,
                profile,
            } => {
                let subject = match (config, profile) {
                    (Some(file), _) => Subject::Configuration(Source::of(file)),
                    (None, Some(file)) => Subject::Profile(Source::of(file)),
                    (None, None) => Subject::Deployed,
                };
                (deployment, Question::Check(subject))
            }
            ReadArgs::Plan {
                group,
                nodes,
                deployment,
            } => {
                let nodes = nodes.into();
                (deployment, Question::Plan { group, nodes })
            }
            ReadArgs::Timeline {
                group,
                since,
                output,
                deployment,
            } => {
                let timeline = Question::Timeline {
                    group,
                    window: since.seconds(),
                    target: Target::of(output),
                };
                (deployment, timeline)
            }
        };
        Self {
            stack: deployment.stack,
            what,
        }
    }
}
