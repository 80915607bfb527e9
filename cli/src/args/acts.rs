//! The commands that change something. None does without `--yes`.

use clap::Subcommand;
use hookline_domain::ids::InstanceId;

use super::DeploymentArgs;
use crate::judge::release::Asked;

/// The commands that change something.
#[derive(Debug, Subcommand)]
pub(crate) enum ActArgs {
    /// Start an execution for a launch again.
    ///
    /// It says what it would start. It refuses, with the reason, where a replay does not help.
    Replay {
        /// An instance, a node's name, or an execution's name or ARN.
        #[arg(value_name = "WHAT")]
        what: String,
        /// Use the profile that is deployed now, and not that of the execution.
        #[arg(long)]
        deployed_profile: bool,
        /// Replace an execution that runs: stop it when the new one runs.
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        confirmed: Confirmed,
        #[command(flatten)]
        deployment: DeploymentArgs,
    },
    /// Delete unattached interfaces that no launch needs.
    ///
    /// Only those of this deployment, and none whose launch goes on.
    Release {
        /// An instance, of which all such interfaces are meant, or interfaces.
        #[arg(value_name = "INSTANCE|INTERFACE", required = true)]
        what: Vec<Asked>,
        #[command(flatten)]
        confirmed: Confirmed,
        #[command(flatten)]
        deployment: DeploymentArgs,
    },
    /// Let a group launch no instances: suspend its process Launch.
    ///
    /// Launches that have begun go on.
    Pause(SwitchArgs),
    /// Let a group launch instances again: resume its process Launch.
    Resume(SwitchArgs),
    /// Run a round of reconcile now, which starts lost launches and cleans up.
    ///
    /// Without --yes it is a dry run: it says what a round would do.
    Reconcile {
        /// A dry run, as without --yes.
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
        #[command(flatten)]
        confirmed: Confirmed,
        #[command(flatten)]
        deployment: DeploymentArgs,
    },
    /// Delete the published versions of functions that no execution can use any more.
    ///
    /// An update of the stack leaves the versions before it, as running executions end with them.
    Versions {
        #[command(flatten)]
        confirmed: Confirmed,
        #[command(flatten)]
        deployment: DeploymentArgs,
    },
    /// Start executions for nodes that are InService and lack interfaces.
    ///
    /// It lists them. With --yes it starts the executions at a rate, and may be interrupted.
    Adopt {
        /// Only these nodes [default: all nodes of the deployed profiles]
        #[arg(value_name = "INSTANCE")]
        instances: Vec<InstanceId>,
        /// How many nodes get an execution in a minute.
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=600))]
        per_minute: u16,
        #[command(flatten)]
        confirmed: Confirmed,
        #[command(flatten)]
        deployment: DeploymentArgs,
    },
}

/// A group whose process Launch is suspended or resumed.
#[derive(Debug, clap::Args)]
pub(crate) struct SwitchArgs {
    /// The Auto Scaling group.
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// Also a group that no profile of the deployment covers.
    #[arg(long, conflicts_with = "stack")]
    pub(crate) any_group: bool,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,
}

/// Whether to do it.
#[derive(Debug, clap::Args)]
pub(crate) struct Confirmed {
    /// Do it. Without it, the command says what it would do.
    #[arg(long)]
    pub(crate) yes: bool,
}
