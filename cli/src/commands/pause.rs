//! `hookline pause` and `hookline resume`: suspend and resume the process Launch of a group.

use anstyle::Style;
use serde::Serialize;

use crate::aws::Aws;
use crate::discover;
use crate::error::{Code, Result};
use crate::judge::Remedy;
use crate::judge::pause::{Pause, Switch};
use crate::locate;
use crate::observe;
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG, Stage};
use crate::settings::{AwsSettings, SwitchOptions};

/// What is suspended or resumed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pausing {
    /// Whether the call was made. `false` also if there was nothing to do.
    done: Stage,
    region: String,
    /// What it means, in sentences.
    meaning: Vec<String>,
    /// The group as it was before.
    #[serde(flatten)]
    group: Pause,
    /// Why it is not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// What could not be noted on the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip)]
    any_group: bool,
    #[serde(skip)]
    switch: Switch,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    wanted: &SwitchOptions,
    yes: bool,
    output: &Output,
) -> Result<Code> {
    let aws = Aws::connect(settings).await?;
    let (switch, group) = (wanted.switch, wanted.group.as_str());
    let deployment = match wanted.any_group {
        true => None,
        false => Some(discover::deployment(&aws, stack).await?),
    };
    let found = locate::group(&aws, group).await?;
    let refusal = match &deployment {
        Some(deployment) if !observe::covers(&aws, deployment, &found).await? => Some(format!(
            "No profile or rule of the deployment {} covers the group.",
            deployment.name(&[])
        )),
        _ => None,
    };
    let pause = Pause::of(&found);
    let mut pausing = Pausing {
        done: Stage::Proposed,
        region: aws.region().to_owned(),
        meaning: pause.meaning(switch),
        group: pause,
        refusal,
        note: None,
        any_group: wanted.any_group,
        switch,
    };
    if pausing.refusal.is_some() {
        output.report(&pausing)?;
        return Ok(Code::Refused);
    }
    if yes && pausing.group.is_to_do(switch) {
        pausing.done = Stage::Begun;
        output.announce(&pausing)?;
        match switch {
            Switch::Pause => aws.suspend_launches(group).await?,
            Switch::Resume => {
                // Before the resume, so that no round of reconcile comes between.
                pausing.note = count_anew(&aws, group).await;
                aws.resume_launches(group).await?;
            }
        }
        pausing.done = Stage::Done;
    }
    output.report(&pausing)?;
    Ok(Code::Success)
}

/// Notes on the group that earlier launches make no launch loop. A group that cannot be tagged is
/// resumed all the same: returns what to say of it.
async fn count_anew(aws: &Aws, group: &str) -> Option<String> {
    let tagged = aws.tag_resumed(group, observe::now()).await;
    tagged.err().map(|error| {
        format!(
            "The group could not be tagged ({error}). Launches since the last brake still make a launch loop, until one \
             succeeds."
        )
    })
}

impl Report for Pausing {
    fn write(&self, page: &mut Page) {
        let (group, plain) = (&self.group, Style::new());
        if self.done == Stage::Done {
            match self.switch {
                Switch::Pause => {
                    let done = format!(
                        "{} launches no instances now. To let it launch again:",
                        group.group
                    );
                    page.paragraph(&[(GOOD, &done)]);
                    let mut words = vec!["hookline", "resume", &group.group];
                    words.extend(self.any_group.then_some("--any-group"));
                    words.push("--yes");
                    page.remedy(&Remedy::run(words));
                }
                Switch::Resume => {
                    let done = format!("{} launches instances again.", group.group);
                    page.paragraph(&[(GOOD, &done)]);
                    if let Some(note) = &self.note {
                        page.paragraph(&[(plain, note)]);
                    }
                }
            }
            return;
        }
        let size = format!(
            "{} wanted, {} missing, {} launching",
            group.desired, group.missing, group.launching
        );
        let launch = match group.is_paused {
            true => "suspended",
            false => "not suspended",
        };
        let of = format!("{} in {}", group.group, self.region);
        page.table(
            LABEL,
            &[("Group", &of), ("Size", &size), ("Launch", launch)],
        );
        if let Some((text, find)) = group.by_whom() {
            page.indented(&[(plain, &text)]);
            if let Some(find) = find {
                page.remedy(&find);
            }
        }
        for (process, reason) in &group.other_processes {
            let text = format!("{process} is suspended too ({reason}), and stays so.");
            page.indented(&[(plain, &text)]);
        }
        page.blank();
        if let Some(refusal) = &self.refusal {
            page.paragraph(&[(BAD, refusal)]);
            let text = "Choose another deployment with --stack, or a group that `hookline status` lists. To do it all the same, \
                        add --any-group.";
            page.paragraph(&[(plain, text)]);
            return;
        }
        let what = match self.switch {
            Switch::Pause => "suspends the process Launch of the group.",
            Switch::Resume => "resumes the process Launch of the group.",
        };
        if !group.is_to_do(self.switch) {
            let text = match self.switch {
                Switch::Pause => "Nothing to do: Launch is suspended already.",
                Switch::Resume => "Nothing to do: Launch is not suspended.",
            };
            page.paragraph(&[(GOOD, text)]);
            return;
        }
        page.paragraph(&[(STRONG, "This command"), (STRONG, what)]);
        for text in &self.meaning {
            page.paragraph(&[(plain, "-"), (plain, text)]);
        }
        page.ask(self.done);
    }
}
