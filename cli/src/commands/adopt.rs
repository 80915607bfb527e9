//! `hookline adopt`: has executions started for nodes that are InService and lack interfaces.

use std::collections::BTreeSet;
use std::time::Duration;

use anstyle::Style;
use hookline_domain::ids::InstanceId;
use hookline_functions::handlers::Skipped;
use hookline_functions::handlers::adopt::Report as Round;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::aws::Aws;
use crate::commands::invoke;
use crate::discover;
use crate::error::{Code, Error, Result};
use crate::judge::Remedy;
use crate::judge::words::{count, duration, list};
use crate::observed::deployment::Deployment;
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG, Stage};
use crate::settings::AwsSettings;

/// The most nodes of one invocation. The function marks the nodes of an invocation before it starts
/// their executions, and other launches leave addresses for marked nodes.
const MAX_AT_ONCE: u16 = 10;
/// The most ids that the text lists.
const LISTED: usize = 20;

/// An adoption.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Adopting {
    /// Whether the executions were started.
    done: Stage,
    deployment: String,
    region: String,
    /// How many nodes get an execution in a minute.
    per_minute: u16,
    /// The nodes that lack interfaces and can get them.
    nodes: BTreeSet<InstanceId>,
    /// The nodes that were asked for by their ids.
    #[serde(skip)]
    asked: BTreeSet<InstanceId>,
    /// The nodes that have an interface for each slot. In JSON, how many.
    #[serde(serialize_with = "number")]
    already_wired: BTreeSet<InstanceId>,
    /// The nodes that got an execution.
    started: BTreeSet<InstanceId>,
    /// The nodes that get none, and the profiles that cannot be read, each once with the reason.
    left: Vec<Skipped>,
}

fn number<S: serde::Serializer>(
    nodes: &BTreeSet<InstanceId>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    nodes.len().serialize(serializer)
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    instances: &[InstanceId],
    per_minute: u16,
    yes: bool,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let function = Function {
        aws: &aws,
        name: deployment.function("adopt"),
        payload: payload(&deployment)?,
    };
    let asked: BTreeSet<InstanceId> = instances.iter().cloned().collect();
    let only = (!asked.is_empty()).then_some(&asked);
    let found = function.invoke(only, true).await?;
    let mut adopting = Adopting {
        done: Stage::Proposed,
        deployment: deployment.name(&[]).to_string(),
        region: aws.region().to_owned(),
        per_minute,
        nodes: found.started.clone(),
        asked,
        already_wired: BTreeSet::new(),
        started: BTreeSet::new(),
        left: Vec::new(),
    };
    adopting.look(found);
    if yes && !adopting.nodes.is_empty() {
        adopting.done = Stage::Begun;
        output.announce(&adopting)?;
        let adopted = adopt(&function, &mut adopting, output).await;
        adopting.done = Stage::Done;
        if let Err(error) = adopted {
            output.report(&adopting)?;
            return Err(error);
        }
    }
    output.report(&adopting)?;
    Ok(adopting.code())
}

impl Adopting {
    /// Takes in what a dry run found.
    fn look(&mut self, found: Round) {
        self.leave(found.skipped.into_iter().chain(found.refused_profiles));
        self.already_wired.extend(found.already_wired);
    }

    /// Takes in what an invocation has started.
    fn start(&mut self, mut round: Round) {
        self.started.append(&mut round.started);
        self.look(round);
    }

    /// Each batch has the same profiles that cannot be read.
    fn leave(&mut self, left: impl Iterator<Item = Skipped>) {
        for skipped in left {
            if !self.left.contains(&skipped) {
                self.left.push(skipped);
            }
        }
    }

    /// What an error leaves: it is not known what became of these nodes, and the others were not
    /// tried.
    fn stop(&mut self, batch: &[InstanceId], others: &[InstanceId], error: &Error) {
        let unknown = batch.iter().map(|id| {
            (
                id,
                format!("it is not known whether it has got an execution: {error}"),
            )
        });
        let others = others
            .iter()
            .map(|id| (id, "it was not tried, after that error".to_owned()));
        let left: Vec<Skipped> = unknown
            .chain(others)
            .map(|(id, reason)| Skipped {
                id: id.to_string(),
                reason,
            })
            .collect();
        self.leave(left.into_iter());
    }

    /// Refused if a node that was asked for, or that was to get an execution, gets none although it
    /// lacks interfaces.
    fn code(&self) -> Code {
        let gets_one = match self.done {
            Stage::Done => &self.started,
            Stage::Proposed | Stage::Begun => &self.nodes,
        };
        let mut wanted = self.asked.union(&self.nodes);
        match wanted.all(|id| gets_one.contains(id) || self.already_wired.contains(id)) {
            true => Code::Success,
            false => Code::Refused,
        }
    }
}

/// Has the executions started, some nodes at a time. Each node is tried once. If the command is
/// interrupted, what was started goes on.
async fn adopt(function: &Function<'_>, adopting: &mut Adopting, output: &Output) -> Result<()> {
    let nodes: Vec<InstanceId> = adopting.nodes.iter().cloned().collect();
    let at_once = adopting.per_minute.clamp(1, MAX_AT_ONCE);
    let every =
        Duration::from_secs(60) * u32::from(at_once) / u32::from(adopting.per_minute.max(1));
    let mut next = Instant::now();
    let mut rest = nodes.as_slice();
    while !rest.is_empty() {
        let (batch, others) = rest.split_at(rest.len().min(at_once.into()));
        rest = others;
        sleep_until(next).await;
        next = Instant::now() + every;
        let ids: BTreeSet<InstanceId> = batch.iter().cloned().collect();
        match function.invoke(Some(&ids), false).await {
            Ok(round) => adopting.start(round),
            Err(error) => {
                adopting.stop(batch, others, &error);
                return Err(error);
            }
        }
        output.progress(&format!(
            "{} of {} nodes: {}.",
            nodes.len() - rest.len(),
            nodes.len(),
            count(
                adopting.started.len(),
                "execution is started",
                "executions are started"
            )
        ));
    }
    Ok(())
}

/// The function, with what every invocation of it has.
struct Function<'a> {
    aws: &'a Aws,
    name: String,
    payload: Value,
}

impl Function<'_> {
    /// Invokes it for these nodes, or for all. It may run twice for a node: it starts one
    /// execution.
    async fn invoke(&self, only: Option<&BTreeSet<InstanceId>>, dry_run: bool) -> Result<Round> {
        let mut payload = self.payload.clone();
        if let Some(payload) = payload.as_object_mut() {
            payload.insert("dryRun".to_owned(), json!(dry_run));
            payload.extend(only.map(|only| ("instances".to_owned(), json!(only))));
        }
        invoke::report(self.aws, &self.name, &payload, || Error::NotFound {
            what: format!("no function {} in {}", self.name, self.aws.region()),
            remedy: "Deploy the stack, which has it.".to_owned(),
        })
        .await
    }
}

/// The profiles of the rules. One that only reconcile has is retired: no node is adopted by it.
fn payload(deployment: &Deployment) -> Result<Value> {
    let mut profiles: Vec<&Value> = Vec::new();
    for (_, input) in &deployment.of_rules {
        if !profiles.contains(&&input.value) {
            profiles.push(&input.value);
        }
    }
    if profiles.is_empty() {
        return Err(Error::NotFound {
            what: "no rule of the deployment has a profile that can be read".to_owned(),
            remedy: "`hookline status` says what is wrong with the rules.".to_owned(),
        });
    }
    Ok(json!({"stateMachineArn": deployment.machine.arn(), "profiles": profiles}))
}

impl Report for Adopting {
    fn write(&self, page: &mut Page) {
        let plain = Style::new();
        if self.done == Stage::Done {
            let text = count(
                self.started.len(),
                "node has got an execution",
                "nodes have got an execution each",
            );
            let style = match self.code() {
                Code::Success => GOOD,
                _ => BAD,
            };
            page.paragraph(&[(style, &format!("{text}."))]);
            if !self.started.is_empty() {
                page.paragraph(&[(plain, "To see what becomes of them:")]);
                page.remedy(&Remedy::run(["hookline", "status"]));
            }
        } else {
            let of = format!("{} in {}", self.deployment, self.region);
            let wired = count(self.already_wired.len(), "node", "nodes");
            page.table(LABEL, &[("Deployment", &of), ("Wired", &wired)]);
            page.blank();
        }
        if !self.nodes.is_empty() && self.done != Stage::Done {
            let text = match self.nodes.len() {
                1 => {
                    "This command starts an execution for 1 node that lacks interfaces:".to_owned()
                }
                many => format!(
                    "This command starts an execution for each of {many} nodes that lack interfaces, {} in a minute, \
                     which takes about {}:",
                    self.per_minute,
                    duration(
                        60 * i64::try_from(many).unwrap_or(i64::MAX)
                            / i64::from(self.per_minute.max(1))
                    )
                ),
            };
            page.paragraph(&[(STRONG, &text)]);
            page.indented(&[(plain, &list(&self.nodes, LISTED))]);
            page.paragraph(&[(
                plain,
                "It may be interrupted: what is started goes on, and the next run goes on with the rest.",
            )]);
        }
        if self.nodes.is_empty() && self.left.is_empty() {
            page.paragraph(&[(GOOD, "No node lacks interfaces.")]);
        }
        let left = self.left.iter();
        page.left(left.map(|left| (left.id.as_str(), left.reason.as_str())));
        if !self.nodes.is_empty() {
            page.ask(self.done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::id;

    fn left(id: &str) -> Skipped {
        Skipped {
            id: id.to_owned(),
            reason: "no".to_owned(),
        }
    }

    /// What was asked for, by the dry run's answer.
    fn adopting(asked: &[u32], lacking: &[u32], wired: &[u32]) -> Adopting {
        let ids = |numbers: &[u32]| numbers.iter().map(|n| id(*n)).collect();
        Adopting {
            done: Stage::Proposed,
            deployment: "hookline".to_owned(),
            region: "us-west-2".to_owned(),
            per_minute: 20,
            nodes: ids(lacking),
            asked: ids(asked),
            already_wired: ids(wired),
            started: BTreeSet::new(),
            left: Vec::new(),
        }
    }

    fn text(adopting: &Adopting, colours: bool) -> String {
        let mut page = Page::new(colours);
        adopting.write(&mut page);
        page.into_text()
    }

    #[test]
    fn node_that_was_asked_for_and_gets_no_execution_is_refused() {
        for (asked, lacking, wired, code) in [
            (&[][..], &[1][..], &[][..], Code::Success),
            (&[1], &[1], &[], Code::Success),
            (&[1], &[], &[1], Code::Success),
            (&[1], &[], &[], Code::Refused),
            (&[1, 2], &[1], &[], Code::Refused),
            (&[], &[], &[], Code::Success),
        ] {
            assert_eq!(adopting(asked, lacking, wired).code(), code, "{asked:?}");
        }
    }

    #[test]
    fn node_that_got_no_execution_is_refused_and_not_shown_as_good() {
        let mut one = adopting(&[], &[1, 2], &[]);
        one.done = Stage::Done;
        assert_eq!(one.code(), Code::Refused);
        let said = text(&one, true);
        assert!(said.contains(&format!("{BAD}0 nodes")), "{said:?}");
        one.start(Round {
            started: [id(1)].into(),
            already_wired: [id(2)].into(),
            ..Round::default()
        });
        assert_eq!(one.code(), Code::Success);
        let said = text(&one, true);
        assert!(said.contains(&format!("{GOOD}1 node")), "{said:?}");
        let json = serde_json::to_value(&one).unwrap();
        assert_eq!(json["alreadyWired"], 1);
    }

    #[test]
    fn profile_that_no_batch_can_read_is_told_once() {
        let mut one = adopting(&[], &[1, 2], &[]);
        for n in [1, 2] {
            one.start(Round {
                started: [id(n)].into(),
                refused_profiles: vec![left("profiles[0]")],
                ..Round::default()
            });
        }
        assert_eq!(one.left, [left("profiles[0]")]);
    }

    #[test]
    fn error_half_way_leaves_what_was_started_and_says_what_was_not() {
        let mut one = adopting(&[], &[1, 2, 3], &[]);
        one.done = Stage::Done;
        one.start(Round {
            started: [id(1)].into(),
            ..Round::default()
        });
        one.stop(&[id(2)], &[id(3)], &Error::NoTerminal);
        let said = text(&one, false);
        for says in [
            "1 node has got an execution.".to_owned(),
            format!("{}: it is not known whether", id(2)),
            format!("{}: it was not tried, after that error", id(3)),
        ] {
            assert!(said.contains(&says), "no {says:?} in\n{said}");
        }
    }
}
