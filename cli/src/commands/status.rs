//! `hookline status`: a row for each group, and what is wrong.

use serde::Serialize;

use crate::discover;
use crate::error::{Code, Result};
use crate::judge::interfaces::Leaked;
use crate::judge::launches::outcome;
use crate::judge::words::{ago, clock, duration};
use crate::judge::{Finding, trouble};
use crate::observe;
use crate::observed::fleet::Fleet;
use crate::observed::group::Group;
use crate::observed::throttled::{Look, Throttled};
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG};
use crate::settings::AwsSettings;

/// How far back throttled calls are counted, in seconds: as far as launches are looked at.
const THROTTLED_IN: i64 = 3_600;
/// The most leaked interfaces that the text lists.
const LISTED: usize = 20;

/// A deployment at a glance.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// When it was looked at, in seconds since the epoch.
    at: i64,
    stack: String,
    state_machine_arn: String,
    region: String,
    reconcile: Option<Rounds>,
    groups: Vec<Row>,
    /// Whether all launches of the last hour were looked at; with `false`, only the newest ones,
    /// and those that go on.
    all_launches: bool,
    trouble: Vec<Finding>,
    leaked_interfaces: Vec<Leaked>,
    /// The throttled calls of the last hour; `None` if they are not known.
    throttled: Option<Throttled>,
    /// What could not be looked at, and why.
    notes: Vec<String>,
}

/// How reconcile is started.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rounds {
    rule: String,
    enabled: bool,
    schedule: String,
}

/// A group.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    group: String,
    profiles: Vec<String>,
    hook: Option<HookOfRow>,
    wanted: i32,
    in_service: usize,
    /// Those that somebody took out of service for a while. They do not count.
    on_standby: usize,
    /// At a launch hook, those on their way into the warm pool too.
    waiting: usize,
    /// Those of them on their way into the warm pool.
    waiting_for_warm_pool: usize,
    /// How long the first of them has been waiting, in seconds.
    longest_wait_seconds: Option<i64>,
    last_launch: Option<LastLaunch>,
}

/// The hook of a group that its profile names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HookOfRow {
    name: String,
    default_result: String,
    heartbeat_timeout_seconds: i64,
}

/// How the newest launch of a group ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LastLaunch {
    /// `IN SERVICE`, `NO INSTANCE`, or `GIVEN UP`: by ABANDON, by the hook's timeout, or with its
    /// instance.
    result: &'static str,
    /// In seconds since the epoch.
    at: i64,
    /// What Auto Scaling says.
    message: String,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let (throttled, fleet) = tokio::join!(
        observe::throttled(&aws, &deployment, THROTTLED_IN),
        observe::fleet(&aws, deployment.clone()),
    );
    output.report(&Status::of(&fleet?, throttled, aws.region()))?;
    Ok(Code::Success)
}

impl Status {
    fn of(fleet: &Fleet, throttled: Look, region: &str) -> Self {
        let unknown = throttled.as_ref().err();
        let unknown = unknown.map(|why| format!("Throttled calls are not known: {why}"));
        let deployment = &fleet.deployment;
        let leaked = trouble::leaked(fleet);
        Self {
            at: fleet.now,
            stack: deployment.stack().to_owned(),
            state_machine_arn: deployment.machine.arn().to_owned(),
            region: region.to_owned(),
            reconcile: deployment.reconcile.first().map(|first| {
                let shown = deployment
                    .reconcile
                    .iter()
                    .find(|it| it.enabled)
                    .unwrap_or(first);
                Rounds {
                    rule: shown.rule.clone(),
                    enabled: shown.enabled,
                    schedule: shown.schedule.clone(),
                }
            }),
            groups: fleet
                .groups
                .iter()
                .map(|group| Row::of(fleet, group))
                .collect(),
            all_launches: fleet.all_activities,
            trouble: trouble::with_leaked(fleet, &leaked),
            leaked_interfaces: leaked,
            notes: unknown
                .into_iter()
                .chain(trouble::not_looked_at(&fleet.uncovered))
                .collect(),
            throttled: throttled.ok(),
        }
    }
}

impl Row {
    fn of(fleet: &Fleet, group: &Group) -> Self {
        let hooks = fleet.hooks_of(group);
        let profiles: Vec<_> = fleet
            .profiles_of(group)
            .map(|input| &input.profile)
            .collect();
        let named = hooks.iter().find(|hook| {
            profiles
                .iter()
                .any(|profile| profile.hook.name == hook.name)
        });
        let hook = named.or(match profiles.is_empty() {
            true => hooks.first(),
            false => None,
        });
        let since = group
            .waiting()
            .filter_map(|id| Some(fleet.instances.get(id)?.instance.launched_at))
            .min();
        let ended = fleet
            .activities
            .iter()
            .filter(|it| it.group == group.name && it.is_launch);
        let last = ended
            .filter_map(|it| Some((it.ended?, it)))
            .max_by_key(|(ended, _)| *ended);
        Self {
            group: group.name.clone(),
            profiles: profiles
                .iter()
                .map(|profile| profile.name.clone())
                .collect(),
            hook: hook.map(|hook| HookOfRow {
                name: hook.name.clone(),
                default_result: hook.default_result.clone(),
                heartbeat_timeout_seconds: hook.heartbeat_seconds,
            }),
            wanted: group.desired,
            in_service: group.in_service().count(),
            on_standby: group.members.iter().filter(|it| it.is_on_standby()).count(),
            waiting: group.waiting().count(),
            waiting_for_warm_pool: group.into_pool.iter().filter(|it| it.waits()).count(),
            longest_wait_seconds: since.map(|since| fleet.now - since),
            last_launch: last.map(|(at, activity)| LastLaunch {
                result: outcome(activity),
                at,
                message: activity.message.clone(),
            }),
        }
    }

    /// The cells of its line.
    fn cells(&self, now: i64) -> Vec<String> {
        let hook = self.hook.as_ref();
        let mut waiting = match self.longest_wait_seconds {
            Some(seconds) => format!("{} ({})", self.waiting, duration(seconds)),
            None => self.waiting.to_string(),
        };
        if self.waiting_for_warm_pool > 0 {
            waiting = format!("{waiting}, {} for the pool", self.waiting_for_warm_pool);
        }
        let last = self.last_launch.as_ref();
        vec![
            self.group.clone(),
            hook.map_or_else(|| "none".to_owned(), |hook| hook.name.clone()),
            hook.map_or_else(String::new, |hook| hook.default_result.clone()),
            hook.map_or_else(String::new, |hook| {
                format!("{} s", hook.heartbeat_timeout_seconds)
            }),
            self.wanted.to_string(),
            match self.on_standby {
                0 => self.in_service.to_string(),
                number => format!("{}, {number} on standby", self.in_service),
            },
            waiting,
            last.map_or_else(String::new, |last| {
                format!("{}, {}", last.result, ago(last.at, now))
            }),
        ]
    }
}

/// What the text says if it does not look at all launches.
const CUT: &str = "Too many launches in the last hour: of those that ended, the older ones are not looked at. LAST LAUNCH \
     may be another one.";

const HEADINGS: [&str; 8] = [
    "GROUP",
    "HOOK",
    "DEFAULT",
    "TIMEOUT",
    "WANTED",
    "IN SERVICE",
    "WAITING",
    "LAST LAUNCH",
];

impl Report for Status {
    fn write(&self, page: &mut Page) {
        let stack = match self.stack.as_str() {
            "" => "(no stack)",
            stack => stack,
        };
        let reconcile = match &self.reconcile {
            None => "not scheduled".to_owned(),
            Some(rounds) if rounds.enabled => format!("{}, rule {}", rounds.schedule, rounds.rule),
            Some(rounds) => format!("DISABLED, rule {}", rounds.rule),
        };
        let place = format!("{stack} in {}", self.region);
        let throttled = self.throttled.as_ref().filter(|it| it.calls > 0);
        let throttled = throttled.map(|it| format!("{} ({})", it.number(), it.whose()));
        let mut head = vec![
            ("Deployment", place.as_str()),
            ("Machine", &self.state_machine_arn),
            ("Reconcile", &reconcile),
        ];
        head.extend(throttled.as_ref().map(|told| ("Throttled", told.as_str())));
        head.extend(self.notes.iter().map(|note| ("Note", note.as_str())));
        page.table(LABEL, &head);
        page.blank();
        let rows: Vec<Vec<String>> = self.groups.iter().map(|row| row.cells(self.at)).collect();
        match rows.is_empty() {
            true => page.paragraph(&[(STRONG, "No group.")]),
            false => page.grid(LABEL, &HEADINGS, &rows),
        }
        if !self.all_launches {
            page.paragraph(&[(BAD, CUT)]);
        }
        page.blank();
        self.write_leaked(page);
        if self.trouble.is_empty() {
            page.paragraph(&[(GOOD, "No trouble.")]);
            return;
        }
        page.paragraph(&[(BAD, "Trouble")]);
        for finding in &self.trouble {
            page.finding(finding);
        }
    }
}

impl Status {
    fn write_leaked(&self, page: &mut Page) {
        if self.leaked_interfaces.is_empty() {
            return;
        }
        let rows: Vec<Vec<String>> = self
            .leaked_interfaces
            .iter()
            .take(LISTED)
            .map(|leaked| {
                vec![
                    leaked.id.clone(),
                    leaked.addresses.first().cloned().unwrap_or_default(),
                    leaked.network.clone(),
                    leaked.instance.clone(),
                    match leaked.deleted_by {
                        None => "never".to_owned(),
                        Some(by) if by < self.at => format!("was due at {}", clock(by)),
                        Some(by) => {
                            let left = duration(by - self.at);
                            format!("by {}, in {left}", clock(by))
                        }
                    },
                ]
            })
            .collect();
        page.grid(
            LABEL,
            &[
                "INTERFACE LEFT",
                "ADDRESS",
                "NETWORK",
                "WAS FOR",
                "RECONCILE DELETES IT",
            ],
            &rows,
        );
        let more = self.leaked_interfaces.len().saturating_sub(rows.len());
        if more > 0 {
            page.paragraph(&[(LABEL, &format!("and {more} more: --json has all"))]);
        }
        page.blank();
    }
}
