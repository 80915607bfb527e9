//! What is meant by the command line: every default is resolved, and every command holds what it
//! needs and no more.

use std::path::PathBuf;

use anstream::{AutoStream, ColorChoice};
use clap_complete::Shell;
use tracing_subscriber::filter::LevelFilter;

use crate::args::{Args, CommandArgs, GlobalArgs, ProfileArgs};

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
    Status {
        aws: AwsSettings,
        stack: Option<String>,
    },
    Explain {
        aws: AwsSettings,
        stack: Option<String>,
        /// An instance, a node's name, an execution or a group.
        what: String,
    },
    Migrate {
        aws: AwsSettings,
        stack: Option<String>,
        /// Whether the tag is set, and not only what would be done is said.
        yes: bool,
    },
    Completions {
        shell: Shell,
    },
    Man {
        dir: Option<PathBuf>,
    },
}

/// Where a document comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Stdin,
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
    fn of(args: CommandArgs, aws: AwsSettings) -> Self {
        match args {
            CommandArgs::Profile(ProfileArgs::Check { file, naming }) => Self::CheckProfile {
                source: match file.as_os_str() == "-" {
                    true => Source::Stdin,
                    false => Source::File(file),
                },
                kind: ProfileKind::of(naming),
            },
            CommandArgs::Schema { naming } => Self::Schema {
                kind: ProfileKind::of(naming),
            },
            CommandArgs::Whoami => Self::WhoAmI { aws },
            CommandArgs::Status { deployment } => Self::Status {
                aws,
                stack: deployment.stack,
            },
            CommandArgs::Explain { what, deployment } => Self::Explain {
                aws,
                stack: deployment.stack,
                what,
            },
            CommandArgs::Migrate { deployment, yes } => Self::Migrate {
                aws,
                stack: deployment.stack,
                yes,
            },
            CommandArgs::Completions { shell } => Self::Completions { shell },
            CommandArgs::Man { dir } => Self::Man { dir },
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
mod tests {
    use clap::Parser;

    use super::*;

    const TERMINAL: Surroundings = Surroundings {
        stdout_colours: true,
        stderr_colours: true,
    };

    fn settings(line: &str) -> Settings {
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        Settings::of(args, &TERMINAL)
    }

    #[test]
    fn plain_command_gets_the_defaults() {
        let expected = Settings {
            format: Format::Text,
            colours: Colours {
                stdout: true,
                stderr: true,
            },
            verbosity: Verbosity {
                own: LevelFilter::WARN,
                libraries: LevelFilter::OFF,
            },
            command: Command::WhoAmI {
                aws: AwsSettings::default(),
            },
        };
        assert_eq!(settings("hookline whoami"), expected);
    }

    #[test]
    fn global_options_count_before_and_after_the_command() {
        let before = settings("hookline --json --region eu-west-1 --aws-profile ops whoami");
        let after = settings("hookline whoami --json --region eu-west-1 --aws-profile ops");
        assert_eq!(before, after);
        assert_eq!(before.format, Format::Json);
        let Command::WhoAmI { aws } = before.command else {
            panic!("{:?}", before.command);
        };
        assert_eq!(aws.profile.as_deref(), Some("ops"));
        assert_eq!(aws.region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn stack_is_that_of_the_option_or_the_only_one() {
        let aws = AwsSettings::default();
        let explain = Command::Explain {
            aws: aws.clone(),
            stack: Some("core".to_owned()),
            what: "upf".to_owned(),
        };
        assert_eq!(
            settings("hookline explain upf --stack core").command,
            explain
        );
        let status = Command::Status { aws, stack: None };
        assert_eq!(settings("hookline status").command, status);
    }

    #[test]
    fn json_has_no_colours_on_a_terminal() {
        let off = Colours {
            stdout: false,
            stderr: false,
        };
        assert_eq!(settings("hookline --json schema").colours, off);
    }

    #[test]
    fn each_stream_gets_colours_by_itself() {
        let args = Args::try_parse_from(["hookline", "schema"]).unwrap();
        let piped = Surroundings {
            stdout_colours: false,
            stderr_colours: true,
        };
        let colours = Settings::of(args, &piped).colours;
        assert!(!colours.stdout && colours.stderr, "{colours:?}");
    }

    #[test]
    fn libraries_never_log_at_debug() {
        for (line, own, libraries) in [
            ("hookline schema", LevelFilter::WARN, LevelFilter::OFF),
            ("hookline schema -v", LevelFilter::INFO, LevelFilter::WARN),
            ("hookline schema -vv", LevelFilter::DEBUG, LevelFilter::INFO),
            (
                "hookline -vvvv schema",
                LevelFilter::DEBUG,
                LevelFilter::INFO,
            ),
        ] {
            let expected = Verbosity { own, libraries };
            assert_eq!(settings(line).verbosity, expected, "{line}");
        }
    }

    #[test]
    fn dash_is_stdin_and_any_other_name_is_a_file() {
        let source = |line: &str| match settings(line).command {
            Command::CheckProfile { source, kind } => (source, kind),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            source("hookline profile check -"),
            (Source::Stdin, ProfileKind::Launch)
        );
        assert_eq!(
            source("hookline profile check --naming ./-"),
            (Source::File("./-".into()), ProfileKind::Naming)
        );
    }
}
