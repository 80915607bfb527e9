//! What is meant by the commands that change something.

use hookline_domain::ids::InstanceId;

use crate::args::acts::{ActArgs, SwitchArgs};
use crate::judge::pause::Switch;
use crate::judge::release::Asked;

/// A command that changes something, if it is confirmed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) stack: Option<String>,
    /// Whether it is done, and not only said.
    pub(crate) yes: bool,
    pub(crate) what: Action,
}

/// What is done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Replay(ReplayOptions),
    Release(Vec<Asked>),
    /// `pause` and `resume`
    Switch(SwitchOptions),
    Reconcile,
    /// Deletes old versions of functions.
    Versions,
    Adopt {
        /// Only these nodes; all if there are none.
        instances: Vec<InstanceId>,
        per_minute: u16,
    },
}

/// What `replay` starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReplayOptions {
    /// An instance, a node's name or an execution.
    pub(crate) what: String,
    /// Whether the deployed profile takes the place of the execution's.
    pub(crate) deployed_profile: bool,
    /// Whether an execution that runs is replaced.
    pub(crate) replace: bool,
}

/// What `pause` suspends, or `resume` resumes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SwitchOptions {
    pub(crate) switch: Switch,
    pub(crate) group: String,
    /// Also a group that the deployment has nothing to do with.
    pub(crate) any_group: bool,
}

impl Act {
    pub(super) fn of(args: ActArgs) -> Self {
        let (stack, yes, what) = match args {
            ActArgs::Replay {
                what,
                deployed_profile,
                replace,
                confirmed,
                deployment,
            } => {
                let replay = ReplayOptions {
                    what,
                    deployed_profile,
                    replace,
                };
                (deployment.stack, confirmed.yes, Action::Replay(replay))
            }
            ActArgs::Release {
                what,
                confirmed,
                deployment,
            } => (deployment.stack, confirmed.yes, Action::Release(what)),
            ActArgs::Pause(args) => Self::switch(Switch::Pause, args),
            ActArgs::Resume(args) => Self::switch(Switch::Resume, args),
            // clap refuses `--dry-run` with `--yes`.
            ActArgs::Reconcile {
                dry_run: _,
                confirmed,
                deployment,
            } => (deployment.stack, confirmed.yes, Action::Reconcile),
            ActArgs::Versions {
                confirmed,
                deployment,
            } => (deployment.stack, confirmed.yes, Action::Versions),
            ActArgs::Adopt {
                instances,
                per_minute,
                confirmed,
                deployment,
            } => {
                let adopt = Action::Adopt {
                    instances,
                    per_minute,
                };
                (deployment.stack, confirmed.yes, adopt)
            }
        };
        Self { stack, yes, what }
    }

    fn switch(switch: Switch, args: SwitchArgs) -> (Option<String>, bool, Action) {
        let what = SwitchOptions {
            switch,
            group: args.group,
            any_group: args.any_group,
        };
        (
            args.deployment.stack,
            args.confirmed.yes,
            Action::Switch(what),
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, CommandArgs};

    fn act(line: &str) -> Result<Act, String> {
        let args = Args::try_parse_from(line.split_whitespace());
        match args.map_err(|error| error.to_string())?.command {
            CommandArgs::Act(args) => Ok(Act::of(args)),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn nothing_is_done_without_yes() {
        for line in [
            "replay upf-1",
            "release i-0123456789abcdef0",
            "pause upf",
            "resume upf",
            "reconcile",
            "reconcile --dry-run",
            "versions",
            "adopt",
        ] {
            assert!(!act(&format!("hookline {line}")).unwrap().yes, "{line}");
        }
        assert!(act("hookline pause upf --yes").unwrap().yes);
        let both = act("hookline reconcile --dry-run --yes").unwrap_err();
        assert!(both.contains("cannot be used with"), "{both}");
    }

    #[test]
    fn release_takes_instances_and_interfaces_and_nothing_else() {
        let released = act("hookline release eni-0123456789abcdef0 i-0123456789abcdef0 --stack a");
        let released = released.unwrap();
        assert_eq!(released.stack.as_deref(), Some("a"));
        let Action::Release(what) = released.what else {
            panic!("{released:?}");
        };
        assert!(matches!(
            what.as_slice(),
            [Asked::Interface(_), Asked::Instance(_)]
        ));
        for wrong in [
            "hookline release",
            "hookline release upf",
            "hookline adopt upf",
        ] {
            assert!(act(wrong).is_err(), "{wrong}");
        }
    }
}
