//! What a function did, in sentences, by what it returned.

use std::net::IpAddr;

use hookline_domain::execution::{
    Allocation, Completion, CompletionOutcome, LifecycleActionResult, Plan, RefusedCreate, Release,
    StartupTaintRemoval, Step, Summary, WaitReason,
};

use crate::judge::words::{count, duration};

/// How the text of a plan that waits begins.
pub(super) const WAITS: &str = "waits";

/// What a plan says: what the launch waits for, or where each interface goes.
pub(super) fn planned(plan: &Plan) -> Vec<String> {
    match &plan.step {
        Step::Wait {
            seconds,
            reason,
            then_seconds,
            ..
        } => {
            let all = i64::from(*seconds) + i64::from(*then_seconds);
            let why = waits_for(*reason, plan.ahead);
            vec![format!("{WAITS} {} {why}", duration(all))]
        }
        Step::Create { slots, .. } => slots
            .iter()
            .map(|slot| {
                let index = slot
                    .device_index
                    .map_or_else(String::new, |index| format!(" at device index {index}"));
                match &slot.existing {
                    Some(id) => format!("{}: has {id} already", slot.network),
                    None => format!(
                        "{}: {} in {}{index}",
                        slot.network,
                        addresses(&slot.private_ip_addresses),
                        slot.subnet_id
                    ),
                }
            })
            .collect(),
    }
}

/// What a launch waits for, with so many launches before it.
pub(crate) fn waits_for(reason: WaitReason, ahead: usize) -> String {
    match reason {
        WaitReason::Turn => format!(
            "for its turn: {} before it",
            count(ahead, "launch is", "launches are")
        ),
        WaitReason::Backlog => "because other callers use EC2's request rates".to_owned(),
        WaitReason::AddressConflict => "because somebody else took an address".to_owned(),
        WaitReason::Pending => "for EC2 to show the instance as running".to_owned(),
    }
}

fn addresses(addresses: &[IpAddr]) -> String {
    match addresses {
        [] => "an address that EC2 chooses".to_owned(),
        _ => addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The interfaces that were created, and those that EC2 refused.
pub(super) fn allocated(allocation: &Allocation) -> Vec<String> {
    let created = allocation.interfaces.iter();
    let mut texts: Vec<String> = created
        .map(|it| format!("{}: {}", it.network, it.network_interface_id))
        .collect();
    texts.extend(allocation.refused.iter().map(|refused| match refused {
        RefusedCreate::AddressTaken {
            network,
            addresses: taken,
        } => {
            format!("{network}: somebody else has {}", addresses(taken))
        }
        RefusedCreate::SubnetFull { network, subnet_id } => {
            format!("{network}: {subnet_id} has no free address")
        }
    }));
    if allocation.is_throttled() {
        texts.push("EC2 throttled the rest".to_owned());
    }
    texts
}

/// The interfaces of a node that has all of them.
pub(super) fn attached(summary: &Summary) -> Vec<String> {
    let interfaces = summary.interfaces.iter();
    interfaces
        .map(|it| {
            let index = it
                .device_index
                .map_or_else(String::new, |index| format!(" at device index {index}"));
            format!(
                "{}: {} {}{index}",
                it.network,
                it.network_interface_id,
                addresses(&it.private_ip_addresses)
            )
        })
        .collect()
}

/// How the lifecycle action ended.
pub(super) fn completed(completion: &Completion) -> String {
    let state = match &completion.lifecycle_state {
        Some(state) => format!(" (the instance is {state})"),
        None => String::new(),
    };
    match (completion.result, completion.outcome) {
        (LifecycleActionResult::Continue, CompletionOutcome::Completed) => {
            "sent CONTINUE: the instance goes InService".to_owned()
        }
        (LifecycleActionResult::Abandon, CompletionOutcome::Completed) => {
            "sent ABANDON: Auto Scaling terminates the instance and replaces it".to_owned()
        }
        (_, CompletionOutcome::AlreadyCompleted) => {
            format!(
                "nothing to complete: the lifecycle action had ended before, or the hook is gone{state}"
            )
        }
        (_, CompletionOutcome::AlreadyContinued) => {
            format!("ABANDON came too late: the launch had gone on{state}")
        }
        (_, CompletionOutcome::NotOurs) => {
            "the hook is not Hookline's: nothing was sent".to_owned()
        }
    }
}

/// What became of the startup taint.
pub(super) fn untainted(removal: &StartupTaintRemoval) -> String {
    match (&removal.node_name, removal.removed) {
        (None, _) => "the node has not registered in its cluster yet".to_owned(),
        (Some(node), true) => format!("removed the startup taint of {node}"),
        (Some(node), false) => format!("{node} has no startup taint"),
    }
}

/// The interfaces that were deleted, and those that the instance keeps.
pub(super) fn released(release: &Release) -> String {
    let deleted = deleted(release);
    match release.kept.len() {
        0 => deleted,
        number => format!(
            "{deleted}; kept {}, as the instance runs on",
            count(number, "interface", "interfaces")
        ),
    }
}

fn deleted(release: &Release) -> String {
    match release.released.len() {
        0 => "nothing had to be deleted".to_owned(),
        number => {
            let ids: Vec<&str> = release.released.iter().map(|id| id.as_str()).collect();
            format!(
                "deleted {}: {}",
                count(number, "interface", "interfaces"),
                ids.join(", ")
            )
        }
    }
}
