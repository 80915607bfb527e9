//! The report of a run: what was expected, what was observed, and how the fake AWS differs from it.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;
use serde_json::{Value, json};

use crate::fact::Observed;
use crate::recording::{About, differences, scrubbed};
use crate::run::{Outcome, Verdict};
use crate::scrub;

/// A report of the outcomes of a run, in JSON, without ids.
#[must_use]
pub fn report(about: &About, ended: &str, outcomes: &[Outcome], on_fake: &[Outcome]) -> Value {
    let facts: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            let from_fake = fake_differs(outcome, on_fake);
            let mut fact = json!({
                "name": outcome.fact.name,
                "says": outcome.fact.says,
                "source": outcome.fact.source.url,
                "needs": outcome.fact.needs,
                "expected": outcome.fact.expected.line(),
                "result": outcome.verdict,
            });
            if let Some(fact) = fact.as_object_mut().filter(|_| !from_fake.is_empty()) {
                fact.insert("fakeAwsDiffers".to_owned(), json!(from_fake));
            }
            fact
        })
        .collect();
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|it| wanted(it)).count();
    let report = json!({
        "suite": env!("CARGO_PKG_VERSION"),
        "target": about.target,
        "region": about.region,
        "ended": ended,
        "facts": outcomes.len(),
        "differences": count(Outcome::is_difference),
        "skipped": count(Outcome::is_skipped),
        "results": facts,
    });
    scrub::json(report)
}

/// How the fake AWS differs from what was observed. Nothing if either observed nothing.
#[must_use]
pub fn fake_differs(outcome: &Outcome, on_fake: &[Outcome]) -> Vec<String> {
    match (outcome.observed(), observed_of(on_fake, outcome.fact.name)) {
        (Some(observed), Some(fake)) => {
            differences(&outcome.fact.expected, &scrubbed(observed), &scrubbed(fake))
        }
        _ => Vec::new(),
    }
}

/// What was observed of the fact with this name.
fn observed_of<'a>(outcomes: &'a [Outcome], name: &str) -> Option<&'a Observed> {
    let mut outcomes = outcomes.iter();
    outcomes.find(|it| it.fact.name == name)?.observed()
}

/// Writes a report into a file.
///
/// # Errors
/// If the file cannot be written.
pub fn write(file: &Path, report: &Value) -> Result<()> {
    fs::write(file, serde_json::to_string_pretty(report)? + "\n")?;
    Ok(())
}

/// The outcome of a fact, in lines for a terminal.
#[must_use]
pub fn lines(outcome: &Outcome) -> String {
    let name = outcome.fact.name;
    match &outcome.verdict {
        Verdict::Holds { observed } => {
            let measured: Vec<String> = observed
                .measured
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            match measured.is_empty() {
                true => format!("holds    {name}"),
                false => format!("holds    {name} ({})", measured.join(", ")),
            }
        }
        Verdict::Differs { differences, .. } => {
            let says = outcome.fact.says;
            let differences = differences.join("\n         ");
            format!("DIFFERS  {name}: {says}\n         {differences}")
        }
        Verdict::Failed { error } => format!("FAILED   {name}: {error}"),
        Verdict::Skipped { reason } => format!("skipped  {name}: {reason}"),
    }
}

/// How many facts there are, and how many differ: the last line of a run.
#[must_use]
pub fn summary(outcomes: &[Outcome]) -> String {
    let differences = outcomes.iter().filter(|it| it.is_difference()).count();
    format!(
        "{} facts, {differences} differences, {} skipped",
        outcomes.len(),
        outcomes.iter().filter(|it| it.is_skipped()).count()
    )
}
