//! `cargo xtask mutants`: mutation testing of the domain crate. cargo-mutants changes the code in
//! one place at a time and runs the tests; a change that no test notices has survived.
//!
//! A survivor fails the command unless `.cargo/mutants-accepted.json` names it with a reason. An
//! entry of that list fails the command when the code has no such mutant any more, or when a test
//! notices it. `.cargo/mutants.toml` has cargo-mutants' own settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use fs_err as fs;
use serde::Deserialize;

use crate::cargo::forget_package;
use crate::workspace::Workspace;
use crate::{cargo_tools, command};

const VERSION: &str = "27.1.0";

/// The package whose code is changed and whose tests are run.
const PACKAGE: &str = "hookline-domain";
/// Its folder, from the root of the workspace.
const FOLDER: &str = "functions/domain";

/// The accepted survivors, from the root of the workspace.
const ACCEPTED: &str = ".cargo/mutants-accepted.json";

/// cargo-mutants' exit codes that tell of mutants: all caught, some missed, some timed out
/// (<https://mutants.rs/exit-codes.html>).
const RESULTS: [i32; 3] = [0, 2, 3];

/// More jobs than this give little: each has a copy of the source tree, and compiles it once.
const MAX_JOBS: usize = 4;

/// What is to be tested.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Test one of N parts only; K is from 0 to N-1
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Test only what the work tree has changed since a commit
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
}

/// The mutants of each name. A name is `FILE: CHANGE in FUNCTION`, without line and column, so that
/// it outlives changes elsewhere in the file; mutants of one function can have the same name.
type Counts = BTreeMap<String, usize>;

/// Tests the mutants. Fails if one survives that is not accepted, or if the list of accepted ones
/// is stale.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let program = cargo_tools::set_up(workspace, "cargo-mutants", VERSION)?;
    let path = workspace.path(ACCEPTED);
    let accepted = accepted(&fs::read(&path)?).with_context(|| path.display().to_string())?;
    let existing = existing(mutants(workspace, &program))?;

    let output = workspace.target()?.join("mutants");
    fs::create_dir_all(&output)?;
    let mut test = mutants(workspace, &program);
    let jobs = thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_JOBS));
    test.args(["--jobs", &jobs.to_string()])
        .arg("--output")
        .arg(&output);
    if let Some(shard) = &options.shard {
        test.args(["--shard", shard]);
    }
    if let Some(commit) = &options.since {
        let file = output.join("since.diff");
        fs::write(&file, changes_since(workspace, commit)?)?;
        test.arg("--in-diff").arg(file);
    }
    let status = test
        .status()
        .map_err(|error| command::start_error(&test, error, "run the command again"))?;
    ensure!(
        status.code().is_some_and(|code| RESULTS.contains(&code)),
        "cargo-mutants failed ({status})"
    );

    let results = output.join("mutants.out");
    let of = |name: &str| counts_of_file(&results.join(name));
    let (missed, caught, timeout) = (of("missed.txt")?, of("caught.txt")?, of("timeout.txt")?);
    // A mutant that never ends has been noticed as well.
    let noticed = sum(caught, timeout);
    ensure!(total(&missed) + total(&noticed) > 0, "no mutant was tested");
    let problems = problems(&accepted, &existing, &missed, &noticed);
    for problem in &problems {
        println!("error: {problem}");
    }
    println!(
        "{} mutants tested: {} survived, {} of them accepted in {ACCEPTED}",
        total(&missed) + total(&noticed),
        total(&missed),
        total(&missed) - excess(&missed, &accepted)
    );
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the work tree has changed in the package since a commit.
fn changes_since(workspace: &Workspace, commit: &str) -> Result<Vec<u8>> {
    let mut diff = Command::new("git");
    diff.current_dir(workspace.root())
        .args(["diff", "--no-color", "--no-ext-diff", "--end-of-options"])
        .args([commit, "--", FOLDER])
        .stderr(Stdio::inherit());
    let output = command::output(&mut diff, "install git")?;
    ensure!(
        output.status.success(),
        "git diff failed ({}): --since takes a commit of this repository",
        output.status
    );
    ensure!(
        !output.stdout.is_empty(),
        "nothing in {FOLDER} has changed since {commit}"
    );
    Ok(output.stdout)
}

/// A call of cargo-mutants for the package.
fn mutants(workspace: &Workspace, program: &Path) -> Command {
    let mut mutants = Command::new(program);
    forget_package(&mut mutants);
    mutants
        // Each job builds in its own copy of the source tree.
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(workspace.root())
        .args(["mutants", "--package", PACKAGE]);
    mutants
}

/// All mutants that the code has, in every shard.
fn existing(mut list: Command) -> Result<Counts> {
    list.args(["--list", "--colors", "never"])
        .stderr(Stdio::inherit());
    let output = command::output(&mut list, "run the command again")?;
    ensure!(
        output.status.success(),
        "cargo-mutants --list failed ({})",
        output.status
    );
    let found = counts(&String::from_utf8_lossy(&output.stdout));
    ensure!(!found.is_empty(), "the package {PACKAGE} has no mutants");
    Ok(found)
}

/// The list of accepted survivors.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptedList {
    accepted: Vec<AcceptedMutant>,
}

/// A survivor that is accepted. A name that stands twice accepts two mutants of that name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptedMutant {
    mutant: String,
    reason: String,
}

/// The names of the accepted mutants. Fails if one has no reason, or is not written as a name.
fn accepted(text: &[u8]) -> Result<Counts> {
    let list: AcceptedList = serde_json::from_slice(text)?;
    let mut names = Counts::new();
    for AcceptedMutant { mutant, reason } in list.accepted {
        if reason.trim().is_empty() {
            bail!("{mutant}: no reason");
        }
        let name = name_of(&mutant);
        if name != mutant {
            bail!("{mutant}: leave out line and column: {name}");
        }
        *names.entry(name).or_default() += 1;
    }
    Ok(names)
}

/// The name of a mutant as cargo-mutants writes it, `FILE:LINE:COLUMN: CHANGE`.
fn name_of(line: &str) -> String {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((place, change)) = line.split_once(": ")
        && let [column, line, file] = place.rsplitn(3, ':').collect::<Vec<_>>()[..]
        && is_number(column)
        && is_number(line)
    {
        return format!("{file}: {change}");
    }
    line.to_owned()
}

/// The mutants of a list with one in each line.
fn counts(text: &str) -> Counts {
    let mut counts = Counts::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        *counts.entry(name_of(line)).or_default() += 1;
    }
    counts
}

fn counts_of_file(path: &Path) -> Result<Counts> {
    Ok(counts(&fs::read_to_string(path)?))
}

fn sum(mut left: Counts, right: Counts) -> Counts {
    for (name, count) in right {
        *left.entry(name).or_default() += count;
    }
    left
}

fn total(counts: &Counts) -> usize {
    counts.values().sum()
}

fn count(counts: &Counts, name: &str) -> usize {
    counts.get(name).copied().unwrap_or_default()
}

/// How many of `these` are more than `allowed` has of the same name.
fn excess(these: &Counts, allowed: &Counts) -> usize {
    these
        .iter()
        .map(|(name, number)| number.saturating_sub(count(allowed, name)))
        .sum()
}

/// What is wrong: survivors that are not accepted, and entries of the list that accept nothing.
fn problems(
    accepted: &Counts,
    existing: &Counts,
    missed: &Counts,
    noticed: &Counts,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, survivors) in missed {
        let allowed = count(accepted, name);
        if *survivors > allowed {
            problems.push(format!(
                "no test notices: {name} ({survivors} survived, {allowed} accepted)"
            ));
        }
    }
    for (name, allowed) in accepted {
        let there = count(existing, name);
        // Mutants that were not tested may still survive.
        let may_survive = there.saturating_sub(count(noticed, name));
        if *allowed > there {
            problems.push(format!(
                "{ACCEPTED} names {allowed} mutants, the code has {there}: {name}"
            ));
        } else if *allowed > may_survive {
            problems.push(format!(
                "{ACCEPTED} names a mutant that a test notices: {name}"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two mutants of one name, and one of another.
    const LIST: &str = "\
src/a.rs:3:47: replace + with - in add
src/a.rs:3:39: replace + with - in add
src/b.rs:12:5: replace <impl Display for B>::fmt -> fmt::Result with Ok(Default::default())
";
    const ADD: &str = "src/a.rs: replace + with - in add";
    const FMT: &str =
        "src/b.rs: replace <impl Display for B>::fmt -> fmt::Result with Ok(Default::default())";

    fn of(names: &[&str]) -> Counts {
        counts(&names.join("\n"))
    }

    #[test]
    fn a_name_has_no_line_and_no_column() {
        assert_eq!(
            counts(LIST),
            Counts::from([(ADD.to_owned(), 2), (FMT.to_owned(), 1)])
        );
        assert_eq!(name_of(ADD), ADD);
        assert_eq!(name_of("src/a.rs:x:1: change"), "src/a.rs:x:1: change");
        assert_eq!(counts("\n"), Counts::new());
    }

    #[test]
    fn an_accepted_mutant_has_a_name_and_a_reason() -> Result<()> {
        let one = |mutant: &str, reason: &str| {
            let list = serde_json::json!({ "accepted": [{ "mutant": mutant, "reason": reason }] });
            accepted(list.to_string().as_bytes())
        };
        assert_eq!(one(ADD, "the sum is only logged")?, of(&[ADD]));
        assert!(one(ADD, " ").is_err());
        assert!(one("src/a.rs:3:47: replace + with - in add", "the sum").is_err());
        assert!(accepted(b"{ \"accepted\": [{ \"mutant\": \"a\" }] }").is_err());
        assert!(accepted(b"{ \"acepted\": [] }").is_err());
        assert_eq!(accepted(b"{ \"accepted\": [] }")?, Counts::new());
        Ok(())
    }

    #[test]
    fn a_survivor_that_is_not_accepted_is_a_problem() {
        let existing = counts(LIST);
        let none = Counts::new();
        assert_eq!(
            problems(&none, &existing, &of(&[FMT]), &none),
            [format!("no test notices: {FMT} (1 survived, 0 accepted)")]
        );
        assert_eq!(
            problems(&of(&[ADD]), &existing, &of(&[ADD, ADD]), &none),
            [format!("no test notices: {ADD} (2 survived, 1 accepted)")]
        );
        assert!(problems(&of(&[ADD, ADD]), &existing, &of(&[ADD, ADD]), &none).is_empty());
        assert!(problems(&none, &existing, &none, &existing).is_empty());
    }

    #[test]
    fn an_entry_that_accepts_nothing_is_a_problem() {
        let existing = counts(LIST);
        let none = Counts::new();
        let gone = "src/a.rs: replace sum -> u8 with 0";
        assert_eq!(
            problems(&of(&[gone]), &existing, &none, &none),
            [format!(
                "{ACCEPTED} names 1 mutants, the code has 0: {gone}"
            )]
        );
        assert_eq!(
            problems(&of(&[FMT]), &existing, &none, &of(&[FMT])),
            [format!(
                "{ACCEPTED} names a mutant that a test notices: {FMT}"
            )]
        );
        // One of the two is noticed; the other is of another shard.
        assert!(problems(&of(&[ADD]), &existing, &none, &of(&[ADD])).is_empty());
    }

    #[test]
    fn only_a_commit_has_changes() -> Result<()> {
        let error = changes_since(&Workspace::find()?, "--no-such-commit").unwrap_err();
        assert!(error.to_string().contains("--since"), "{error}");
        Ok(())
    }

    #[test]
    fn survivors_beyond_the_accepted_ones_are_counted() {
        assert_eq!(excess(&of(&[ADD, ADD, FMT]), &of(&[ADD, FMT])), 1);
        assert_eq!(total(&sum(of(&[ADD]), of(&[ADD, FMT]))), 3);
    }

    #[test]
    fn the_list_in_the_repository_can_be_read() -> Result<()> {
        accepted(&fs::read(Workspace::find()?.path(ACCEPTED))?)?;
        Ok(())
    }
}
