//! What can go wrong in a run: what to say, the remedy, and the exit code.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::task::JoinError;

use crate::aws;
use crate::judge::finding::quoted;

/// The result of a command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// The exit codes. docs/cli.md says when each comes; scripts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Success = 0,
    /// A check found problems.
    ProblemsFound = 1,
    /// The command line is wrong. clap says most of that itself.
    Usage = 2,
    /// A file cannot be read or written.
    File = 3,
    Credentials = 4,
    Region = 5,
    AccessDenied = 6,
    Throttled = 7,
    AwsUnavailable = 8,
    AwsRefused = 9,
    /// A fault of the machine or of Hookline.
    Internal = 10,
    /// The deployment, or what was asked for, is not there.
    NotFound = 11,
    /// What was asked for does not help, or would harm.
    Refused = 12,
}

impl Code {
    /// The name of the code: the field `kind` of an error in JSON.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ProblemsFound => "problems-found",
            Self::Usage => "usage",
            Self::File => "file",
            Self::Credentials => "credentials",
            Self::Region => "region",
            Self::AccessDenied => "access-denied",
            Self::Throttled => "throttled",
            Self::AwsUnavailable => "aws-unavailable",
            Self::AwsRefused => "aws-refused",
            Self::Internal => "internal",
            Self::NotFound => "not-found",
            Self::Refused => "refused",
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file, or stdin, cannot be read.
    #[error("cannot read {name}: {source}")]
    Read {
        /// The file's path, or `stdin`.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// What was read is not JSON.
    #[error("{name} is not JSON: {source}")]
    NotJson {
        /// The file's path, or `stdin`.
        name: String,
        /// The place in the text, and what is wrong there.
        source: serde_json::Error,
    },
    /// A configuration that is code.
    #[error("{} is code, and not JSON", path.display())]
    NotPrinted {
        /// The file's path.
        path: PathBuf,
    },
    /// A file is larger than any profile is.
    #[error("{name} has more than {limit} bytes")]
    TooLarge {
        /// The file's path, or `stdin`.
        name: String,
        /// The most that is read.
        limit: u64,
    },
    /// User data is refused.
    #[error("{name} is not read as user data: {refusal}")]
    UserData {
        /// The file's path, `stdin`, the launch template or the instance.
        name: String,
        /// Why.
        refusal: hookline_user_data::Refusal,
    },
    /// A profile breaks a rule.
    #[error("{name}: {source}")]
    Profile {
        /// The file's path, or `stdin`.
        name: String,
        /// The first thing that is wrong.
        source: hookline_domain::Error,
    },
    /// The manual pages cannot be written.
    #[error("cannot write manual pages to {folder}: {source}")]
    WritePages {
        /// The folder.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// A live view where there is no terminal.
    #[error("--watch needs a terminal, and stdin or stdout is none")]
    NoTerminal,
    /// A file cannot be written.
    #[error("cannot write {name}: {source}")]
    WriteFile {
        /// The file's path.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The result cannot be written to stdout.
    #[error("cannot write the result: {source}")]
    Write {
        /// Why.
        #[from]
        source: io::Error,
    },
    /// A configuration is for another account than the credentials.
    #[error("{name} is for the account {wanted}, and the credentials are of the account {has}")]
    OtherAccount {
        /// The file's path, or `stdin`.
        name: String,
        /// The configuration's.
        wanted: String,
        /// That of the credentials.
        has: String,
    },
    /// A configuration is for another Region than the calls.
    #[error("{name} is for the Region {wanted}, and the calls go to {has}")]
    OtherRegion {
        /// The file's path, or `stdin`.
        name: String,
        /// The configuration's.
        wanted: String,
        /// That of the calls.
        has: String,
    },
    /// AWS cannot be called, or a call failed.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// The deployment, or what was asked for, is not there.
    #[error("{what}")]
    NotFound {
        /// What is not there.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A fault of Hookline itself.
    #[error("{doing} failed by a fault of Hookline: {detail}")]
    Internal {
        /// What was being done.
        doing: &'static str,
        /// What went wrong.
        detail: String,
    },
}

impl Error {
    /// A task of the process ended before its result.
    pub(crate) fn of_task(error: JoinError) -> Self {
        Self::Internal {
            doing: "making calls at once",
            detail: error.to_string(),
        }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> Code {
        match self {
            Self::Read { .. }
            | Self::NotJson { .. }
            | Self::NotPrinted { .. }
            | Self::TooLarge { .. }
            | Self::UserData { .. }
            | Self::Profile { .. }
            | Self::WriteFile { .. }
            | Self::WritePages { .. } => Code::File,
            Self::Write { .. } | Self::Internal { .. } => Code::Internal,
            Self::NoTerminal => Code::Usage,
            Self::NotFound { .. } => Code::NotFound,
            Self::OtherAccount { .. } => Code::Credentials,
            Self::OtherRegion { .. } => Code::Region,
            Self::Aws(error) => error.exit_code(),
        }
    }

    /// What to do about it.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Read { .. } => "Give the path of a file that you may read.".to_owned(),
            Self::NotPrinted { path } => {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                let program = format!(
                    "console.log(JSON.stringify(require({:?}).default))",
                    format!("./{file}")
                );
                format!(
                    "Print it as JSON, in its folder: npx tsx -e {} | hookline check --config -",
                    quoted(&program)
                )
            }
            Self::NotJson { .. } => "Correct the JSON at that place.".to_owned(),
            Self::TooLarge { .. } => {
                "Give the file of one profile: a rule's target takes 8,192 characters.".to_owned()
            }
            Self::UserData { .. } => {
                "Give what EC2 has: user data, raw or in base64, and nothing around it.".to_owned()
            }
            Self::Profile { .. } => {
                "Correct it. `hookline profile check` tells everything that is wrong.".to_owned()
            }
            Self::NoTerminal => {
                "Leave --watch out, or run the command in a terminal without a pipe.".to_owned()
            }
            Self::WriteFile { .. } => {
                "Give the path of a file that you may write, in a folder that exists.".to_owned()
            }
            Self::WritePages { .. } => "Give a folder that you may write to.".to_owned(),
            Self::Write { .. } => "Write to a place that has room.".to_owned(),
            Self::NotFound { remedy, .. } => remedy.clone(),
            Self::OtherAccount { wanted, .. } => format!(
                "Use credentials of the account {wanted}, as by --aws-profile, or correct `account` of the configuration. \
                 `hookline whoami` shows whose they are."
            ),
            Self::OtherRegion { wanted, .. } => {
                format!("Give --region {wanted}, or correct `region` of the configuration.")
            }
            Self::Aws(error) => error.remedy(),
            Self::Internal { .. } => {
                "Report it, with the command line and the output of -vv.".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    const ALL: [Code; 13] = [
        Code::Success,
        Code::ProblemsFound,
        Code::Usage,
        Code::File,
        Code::Credentials,
        Code::Region,
        Code::AccessDenied,
        Code::Throttled,
        Code::AwsUnavailable,
        Code::AwsRefused,
        Code::Internal,
        Code::NotFound,
        Code::Refused,
    ];

    #[test]
    fn documents_have_every_exit_code_and_no_other() {
        let expected: BTreeMap<String, String> = ALL
            .iter()
            .map(|code| ((*code as u8).to_string(), code.kind().to_owned()))
            .collect();
        let table = include_str!("../../docs/cli.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
            .filter(|(code, _)| code.parse::<u8>().is_ok())
            .filter_map(|(code, rest)| {
                let kind = rest.split('`').nth(1)?;
                Some((code.to_owned(), kind.to_owned()))
            });
        assert_eq!(table.collect::<BTreeMap<_, _>>(), expected);

        let help = Args::command().render_long_help().to_string();
        let (_, table) = help.split_once("Exit status:\n").unwrap();
        let codes: Vec<_> = table
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(codes.len(), expected.len());
        assert!(codes.iter().all(|code| expected.contains_key(*code)));
    }
}
