//! `hookline versions`: deletes the published versions of functions that no execution can use any
//! more (docs/operations/updates.md).

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::execution::names::StateMachine;
use serde::Serialize;

use crate::aws::Aws;
use crate::discover;
use crate::error::{Code, Error, Result};
use crate::judge::versions::{Decision, Keep, Used, decide};
use crate::judge::words::{count, list};
use crate::observed::account::Revision;
use crate::observed::deployment::Deployment;
use crate::observed::execution::ListedExecution;
use crate::observed::function::FunctionRef;
use crate::output::{GOOD, LABEL, Output, Page, Report, STRONG, Stage};
use crate::settings::AwsSettings;

/// The most versions of a function that a line of the table lists.
const LISTED: usize = 8;

/// What becomes of the versions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    /// Whether the versions are deleted.
    done: Stage,
    deployment: String,
    region: String,
    /// The executions that run, whose versions stay.
    running_executions: usize,
    functions: Vec<OfFunction>,
    /// Those that were to be deleted and are left, each with the reason.
    left: Vec<Left>,
}

/// The versions of a function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfFunction {
    function: String,
    /// Those that are deleted.
    delete: Vec<u64>,
    /// The others, each with why it stays.
    keep: BTreeMap<u64, Keep>,
}

/// A version that was not deleted.
#[derive(Debug, Serialize)]
struct Left {
    /// The function's name and the version's number.
    version: String,
    reason: String,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    yes: bool,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let mut versions = look(&aws, &deployment).await?;
    if yes && versions.number() > 0 {
        versions.done = Stage::Begun;
        output.announce(&versions)?;
        let deleted = delete(&aws, &mut versions).await;
        versions.done = Stage::Done;
        if let Err(error) = deleted {
            // Before anything is deleted, the error says all.
            if versions.number() > 0 {
                output.report(&versions)?;
            }
            return Err(error);
        }
    }
    output.report(&versions)?;
    Ok(Code::Success)
}

/// Looks at what is published, then at what runs, and last at what the state machines name. So an
/// update that goes on meanwhile can only make more of them stay.
async fn look(aws: &Aws, deployment: &Deployment) -> Result<Versions> {
    let machines = machines(aws, deployment).await?;
    let functions = named_now(aws, &machines).await?;
    let names: BTreeSet<String> = functions
        .into_iter()
        .map(|function| function.name)
        .collect();
    let mut published = BTreeMap::new();
    for function in names {
        let versions = aws.versions(&function).await?;
        published.insert(function, versions);
    }
    let mut used = Used::default();
    let mut running_executions = 0;
    for machine in &machines {
        let running = aws.running(machine).await?;
        running_executions += running.len();
        used.running.extend(named_by(aws, running).await?);
    }
    used.now = named_now(aws, &machines).await?;
    let functions = published.into_iter().map(|(function, published)| {
        let Decision { delete, keep } = decide(&function, &published, &used);
        OfFunction {
            function,
            delete,
            keep,
        }
    });
    Ok(Versions {
        done: Stage::Proposed,
        deployment: deployment.stack().to_owned(),
        region: aws.region().to_owned(),
        running_executions,
        functions: functions.collect(),
        left: Vec::new(),
    })
}

/// The state machines of the deployment.
async fn machines(aws: &Aws, deployment: &Deployment) -> Result<Vec<StateMachine>> {
    let machines = aws.state_machines().await?.into_iter();
    machines
        .filter(|(name, _)| deployment.has_machine(name))
        .map(|(_, arn)| {
            StateMachine::read(&arn).map_err(|error| Error::Internal {
                doing: "reading the ARN of a state machine",
                detail: error.to_string(),
            })
        })
        .collect()
}

/// The functions that the state machines call now.
async fn named_now(aws: &Aws, machines: &[StateMachine]) -> Result<BTreeSet<FunctionRef>> {
    let mut functions = BTreeSet::new();
    for machine in machines {
        functions.extend(aws.machine(machine).await?.functions);
    }
    Ok(functions)
}

/// The functions that the definitions name with which these executions began.
///
/// An update of a state machine counts for all executions that begin later, and gives the
/// definition an id of its own. So where two executions began with one definition, all between them
/// did, and need not be looked at: Step Functions allows few of these calls.
async fn named_by(
    aws: &Aws,
    mut executions: Vec<ListedExecution>,
) -> Result<BTreeSet<FunctionRef>> {
    // The newest are listed first, also of those that began in one second.
    executions.reverse();
    executions.sort_by_key(|execution| execution.started);
    let mut functions = BTreeSet::new();
    let mut look = async |at: usize| -> Result<Option<Revision>> {
        let Some(execution) = executions.get(at) else {
            return Ok(None);
        };
        let revision = aws.definition_of(&execution.arn).await?;
        functions.extend(revision.iter().flat_map(|it| it.functions.clone()));
        Ok(revision)
    };
    let last = executions.len().saturating_sub(1);
    let mut between = vec![(0, look(0).await?, last, look(last).await?)];
    while let Some((first, of_first, last, of_last)) = between.pop() {
        if of_first == of_last || last - first < 2 {
            continue;
        }
        let middle = first.midpoint(last);
        let of_middle = look(middle).await?;
        between.push((first, of_first, middle, of_middle.clone()));
        between.push((middle, of_middle, last, of_last));
    }
    Ok(functions)
}

/// Deletes the versions, the oldest first. Those that are deleted stay in `versions`; after an
/// error, all others are left.
async fn delete(aws: &Aws, versions: &mut Versions) -> Result<()> {
    let mut failed = None;
    for of_function in &mut versions.functions {
        for version in std::mem::take(&mut of_function.delete) {
            let left = |reason: String| Left {
                version: format!("{}:{version}", of_function.function),
                reason,
            };
            if failed.is_some() {
                let reason = "it was not tried, after that error".to_owned();
                versions.left.push(left(reason));
                continue;
            }
            match aws.delete_version(&of_function.function, version).await {
                Ok(()) => of_function.delete.push(version),
                Err(error) => {
                    versions.left.push(left(error.to_string()));
                    failed = Some(error);
                }
            }
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

impl Versions {
    /// How many versions are deleted.
    fn number(&self) -> usize {
        self.functions.iter().map(|it| it.delete.len()).sum()
    }
}

impl Report for Versions {
    fn write(&self, page: &mut Page) {
        let number = self.number();
        let versions = count(number, "version", "versions");
        if self.done == Stage::Done {
            let is = if number == 1 { "is" } else { "are" };
            page.paragraph(&[(GOOD, &format!("{versions} {is} deleted."))]);
        } else {
            let of = format!("{} in {}", self.deployment, self.region);
            let running = self.running_executions.to_string();
            page.table(LABEL, &[("Deployment", &of), ("Executions", &running)]);
            page.blank();
            list_versions(page, &self.functions);
            page.blank();
            match number {
                0 => page.paragraph(&[(GOOD, "Nothing to delete.")]),
                _ => {
                    let text =
                        format!("This command deletes {versions} that no execution can use.");
                    page.paragraph(&[(STRONG, &text)]);
                }
            }
        }
        let left = self.left.iter();
        page.left(left.map(|left| (left.version.as_str(), left.reason.as_str())));
        if number > 0 && self.done != Stage::Done {
            page.ask(self.done);
        }
    }
}

fn list_versions(page: &mut Page, functions: &[OfFunction]) {
    let rows: Vec<Vec<String>> = functions
        .iter()
        .map(|of_function| {
            let kept = |why: &[Keep]| {
                let kept = of_function.keep.iter();
                list(
                    kept.filter(|(_, keep)| why.contains(keep))
                        .map(|(version, _)| version),
                    LISTED,
                )
            };
            vec![
                of_function.function.clone(),
                kept(&[Keep::UsedNow]),
                kept(&[Keep::UsedByRunningExecution]),
                kept(&[Keep::Previous, Keep::NewerThanTheStateMachine]),
                list(&of_function.delete, LISTED),
            ]
        })
        .collect();
    let headings = [
        "FUNCTION",
        "USED NOW",
        "BY EXECUTIONS",
        "KEPT",
        "NO LONGER USED",
    ];
    page.grid(LABEL, &headings, &rows);
}
