//! `hookline profile check`: what is wrong with a profile, field by field.

pub(super) mod problems;

use std::fs::File;
use std::io::{self, Read};

use anstyle::Style;
use hookline_domain::profile::Profile;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Code, Error, Result};
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG};
use crate::settings::{ProfileKind, Source};
use problems::{MAX_PROBLEMS, Problem};

/// The largest file that is read, in bytes. The target of a rule takes 8,192 characters.
const MAX_BYTES: u64 = 1024 * 1024;

/// What the check found.
#[derive(Debug, Serialize)]
struct Checked {
    /// The path, or `stdin`.
    file: String,
    valid: bool,
    problems: Vec<Problem>,
}

impl Report for Checked {
    fn write(&self, page: &mut Page) {
        let plain = Style::new();
        if self.valid {
            page.paragraph(&[(STRONG, &self.file), (GOOD, "The profile is right.")]);
            return;
        }
        let count = match self.problems.len() {
            1 => "1 problem".to_owned(),
            MAX_PROBLEMS => format!("{MAX_PROBLEMS} problems or more"),
            count => format!("{count} problems"),
        };
        page.paragraph(&[(STRONG, &self.file), (BAD, &count)]);
        for problem in &self.problems {
            let field = format!("{}:", problem.field);
            page.paragraph(&[(STRONG, &field), (plain, &problem.problem)]);
            page.indented(&[(LABEL, "remedy:"), (plain, &problem.remedy)]);
        }
    }
}

pub(super) fn check(source: &Source, kind: ProfileKind, output: &Output) -> Result<Code> {
    let (file, profile) = read(source)?;
    let problems = problems::of(kind, &profile)?;
    let checked = Checked {
        file,
        valid: problems.is_empty(),
        problems,
    };
    output.report(&checked)?;
    Ok(match checked.valid {
        true => Code::Success,
        false => Code::ProblemsFound,
    })
}

/// Reads a profile that must be right.
pub(super) fn read_valid(source: &Source) -> Result<Profile> {
    let (name, profile) = read(source)?;
    Profile::read(profile).map_err(|source| Error::Profile { name, source })
}

/// The name of the source, and its JSON.
pub(super) fn read(source: &Source) -> Result<(String, Value)> {
    let (name, read) = match source {
        Source::Stdin => ("stdin".to_owned(), limited(io::stdin().lock())),
        Source::File(path) => (
            path.display().to_string(),
            File::open(path).and_then(limited),
        ),
    };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(source) => return Err(Error::Read { name, source }),
    };
    // One byte more than the limit was asked for.
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(Error::TooLarge {
            name,
            limit: MAX_BYTES,
        });
    }
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok((name, value)),
        Err(source) => Err(Error::NotJson { name, source }),
    }
}

fn limited(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
