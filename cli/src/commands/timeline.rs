//! `hookline timeline`: a page that shows a scale-out.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::discover;
use crate::error::{Code, Error, Result};
use crate::judge::timeline::{self, Timeline};
use crate::judge::words::{clock, count};
use crate::output::{self, BAD, LABEL, Output, Page, Report};
use crate::retrace;
use crate::settings::{AwsSettings, Target};

/// What was written, and what it shows.
#[derive(Debug, Serialize)]
struct Written {
    /// The page; null if it went to stdout.
    file: Option<String>,
    #[serde(flatten)]
    timeline: Timeline,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    group: &str,
    window: i64,
    target: &Target,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let seen = retrace::scale_out(&aws, &deployment, group, window).await?;
    let timeline = timeline::of(&seen);
    let page = output::timeline::page(&timeline)?;
    match target {
        Target::Stdout => {
            output.raw(page.as_bytes())?;
            let file = None;
            // stdout has the page.
            output.report_aside(&Written { file, timeline });
        }
        Target::File(file) => {
            write(file, &page)?;
            let file = Some(file.display().to_string());
            output.report(&Written { file, timeline })?;
        }
    }
    Ok(Code::Success)
}

fn write(file: &Path, page: &str) -> Result<()> {
    fs::write(file, page).map_err(|source| Error::WriteFile {
        name: file.display().to_string(),
        source,
    })
}

impl Report for Written {
    fn write(&self, page: &mut Page) {
        let timeline = &self.timeline;
        let window = format!(
            "{}, from {} to {}",
            timeline.group,
            clock(timeline.since),
            clock(timeline.at)
        );
        let counts = timeline.counts().into_iter();
        let counts: Vec<String> = counts
            .map(|(state, number)| format!("{number} {}", state.words()))
            .collect();
        let nodes = match counts.as_slice() {
            [] => "none was launched".to_owned(),
            counts => format!("{}: {}", timeline.nodes.len(), counts.join(", ")),
        };
        let mut rows = vec![("Group", window), ("Nodes", nodes)];
        for calls in timeline.calls.iter().filter(|calls| !calls.at.is_empty()) {
            let throttled = match calls.throttled.len() {
                0 => String::new(),
                runs => format!(", {} throttled", count(runs, "run", "runs")),
            };
            let text = format!(
                "{} {}, at most {} in a second{throttled}",
                calls.at.len(),
                calls.action,
                calls.most_in_a_second
            );
            rows.push(("Calls", text));
        }
        if let Some(file) = &self.file {
            rows.push(("Page", file.clone()));
        }
        let rows: Vec<(&str, &str)> = rows.iter().map(|(name, text)| (*name, &**text)).collect();
        page.table(LABEL, &rows);
        for text in &timeline.left_out {
            page.paragraph(&[(BAD, "Left out:"), (anstyle::Style::new(), text)]);
        }
    }
}
