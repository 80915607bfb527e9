//! `hookline replay`: starts an execution for a launch again.

use std::time::Duration;

use anstyle::Style;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::aws::Aws;
use crate::discover;
use crate::error::{Code, Error, Result};
use crate::gather;
use crate::judge::Remedy;
use crate::judge::replay::{
    ProfileSource, Start, Wanted, decide, name_is_used, profile_has_changed,
};
use crate::locate::{self, Subject};
use crate::observed::case::Case;
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG, Stage};
use crate::settings::{AwsSettings, ReplayOptions};

/// How long a new execution may take to be listed before the old one is left running.
const LISTED_WITHIN: Duration = Duration::from_secs(60);
/// How often the list is read meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A replay.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replaying {
    /// Whether the execution was started.
    done: Stage,
    instance: String,
    group: String,
    /// Whether a replay can help.
    helps: bool,
    /// Why, or why not.
    why: String,
    /// The name of the execution that is started.
    name: Option<String>,
    /// The ARN of the execution whose input it has; null if there is none to repeat.
    repeats: Option<String>,
    /// Whose profile it has: `execution`, `deployed` or `earlier-execution`; null if nothing is
    /// started.
    profile: Option<ProfileSource>,
    /// Whether the deployed profile is another one than the execution's.
    profile_has_changed: bool,
    /// The ARN of the execution that was started.
    started: Option<String>,
    /// The ARNs of the executions that are replaced.
    replaces: Vec<String>,
    /// Those of them that were stopped.
    stopped: Vec<String>,
    /// Why something was not done.
    left: Option<String>,
    /// Whether the execution that would be started runs already, beside those that it replaces.
    #[serde(skip)]
    runs_already: bool,
    /// Whether it is the one that reconcile would start.
    #[serde(skip)]
    is_reconciles: bool,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    wanted: &ReplayOptions,
    yes: bool,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let known = match locate::subject(&aws, &deployment, &wanted.what).await? {
        Subject::Launch(known) => known,
        Subject::Group(group) => {
            return Err(Error::NotFound {
                what: format!("{group:?} is a group, and a replay is of one launch"),
                remedy: format!(
                    "Give an instance or an execution. `hookline explain {group}` finds the launch that tells most."
                ),
            });
        }
    };
    let case = gather::case_with_all_running(&aws, deployment, *known).await?;
    let (mut replaying, start) = Replaying::of(&case, wanted);
    let Some(start) = start else {
        output.report(&replaying)?;
        return Ok(Code::Refused);
    };
    if !yes {
        output.report(&replaying)?;
        return Ok(Code::Success);
    }
    replaying.done = Stage::Begun;
    output.announce(&replaying)?;
    let machine = &case.deployment.machine;
    replaying.started = aws
        .start_execution(machine, &start.name, &start.input)
        .await?;
    match replaying.started.clone() {
        None => {
            let of_name = aws.execution(&machine.execution(&start.name)).await?;
            replaying.left = Some(name_is_used(&start.name, of_name.as_ref()));
        }
        Some(started) => {
            replaying.done = Stage::Done;
            // Reconcile abandons the launch of an execution that is stopped, unless it finds
            // another one in the list.
            if !replaying.replaces.is_empty()
                && let Err(error) = stop_old(&aws, &case, &started, &mut replaying).await
            {
                replaying.left = Some(not_stopped(&error));
                output.report(&replaying)?;
                return Err(error);
            }
        }
    }
    output.report(&replaying)?;
    Ok(match replaying.left {
        None => Code::Success,
        Some(_) => Code::Refused,
    })
}

/// Stops the executions that are replaced, as soon as the new one is in the list of those that run.
async fn stop_old(aws: &Aws, case: &Case, started: &str, replaying: &mut Replaying) -> Result<()> {
    let end = Instant::now() + LISTED_WITHIN;
    loop {
        let running = aws.running(&case.deployment.machine).await?;
        if running.iter().any(|execution| execution.arn == started) {
            break;
        }
        let new = aws.execution(started).await?;
        if let Some(ended) = new.filter(|execution| !execution.is_running()) {
            replaying.left = Some(format!(
                "The new execution has ended already ({}), so the old one was not stopped.",
                ended.error()
            ));
            return Ok(());
        }
        if Instant::now() >= end {
            replaying.left = Some(
                "The new execution is not listed yet, so the old one was not stopped: reconcile would abandon the \
                 launch. Run the command again."
                    .to_owned(),
            );
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
    for arn in &replaying.replaces {
        aws.stop_execution(arn, &format!("Replaced by {started}"))
            .await?;
        replaying.stopped.push(arn.clone());
    }
    Ok(())
}

/// What to say where the new execution runs and an error came before the old ones were stopped.
fn not_stopped(error: &Error) -> String {
    format!("What is not listed as stopped still runs: {error}. Run the command again.")
}

impl Replaying {
    /// What is replayed, and what is started for it; `None` if a replay does not help.
    fn of(case: &Case, wanted: &ReplayOptions) -> (Self, Option<Start>) {
        let options = Wanted {
            deployed_profile: wanted.deployed_profile,
            replace: wanted.replace,
        };
        let (why, start) = match decide(case, options) {
            Ok((why, start)) => (why, Some(start)),
            Err(why) => (why, None),
        };
        let running = || case.executions.iter().filter(|it| it.is_running());
        let is_new = |name: &str| start.as_ref().is_some_and(|start| start.name == name);
        let replaces = running().filter(|it| !is_new(&it.name));
        let replaces = replaces.map(|execution| execution.arn.clone());
        let replaying = Self {
            done: Stage::Proposed,
            instance: case.instance.to_string(),
            group: case.group_name().to_owned(),
            helps: start.is_some(),
            why,
            name: start.as_ref().map(|start| start.name.clone()),
            repeats: start.as_ref().and_then(|start| start.repeats.clone()),
            profile: start.as_ref().map(|start| start.profile),
            profile_has_changed: profile_has_changed(case),
            started: None,
            replaces: replaces.filter(|_| wanted.replace).collect(),
            stopped: Vec::new(),
            left: None,
            runs_already: running().any(|it| is_new(&it.name)),
            is_reconciles: start.as_ref().is_some_and(|start| start.is_reconciles),
        };
        (replaying, start)
    }

    fn write_outcome(&self, page: &mut Page) {
        if let Some(started) = &self.started {
            let text = match self.runs_already {
                true => "The execution runs already. Nothing is started.",
                false => "An execution is started.",
            };
            page.paragraph(&[(GOOD, text)]);
            page.id(LABEL, "ARN", started);
        }
        for arn in &self.stopped {
            page.id(LABEL, "stopped", arn);
        }
        if let Some(left) = &self.left {
            page.paragraph(&[(BAD, left)]);
        }
        page.paragraph(&[(Style::new(), "To see what becomes of it:")]);
        page.remedy(&Remedy::run(["hookline", "explain", &self.instance]));
    }
}

impl Report for Replaying {
    fn write(&self, page: &mut Page) {
        if self.done == Stage::Done || self.left.is_some() {
            self.write_outcome(page);
            return;
        }
        page.table(LABEL, &[("Launch", &self.instance), ("Group", &self.group)]);
        page.blank();
        let Some(name) = &self.name else {
            page.paragraph(&[(BAD, "A replay does not help."), (Style::new(), &self.why)]);
            return;
        };
        page.paragraph(&[(GOOD, "A replay can help."), (Style::new(), &self.why)]);
        let text = match self.runs_already {
            true => "The execution runs already, beside the old one: this command starts nothing.",
            false => "This command starts an execution.",
        };
        page.paragraph(&[(STRONG, text)]);
        page.id(LABEL, "name", name);
        match &self.repeats {
            Some(_) if self.runs_already => {}
            Some(arn) => page.id(LABEL, "input of", arn),
            None => page.indented(&[(
                Style::new(),
                match self.is_reconciles {
                    true => {
                        "It is the one that reconcile would start. There is no execution to repeat."
                    }
                    false => "There is no execution to repeat, and reconcile would start none.",
                },
            )]),
        }
        match (self.profile, self.profile_has_changed) {
            (Some(ProfileSource::Deployed), true) => page.indented(&[(
                Style::new(),
                "It has the profile that is deployed now, which is another one than that of the execution.",
            )]),
            (Some(ProfileSource::Execution), true) => page.indented(&[(
                BAD,
                "It has the profile of that execution. Another one is deployed now: --deployed-profile takes that.",
            )]),
            (Some(ProfileSource::EarlierExecution), _) => page.indented(&[(
                BAD,
                "It has the profile of an earlier execution of the group: no deployed profile covers the instance.",
            )]),
            _ => {}
        }
        for arn in &self.replaces {
            page.paragraph(&[(
                STRONG,
                "When the new one runs, this command stops the old one.",
            )]);
            page.id(LABEL, "stops", arn);
        }
        page.paragraph(&[(
            Style::new(),
            "If it fails while the launch waits at its hook, it abandons the launch, as every execution does.",
        )]);
        page.ask(self.done);
    }
}
