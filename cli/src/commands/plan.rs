//! `hookline plan`: what the next launches of a group would get, and how long they take.

use anstyle::Style;
use serde::Serialize;

use crate::discover;
use crate::error::{Code, Result};
use crate::foresee;
use crate::judge::Remedy;
use crate::judge::forecast::{self, Plan, PlannedInterface, PlannedLaunch};
use crate::judge::words::{count, duration};
use crate::output::{BAD, LABEL, Output, Page, Report};
use crate::settings::AwsSettings;

/// The most launches whose addresses the text lists.
const LISTED: usize = 20;

/// The plan, with when it was made.
#[derive(Debug, Serialize)]
struct Planned {
    /// In seconds since the epoch.
    at: i64,
    #[serde(flatten)]
    plan: Plan,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    group: &str,
    nodes: usize,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let seen = foresee::forecast(&aws, &deployment, group).await?;
    let planned = Planned {
        at: seen.now,
        plan: forecast::plan(&seen, nodes),
    };
    output.report(&planned)?;
    let fails = |launch: &PlannedLaunch| launch.problem.is_some();
    Ok(match planned.plan.launches.iter().any(fails) {
        true => Code::ProblemsFound,
        false => Code::Success,
    })
}

impl Report for Planned {
    fn write(&self, page: &mut Page) {
        let plan = &self.plan;
        let nodes = plan.launches.len();
        let in_flight = match plan.in_flight {
            0 => "none".to_owned(),
            many => format!("{many}, which come first"),
        };
        let ready = format!(
            "the last of {} {} after they are launched at once",
            count(nodes, "node", "nodes"),
            duration(plan.ready_after_seconds.into())
        );
        let bound = format!(
            "{} by EC2's token buckets, full at first and used by nobody else",
            duration(plan.bound_seconds.into())
        );
        let largest = format!(
            "{} at once: the last one is ready within 15 minutes",
            count(plan.largest_in_time, "node", "nodes")
        );
        let of_functions: Vec<String> = plan
            .concurrency
            .functions
            .iter()
            .filter(|it| it.needed > 0)
            .map(|it| format!("{} {}", it.function, it.needed))
            .collect();
        let lambda = format!(
            "{} at once {} enough, {} at most: {}",
            count(plan.concurrency.needed, "invocation", "invocations"),
            match plan.concurrency.needed {
                1 => "is",
                _ => "are",
            },
            plan.concurrency.at_most,
            of_functions.join(", ")
        );
        page.table(
            LABEL,
            &[
                ("Group", &plan.group),
                ("Profile", &plan.profile),
                ("Type", plan.instance_type.as_deref().unwrap_or("not known")),
                ("In flight", &in_flight),
                ("Ready", &ready),
                ("At least", &bound),
                ("Largest", &largest),
                ("Lambda", &lambda),
            ],
        );
        for note in &plan.notes {
            page.paragraph(&[(LABEL, "note:"), (Style::new(), note)]);
        }
        page.blank();
        let rows: Vec<Vec<String>> = plan
            .launches
            .iter()
            .take(LISTED)
            .flat_map(|launch| launch.interfaces.iter().map(|it| cells(launch, it)))
            .collect();
        if !rows.is_empty() {
            let headings = [
                "LAUNCH", "ZONE", "TURN", "NETWORK", "ADDRESS", "SUBNET", "PLACE",
            ];
            page.grid(LABEL, &headings, &rows);
        }
        if nodes > LISTED {
            let more = format!("and {} more: --json has all", nodes - LISTED);
            page.paragraph(&[(LABEL, &more)]);
        }
        let failing: Vec<&PlannedLaunch> = plan
            .launches
            .iter()
            .filter(|launch| launch.problem.is_some())
            .collect();
        let Some(first) = failing.first() else {
            return;
        };
        page.blank();
        let problem = first.problem.as_deref().unwrap_or_default();
        let what = format!(
            "{} of {nodes} would be abandoned, the first of them launch {} in {}:",
            count(failing.len(), "launch", "launches"),
            first.number,
            first.availability_zone
        );
        page.paragraph(&[(BAD, &what), (Style::new(), problem)]);
        page.indented(&[
            (LABEL, "do:"),
            (Style::new(), "See what there is room for:"),
        ]);
        page.remedy(&Remedy::run(["hookline", "check"]));
    }
}

/// The cells of a line: an interface of a launch.
fn cells(launch: &PlannedLaunch, interface: &PlannedInterface) -> Vec<String> {
    let mut addresses: Vec<String> = interface
        .private_ip_addresses
        .iter()
        .chain(&interface.ipv6_addresses)
        .map(ToString::to_string)
        .collect();
    if !interface.chosen_by_ec2.is_empty() {
        addresses.push(format!("{} by EC2", interface.chosen_by_ec2.join(", ")));
    }
    let index = interface
        .device_index
        .map_or_else(|| "?".to_owned(), |index| index.to_string());
    vec![
        launch.number.to_string(),
        launch.availability_zone.clone(),
        duration(launch.turn_after_seconds.into()),
        interface.network.clone(),
        addresses.join(" "),
        interface.subnet_id.to_string(),
        format!("{}/{index}", interface.network_card),
    ]
}
