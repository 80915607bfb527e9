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
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, info, warn};

use super::{Context, answer, delete_or_warn, delete_surplus, log_list};
use crate::aws::create_interface::CreateOutcome;
use crate::metrics::{Metric, Subject};

/// Runs the function.
///
/// # Errors
/// `InvalidPayload`, `ResourceNotFound`, and those of every call.
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
    // All requests are made first: a plan that does not fit its profile creates nothing.
    let creates = requests(context.aws.deployment(), &request, slots)?;
    let mut outcomes = Outcomes::of_existing(slots);
    run_all(&context, &request.profile.name, creates, &mut outcomes).await?;
    let Outcomes {
        mut interfaces,
        created,
        refused,
        throttled,
        failure,
    } = outcomes;
    // A failure would make the retry repeat the creates that succeeded. Each repeated create takes
    // a token from the bucket that the retry waits for.
    let goes_on = failure.is_none() && !created.is_empty() && refused.is_empty();
    let is_throttled = goes_on && throttled.is_some();
    if let Some(error) = failure.or(throttled).filter(|_| !goes_on) {
        undo(&context, &error, &created).await;
        return Err(error);
    }
    interfaces.extend(created);
    // What cannot be deleted is gone, or AttachInterfaces finds it.
    delete_surplus(&context, surplus).await;
    Ok(Allocation::new(
        request.plan.round,
        interfaces,
        refused,
        is_throttled,
    ))
}

/// What came of a plan.
struct Outcomes {
    /// Interfaces of earlier runs.
    interfaces: Vec<CreatedInterface>,
    /// Interfaces of this run.
    created: Vec<CreatedInterface>,
    refused: Vec<RefusedCreate>,
    throttled: Option<Error>,
    /// An error that is neither of these.
    failure: Option<Error>,
}

impl Outcomes {
    /// Those of the slots whose interface exists.
    fn of_existing(slots: &[PlannedInterface]) -> Self {
        let existing = slots.iter().filter_map(|planned| {
            Some(CreatedInterface {
                network: planned.network.clone(),
                network_interface_id: planned.existing.clone()?,
            })
        });
        Self {
            interfaces: existing.collect(),
            created: Vec::new(),
            refused: Vec::new(),
            throttled: None,
            failure: None,
        }
    }

    /// Notes what came of one create.
    fn note(&mut self, create: Create, outcome: Result<CreateOutcome>) {
        let Create {
            network, request, ..
        } = create;
        match outcome {
            Ok(CreateOutcome::Created(interface)) => {
                info!(network, interface = %interface.id, subnet = %interface.subnet_id, addresses = log_list(&interface.private_ip_addresses), "created");
                self.created.push(CreatedInterface {
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
                self.refused
                    .push(RefusedCreate::AddressTaken { network, addresses });
            }
            Ok(CreateOutcome::SubnetFull) => {
                warn!(network, subnet = %request.subnet_id, "subnet is full");
                self.refused.push(RefusedCreate::SubnetFull {
                    network,
                    subnet_id: request.subnet_id,
                });
            }
            Err(error @ Error::Throttled { .. }) => self.throttled = Some(error),
            Err(error) => self.failure = Some(error),
        }
    }
}

/// The requests of the slots whose interface does not exist.
fn requests(
    deployment: &Deployment,
    request: &CreateRequest,
    slots: &[PlannedInterface],
) -> Result<Vec<Create>> {
    let slots = slots.iter().enumerate();
    slots
        .filter(|(_, planned)| planned.existing.is_none())
        .map(|(n, planned)| create_request(deployment, request, n, planned))
        .collect()
}

/// Makes all calls at once.
async fn run_all(
    context: &Context,
    profile: &str,
    creates: Vec<Create>,
    outcomes: &mut Outcomes,
) -> Result<()> {
    let mut calls = JoinSet::new();
    for create in creates {
        let aws = context.aws.clone();
        calls.spawn(
            async move {
                let call = aws.create_interface(&create.request, &create.client_token);
                (call.await, create)
            }
            .instrument(Span::current()),
        );
    }
    while let Some(done) = calls.join_next().await {
        let (outcome, create) = done.map_err(|error| Error::Internal {
            doing: "CreateNetworkInterface",
            detail: error.to_string(),
        })?;
        if let Ok(CreateOutcome::AddressTaken(_)) = outcome {
            let of = Subject::profile(profile);
            context.metrics.add(Metric::AddressConflicts, of, 1);
        }
        outcomes.note(create, outcome);
    }
    Ok(())
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
async fn undo(context: &Context, error: &Error, created: &[CreatedInterface]) {
    if matches!(
        error,
        Error::Throttled { .. } | Error::AwsUnavailable { .. }
    ) {
        return;
    }
    for created in created {
        let id = &created.network_interface_id;
        delete_or_warn(context, id, "not deleted: the release will delete it").await;
    }
}
