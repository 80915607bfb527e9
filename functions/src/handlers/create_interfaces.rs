//! `CreateInterfaces`: carries a plan out, all slots side by side. Done again it gives the same interfaces, as each
//! create has the plan's ClientToken. Where EC2 throttles some of the creates, what was made counts, and the plan goes on.

use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, info, warn};

use super::plan_interfaces::Planned;
use super::{Allocation, Context, Made, Node, Refused, Subject, read, write};
use crate::aws::interfaces::{CreateInterface, Created};
use crate::metrics::Metric;
use hookline_domain::addresses::plan::SlotPlan;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::NetworkInterfaceId;
use hookline_domain::profile::{Addressing, Ipv6};

#[derive(Debug, Deserialize)]
struct Payload {
    event: Value,
    profile: Value,
    node: Node,
    plan: Planned,
}

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidPayload`, `ResourceNotFound`, and what every call can fail with.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    let payload: Payload = read(payload)?;
    let subject = Subject::read(payload.event, payload.profile)?;

    let mut allocation = Allocation {
        round: payload.plan.plan.round,
        ..Allocation::default()
    };
    let mut to_create = Vec::new();
    for (n, slot) in payload.plan.plan.slots.iter().enumerate() {
        if let Some(existing) = &slot.existing {
            allocation.interfaces.push(Made {
                network: slot.network.clone(),
                network_interface_id: existing.clone(),
            });
            continue;
        }
        let wanted = wanted(&subject, &payload.node, n, slot)?;
        to_create.push((slot.network.clone(), wanted));
    }
    // Only now: a plan that does not fit its profile creates nothing.
    let mut creates = JoinSet::new();
    for (network, wanted) in to_create {
        let aws = context.aws.clone();
        creates.spawn(
            async move { (aws.create_interface(&wanted).await, network, wanted) }
                .instrument(Span::current()),
        );
    }

    let mut failure = None;
    let mut throttled = None;
    let mut made_now = Vec::new();
    while let Some(done) = creates.join_next().await {
        let (created, network, wanted) = done.map_err(|error| Error::AwsUnavailable {
            action: "CreateNetworkInterface",
            detail: error.to_string(),
        })?;
        match created {
            Ok(Created::Made(interface)) => {
                info!(network, interface = %interface.id, subnet = %interface.subnet_id, addresses = ?interface.private_ip_addresses, "created");
                made_now.push(interface.id.clone());
                allocation.interfaces.push(Made {
                    network,
                    network_interface_id: interface.id,
                });
            }
            Ok(Created::AddressTaken(addresses)) => {
                info!(network, ?addresses, "taken by somebody else");
                context
                    .metrics
                    .add(Metric::AddressConflicts, subject.measured(), 1);
                allocation
                    .refused
                    .push(Refused::AddressTaken { network, addresses });
            }
            Ok(Created::SubnetFull) => {
                warn!(network, subnet = %wanted.subnet_id, "subnet is full");
                allocation.refused.push(Refused::SubnetFull {
                    network,
                    subnet_id: wanted.subnet_id,
                });
            }
            Err(error @ Error::Throttled { .. }) => throttled = Some(error),
            Err(error) => failure = Some(error),
        }
    }
    if failure.is_none() && !made_now.is_empty() && allocation.refused.is_empty() {
        // To fail would be to ask again for what has just been made: each repeated create takes a token, and so keeps empty the
        // bucket that it waits for.
        allocation.throttled = throttled.take().is_some();
    }
    if let Some(error) = failure.or(throttled) {
        undo(&context, &error, &made_now).await;
        return Err(error);
    }
    for surplus in &payload.plan.plan.surplus {
        warn!(interface = %surplus, "made twice for this launch: deleting the one too many");
        context.aws.delete_interface(surplus).await?;
    }
    allocation
        .interfaces
        .sort_by(|a, b| a.network.cmp(&b.network));
    allocation.complete = allocation.refused.is_empty() && !allocation.throttled;
    write("CreateInterfaces", &allocation)
}

/// An error that no retry mends is followed by the release, whose listing may not show what was made a moment
/// ago; so that goes here. Before a retry it stays: the same plan finds it again.
async fn undo(context: &Context, error: &Error, made: &[NetworkInterfaceId]) {
    if matches!(
        error,
        Error::Throttled { .. } | Error::AwsUnavailable { .. }
    ) {
        return;
    }
    for id in made {
        if let Err(error) = context.aws.delete_interface(id).await {
            warn!(interface = %id, %error, "left for the release");
        }
    }
}

fn wanted(subject: &Subject, node: &Node, n: usize, plan: &SlotPlan) -> Result<CreateInterface> {
    let slot = subject.slot(&format!("launch.plan.slots[{n}].network"), &plan.network)?;
    let chosen_here = slot.addressing == Addressing::LowestFree;
    Ok(CreateInterface {
        subnet_id: plan.subnet_id.clone(),
        security_group_ids: subject.profile.security_groups(slot).to_vec(),
        private_ip_addresses: plan.private_ip_addresses.clone(),
        secondary_count: if chosen_here {
            0
        } else {
            slot.secondary_private_addresses
        },
        prefix_count: slot.prefixes,
        ipv6_addresses: plan.ipv6_addresses.clone(),
        ipv6_count: u32::from(slot.ipv6 == Ipv6::SubnetAssigned),
        description: slot.description.clone().unwrap_or_else(|| {
            format!(
                "{} of {} (Hookline, profile {})",
                slot.network, node.instance_id, subject.profile.name
            )
        }),
        tags: subject.interface_tags(slot, node),
        client_token: plan.client_token.clone(),
    })
}
