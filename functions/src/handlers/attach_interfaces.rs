//! `AttachInterfaces`: attaches the interfaces in device-index order, sets the attributes that EC2
//! takes only on an attached interface, and verifies invariant I1 by a listing.
//!
//! If somebody else has the device index of an interface, and its slot leaves the index open, the
//! interface goes to another one ([`next_place`]).
//!
//! It attaches one interface after the other, so that the operating system sees them in order. It
//! sets attributes meanwhile. AttachNetworkInterface has no ClientToken. So after a refusal a
//! listing shows what is attached: it may be an attach of an earlier run.

use std::collections::BTreeSet;

use hookline_domain::error::{Error, Input, Result};
use hookline_domain::execution::{
    Allocation, AttachRequest, DeleteOnTerminationTiming, Node, Plan, Step, Summary, WiredInterface,
};
use hookline_domain::ids::NetworkInterfaceId;
use hookline_domain::instance::AttachmentPoint;
use hookline_domain::interface::Interface;
use hookline_domain::placement::next_place;
use hookline_domain::profile::Slot;
use hookline_domain::wiring::{Wired, Wiring, surplus};
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, info};

use super::{Backoff, Context, answer, delete_surplus, join_attribute_calls};
use crate::aws::interfaces::AttachOutcome;
use crate::metrics::{Metric, Subject};

/// Runs the function, which returns a [`Summary`]: `$.wired`.
///
/// # Errors
/// `InvalidPayload`, `InstanceNotRunning`, `InstanceGone`, `InstanceTypeTooSmall`,
/// `DeviceIndexTaken`, `InterfaceLost`, `NotYetAttached`, and the errors of every call.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    answer(context, payload, attach_interfaces).await
}

async fn attach_interfaces(context: Context, request: AttachRequest) -> Result<Summary> {
    let mut attacher = Attacher {
        backoff: Backoff::new(&context),
        context: &context,
        wiring: Wiring {
            launch: &request.launch,
            profile: &request.profile,
            node: &request.node,
            delete_on_termination: request.plan.delete_on_termination,
        },
        node: &request.node,
        attribute_calls: JoinSet::new(),
        attached_now: false,
        changed: false,
        listed: Vec::new(),
        pooled: BTreeSet::new(),
    };
    let slots = attacher.slots(&request.plan, &request.allocation)?;
    let is_running = request.node.running || request.plan.node_running;
    let has_all = attacher.finds_all_attached().await?;
    if !has_all && !is_running {
        let looked = request.plan.seconds_since_event;
        attacher.wait_until_running(looked).await?;
    }
    let attached = attacher.attach_all(slots).await;
    // If an attach fails, the calls that it has begun still end in this invocation.
    let attributes = join_attribute_calls(&mut attacher.attribute_calls).await;
    let chosen = attached?;
    attributes?;
    let unchanged = has_all && !attacher.changed;
    let listed = unchanged.then(|| std::mem::take(&mut attacher.listed));
    let interfaces = attacher.verify(&chosen, listed).await?;
    let dimension = Subject::profile(&request.profile.name);
    context.metrics.add(Metric::LaunchesWired, dimension, 1);
    for wired in &interfaces {
        info!(
            network = wired.network,
            device_index = wired.device_index,
            interface = %wired.network_interface_id,
            "attached"
        );
    }
    let mut summary = Summary::new(&request.launch.group, &request.node, interfaces);
    summary.seconds.event_to_turn = request.plan.seconds_since_event;
    summary.seconds.event_to_wired = context.seconds_since(&request.launch);
    Ok(summary)
}

struct Attacher<'a> {
    context: &'a Context,
    wiring: Wiring<'a>,
    node: &'a Node,
    backoff: Backoff,
    attribute_calls: JoinSet<Result<()>>,
    /// Whether this run has attached anything.
    attached_now: bool,
    /// Whether this run has changed anything, since the interfaces were listed.
    changed: bool,
    /// The interfaces of the instance, as they were listed after the last refusal.
    listed: Vec<Interface>,
    /// Those that were attached before this launch, which takes the node out of a warm pool.
    pooled: BTreeSet<NetworkInterfaceId>,
}

/// An attached interface, with the attributes that may have to be set.
struct AttachedInterface {
    id: NetworkInterfaceId,
    attachment: String,
    source_dest_check: bool,
    delete_on_termination: bool,
}

/// An interface that is to be attached for a slot.
struct Unattached<'a> {
    slot: &'a Slot,
    id: NetworkInterfaceId,
    place: AttachmentPoint,
}

type SlotInterfaces<'a> = Vec<(&'a Slot, NetworkInterfaceId)>;

impl<'a> Attacher<'a> {
    /// The interfaces of the slots, in device-index order.
    fn slots(&self, plan: &Plan, allocation: &Allocation) -> Result<Vec<Unattached<'a>>> {
        let planned = match &plan.step {
            Step::Create { slots, .. } => slots.as_slice(),
            Step::Wait { .. } => &[],
        };
        let lacks = |field: &str, what: &str, slot: &Slot| {
            Error::invalid(
                Input::Payload,
                field,
                format!("no {what} for the network {:?}", slot.network),
                "Start a new execution with the same event",
            )
        };
        let mut slots = Vec::new();
        for slot in &self.wiring.profile.slots {
            let id = allocation
                .interface_of(&slot.network)
                .ok_or_else(|| lacks("allocation.interfaces", "interface", slot))?;
            let device_index = planned
                .iter()
                .find(|planned| planned.network == slot.network)
                .and_then(|planned| planned.device_index)
                .or(slot.device_index)
                .ok_or_else(|| lacks("plan.step.slots", "device index", slot))?;
            slots.push(Unattached {
                slot,
                id: id.clone(),
                place: AttachmentPoint {
                    network_card: slot.network_card,
                    device_index,
                },
            });
        }
        slots.sort_by_key(|unattached| {
            let place = unattached.place;
            (place.device_index, place.network_card)
        });
        Ok(slots)
    }

    /// Whether a launch that passes a warm pool finds all its interfaces attached. An attach that EC2
    /// refuses costs more than this listing, and a node that has its interfaces need not run to be
    /// checked. Other launches do not look: they attach nearly always.
    async fn finds_all_attached(&mut self) -> Result<bool> {
        if !self.wiring.launch.passes_warm_pool() {
            return Ok(false);
        }
        let instance = &self.node.instance_id;
        self.listed = self.context.aws.interfaces_created_for(instance).await?;
        if self.wiring.launch.leaves_warm_pool() {
            let attached = self.listed.iter().filter(|it| it.is_attached_to(instance));
            self.pooled = attached.map(|interface| interface.id.clone()).collect();
        }
        for slot in &self.wiring.profile.slots {
            if self.attached_for(slot)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Looks at the instance until it runs. `looked` is when the plan saw it pending, in seconds
    /// since the event: another look so soon after that one would only cost a call.
    async fn wait_until_running(&self, looked: Option<u64>) -> Result<()> {
        let Context { aws, .. } = self.context;
        let launch = self.wiring.launch;
        let since_event = self.context.seconds_since(launch);
        let mut backoff = Backoff::until_running(self.context, since_event.unwrap_or(0));
        let since_looked = since_event.zip(looked);
        let mut look = since_looked.is_none_or(|(now, then)| now.saturating_sub(then) > 2);
        loop {
            if look && aws.launching_instance(launch).await?.is_running() {
                return Ok(());
            }
            look = true;
            if !backoff.wait().await {
                let id = self.node.instance_id.clone();
                return Err(Error::InstanceNotRunning(id));
            }
        }
    }

    async fn attach_all(&mut self, slots: Vec<Unattached<'a>>) -> Result<SlotInterfaces<'a>> {
        let mut chosen = Vec::new();
        for unattached in slots {
            let slot = unattached.slot;
            let attached = self.attach(unattached).await?;
            chosen.push((slot, attached.id.clone()));
            self.begin_attribute_calls(slot, attached);
        }
        Ok(chosen)
    }

    /// Attaches one interface. Returns another interface if a second execution for the same launch
    /// has attached its own first.
    async fn attach(&mut self, unattached: Unattached<'a>) -> Result<AttachedInterface> {
        let instance = &self.node.instance_id;
        let Unattached {
            slot,
            id,
            mut place,
        } = unattached;
        loop {
            // A repeated run meets its own attaches. One listing shows them for all slots.
            if let Some(found) = self.attached_for(slot)? {
                return Ok(found);
            }
            let attached = self
                .context
                .aws
                .attach_interface(&id, instance, place)
                .await?;
            let reason = match attached {
                AttachOutcome::Attaching(attachment) => {
                    (self.attached_now, self.changed) = (true, true);
                    return Ok(AttachedInterface {
                        id,
                        attachment,
                        // EC2's defaults.
                        source_dest_check: true,
                        delete_on_termination: false,
                    });
                }
                AttachOutcome::InstanceNotRunning => {
                    // EC2's views differ for a moment: this may see "running" at once.
                    self.wait_until_running(None).await?;
                    "the instance is not running yet"
                }
                AttachOutcome::Denied(error) => {
                    return Err(self.gone_or_denied(slot, id, error).await);
                }
                AttachOutcome::InterfaceNotFoundYet => {
                    if self.backoff.wait().await {
                        continue;
                    }
                    return Err(Error::InterfaceLost {
                        network: slot.network.clone(),
                        interface: id,
                    });
                }
                AttachOutcome::Occupied => {
                    self.listed = self.context.aws.interfaces_attached_to(instance).await?;
                    if let Some(found) = self.attached_for(slot)? {
                        return Ok(found);
                    }
                    match self.listed.iter().find(|interface| interface.is_at(place)) {
                        Some(other) => {
                            info!(
                                network = slot.network,
                                device_index = place.device_index,
                                by = other.in_words(),
                                "the device index is taken: trying another"
                            );
                            place = self.next_place(slot, place)?;
                            continue;
                        }
                        None => "it, or its device index, is in use, and no listing shows by what",
                    }
                }
            };
            if !self.backoff.wait().await {
                return Err(Error::NotYetAttached(vec![format!(
                    "{id} of network {}: {reason}",
                    slot.network
                )]));
            }
        }
    }

    /// What a denied attach means: EC2 shows the interface, maybe a little late, and the role may not
    /// attach it; or the interface is gone.
    async fn gone_or_denied(
        &mut self,
        slot: &Slot,
        interface: NetworkInterfaceId,
        denied: Error,
    ) -> Error {
        let instance = &self.node.instance_id;
        loop {
            match self.context.aws.interfaces_created_for(instance).await {
                Err(error) => return error,
                Ok(listed) if listed.iter().any(|listed| listed.id == interface) => return denied,
                Ok(_) if self.backoff.wait().await => {}
                Ok(_) => {
                    return Error::InterfaceLost {
                        network: slot.network.clone(),
                        interface,
                    };
                }
            }
        }
    }

    /// Where to attach the interface of `slot` instead of at `place`.
    fn next_place(&self, slot: &Slot, place: AttachmentPoint) -> Result<AttachmentPoint> {
        let profile = self.wiring.profile;
        next_place(profile, slot, place, &self.listed).ok_or_else(|| {
            let others: Vec<String> = self.listed.iter().map(Interface::in_words).collect();
            Error::InstanceTypeTooSmall {
                field: "profile.slots".to_owned(),
                problem: format!(
                    "no device index of network card {} is left for the network {:?}: the instance has {}",
                    place.network_card,
                    slot.network,
                    others.join(", ")
                ),
                remedy: "Other interfaces on the node count too: ask for fewer slots, or use a larger instance type"
                    .to_owned(),
            }
        })
    }

    fn attached_for(&self, slot: &Slot) -> Result<Option<AttachedInterface>> {
        let found = self.wiring.attached_for(slot, &self.listed)?;
        Ok(found.map(|(interface, on)| AttachedInterface {
            id: interface.id.clone(),
            attachment: on.id.clone(),
            source_dest_check: interface.source_dest_check,
            delete_on_termination: on.delete_on_termination,
        }))
    }

    /// Begins the calls that set what neither CreateNetworkInterface nor AttachNetworkInterface
    /// takes. It makes no call for an attribute that is right: these calls have the lowest of EC2's
    /// rates.
    fn begin_attribute_calls(&mut self, slot: &Slot, interface: AttachedInterface) {
        let AttachedInterface {
            id,
            attachment,
            source_dest_check,
            delete_on_termination,
        } = interface;
        let aws = self.context.aws.clone();
        let wanted = slot.source_dest_check;
        if source_dest_check != wanted {
            self.changed = true;
            let (aws, id) = (aws.clone(), id.clone());
            self.attribute_calls.spawn(
                async move { aws.set_source_dest_check(&id, wanted).await }
                    .instrument(Span::current()),
            );
        }
        if !delete_on_termination
            && self.wiring.delete_on_termination == DeleteOnTerminationTiming::AtOnce
        {
            self.changed = true;
            self.attribute_calls.spawn(
                async move { aws.set_delete_on_termination(&id, &attachment).await }
                    .instrument(Span::current()),
            );
        }
    }

    /// Lists the interfaces until every one is as its slot says (invariant I1). Begins with a listing
    /// that was made in this run, if nothing has changed since.
    async fn verify(
        &mut self,
        chosen: &SlotInterfaces<'_>,
        mut listed: Option<Vec<Interface>>,
    ) -> Result<Vec<WiredInterface>> {
        let instance = &self.node.instance_id;
        // The pause for the instance may have grown. The first listing here must not wait for that
        // long.
        self.backoff = Backoff::new(self.context);
        if self.attached_now {
            // An attach takes a moment, so a listing at once would be in vain.
            self.backoff.wait().await;
        }
        loop {
            let listed = match listed.take() {
                Some(listed) => listed,
                None => self.context.aws.interfaces_created_for(instance).await?,
            };
            match self.wiring.check(chosen, &listed, &self.pooled) {
                Ok(Wired { interfaces, older }) => {
                    for difference in older {
                        info!(difference, "as an earlier profile said");
                    }
                    // Reconcile deletes those that cannot be deleted now.
                    delete_surplus(self.context, surplus(chosen, &listed)).await;
                    return Ok(interfaces);
                }
                Err(differences) if !self.backoff.wait().await => {
                    return Err(Error::NotYetAttached(differences));
                }
                Err(_) => {}
            }
        }
    }
}
