//! `cargo xtask permissions`: the calls that the deployed roles allow and the attacks that they
//! deny, each with its reason. Then a line with a count for each kind of `networkLimit`. The exit status
//! is 0 only if every call is allowed and every attack is denied with each of them.

use std::process::ExitCode;

use anyhow::Result;
use hookline_testkit::attacks::{Outcome, Outcomes};
use hookline_testkit::program::exit_code;
use hookline_testkit::roles::NetworkLimit;

fn main() -> ExitCode {
    exit_code("permissions", run())
}

fn run() -> Result<bool> {
    let clock = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    let mut all_right = true;
    for limit in NetworkLimit::ALL {
        let outcomes = clock.block_on(Outcomes::of_all_limited_by(limit))?;
        // With another limit, the table is the same.
        if limit == NetworkLimit::Ids {
            for outcome in &outcomes.allowed {
                print("allowed", outcome, outcome.allowed);
            }
            println!();
            for outcome in &outcomes.denied {
                print("denied", outcome, !outcome.allowed);
            }
            println!();
        }
        let wrong = outcomes.wrong();
        for line in &wrong {
            println!("WRONG  {line}");
        }
        let limited = match limit {
            NetworkLimit::Ids => "",
            NetworkLimit::Vpc => "with networkLimit.vpcIds: ",
            NetworkLimit::Tag => "with networkLimit.tag: ",
        };
        println!(
            "{limited}{} calls must be allowed, {} attacks must be denied: {} wrong",
            outcomes.allowed.len(),
            outcomes.denied.len(),
            wrong.len()
        );
        all_right &= wrong.is_empty();
    }
    Ok(all_right)
}

fn print(verdict: &str, outcome: &Outcome, right: bool) {
    let verdict = if right { verdict } else { "WRONG" };
    println!("{verdict:<8} {}", outcome.attempt.line());
}
