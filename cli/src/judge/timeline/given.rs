//! The addresses that a node was given, by the data of its executions.

use hookline_domain::execution::{Allocation, Plan, Step, Summary};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::AssignedInterface;
use crate::judge::story::part;
use crate::observed::scale_out::Traced;

/// The newest part of this name in the data of these executions, which are oldest first.
pub(super) fn newest<T: DeserializeOwned>(traced: &[&Traced], key: &str) -> Option<T> {
    let mut outputs = traced.iter().rev().flat_map(|traced| outputs(traced));
    outputs.find_map(|output| part(&output, key))
}

/// The data of the states of an execution, newest first.
fn outputs(traced: &Traced) -> impl Iterator<Item = Value> {
    let events = traced.history.iter().rev();
    events.filter_map(|event| serde_json::from_str(event.output.as_deref()?).ok())
}

/// By the newest data that tells: attached, or created, or planned.
pub(super) fn of(traced: &[&Traced]) -> Vec<AssignedInterface> {
    match newest::<Summary>(traced, "wired") {
        Some(wired) => attached(wired),
        None => planned(traced),
    }
}

fn texts<T: ToString>(addresses: impl IntoIterator<Item = T>) -> Vec<String> {
    let addresses = addresses.into_iter();
    addresses.map(|address| address.to_string()).collect()
}

fn attached(wired: Summary) -> Vec<AssignedInterface> {
    let interfaces = wired.interfaces.into_iter();
    interfaces
        .map(|it| AssignedInterface {
            addresses: texts(it.private_ip_addresses.iter().chain(&it.ipv6_addresses)),
            network_interface_id: Some(it.network_interface_id.to_string()),
            network: it.network,
            attached: true,
        })
        .collect()
}

fn planned(traced: &[&Traced]) -> Vec<AssignedInterface> {
    let mut plans = traced.iter().rev().flat_map(|traced| outputs(traced));
    let plan = plans.find_map(|output| match part::<Plan>(&output, "plan")?.step {
        Step::Create { slots, .. } => Some((slots, part::<Allocation>(&output, "allocation"))),
        Step::Wait { .. } => None,
    });
    let (slots, allocation) = plan.unwrap_or_default();
    let created = |network: &str| allocation.as_ref()?.interface_of(network);
    slots
        .into_iter()
        .map(|slot| {
            let id = created(&slot.network).or(slot.existing.as_ref());
            AssignedInterface {
                addresses: texts(slot.private_ip_addresses.iter().chain(&slot.ipv6_addresses)),
                network_interface_id: id.map(ToString::to_string),
                network: slot.network,
                attached: false,
            }
        })
        .collect()
}
