//! `cargo xtask permissions`: the calls that the deployed roles allow and the attacks that they
//! deny, each with its reason. The last line is a count. The exit status is 0 only if every call is
//! allowed and every attack is denied.

use std::process::ExitCode;

use anyhow::Result;
use hookline_testkit::attacks::{Outcome, Outcomes};
use hookline_testkit::program::exit_code;

fn main() -> ExitCode {
    exit_code("permissions", run())
}

fn run() -> Result<bool> {
    let clock = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    let outcomes = clock.block_on(Outcomes::of_all())?;
    for outcome in &outcomes.allowed {
        print("allowed", outcome, outcome.allowed);
    }
    println!();
    for outcome in &outcomes.denied {
        print("denied", outcome, !outcome.allowed);
    }
    println!();
    let wrong = outcomes.wrong();
    for line in &wrong {
        println!("WRONG  {line}");
    }
    println!(
        "{} calls must be allowed, {} attacks must be denied: {} wrong",
        outcomes.allowed.len(),
        outcomes.denied.len(),
        wrong.len()
    );
    Ok(wrong.is_empty())
}

fn print(verdict: &str, outcome: &Outcome, right: bool) {
    let verdict = if right { verdict } else { "WRONG" };
    println!("{verdict:<8} {}", outcome.attempt.line());
}
