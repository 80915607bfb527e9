//! Launches that wait at their hook without a running execution.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tokio::time::Instant;
use tracing::{Instrument, info_span, warn};

use super::ended::abandon_launch;
use super::{Report, Round};
use crate::aws::waiting::ListedGroups;
use crate::handlers::Context;
use crate::handlers::rounds::work_deadline;
use hookline_domain::error::Result;
use hookline_domain::ids::InstanceId;
use hookline_domain::reconcile::{
    Candidate, Groups, LaunchAction, LaunchFacts, Profiles, Waiting, candidates, groups,
    launch_action, launch_event, overdue,
};
use hookline_domain::time::rfc3339;

/// The groups that a profile may cover; of those whose hook Hookline completes, also the instances
/// that wait at a launch hook, in them and in their warm pools.
pub(super) async fn listed(context: &Context, profiles: &Profiles) -> Result<ListedGroups> {
    let ours = groups_of(profiles);
    let all = groups(profiles.all());
    context.aws.listed_groups(all, &ours).await
}

/// The groups in which launches may wait at a hook that these profiles give to Hookline.
pub(super) fn groups_of(profiles: &Profiles) -> Groups {
    let ours = profiles.all().filter(|input| input.profile.hook.complete);
    groups(ours)
}

impl Round<'_> {
    /// Reports the launches that have been waiting for too long. Returns what EC2 says of all that
    /// wait.
    pub(super) async fn find_overdue(
        &self,
        waiting: &[Waiting],
        report: &mut Report,
    ) -> Result<BTreeMap<InstanceId, LaunchFacts>> {
        let ids: Vec<&InstanceId> = waiting
            .iter()
            .map(|waiting| &waiting.member.instance)
            .collect();
        let facts = self.context.aws.facts(&ids).await?;
        report.overdue = Some(overdue(
            waiting,
            &facts,
            self.profiles.all(),
            self.context.now,
            self.limits,
        ));
        Ok(facts)
    }

    /// Recovers every launch without a running execution, and adds its instance to `in_progress`.
    pub(super) async fn recover(
        &self,
        waiting: &[Waiting],
        facts: &BTreeMap<InstanceId, LaunchFacts>,
        in_progress: &mut BTreeSet<InstanceId>,
        report: &mut Report,
    ) -> Result<()> {
        let end = work_deadline(self.context);
        let mut found = candidates(
            waiting,
            facts,
            self.profiles,
            in_progress,
            self.context.now,
            self.limits,
        );
        if !found.is_empty() {
            // With thousands that run, some end while the pages of the list are read, and others may move
            // to a page that was read before.
            let aws = &self.context.aws;
            let now_running = aws.instances_in_progress(self.machine, None, end).await;
            // Where that fails, this round does not touch their interfaces; the next one goes on.
            let lost = found.iter().map(|it| it.waiting.member.instance.clone());
            in_progress.extend(match &now_running {
                Ok(running) => running.clone(),
                Err(_) => lost.collect(),
            });
            now_running?;
            found.retain(|it| !in_progress.contains(&it.waiting.member.instance));
        }
        let mut failure = None;
        for candidate in found {
            let instance = &candidate.waiting.member.instance;
            // In any case, this round does not touch its interfaces.
            in_progress.insert(instance.clone());
            if Instant::now() >= end {
                report.skip(instance, "the time was used up; the next round continues");
                continue;
            }
            let span = info_span!(
                "launch",
                instance_id = %instance,
                auto_scaling_group = candidate.waiting.member.group,
                profile = candidate.input.profile.name,
            );
            let recovered = self
                .recover_launch(candidate, report)
                .instrument(span)
                .await;
            if let Err(error) = recovered {
                report.skip(instance, &error);
                failure = Some(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn recover_launch(&self, candidate: Candidate<'_>, report: &mut Report) -> Result<()> {
        let Candidate { waiting, input, .. } = candidate;
        let (aws, hook) = (&self.context.aws, &input.profile.hook.name);
        let instance = &waiting.member.instance;
        let time = rfc3339(candidate.began_at);
        let execution_input = json!({
            "event": launch_event(self.machine, waiting, hook, &time),
            "profile": input.value,
        });
        let name = waiting.execution_name(hook);
        let arn = self.machine.execution(&name);
        if let Some(execution) = aws.execution(&arn).await? {
            return match launch_action(&execution.status, execution.error.as_deref()) {
                LaunchAction::Skip(reason) => {
                    report.skip(instance, reason);
                    Ok(())
                }
                LaunchAction::Abandon => {
                    warn!(
                        execution = name,
                        status = execution.status,
                        "its execution ended without completing the hook"
                    );
                    abandon_launch(self.context, instance, execution_input, report).await
                }
            };
        }
        if let Some(reason) = candidate.refusal() {
            report.skip(instance, reason);
            return Ok(());
        }
        if report.dry_run {
            report.started.push(instance.clone());
            return Ok(());
        }
        // The launch may wait at another hook. If it waits at this one, the call restarts the
        // heartbeat timeout, so the execution has all of it.
        let group = &waiting.member.group;
        if !aws.record_heartbeat(group, hook, instance).await? {
            report.skip(instance, format!("it does not wait at the hook {hook}"));
            return Ok(());
        }
        if aws
            .start_execution(self.machine, &name, execution_input.to_string())
            .await?
        {
            warn!(execution = name, "execution started: its event was lost");
            report.started.push(instance.clone());
        } else {
            report.skip(instance, "another caller has just started its execution");
        }
        Ok(())
    }
}
