//! `cargo xtask permissions`: the calls that the deployed roles allow and the attacks that they
//! deny, each with its reason. Then a line with a count for each kind of `networkLimit`, and the same
//! for the traffic stack. The exit status is 0 only if every call is allowed and every attack is denied
//! with each of them.

use std::process::ExitCode;

use anyhow::Result;
use hookline_testkit::attacks::{Outcome, Outcomes};
use hookline_testkit::program::exit_code;
use hookline_testkit::roles::{RoleLimit, Traffic};

fn main() -> ExitCode {
    exit_code("permissions", run())
}

fn run() -> Result<bool> {
    let clock = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    let mut all_right = true;
    for limit in RoleLimit::ALL {
        let outcomes = clock.block_on(Outcomes::of_all_limited_by(limit))?;
        let (title, listed) = match limit {
            RoleLimit::Ids => ("", true),
            // The table is the same but for the groups that patterns of names leave out.
            RoleLimit::Vpc => ("with networkLimit.vpcIds: ", false),
            RoleLimit::Tag => ("with networkLimit.tag: ", false),
            RoleLimit::Names => ("with autoScalingGroupNamePatterns: ", false),
        };
        all_right &= report(&outcomes, title, listed);
    }
    for traffic in Traffic::ALL {
        let outcomes = clock.block_on(Outcomes::of_traffic(traffic))?;
        let (title, listed) = match traffic {
            Traffic::Own => ("traffic: ", false),
            // The table has more.
            Traffic::OfOthers => ("traffic, with flow logs and a cluster of others: ", true),
        };
        all_right &= report(&outcomes, title, listed);
    }
    Ok(all_right)
}

/// Prints the outcomes, and whether all is as it should be. Returns that.
fn report(outcomes: &Outcomes, title: &str, listed: bool) -> bool {
    if listed {
        println!();
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
    println!(
        "{title}{} calls must be allowed, {} attacks must be denied: {} wrong",
        outcomes.allowed.len(),
        outcomes.denied.len(),
        wrong.len()
    );
    wrong.is_empty()
}

fn print(verdict: &str, outcome: &Outcome, right: bool) {
    let verdict = if right { verdict } else { "WRONG" };
    println!("{verdict:<8} {}", outcome.attempt.line());
}
