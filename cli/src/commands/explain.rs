//! `hookline explain`: the story of a launch, why it failed, and what mends it.

use serde::Serialize;

use crate::aws::Aws;
use crate::discover;
use crate::error::{Code, Result};
use crate::gather;
use crate::judge::causes;
use crate::judge::ended::{self, EndedNode};
use crate::judge::launches::waiting_without_execution;
use crate::judge::replay::{Replay, must_know_running};
use crate::judge::story::{self, Failure, Step};
use crate::judge::trouble;
use crate::judge::words::{ago, clock, duration};
use crate::judge::{Finding, Remedy, hooks, interfaces};
use crate::locate::{self, Known, Subject};
use crate::observe;
use crate::observed::case::Case;
use crate::observed::deployment::Deployment;
use crate::observed::execution::{Execution, is_running};
use crate::observed::fleet::Fleet;
use crate::observed::group::{Group, Hook};
use crate::observed::network::SeenInstance;
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG};
use crate::settings::AwsSettings;

/// What is explained.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explanation {
    /// When it was looked at, in seconds since the epoch.
    at: i64,
    /// What is wrong with the group, if a group was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupFindings>,
    /// The launch; null if the group has none that tells anything.
    launch: Option<Launch>,
}

/// What is wrong with a group.
#[derive(Debug, Serialize)]
struct GroupFindings {
    name: String,
    findings: Vec<Finding>,
}

/// A launch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Launch {
    instance: String,
    group: String,
    profile: Option<String>,
    instance_type: Option<String>,
    availability_zone: Option<String>,
    /// EC2's state of the instance; null if EC2 does not know it.
    instance_state: Option<String>,
    /// Auto Scaling's state of it; null if the group does not have it.
    lifecycle_state: Option<String>,
    executions: Vec<OfExecution>,
    /// The other instances that have, or had, the name or the address that was asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    namesakes: Vec<Namesake>,
    /// What the first of the executions did.
    story: Vec<Step>,
    findings: Vec<Finding>,
    /// How the node ended, if its launch had succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndedNode>,
    replay: Replay,
}

/// An instance of the same name or address.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Namesake {
    instance: String,
    /// EC2's state of it.
    state: String,
    /// In seconds since the epoch.
    launched_at: i64,
}

impl Namesake {
    fn of(seen: &SeenInstance) -> Self {
        Self {
            instance: seen.instance.id.to_string(),
            state: seen.instance.state.clone(),
            launched_at: seen.instance.launched_at,
        }
    }
}

/// An execution.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfExecution {
    arn: String,
    name: String,
    status: String,
    error: Option<String>,
    /// In milliseconds since the epoch.
    started: i64,
    /// In milliseconds since the epoch.
    stopped: Option<i64>,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    what: &str,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let explanation = match locate::subject(&aws, &deployment, what).await? {
        Subject::Launch(known) => {
            let namesakes = known.namesakes.iter().map(Namesake::of).collect();
            let case = case(&aws, deployment, *known).await?;
            Explanation {
                at: case.now,
                group: None,
                launch: Some(Launch {
                    namesakes,
                    ..Launch::of(&case)
                }),
            }
        }
        Subject::Group(name) => {
            let fleet = observe::of_group(&aws, deployment).await?;
            let group = fleet.groups.iter().find(|group| group.name == name);
            let launch = match group.and_then(|group| telling(&fleet, group)) {
                Some(known) => {
                    let case = case(&aws, fleet.deployment.clone(), known).await?;
                    Some(Launch::of(&case))
                }
                None => None,
            };
            let uncovered = match group {
                Some(_) => Vec::new(),
                None => aws.hooks(&name).await?.launch,
            };
            Explanation {
                at: fleet.now,
                group: Some(GroupFindings::of(&fleet, group, &name, &uncovered)),
                launch,
            }
        }
    };
    output.report(&explanation)?;
    Ok(Code::Success)
}

/// Gathers a launch. Where a replay would help, all executions that run are looked for, as `replay`
/// does, so that the command that is printed is not refused; elsewhere, the calls for that are
/// saved.
async fn case(aws: &Aws, deployment: Deployment, known: Known) -> Result<Case> {
    let again = Known {
        instance: known.instance.clone(),
        seen: known.seen.clone(),
        execution: known.execution.clone(),
        namesakes: Vec::new(),
    };
    let mut case = gather::case(aws, deployment, known).await?;
    if must_know_running(&case) && gather::finds_running(aws, &mut case).await? {
        return gather::case_with_all_running(aws, case.deployment, again).await;
    }
    Ok(case)
}

/// The launch of a group that tells most: the newest failure or the newest launch without an
/// execution, whichever is newer; else one that waits; else a node that lacks interfaces.
fn telling(fleet: &Fleet, group: &Group) -> Option<Known> {
    let launched_at = |instance: &&_| {
        fleet
            .instances
            .get(*instance)
            .map(|seen| seen.instance.launched_at)
    };
    let failed = fleet.failed_of(&group.name).next();
    let without = waiting_without_execution(fleet, group);
    let without = without.iter().max_by_key(launched_at);
    let failed_last = match (failed, without) {
        (Some(failed), Some(without)) => {
            failed.instance().as_ref() == Some(without)
                || failed.stopped.map(|at| at / 1_000) >= launched_at(&without)
        }
        (failed, _) => failed.is_some(),
    };
    if let (true, Some(failed)) = (failed_last, failed) {
        let instance = failed.instance()?;
        return Some(Known {
            seen: fleet.instances.get(&instance).cloned(),
            instance,
            execution: Some(failed.clone()),
            namesakes: Vec::new(),
        });
    }
    let lacking = interfaces::lacking(fleet, group);
    let instance = without
        .or_else(|| group.waiting().min_by_key(launched_at))
        .or(lacking.first().map(|(instance, _)| instance))
        .or_else(|| group.in_service().max_by_key(launched_at))?;
    Some(Known {
        instance: instance.clone(),
        seen: fleet.instances.get(instance).cloned(),
        execution: None,
        namesakes: Vec::new(),
    })
}

impl GroupFindings {
    /// `uncovered`: the launch hooks of a group that no profile covers.
    fn of(fleet: &Fleet, group: Option<&Group>, name: &str, uncovered: &[Hook]) -> Self {
        let mut findings = match group {
            Some(group) => trouble::of_group(fleet, group),
            None => hooks::of_uncovered(&fleet.deployment, name, uncovered),
        };
        for finding in &mut findings {
            // The explanation is here.
            finding.remedy.retain(|remedy| {
                !matches!(remedy, Remedy::Run(words) if words.starts_with(&["hookline".to_owned(), "explain".to_owned()]))
            });
        }
        Self {
            name: name.to_owned(),
            findings,
        }
    }
}

impl Launch {
    fn of(case: &Case) -> Self {
        let executions = case.executions.iter();
        Self {
            instance: case.instance.to_string(),
            group: case.group_name().to_owned(),
            profile: case.profile().map(|profile| profile.name.clone()),
            instance_type: case.instance_type(),
            availability_zone: case.zone(),
            instance_state: case.seen.as_ref().map(|seen| seen.instance.state.clone()),
            lifecycle_state: case.lifecycle_state().map(str::to_owned),
            executions: executions.map(OfExecution::of).collect(),
            namesakes: Vec::new(),
            story: story::steps(&case.history),
            findings: causes::findings(case),
            ended: ended::node(case),
            replay: Replay::of(case),
        }
    }
}

impl OfExecution {
    fn of(execution: &Execution) -> Self {
        Self {
            arn: execution.arn.clone(),
            name: execution.name.clone(),
            status: execution.status.clone(),
            error: execution.error.clone(),
            started: execution.started,
            stopped: execution.stopped,
        }
    }
}

impl Report for Explanation {
    fn write(&self, page: &mut Page) {
        if let Some(group) = &self.group {
            page.paragraph(&[(LABEL, "Group"), (STRONG, &group.name)]);
            let below = self
                .launch
                .as_ref()
                .map_or(&[][..], |launch| &launch.findings);
            let is_below = |finding: &&Finding| {
                let mut below = below.iter();
                below.any(|it| (it.kind, &it.problem) == (finding.kind, &finding.problem))
            };
            let here: Vec<&Finding> = group.findings.iter().filter(|it| !is_below(it)).collect();
            match (group.findings.is_empty(), here.is_empty()) {
                (true, _) => page.paragraph(&[(GOOD, "No trouble.")]),
                (_, true) => page.paragraph(&[(BAD, "The trouble is that of the launch below.")]),
                _ => here.into_iter().for_each(|finding| page.finding(finding)),
            }
            page.blank();
        }
        match &self.launch {
            Some(launch) => launch.write(page, self.at),
            None => page.paragraph(&[(STRONG, "The group has no launch to tell of.")]),
        }
    }
}

impl Launch {
    fn write(&self, page: &mut Page, now: i64) {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        let place = format!(
            "{}, {}",
            text(&self.instance_type),
            text(&self.availability_zone)
        );
        let state = format!(
            "{} in EC2, {} in the group {}",
            self.instance_state.as_deref().unwrap_or("not known"),
            self.lifecycle_state.as_deref().unwrap_or("not"),
            self.group
        );
        let execution = match self.executions.first() {
            None => "none is found".to_owned(),
            Some(first) => first.words(now),
        };
        let profile = text(&self.profile);
        let failed = self.what_failed();
        let mut rows = vec![
            ("Launch", self.instance.as_str()),
            ("Node", &place),
            ("State", &state),
            ("Profile", &profile),
            ("Execution", &execution),
        ];
        let others: Vec<String> = self
            .executions
            .iter()
            .skip(1)
            .map(|it| it.words(now))
            .collect();
        rows.extend(failed.as_ref().map(|(label, text)| (*label, text.as_str())));
        rows.extend(others.iter().map(|other| ("Also", other.as_str())));
        page.table(LABEL, &rows);
        for (n, execution) in self.executions.iter().enumerate() {
            let label = match n {
                0 => "ARN".to_owned(),
                _ => format!("also {}", execution.status),
            };
            page.id(LABEL, &label, &execution.arn);
        }
        self.write_namesakes(page, now);
        page.blank();
        if !self.story.is_empty() {
            page.paragraph(&[(LABEL, "Story")]);
            for step in &self.story {
                write_step(page, step, now);
            }
            page.blank();
        }
        if let Some(ended) = &self.ended {
            let when = ended
                .at
                .map_or_else(String::new, |at| format!(", {}", ago(at, now)));
            let text = format!(
                "The launch was over, and the node ready: {}{when}.",
                ended.by.words()
            );
            page.paragraph(&[(LABEL, "Ended"), (STRONG, &text)]);
            for text in &ended.evidence {
                page.indented(&[(LABEL, text)]);
            }
            for remedy in &ended.remedy {
                page.remedy(remedy);
            }
            page.blank();
        }
        match self.findings.is_empty() {
            true => page.paragraph(&[(GOOD, "No trouble is found.")]),
            false => {
                page.paragraph(&[(BAD, "Findings")]);
                self.findings
                    .iter()
                    .for_each(|finding| page.finding(finding));
            }
        }
        page.blank();
        let helps = match self.replay.helps {
            true => "A replay can help.",
            false => "A replay does not help.",
        };
        page.paragraph(&[
            (LABEL, "Replay"),
            (STRONG, helps),
            (anstyle::Style::new(), &self.replay.why),
        ]);
        if let Some(command) = &self.replay.command {
            page.remedy(command);
        }
    }
}

impl OfExecution {
    /// How it stands, as `FAILED: Hookline.SubnetsFull, 3 min ago`.
    fn words(&self, now: i64) -> String {
        let error = self.error.as_ref().map(|error| format!(": {error}"));
        let at = self.stopped.unwrap_or(self.started) / 1_000;
        format!(
            "{}{}, {}",
            self.status,
            error.unwrap_or_default(),
            ago(at, now)
        )
    }
}

impl Launch {
    /// What failed in the execution, with its label: all so far in one that runs; in one that
    /// failed, the first error, where that is not the one that the execution ended with.
    fn what_failed(&self) -> Option<(&'static str, String)> {
        let execution = self.executions.first()?;
        let failures = story::failures(&self.story);
        let words = |(state, failure): &(&str, &Failure)| {
            let times = match failure.times {
                1 => String::new(),
                times => format!(" ({times} times)"),
            };
            format!("{} in {state}{times}", failure.error)
        };
        if is_running(&execution.status) {
            let all: Vec<String> = failures.iter().map(words).collect();
            return (!all.is_empty()).then(|| ("Failed so far", all.join(", ")));
        }
        if execution.status == "SUCCEEDED" {
            return None;
        }
        let first = failures.first()?;
        let is_told = execution.error.as_ref() == Some(&first.1.error);
        (!is_told).then(|| ("First error", words(first)))
    }

    /// The other instances of the name that was asked about.
    fn write_namesakes(&self, page: &mut Page, now: i64) {
        let Some(first) = self.namesakes.first() else {
            return;
        };
        page.paragraph(&[(
            LABEL,
            "The newest instance of this name or address is explained. Others that have it:",
        )]);
        for other in &self.namesakes {
            let launched = format!("{}, launched {}", other.state, ago(other.launched_at, now));
            page.indented(&[(STRONG, &other.instance), (LABEL, &launched)]);
        }
        page.remedy(&Remedy::run(["hookline", "explain", &first.instance]));
    }
}

fn write_step(page: &mut Page, step: &Step, now: i64) {
    let took = match step.took {
        None => format!("now, for {}", duration(now - step.at / 1_000)),
        Some(took @ 0..60_000) => format!("{}.{} s", took / 1_000, took % 1_000 / 100),
        Some(took) => duration(took / 1_000),
    };
    let at = clock(step.at / 1_000);
    page.indented(&[(LABEL, &at), (STRONG, &step.state), (LABEL, &took)]);
    for did in &step.did {
        page.nested(&[(anstyle::Style::new(), did)]);
    }
    for failure in &step.failures {
        let times = match failure.times {
            1 => String::new(),
            times => format!(" ({times} times)"),
        };
        let text = format!("{}{times}: {}", failure.error, failure.message);
        page.nested(&[(BAD, "failed:"), (anstyle::Style::new(), &text)]);
    }
}
