//! `adopt`: starts an execution for each node that is InService and lacks interfaces, for example
//! because it was launched before Hookline was deployed. A person or a deployment invokes it.
//!
//! It starts executions and puts one tag on the nodes. It attaches nothing itself, and cannot end
//! an instance. It skips a node if another interface has the device index of a slot.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use tracing::info;

use super::rounds::{Skipped, log_reasons, read_payload, read_profiles, work_deadline};
use super::{Context, log_list, write};
use crate::aws::convert::IN_SERVICE;
use hookline_domain::adopt::{CreatedInterfaces, assess, execution_input};
use hookline_domain::error::Result;
use hookline_domain::execution::names::{MAX_ADOPTIONS, StateMachine, adoption_name};
use hookline_domain::ids::InstanceId;
use hookline_domain::reconcile::{Member, ProfileInput, groups};
use hookline_domain::time::rfc3339;

/// How many nodes are marked at once, just before their executions are started. Other launches
/// leave addresses for a marked node, so a mark without an execution would keep addresses unused.
const MARKED_AT_ONCE: usize = 50;

/// The payload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    state_machine_arn: String,
    profiles: Vec<Value>,
    #[serde(default)]
    dry_run: bool,
    /// Only these nodes; all without it. So a caller can adopt some at a time, and each once.
    #[serde(default)]
    instances: Option<BTreeSet<InstanceId>>,
}

/// What the function returns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether this is a dry run: nothing was started.
    pub dry_run: bool,
    /// Nodes that got an execution, or would get one.
    pub started: BTreeSet<InstanceId>,
    /// Nodes that have an interface of Hookline's for every slot.
    pub already_wired: BTreeSet<InstanceId>,
    /// Nodes that got no execution, and why.
    #[serde(rename = "left")]
    pub skipped: Vec<Skipped>,
    /// Invalid profiles. The others were used.
    pub refused_profiles: Vec<Skipped>,
}

impl Report {
    fn skip(&mut self, instance: &InstanceId, reason: impl ToString) {
        self.skipped.push(Skipped::new(instance, reason));
    }

    /// One line for the logs.
    fn log(&self) {
        info!(
            dry_run = self.dry_run,
            started = self.started.len(),
            already_wired = self.already_wired.len(),
            left = self.skipped.len(),
            refused_profiles = self.refused_profiles.len(),
            started_for = log_list(&self.started),
            left_because = log_reasons(self.skipped.iter().chain(&self.refused_profiles)),
            "adopted"
        );
    }
}

/// Runs the function.
///
/// # Errors
/// `InvalidPayload`, and those of every call until the nodes are known. After that, an error of a
/// node is reported as the reason why it is skipped.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    const REMEDY: &str = "Correct the payload (docs/operations/adopt.md)";
    let payload: Payload = read_payload(payload, REMEDY)?;
    let machine = StateMachine::read(&payload.state_machine_arn)
        .map_err(|error| error.with_remedy(REMEDY))?;
    let mut report = Report {
        dry_run: payload.dry_run,
        ..Report::default()
    };
    let profiles = read_profiles("profiles", payload.profiles, &mut report.refused_profiles);
    let round = Round {
        context: &context,
        machine: &machine,
        profiles: &profiles,
    };
    let mut members = context.aws.members(groups(&profiles), IN_SERVICE).await?;
    if let Some(only) = &payload.instances {
        members.retain(|member| only.contains(&member.instance));
        let found: BTreeSet<&InstanceId> = members.iter().map(|it| &it.instance).collect();
        for instance in only.iter().filter(|instance| !found.contains(instance)) {
            report.skip(instance, "it is not InService in a group of the profiles");
        }
    }
    let incomplete = round.incomplete(&members, &mut report).await?;
    if payload.dry_run {
        let instances = incomplete.iter().map(|(member, _)| member.instance.clone());
        report.started.extend(instances);
    } else {
        round.start_all(&incomplete, &mut report).await;
    }
    report.log();
    write("adopt", &report)
}

struct Round<'a> {
    context: &'a Context,
    machine: &'a StateMachine,
    profiles: &'a [ProfileInput],
}

/// A node, and a profile that covers it and by which it lacks interfaces.
type Adoption<'a> = (&'a Member, &'a ProfileInput);

impl<'a> Round<'a> {
    /// The nodes that lack interfaces and can get them, each with a profile that covers it.
    async fn incomplete(
        &self,
        members: &'a [Member],
        report: &mut Report,
    ) -> Result<Vec<Adoption<'a>>> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let aws = &self.context.aws;
        // Executions before interfaces: then the listing contains what an execution that has ended
        // since has attached.
        let deadline = work_deadline(self.context);
        let in_progress = aws
            .instances_in_progress(self.machine, None, deadline)
            .await?;
        let ids: Vec<&InstanceId> = members.iter().map(|member| &member.instance).collect();
        let instances = aws.instances_by_id(&ids).await?;
        let interfaces = aws.hookline_interfaces().await?;
        let created = CreatedInterfaces::of(&interfaces);

        let mut incomplete = Vec::new();
        for member in members {
            let id = &member.instance;
            let assessment = assess(
                self.profiles,
                member,
                instances.get(id),
                &in_progress,
                created.of_instance(id),
            );
            for reason in assessment.skipped {
                report.skip(id, reason);
            }
            if assessment.wired {
                report.already_wired.insert(id.clone());
            }
            incomplete.extend(
                assessment
                    .incomplete
                    .into_iter()
                    .map(|input| (member, input)),
            );
        }
        Ok(incomplete)
    }

    /// Starts the executions until the time is used up.
    async fn start_all(&self, incomplete: &[Adoption<'_>], report: &mut Report) {
        let end = work_deadline(self.context);
        for some in incomplete.chunks(MARKED_AT_ONCE) {
            if Instant::now() >= end {
                for (member, _) in some {
                    report.skip(&member.instance, "the time was used up; invoke adopt again");
                }
                continue;
            }
            // Before any of them plans, so that the plans of all launches count these nodes.
            let ids: BTreeSet<&InstanceId> =
                some.iter().map(|(member, _)| &member.instance).collect();
            let ids: Vec<&InstanceId> = ids.into_iter().collect();
            let marked = self.context.aws.mark_adopted(&ids, self.context.now).await;
            for (member, input) in some {
                let instance = &member.instance;
                let started = match &marked {
                    Ok(()) => self.start(member, input).await,
                    Err(error) => Err(error.clone()),
                };
                match started {
                    Ok(None) => drop(report.started.insert(instance.clone())),
                    Ok(Some(reason)) => report.skip(instance, reason),
                    Err(error) => report.skip(instance, error),
                }
            }
        }
    }

    /// Starts an execution with the first unused name. Returns the reason if it does not start one.
    async fn start(&self, member: &Member, input: &ProfileInput) -> Result<Option<String>> {
        let aws = &self.context.aws;
        let time = rfc3339(self.context.now);
        for n in 1..=MAX_ADOPTIONS {
            let name = adoption_name(&member.instance, &member.group, &input.profile.name, n);
            let execution_input =
                execution_input(self.machine, member, input, &name, &time).to_string();
            if aws
                .start_execution(self.machine, &name, execution_input)
                .await?
            {
                info!(
                    instance_id = %member.instance,
                    auto_scaling_group = member.group,
                    profile = input.profile.name,
                    execution = name,
                    "started"
                );
                return Ok(None);
            }
            // The name is used: by another round just now, or by an execution that has ended.
            let before = aws.execution(&self.machine.execution(&name)).await?;
            if before.is_some_and(|before| before.is_open()) {
                return Ok(Some("an execution for it is running".to_owned()));
            }
        }
        Ok(Some(format!(
            "{MAX_ADOPTIONS} executions for it have failed: see their errors"
        )))
    }
}
