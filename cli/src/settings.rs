//! What is meant by the command line: every default is resolved, and every command holds what it
//! needs and no more.

mod act;
mod read;

use std::path::PathBuf;

use anstream::{AutoStream, ColorChoice};
use clap_complete::Shell;
use tracing_subscriber::filter::LevelFilter;

pub(crate) use act::{Act, Action, ReplayOptions, SwitchOptions};
pub(crate) use read::{Question, Read};

use crate::args::{Args, CommandArgs, GlobalArgs, ProfileArgs, UserDataArgs};
use crate::chosen::Chosen;

/// What a run of the command does, and how it shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) format: Format,
    pub(crate) colours: Colours,
    pub(crate) verbosity: Verbosity,
    pub(crate) command: Command,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: one JSON value.
    Json,
}

/// Whether each stream gets colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colours {
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

/// The lowest level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verbosity {
    /// Of Hookline's own lines.
    pub(crate) own: LevelFilter,
    /// Of libraries. Never DEBUG: there the AWS SDK logs signed requests.
    pub(crate) libraries: LevelFilter,
}

/// A command with all that it needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    CheckProfile {
        source: Source,
        kind: ProfileKind,
    },
    Schema {
        kind: ProfileKind,
    },
    WhoAmI {
        aws: AwsSettings,
    },
    Read {
        aws: AwsSettings,
        read: Read,
    },
    Act {
        aws: AwsSettings,
        act: Act,
    },
    Migrate {
        aws: AwsSettings,
        stack: Option<String>,
        /// Whether the tag is set, and not only what would be done is said.
        yes: bool,
    },
    ExplainUserData {
        aws: AwsSettings,
        source: UserDataSource,
        profile: Option<Source>,
        instance_type: Option<String>,
    },
    Completions {
        shell: Shell,
    },
    Man {
        dir: Option<PathBuf>,
    },
}

/// Where user data comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserDataSource {
    File(Source),
    LaunchTemplate {
        /// An id or a name.
        template: String,
        /// A number, `$Default` or `$Latest`.
        version: String,
    },
    /// An instance's id.
    Instance(String),
}

impl UserDataSource {
    fn of(file: Option<PathBuf>, template: Option<String>, instance: Option<String>) -> Self {
        if let Some(template) = template {
            // No name of a template has a colon (EC2 API Reference, CreateLaunchTemplate).
            let (template, version) = template.split_once(':').unwrap_or((&template, "$Default"));
            return Self::LaunchTemplate {
                template: template.to_owned(),
                version: version.to_owned(),
            };
        }
        match (file, instance) {
            (Some(file), _) => Self::File(Source::of(file)),
            (None, instance) => Self::Instance(instance.unwrap_or_default()),
        }
    }
}

/// What `check` checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The profiles that are deployed.
    Deployed,
    /// Those of a configuration of the CDK app.
    Configuration(Source),
    /// One profile.
    Profile(Source),
}

/// Where a document comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

/// Where a page goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Stdout,
    File(PathBuf),
}

/// Which type of profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProfileKind {
    /// Of nodes that wait at a lifecycle hook (docs/profile.md).
    Launch,
    /// Of nodes that only get names and tags (docs/naming.md).
    Naming,
}

/// What the command line says of AWS. `None`: what the environment and the AWS configuration files
/// say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AwsSettings {
    pub(crate) profile: Option<String>,
    pub(crate) region: Option<String>,
}

/// What the settings depend on besides the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    /// Whether stdout takes colours.
    pub(crate) stdout_colours: bool,
    /// Whether stderr takes colours.
    pub(crate) stderr_colours: bool,
}

impl Surroundings {
    /// A stream takes colours if it is a terminal that has them. `NO_COLOR`, `CLICOLOR` and
    /// `CLICOLOR_FORCE` change that.
    pub(crate) fn of_this_process() -> Self {
        Self {
            stdout_colours: AutoStream::choice(&std::io::stdout()) != ColorChoice::Never,
            stderr_colours: AutoStream::choice(&std::io::stderr()) != ColorChoice::Never,
        }
    }
}

impl Settings {
    /// Resolves what was written.
    pub(crate) fn of(args: Args, surroundings: &Surroundings) -> Self {
        let GlobalArgs {
            json,
            verbose,
            aws_profile,
            region,
        } = args.global;
        let aws = AwsSettings {
            profile: aws_profile,
            region,
        };
        Self {
            format: if json { Format::Json } else { Format::Text },
            colours: Colours {
                stdout: surroundings.stdout_colours && !json,
                stderr: surroundings.stderr_colours && !json,
            },
            verbosity: Verbosity::of(verbose),
            command: Command::of(args.command, aws),
        }
    }
}

impl Verbosity {
    /// `times`: how often `-v` was given.
    fn of(times: u8) -> Self {
        let (own, libraries) = match times {
            0 => (LevelFilter::WARN, LevelFilter::OFF),
            1 => (LevelFilter::INFO, LevelFilter::WARN),
            _ => (LevelFilter::DEBUG, LevelFilter::INFO),
        };
        Self { own, libraries }
    }
}

impl Command {
    /// What the command line chose of where the command works.
    pub(crate) fn chosen(&self) -> Chosen {
        let (aws, stack) = match self {
            Self::Read { aws, read } => (aws, &read.stack),
            Self::Act { aws, act } => (aws, &act.stack),
            Self::Migrate { aws, stack, .. } => (aws, stack),
            Self::WhoAmI { aws } | Self::ExplainUserData { aws, .. } => (aws, &None),
            Self::CheckProfile { .. }
            | Self::Schema { .. }
            | Self::Completions { .. }
            | Self::Man { .. } => return Chosen::default(),
        };
        Chosen {
            stack: stack.clone(),
            aws_profile: aws.profile.clone(),
            region: aws.region.clone(),
        }
    }

    fn of(args: CommandArgs, aws: AwsSettings) -> Self {
        match args {
            CommandArgs::Profile(ProfileArgs::Check { file, naming }) => Self::CheckProfile {
                source: Source::of(file),
                kind: ProfileKind::of(naming),
            },
            CommandArgs::Schema { naming } => Self::Schema {
                kind: ProfileKind::of(naming),
            },
            CommandArgs::Whoami => Self::WhoAmI { aws },
            CommandArgs::Read(args) => Self::Read {
                aws,
                read: Read::of(args),
            },
            CommandArgs::Act(args) => Self::Act {
                aws,
                act: Act::of(args),
            },
            CommandArgs::Migrate { deployment, yes } => Self::Migrate {
                aws,
                stack: deployment.stack,
                yes,
            },
            CommandArgs::UserData(UserDataArgs::Explain {
                file,
                launch_template,
                instance,
                profile,
                instance_type,
            }) => Self::ExplainUserData {
                aws,
                source: UserDataSource::of(file, launch_template, instance),
                profile: profile.map(Source::of),
                instance_type,
            },
            CommandArgs::Completions { shell } => Self::Completions { shell },
            CommandArgs::Man { dir } => Self::Man { dir },
        }
    }
}

impl Source {
    /// `-` is stdin.
    fn of(file: PathBuf) -> Self {
        match file.as_os_str() == "-" {
            true => Self::Stdin,
            false => Self::File(file),
        }
    }
}

impl Target {
    /// `-` is stdout.
    fn of(file: PathBuf) -> Self {
        match file.as_os_str() == "-" {
            true => Self::Stdout,
            false => Self::File(file),
        }
    }
}

impl ProfileKind {
    fn of(naming: bool) -> Self {
        match naming {
            true => Self::Naming,
            false => Self::Launch,
        }
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
