//! The commands that look at a deployment, and change nothing.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::{Age, DeploymentArgs};

/// The commands that look at a deployment.
#[derive(Debug, Subcommand)]
pub(crate) enum ReadArgs {
    /// Show each group of a deployment, and what is wrong with it.
    ///
    /// The deployment is found by its state machine, STACK-launch-node. Nothing is changed.
    Status {
        #[command(flatten)]
        deployment: DeploymentArgs,
        /// Show a scale-out while it happens, in this terminal. `q` quits.
        // A log would write over the view.
        #[arg(long, conflicts_with_all = ["json", "verbose"])]
        watch: bool,
    },
    /// Tell the story of a launch: what each step did, why it failed, and what mends it.
    ///
    /// Nothing is changed.
    Explain {
        /// An instance, a node's name, an execution's name or ARN, or a group's name.
        #[arg(value_name = "WHAT")]
        what: String,
        #[command(flatten)]
        deployment: DeploymentArgs,
    },
    /// Check configuration and account against one another.
    ///
    /// It says what a launch would fail by. Nothing is changed.
    ///
    /// Without a file, it checks the profiles that are deployed.
    ///
    /// The exit code is 0 if nothing is found, and 1 if something is.
    Check {
        #[command(flatten)]
        deployment: DeploymentArgs,
        /// The app's configuration, in JSON, before its deployment. `-` reads stdin.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        config: Option<PathBuf>,
        /// One profile, in JSON, before its deployment. `-` reads stdin.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "config")]
        profile: Option<PathBuf>,
    },
    /// Plan the next launches of a group.
    ///
    /// It says which addresses they would get, and how long they take. Nothing is changed.
    ///
    /// The exit code is 1 if a launch would be abandoned.
    Plan {
        /// The Auto Scaling group.
        #[arg(value_name = "GROUP")]
        group: String,
        /// How many nodes are launched at once.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=5000))]
        nodes: u16,
        #[command(flatten)]
        deployment: DeploymentArgs,
    },
    /// Write a page that shows a scale-out: one HTML file, for a browser.
    ///
    /// It has a bar for each node, Hookline's calls of EC2, and the addresses of the nodes.
    ///
    /// Nothing is changed.
    Timeline {
        /// The Auto Scaling group.
        #[arg(value_name = "GROUP")]
        group: String,
        /// How far back it looks: a number with m, h or d.
        #[arg(long, value_name = "AGE", default_value = "1h")]
        since: Age,
        /// The file to write. `-` writes to stdout.
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: PathBuf,
        #[command(flatten)]
        deployment: DeploymentArgs,
    },
}
