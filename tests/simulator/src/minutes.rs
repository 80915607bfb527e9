//! A scale-out minute by minute: how many nodes became ready, and which calls EC2's buckets served.
//! Where a scale-out is slower than its bound, this shows from when on, and which bucket was not
//! used.

use std::collections::BTreeMap;
use std::time::Duration;

use hookline_local::{CallRecord, Outcome};
use serde::Serialize;

/// One minute of virtual time since the scale-out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Minute {
    /// Nodes that became InService in it.
    pub in_service: usize,
    /// Calls that came in it, by action.
    pub calls: BTreeMap<String, Calls>,
}

/// The calls of one action in one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Those of Hookline's functions that were not throttled.
    pub hookline: usize,
    /// Those of everybody else that were not throttled, as of the VPC CNI.
    pub others: usize,
    /// Throttled ones, whoever made them.
    pub throttled: usize,
}

/// Whether the call is one of Hookline's functions.
pub(crate) fn is_ours(call: &CallRecord) -> bool {
    call.user_agent.contains("app/Hookline")
}

/// Whether the call was throttled. EC2 and Auto Scaling name it differently.
pub(crate) fn is_throttled(call: &CallRecord) -> bool {
    matches!(&call.outcome, Outcome::Error(code) if code == "RequestLimitExceeded" || code == "Throttling")
}

/// The minutes since `began`, from calls and from the times at which nodes became InService. All
/// times are since the start of the fake AWS; what was before `began` is left out.
pub(crate) fn minutes(
    began: Duration,
    calls: &[CallRecord],
    in_service: impl IntoIterator<Item = Duration>,
) -> Vec<Minute> {
    let mut minutes = Vec::new();
    for call in calls {
        let Some(minute) = minute_of(&mut minutes, began, call.at) else {
            continue;
        };
        let of_action = minute.calls.entry(call.action.clone()).or_default();
        *match (is_throttled(call), is_ours(call)) {
            (true, _) => &mut of_action.throttled,
            (false, true) => &mut of_action.hookline,
            (false, false) => &mut of_action.others,
        } += 1;
    }
    for at in in_service {
        if let Some(minute) = minute_of(&mut minutes, began, at) {
            minute.in_service += 1;
        }
    }
    minutes
}

/// The minute at this time, made with all before it if it is the first thing in it.
fn minute_of(minutes: &mut Vec<Minute>, began: Duration, at: Duration) -> Option<&mut Minute> {
    let index = usize::try_from(at.checked_sub(began)?.as_secs() / 60).ok()?;
    if minutes.len() <= index {
        minutes.resize_with(index + 1, Minute::default);
    }
    minutes.get_mut(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(at: u64, user_agent: &str, outcome: Outcome) -> CallRecord {
        CallRecord {
            at: Duration::from_secs(at),
            service: "ec2".to_owned(),
            action: "AttachNetworkInterface".to_owned(),
            outcome,
            user_agent: user_agent.to_owned(),
            role: None,
            params: BTreeMap::new(),
        }
    }

    #[test]
    fn calls_and_nodes_are_counted_in_their_minutes() {
        let throttled = Outcome::Error("RequestLimitExceeded".to_owned());
        let calls = [
            call(9, "app/Hookline", Outcome::Ok),
            call(10, "app/Hookline", Outcome::Ok),
            call(69, "vpc-cni", Outcome::Ok),
            call(70, "app/Hookline", throttled),
            call(
                71,
                "app/Hookline",
                Outcome::Error("AttachmentLimitExceeded".to_owned()),
            ),
            call(190, "vpc-cni", Outcome::Ok),
        ];
        let ready = [Duration::from_secs(75), Duration::from_secs(76)];
        let minutes = minutes(Duration::from_secs(10), &calls, ready);

        let attaches = |minute: usize| minutes[minute].calls.values().next().copied();
        let counted = |hookline, others, throttled| {
            Some(Calls {
                hookline,
                others,
                throttled,
            })
        };
        assert_eq!(attaches(0), counted(1, 1, 0));
        assert_eq!(attaches(1), counted(1, 0, 1));
        assert_eq!(attaches(2), None);
        assert_eq!(attaches(3), counted(0, 1, 0));
        let ready: Vec<usize> = minutes.iter().map(|minute| minute.in_service).collect();
        assert_eq!(ready, [0, 2, 0, 0]);
    }
}
