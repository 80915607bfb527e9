//! `hookline reconcile`: runs a round of the deployment's reconcile now, or says what it would do.

use anstyle::Style;
use hookline_functions::handlers::reconcile::Report as Round;
use serde::Serialize;
use serde_json::Value;

use crate::aws::Aws;
use crate::commands::invoke;
use crate::discover;
use crate::error::{Code, Error, Result};
use crate::judge::round::{changes, left};
use crate::observed::deployment::Reconcile;
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG, Stage};
use crate::settings::AwsSettings;

/// Rounds of reconcile: one for each target of its rules.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reconciling {
    /// Whether the rounds were run.
    done: Stage,
    deployment: String,
    region: String,
    rounds: Vec<OfTarget>,
}

/// The round of a target.
#[derive(Debug, Serialize)]
struct OfTarget {
    /// The rule of the schedule.
    rule: String,
    /// Whether the rule is enabled.
    enabled: bool,
    /// The function's ARN.
    function: String,
    /// What the function answered.
    report: Round,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    yes: bool,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let targets = &deployment.reconcile;
    if targets.is_empty() {
        return Err(Error::NotFound {
            what: "no rule of the deployment starts reconcile".to_owned(),
            remedy: "Deploy the stack, which has such a rule, or put one: docs/operations/reconcile.md, \"Its input\"."
                .to_owned(),
        });
    }
    let mut reconciling = Reconciling {
        done: Stage::Proposed,
        deployment: deployment.name(&[]).to_string(),
        region: aws.region().to_owned(),
        rounds: Vec::new(),
    };
    for target in targets {
        reconciling.rounds.push(round(&aws, target, true).await?);
    }
    if yes {
        reconciling.done = Stage::Begun;
        output.announce(&reconciling)?;
        reconciling.rounds = Vec::new();
        reconciling.done = Stage::Done;
        for target in targets {
            match round(&aws, target, false).await {
                Ok(round) => reconciling.rounds.push(round),
                Err(error) => {
                    // The error says all if it is the first round's.
                    if !reconciling.rounds.is_empty() {
                        output.report(&reconciling)?;
                    }
                    return Err(error);
                }
            }
        }
    }
    output.report(&reconciling)?;
    Ok(Code::Success)
}

/// Invokes reconcile with the input of a target.
async fn round(aws: &Aws, target: &Reconcile, dry_run: bool) -> Result<OfTarget> {
    let mut payload = target.input.clone();
    if let (true, Some(payload)) = (dry_run, payload.as_object_mut()) {
        payload.insert("dryRun".to_owned(), Value::Bool(true));
    }
    let report = invoke::report(aws, &target.target, &payload, || Error::NotFound {
        what: format!(
            "the rule {} starts {}, which does not exist",
            target.rule, target.target
        ),
        remedy: "Deploy the stack again.".to_owned(),
    })
    .await?;
    Ok(OfTarget {
        rule: target.rule.clone(),
        enabled: target.enabled,
        function: target.target.clone(),
        report,
    })
}

impl Report for Reconciling {
    fn write(&self, page: &mut Page) {
        let plain = Style::new();
        if self.done != Stage::Done {
            let of = format!("{} in {}", self.deployment, self.region);
            page.table(LABEL, &[("Deployment", &of)]);
        }
        let mut any = false;
        for round in &self.rounds {
            page.blank();
            let did = match self.done {
                Stage::Done => "has run a round:",
                _ => "would do in a round:",
            };
            let rule = format!("Reconcile, by the rule {},", round.rule);
            page.paragraph(&[(STRONG, &rule), (STRONG, did)]);
            if !round.enabled {
                let text = "The rule is disabled: nothing but this command runs a round.";
                page.indented(&[(BAD, text)]);
            }
            let changes = changes(&round.report);
            any |= !changes.is_empty();
            if changes.is_empty() {
                page.indented(&[(GOOD, "Nothing to do.")]);
            }
            for change in changes {
                page.indented(&[(plain, "-"), (plain, &change)]);
            }
            let left = left(&round.report);
            if !left.is_empty() {
                page.indented(&[(LABEL, "Left as it is:")]);
            }
            for left in left {
                page.indented(&[(plain, "-"), (plain, &left)]);
            }
        }
        if any {
            page.ask(self.done);
        }
    }
}
