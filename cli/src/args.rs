//! The command line as it was written. [`crate::settings`] says what is meant by it.

pub(crate) mod acts;
mod age;
pub(crate) mod reads;

use clap::{ArgAction, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use std::path::PathBuf;

pub(crate) use age::Age;

/// What `hookline --help` and the manual page say at the end.
const EXIT_STATUS: &str = "\
Exit status:
  0  success
  1  a check found problems
  2  the command line is wrong
  3  a file cannot be read or written
  4  AWS credentials are missing or not accepted
  5  the AWS Region is missing or wrong
  6  a permission is missing
  7  AWS throttles the calls
  8  AWS does not answer
  9  AWS refuses a call
  10 any other failure
  11 the deployment, or what was asked for, is not found
  12 the command refuses what was asked for, and says why";

/// The command of the operators of Hookline, which prepares EKS nodes before they are InService.
#[derive(Debug, Parser)]
#[command(name = "hookline", version, subcommand_required = true, after_long_help = EXIT_STATUS)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: CommandArgs,
}

/// The options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Print the result as JSON on stdout, and an error as JSON on stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log what the command does to stderr. Twice: with details.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The profile of the AWS configuration files [default: AWS_PROFILE]
    // Not `--profile`: a profile of Hookline is another thing.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) aws_profile: Option<String>,
    /// The AWS Region [default: AWS_REGION, or the AWS profile's]
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum CommandArgs {
    /// Work with a profile in a file.
    #[command(subcommand)]
    Profile(ProfileArgs),
    /// Print the JSON Schema of a profile.
    Schema {
        /// The schema of a naming profile.
        #[arg(long)]
        naming: bool,
    },
    /// Print who you are to AWS: account, ARN, Region, endpoint.
    Whoami,
    #[command(flatten)]
    Read(reads::ReadArgs),
    #[command(flatten)]
    Act(acts::ActArgs),
    /// Give interfaces that lack the tag of a deployment that of this one.
    ///
    /// A release without deployment tags created them. Without --yes, nothing is changed.
    Migrate {
        #[command(flatten)]
        deployment: DeploymentArgs,
        /// Set the tag.
        #[arg(long)]
        yes: bool,
    },
    /// Work with the user data of nodes.
    #[command(subcommand)]
    UserData(UserDataArgs),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, in roff.
    ///
    /// Read it with `hookline man | man -l -`.
    Man {
        /// Write this page, and one for each command, to a folder.
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// Which deployment, if the Region has several.
#[derive(Debug, clap::Args)]
pub(crate) struct DeploymentArgs {
    /// The deployment's stack [default: the only one of the Region]
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
}

/// The commands about a profile.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileArgs {
    /// Check a profile without AWS. Say what is wrong in each field, and the remedy.
    ///
    /// The exit code is 0 if the profile is right, and 1 if it is not.
    Check {
        /// The file with the profile, in JSON. `-` reads stdin.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The file holds a naming profile.
        #[arg(long)]
        naming: bool,
    },
}

/// The commands about user data.
#[derive(Debug, Subcommand)]
pub(crate) enum UserDataArgs {
    /// Say how a node with this user data would join its cluster, and why it would not.
    ///
    /// Nothing is run or fetched, and no secret is shown.
    ///
    /// The exit code is 0 if no problem is found, and 1 if one is.
    #[command(group = clap::ArgGroup::new("source").required(true))]
    Explain {
        /// The file with the user data, raw or in base64. `-` reads stdin.
        #[arg(group = "source", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// The user data of a launch template (id or name).
        #[arg(long, group = "source", value_name = "ID[:VERSION]")]
        launch_template: Option<String>,
        /// The user data of an instance.
        #[arg(long, group = "source", value_name = "ID")]
        instance: Option<String>,
        /// The file with the profile that it must fit, in JSON.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        profile: Option<PathBuf>,
        /// The instance type that maxPods must fit [default: AWS's]
        #[arg(long, value_name = "TYPE")]
        instance_type: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::*;

    #[test]
    fn command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    fn check_help(command: &mut Command) {
        let help = format!("{}{}", command.render_help(), command.render_long_help());
        let too_long: Vec<_> = help
            .lines()
            .filter(|line| line.chars().count() > crate::output::WIDTH)
            .collect();
        assert!(too_long.is_empty(), "{too_long:#?}");
        for command in command.get_subcommands_mut() {
            check_help(command);
        }
    }

    #[test]
    fn every_help_text_fits_the_width() {
        let mut command = Args::command();
        command.build();
        check_help(&mut command);
    }
}
