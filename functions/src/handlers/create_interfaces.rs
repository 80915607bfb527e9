//! `CreateInterfaces`: creates the interfaces of a plan in parallel. A repeated run returns the
//! same interfaces, because each create has the plan's ClientToken. If EC2 throttles some of the
//! creates, the created interfaces count, and the same plan goes on.

use hookline_domain::create_network_interface::CreateNetworkInterface;
use hookline_domain::deployment::Deployment;
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::execution::requests::slot;
use hookline_domain::execution::{
    Allocation, CreateRequest, CreatedInterface, PlannedInterface, RefusedCreate, Step,
};
use hookline_domain::ids::NetworkInterfaceId;
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, info, warn};

use super::{Context, answer, log_list};
use crate::aws::create_interface::CreateOutcome;
use crate::aws::interfaces::RemovalOutcome;
use crate::metrics::{Dimension, Metric};

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidPayload`, `ResourceNotFound`, and those of every call.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    answer(context, payload, create_interfaces).await
}

async fn create_interfaces(context: Context, request: CreateRequest) -> Result<Allocation> {
    let Step::Create { slots, surplus } = &request.plan.step else {
        return Err(Error::invalid(
            Input::Payload,
            "plan.step",
            "the plan is to wait",
            "Wait, and plan again",
        ));
    };
    let mut interfaces = Vec::new();
    let mut refused = Vec::new();
    let mut to_create = Vec::new();
    for (n, planned) in slots.iter().enumerate() {
        if let Some(existing) = &planned.existing {
            interfaces.push(CreatedInterface {
                network: planned.network.clone(),
                network_interface_id: existing.clone(),
            });
            continue;
        }
        to_create.push(create_request(
            context.aws.deployment(),
            &request,
            n,
            planned,
        )?);
    }
    // Only after all requests are made: a plan that does not fit its profile creates nothing.
    let mut creates = JoinSet::new();
    for create in to_create {
        let aws = context.aws.clone();
        creates.spawn(
            async move {
                (
                    aws.create_interface(&create.request, &create.client_token)
                        .await,
                    create,
                )
            }
            .instrument(Span::current()),
        );
    }

    let mut failure = None;
    let mut throttled = None;
    let mut made_now = Vec::new();
    while let Some(done) = creates.join_next().await {
        let (
            created,
            Create {
                network,
                request: create,
                ..
            },
        ) = done.map_err(|error| Error::Internal {
            doing: "CreateNetworkInterface",
            detail: error.to_string(),
        })?;
        match created {
            Ok(CreateOutcome::Created(interface)) => {
                info!(network, interface = %interface.id, subnet = %interface.subnet_id, addresses = log_list(&interface.private_ip_addresses), "created");
                made_now.push(interface.id.clone());
                interfaces.push(CreatedInterface {
                    network,
                    network_interface_id: interface.id,
                });
            }
            Ok(CreateOutcome::AddressTaken(addresses)) => {
                info!(
                    network,
                    addresses = log_list(&addresses),
                    "address is taken"
                );
                let of = Dimension::profile(&request.profile.name);
                context.metrics.add(Metric::AddressConflicts, of, 1);
                refused.push(RefusedCreate::AddressTaken { network, addresses });
            }
            Ok(CreateOutcome::SubnetFull) => {
                warn!(network, subnet = %create.subnet_id, "subnet is full");
                refused.push(RefusedCreate::SubnetFull {
                    network,
                    subnet_id: create.subnet_id,
                });
            }
            Err(error @ Error::Throttled { .. }) => throttled = Some(error),
            Err(error) => failure = Some(error),
        }
    }
    // A failure would make the retry repeat the creates that succeeded. Each repeated create takes
    // a token from the bucket that the retry waits for.
    let goes_on = failure.is_none() && !made_now.is_empty() && refused.is_empty();
    let is_throttled = goes_on && throttled.take().is_some();
    if let Some(error) = failure.or(throttled) {
        undo(&context, &error, &made_now).await;
        return Err(error);
    }
    for id in surplus {
        warn!(interface = %id, "created twice for this launch: deleting the surplus one");
        if let RemovalOutcome::Denied(error) = context.aws.delete_interface(id).await? {
            // It is gone, or AttachInterfaces finds it.
            warn!(interface = %id, %error, "surplus interface not deleted");
        }
    }
    Ok(Allocation::new(
        request.plan.round,
        interfaces,
        refused,
        is_throttled,
    ))
}

/// A create that is not done yet.
struct Create {
    network: String,
    request: CreateNetworkInterface,
    client_token: String,
}

fn create_request(
    deployment: &Deployment,
    request: &CreateRequest,
    n: usize,
    planned: &PlannedInterface,
) -> Result<Create> {
    let field = format!("plan.step.slots[{n}].network");
    let slot = slot(&request.profile, &field, &planned.network)?;
    let (launch, profile, node) = (&request.launch, &request.profile, &request.node);
    let create = CreateNetworkInterface::new(deployment, launch, profile, node, slot, planned);
    let client_token = create
        .client_token(planned.attempt)
        .map_err(|error| Error::Internal {
            doing: "making a ClientToken",
            detail: error.to_string(),
        })?;
    Ok(Create {
        network: planned.network.clone(),
        request: create,
        client_token,
    })
}

/// Deletes the interfaces of this run after an error without retry. The release follows, and its
/// listing may not show them yet. Before a retry they stay, because the same plan finds them again.
async fn undo(context: &Context, error: &Error, made: &[NetworkInterfaceId]) {
    if matches!(
        error,
        Error::Throttled { .. } | Error::AwsUnavailable { .. }
    ) {
        return;
    }
    for id in made {
        let deleted = context.aws.delete_interface(id).await;
        if let Err(error) | Ok(RemovalOutcome::Denied(error)) = deleted {
            warn!(interface = %id, %error, "not deleted: the release will delete it");
        }
    }
}
