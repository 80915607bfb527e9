//! A node that ended after its launch had succeeded: when, by whom, and why. It is no fault of the
//! launch.

use serde::Serialize;

use super::reason::{self, EndedBy};
use super::{came_first, ec2_says, ended_at, has_ended};
use crate::judge::Remedy;
use crate::observed::case::Case;
use crate::observed::group::Activity;

/// The end of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndedNode {
    /// In seconds since the epoch; null if neither EC2 nor Auto Scaling tells it.
    pub(crate) at: Option<i64>,
    pub(crate) by: By,
    /// EC2's and Auto Scaling's own words.
    pub(crate) evidence: Vec<String>,
    /// What to do, if it should not have ended.
    pub(crate) remedy: Vec<Remedy>,
}

/// Who ended a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    /// Auto Scaling: a scale-in, a health check, an update of the group, or a call of its API.
    AutoScaling,
    /// A call of TerminateInstances or StopInstances that was not Auto Scaling's.
    Call,
    /// A call of TerminateInstances or StopInstances, of whomever.
    SomeCall,
    Itself,
    Ec2,
}

impl By {
    /// As the subject of a sentence.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::AutoScaling => "Auto Scaling ended it",
            Self::Call => "a call of EC2 ended it, not Auto Scaling",
            Self::SomeCall => "a call of EC2 ended it",
            Self::Itself => "it shut itself down",
            Self::Ec2 => "EC2 ended it",
        }
    }
}

/// The end of an instance that had become a node.
pub(crate) fn node(case: &Case) -> Option<EndedNode> {
    let seen = case.seen.as_ref()?;
    let in_pool = case
        .lifecycle_state()
        .is_some_and(|state| state.starts_with("Warmed:"));
    let ended = ended_at(case);
    let is_launchs = ended.is_some_and(|ended| came_first(case, ended));
    // A warm pool stops its instances.
    if !has_ended(&seen.instance.state) || in_pool || is_launchs || !was_ready(case) {
        return None;
    }
    let termination = case.termination();
    let by = match (EndedBy::of(seen), termination) {
        (EndedBy::Ec2, _) => By::Ec2,
        (EndedBy::Itself, _) => By::Itself,
        (EndedBy::Call, Some(it)) if found_ended(it) => By::Call,
        (EndedBy::Call, Some(_)) => By::AutoScaling,
        (EndedBy::Call, None) => By::SomeCall,
    };
    let mut evidence = vec![ec2_says(seen)];
    let cause = termination
        .map(|it| it.cause.as_str())
        .filter(|cause| !cause.is_empty());
    evidence.extend(cause.map(|cause| format!("Auto Scaling says: {cause}")));
    Some(EndedNode {
        at: ended
            .map(|at| at / 1_000)
            .or(termination.map(|it| it.started)),
        remedy: match by {
            By::AutoScaling => Vec::new(),
            _ => reason::remedies(case.instance.as_str(), &seen.reason_code),
        },
        by,
        evidence,
    })
}

/// Whether the launch made a node of the instance: as Auto Scaling says, else by its execution.
fn was_ready(case: &Case) -> bool {
    let succeeded = || {
        let execution = case.execution();
        execution.is_some_and(|it| it.status == "SUCCEEDED")
    };
    case.activity()
        .map_or_else(succeeded, |it| it.status == "Successful")
}

/// Whether Auto Scaling found the instance ended, and did not end it: "in response to an EC2 health
/// check indicating it has been terminated or stopped" (Auto Scaling User Guide, "Health checks for
/// instances in an Auto Scaling group").
fn found_ended(termination: &Activity) -> bool {
    termination.cause.contains("has been terminated or stopped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, case, id};

    /// A node whose launch has succeeded, and that ended half a minute ago.
    fn ended(code: &str, cause: Option<&str>) -> Case {
        let mut case =
            case()
                .in_state("Terminating:Wait")
                .with_execution("SUCCEEDED", None, "NodeReady");
        let seen = case.seen.as_mut().unwrap();
        seen.instance.state = "shutting-down".to_owned();
        seen.reason_code = code.to_owned();
        seen.state_reason = format!("{code}: as EC2 says it");
        if code == "Client.UserInitiatedShutdown" {
            seen.transition_reason = "User initiated (2026-01-02 03:03:35 GMT)".to_owned();
        }
        case.activities.extend(cause.map(|cause| Activity {
            instance: Some(id(1)),
            cause: cause.to_owned(),
            started: NOW - 20,
            ..Activity::default()
        }));
        case
    }

    const CALL: &str = "Client.UserInitiatedShutdown";
    const UNHEALTHY: &str = "At 2026-01-02T03:03:36Z an instance was taken out of service in response to an EC2 health check \
                             indicating it has been terminated or stopped.";

    #[test]
    fn end_of_a_node_is_told_with_who_ended_it_and_when() {
        let scale_in = "an instance was taken out of service in response to a difference between desired and actual capacity";
        for (code, cause, by, at) in [
            (CALL, Some(scale_in), By::AutoScaling, Some(NOW - 30)),
            (CALL, Some(UNHEALTHY), By::Call, Some(NOW - 30)),
            (CALL, None, By::SomeCall, Some(NOW - 30)),
            (
                "Server.SpotInstanceTermination",
                Some(UNHEALTHY),
                By::Ec2,
                Some(NOW - 20),
            ),
            ("Server.SpotInstanceTermination", None, By::Ec2, None),
            (
                "Client.InstanceInitiatedShutdown",
                Some(UNHEALTHY),
                By::Itself,
                Some(NOW - 20),
            ),
        ] {
            let told = node(&ended(code, cause)).unwrap();
            assert_eq!((told.by, told.at), (by, at), "{code}, {cause:?}");
            assert!(told.evidence[0].contains("as EC2 says it"), "{told:?}");
            assert_eq!(told.evidence.len(), 1 + usize::from(cause.is_some()));
            // What Auto Scaling does by itself needs nothing.
            assert_eq!(told.remedy.is_empty(), by == By::AutoScaling, "{told:?}");
        }
    }

    #[test]
    fn end_of_a_launch_or_of_an_instance_in_a_warm_pool_is_no_end_of_a_node() {
        let mut launching = ended(CALL, Some(UNHEALTHY));
        launching.executions[0].status = "FAILED".to_owned();
        let stopped = ended(CALL, None).in_state("Warmed:Stopped");
        let mut held = ended(CALL, None);
        held.activities.push(Activity {
            instance: Some(id(1)),
            is_launch: true,
            status: "MidLifecycleAction".to_owned(),
            ..Activity::default()
        });
        let mut running = ended(CALL, None);
        running.seen.as_mut().unwrap().instance.state = "running".to_owned();
        for case in [launching, stopped, held, running] {
            assert_eq!(node(&case), None);
        }
    }
}
