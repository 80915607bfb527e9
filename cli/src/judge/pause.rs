//! What it means to suspend or resume the process Launch of a group, and who has suspended what.

use std::collections::BTreeMap;

use hookline_domain::time::rfc3339;
use serde::Serialize;

use super::Remedy;
use super::finding::Call;
use super::words::count;
use crate::observed::group::{Group, LAUNCH};

/// What is done with the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    Pause,
    Resume,
}

/// What Auto Scaling says of a suspension by a call of SuspendProcesses, with the time after it.
const BY_A_CALL: &str = "User suspended";

/// A group before its process Launch is suspended or resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pause {
    pub(crate) group: String,
    /// Whether Launch is suspended now.
    pub(crate) is_paused: bool,
    /// Why, as Auto Scaling says it.
    pub(crate) reason: Option<String>,
    /// Since when it is braked, in seconds since the epoch, and by which error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) braked: Option<Braked>,
    /// The other processes that are suspended, each with its reason. They stay so.
    pub(crate) other_processes: BTreeMap<String, String>,
    pub(crate) desired: i32,
    /// How many instances the group lacks.
    pub(crate) missing: usize,
    /// How many instances launch now.
    pub(crate) launching: usize,
}

/// Why reconcile suspended the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Braked {
    pub(crate) since: i64,
    pub(crate) error: String,
}

impl Pause {
    pub(crate) fn of(group: &Group) -> Self {
        let mut other_processes = group.suspended.clone();
        let reason = other_processes.remove(LAUNCH);
        Self {
            group: group.name.clone(),
            is_paused: reason.is_some(),
            reason,
            braked: group.brake().map(|brake| Braked {
                since: brake.at,
                error: brake.error.clone(),
            }),
            other_processes,
            desired: group.desired,
            missing: group.missing(),
            launching: group.launching().count(),
        }
    }

    /// Whether there is anything to do.
    pub(crate) fn is_to_do(&self, switch: Switch) -> bool {
        self.is_paused != (switch == Switch::Pause)
    }

    /// Who suspended Launch, as far as Auto Scaling tells, and how to find out more.
    pub(crate) fn by_whom(&self) -> Option<(String, Option<Remedy>)> {
        let reason = self.reason.as_deref()?;
        if let Some(Braked { since, error }) = &self.braked {
            let text = format!(
                "Reconcile braked the group at {}: its launches failed by {error}, again and again.",
                rfc3339(*since)
            );
            let find = Remedy::run(["hookline", "explain", &self.group]);
            return Some((text, Some(find)));
        }
        if !reason.starts_with(BY_A_CALL) {
            // Auto Scaling User Guide, "Suspend and resume Amazon EC2 Auto Scaling processes".
            let text = format!(
                "Auto Scaling says: {reason}. It suspends a group itself that could not launch an instance for a day."
            );
            return Some((text, None));
        }
        let text = format!("Auto Scaling says: {reason}. CloudTrail has who it was:");
        Some((
            text,
            Some(Remedy::who_called(&Call {
                action: "SuspendProcesses",
                names: Some(&self.group),
                ..Call::default()
            })),
        ))
    }

    /// What it means, in sentences (Auto Scaling User Guide, "Understand how suspending processes
    /// affects other processes").
    pub(crate) fn meaning(&self, switch: Switch) -> Vec<String> {
        let launching = |rest: &str| {
            let instances = count(self.launching, "instance launches", "instances launch");
            (self.launching > 0).then(|| format!("{instances} now, and {rest}."))
        };
        let missing = || count(self.missing, "instance", "instances");
        match switch {
            Switch::Pause => {
                let mut said = vec![
                    "Auto Scaling launches no instance: not to scale out, not in place of one that ends or is abandoned, not into a warm pool, and none for an instance refresh."
                        .to_owned(),
                    "It still terminates instances that are unhealthy or too many. An update of a managed node group needs new instances, and waits for them."
                        .to_owned(),
                ];
                said.extend(launching(match self.launching {
                    1 => "goes on",
                    _ => "go on",
                }));
                said
            }
            Switch::Resume => vec![
                match self.missing {
                    0 => "Auto Scaling launches instances again. None is missing now.".to_owned(),
                    _ => format!("Auto Scaling launches the {} that the group lacks, at once.", missing()),
                },
                "One call ends the suspension for everybody who suspended it.".to_owned(),
                "It sets the tag hookline:resumed-at on the group: launches before do not make a launch loop."
                    .to_owned(),
                "If the cause of a launch loop is not mended, it begins again: `hookline check` finds what the next launch would fail by."
                    .to_owned(),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use hookline_domain::reconcile::brake::Brake;

    use super::*;
    use crate::fixtures::fleet;

    fn group(suspended: &[(&str, &str)]) -> Group {
        let mut fleet = fleet().with(1, "Pending:Wait", 10).with(2, "InService", 10);
        let mut group = fleet.groups.remove(0);
        group.desired = 5;
        let suspended = suspended.iter();
        group.suspended = suspended
            .map(|(process, reason)| ((*process).to_owned(), (*reason).to_owned()))
            .collect();
        group
    }

    #[test]
    fn pause_tells_what_goes_on_and_what_does_not() {
        let pause = Pause::of(&group(&[(
            "AZRebalance",
            "User suspended at 2026-01-02T03:04:05Z",
        )]));
        assert!(pause.is_to_do(Switch::Pause) && !pause.is_to_do(Switch::Resume));
        assert_eq!(pause.by_whom(), None);
        assert_eq!((pause.missing, pause.launching), (3, 1));
        let said = pause.meaning(Switch::Pause).join(" ");
        assert!(
            said.contains("1 instance launches now, and goes on."),
            "{said}"
        );
        // The other process is told, and is not Launch's.
        assert_eq!(pause.other_processes.len(), 1);
    }

    #[test]
    fn resume_tells_how_many_are_launched_and_who_suspended() {
        let reason = "User suspended at 2026-01-02T03:04:05Z";
        let pause = Pause::of(&group(&[("Launch", reason)]));
        assert!(pause.is_to_do(Switch::Resume) && !pause.is_to_do(Switch::Pause));
        let said = pause.meaning(Switch::Resume).join(" ");
        assert!(said.contains("launches the 3 instances"), "{said}");
        let (said, find) = pause.by_whom().unwrap();
        assert!(said.contains(reason) && find.is_some(), "{said}");
    }

    #[test]
    fn brake_is_told_with_its_error_and_not_as_a_persons_suspension() {
        let mut group = group(&[("Launch", "User suspended at 2026-01-02T03:04:05Z")]);
        group.marks.brake = Some(Brake {
            at: 1_767_323_045,
            error: "Hookline.ResourceNotFound".to_owned(),
            profile: "upf".to_owned(),
        });
        let pause = Pause::of(&group);
        let (said, find) = pause.by_whom().unwrap();
        assert!(
            said.contains("at 2026-01-02T03:04:05Z") && said.contains("Hookline.ResourceNotFound"),
            "{said}"
        );
        assert_eq!(find, Some(Remedy::run(["hookline", "explain", "upf"])));
        group.marks.resumed_at = Some(1_767_323_045);
        assert_eq!(Pause::of(&group).braked, None);
    }

    #[test]
    fn suspension_by_auto_scaling_is_told_from_a_persons() {
        let pause = Pause::of(&group(&[("Launch", "Account suspended")]));
        let (said, find) = pause.by_whom().unwrap();
        assert!(said.contains("It suspends a group itself"), "{said}");
        assert_eq!(find, None);
    }
}
