//! What can go wrong in a run: what to say, the remedy, and the exit code.

use std::io;
use std::process::ExitCode;

use crate::aws;

/// The result of a command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// The exit codes. docs/cli.md says when each comes; scripts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Success = 0,
    /// A check found problems.
    ProblemsFound = 1,
    // 2 is clap's: the command line is wrong.
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
    /// A file is larger than any profile is.
    #[error("{name} has more than {limit} bytes")]
    TooLarge {
        /// The file's path, or `stdin`.
        name: String,
        /// The most that is read.
        limit: u64,
    },
    /// The manual pages cannot be written.
    #[error("cannot write manual pages to {folder}: {source}")]
    WritePages {
        /// The folder.
        folder: String,
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
    /// AWS cannot be called, or a call failed.
    #[error(transparent)]
    Aws(#[from] aws::Error),
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
    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> Code {
        match self {
            Self::Read { .. }
            | Self::NotJson { .. }
            | Self::TooLarge { .. }
            | Self::WritePages { .. } => Code::File,
            Self::Write { .. } | Self::Internal { .. } => Code::Internal,
            Self::Aws(error) => error.exit_code(),
        }
    }

    /// The kind in `--json`: one for each exit code.
    pub(crate) fn kind(&self) -> &'static str {
        match self.exit_code() {
            Code::Success => "success",
            Code::ProblemsFound => "problems-found",
            Code::File => "file",
            Code::Credentials => "credentials",
            Code::Region => "region",
            Code::AccessDenied => "access-denied",
            Code::Throttled => "throttled",
            Code::AwsUnavailable => "aws-unavailable",
            Code::AwsRefused => "aws-refused",
            Code::Internal => "internal",
        }
    }

    /// What to do about it.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Read { .. } => "Give the path of a file that you may read.".to_owned(),
            Self::NotJson { .. } => "Correct the JSON at that place.".to_owned(),
            Self::TooLarge { .. } => {
                "Give the file of one profile: a rule's target takes 8,192 characters.".to_owned()
            }
            Self::WritePages { .. } => "Give a folder that you may write to.".to_owned(),
            Self::Write { .. } => "Write to a place that has room.".to_owned(),
            Self::Aws(error) => error.remedy(),
            Self::Internal { .. } => {
                "Report it, with the command line and the output of -vv.".to_owned()
            }
        }
    }
}
