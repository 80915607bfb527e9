//! `AttachInterfaces`: attaches in device-index order, sets what EC2 takes only afterwards, and proves invariant I1
//! by looking.
//!
//! Attaches go one after the other, so that the operating system sees the interfaces in order; the attributes are
//! set beside them. AttachNetworkInterface has no token, so a refusal is looked into: it may be our own attach of a
//! run before.

use hookline_domain::error::{Error, Input, Result};
use hookline_domain::execution::{Allocation, AttachRequest, Node, Summary, WiredInterface};
use hookline_domain::ids::NetworkInterfaceId;
use hookline_domain::instance::AttachmentPoint;
use hookline_domain::interface::Interface;
use hookline_domain::profile::Slot;
use hookline_domain::tags::interface::interface_tags;
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, info, warn};

use super::{Backoff, Context, answer};
use crate::aws::interfaces::AttachOutcome;
use crate::metrics::{Dimension, Metric};

/// Runs the function, which returns a [`Summary`]: `$.wired`.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidPayload`, `InstanceNotRunning`, `InstanceGone`, `InstanceTypeTooSmall`,
/// `DeviceIndexTaken`, `InterfaceLost`, `NotYetAttached`, and what every call can fail with.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    answer(context, payload, attach_interfaces).await
}

async fn attach_interfaces(context: Context, request: AttachRequest) -> Result<Summary> {
    let mut attacher = Attacher {
        backoff: Backoff::new(&context),
        context: &context,
        request: &request,
        node: &request.node,
        settings: JoinSet::new(),
        attached_now: false,
        seen: Vec::new(),
    };
    let slots = attacher.slots(&request.allocation)?;
    if !request.node.running && !request.plan.node_running {
        attacher.wait_until_running().await?;
    }
    let attached = attacher.attach_all(slots).await;
    // Whatever came of the attaches: what was begun beside them is awaited.
    let settings = attacher.settle().await;
    let chosen = attached?;
    settings?;
    let interfaces = attacher.verify(&chosen).await?;
    let of = Dimension::profile(&request.profile.name);
    context.metrics.add(Metric::LaunchesWired, of, 1);
    for wired in &interfaces {
        info!(network = wired.network, device_index = wired.device_index, interface = %wired.network_interface_id, "attached");
    }
    let mut summary = Summary::new(&request.launch.group, &request.node, interfaces);
    summary.seconds.event_to_turn = request.plan.seconds_since_event;
    summary.seconds.event_to_wired = context.seconds_since(&request.launch);
    Ok(summary)
}

struct Attacher<'a> {
    context: &'a Context,
    request: &'a AttachRequest,
    node: &'a Node,
    backoff: Backoff,
    settings: JoinSet<Result<()>>,
    /// Whether this run has attached anything.
    attached_now: bool,
    /// What the instance had when it was last looked at, after a refusal.
    seen: Vec<Interface>,
}

/// An interface at its place, and what it has of what is to be set.
struct AtPlace {
    id: NetworkInterfaceId,
    attachment: String,
    source_dest_check: bool,
    delete_on_termination: bool,
}

type Chosen<'a> = Vec<(&'a Slot, NetworkInterfaceId)>;

impl<'a> Attacher<'a> {
    /// The slots with their interfaces, in device-index order.
    fn slots(&self, allocation: &Allocation) -> Result<Chosen<'a>> {
        let mut slots = Vec::new();
        for slot in &self.request.profile.slots {
            let id = allocation.interface_of(&slot.network).ok_or_else(|| {
                Error::invalid(
                    Input::Payload,
                    "allocation.interfaces",
                    format!("no interface for the network {:?}", slot.network),
                    "Start a new execution with the same event",
                )
            })?;
            slots.push((slot, id.clone()));
        }
        slots.sort_by_key(|(slot, _)| (slot.device_index, slot.network_card));
        Ok(slots)
    }

    async fn wait_until_running(&mut self) -> Result<()> {
        let id = &self.node.instance_id;
        while !self.context.aws.live_instance(id).await?.is_running() {
            if !self.backoff.wait().await {
                return Err(Error::InstanceNotRunning(id.clone()));
            }
        }
        Ok(())
    }

    async fn attach_all(&mut self, slots: Chosen<'a>) -> Result<Chosen<'a>> {
        let mut chosen = Vec::new();
        for (slot, id) in slots {
            let at = self.attach(slot, id).await?;
            chosen.push((slot, at.id.clone()));
            self.set_attributes(slot, at);
        }
        Ok(chosen)
    }

    /// Attaches one interface. What it gives is another one when a second execution for the same launch was quicker
    /// with its own.
    async fn attach(&mut self, slot: &Slot, id: NetworkInterfaceId) -> Result<AtPlace> {
        let instance = &self.node.instance_id;
        loop {
            // A run that is done again has met its own attach before: what it saw then saves it the next refusals.
            if let Some(found) = self.occupant(slot)? {
                return Ok(found);
            }
            let attached = self
                .context
                .aws
                .attach_interface(&id, instance, slot.device_index, slot.network_card)
                .await?;
            let late = match attached {
                AttachOutcome::Attaching(attachment) => {
                    self.attached_now = true;
                    return Ok(AtPlace {
                        id,
                        attachment,
                        // As EC2 makes them.
                        source_dest_check: true,
                        delete_on_termination: false,
                    });
                }
                AttachOutcome::InstanceNotRunning => {
                    // EC2's own views differ for a moment, so this may say "running" at once.
                    self.wait_until_running().await?;
                    "the instance is not running yet"
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
                    self.seen = self.context.aws.interfaces_attached_to(instance).await?;
                    if let Some(found) = self.occupant(slot)? {
                        return Ok(found);
                    }
                    "it, or its device index, is in use, and no listing shows by whom"
                }
            };
            if !self.backoff.wait().await {
                return Err(Error::NotYetAttached(vec![format!(
                    "{id} of network {}: {late}",
                    slot.network
                )]));
            }
        }
    }

    /// Who sits at the slot's place, as far as was seen: ours; a stranger is an error; `None` when nobody was seen there.
    fn occupant(&self, slot: &Slot) -> Result<Option<AtPlace>> {
        let point = AttachmentPoint::of(slot);
        let instance = &self.node.instance_id;
        let at_point = self.seen.iter().find(|interface| interface.is_at(point));
        match at_point.and_then(|interface| Some((interface, interface.attachment.as_ref()?))) {
            None => Ok(None),
            Some((interface, on)) if interface.is_created_for(instance, &slot.network) => {
                Ok(Some(AtPlace {
                    id: interface.id.clone(),
                    attachment: on.id.clone(),
                    source_dest_check: interface.source_dest_check,
                    delete_on_termination: on.delete_on_termination,
                }))
            }
            Some(_) => Err(Error::DeviceIndexTaken {
                instance: instance.clone(),
                device_index: slot.device_index,
                network_card: slot.network_card,
            }),
        }
    }

    /// Begins to set what AttachNetworkInterface and CreateNetworkInterface do not take. Nothing is called for what is
    /// right: these calls have the narrowest of EC2's rates.
    fn set_attributes(&mut self, slot: &Slot, at: AtPlace) {
        let AtPlace {
            id,
            attachment,
            source_dest_check,
            delete_on_termination,
        } = at;
        let aws = self.context.aws.clone();
        let wanted = slot.source_dest_check;
        if source_dest_check != wanted {
            let (aws, id) = (aws.clone(), id.clone());
            self.settings.spawn(
                async move { aws.set_source_dest_check(&id, wanted).await }
                    .instrument(Span::current()),
            );
        }
        if !delete_on_termination {
            self.settings.spawn(
                async move { aws.set_delete_on_termination(&id, &attachment).await }
                    .instrument(Span::current()),
            );
        }
    }

    async fn settle(&mut self) -> Result<()> {
        let mut result = Ok(());
        while let Some(done) = self.settings.join_next().await {
            let done = done.unwrap_or_else(|error| {
                Err(Error::Internal {
                    doing: "ModifyNetworkInterfaceAttribute",
                    detail: error.to_string(),
                })
            });
            result = result.and(done);
        }
        result
    }

    /// Looks until every interface is as its slot says (invariant I1).
    async fn verify(&mut self, chosen: &Chosen<'_>) -> Result<Vec<WiredInterface>> {
        let instance = &self.node.instance_id;
        // Another wait: what the one for the instance has grown to would make the first look here a late one.
        self.backoff = Backoff::new(self.context);
        if self.attached_now {
            // What was attached a moment ago is still attaching: a look at once is a call for nothing.
            self.backoff.wait().await;
        }
        loop {
            let ours = self.context.aws.interfaces_created_for(instance).await?;
            let mut differences = Vec::new();
            let mut wired = Vec::new();
            for (slot, id) in chosen {
                let Some(interface) = ours.iter().find(|interface| interface.id == *id) else {
                    differences.push(format!("{id} of network {} is not listed", slot.network));
                    continue;
                };
                let request = self.request;
                let tags = interface_tags(&request.launch, &request.profile, self.node, slot);
                differences.extend(interface.differences(
                    &request.profile,
                    slot,
                    instance,
                    &self.node.availability_zone,
                    &tags,
                ));
                wired.push(interface.wired_for(slot));
            }
            if differences.is_empty() {
                self.remove_surplus(&ours, chosen).await;
                return Ok(wired);
            }
            if !self.backoff.wait().await {
                return Err(Error::NotYetAttached(differences));
            }
        }
    }

    /// Deletes what a second execution, or a create done twice, has made too many. Nothing hangs on it now: what
    /// cannot be deleted is for reconcile.
    async fn remove_surplus(&self, ours: &[Interface], chosen: &Chosen<'_>) {
        for interface in ours {
            if interface.attachment.is_some() || chosen.iter().any(|(_, id)| *id == interface.id) {
                continue;
            }
            warn!(interface = %interface.id, "made twice for this launch: deleting the one too many");
            if let Err(error) = self.context.aws.delete_interface(&interface.id).await {
                warn!(interface = %interface.id, %error, "not deleted");
            }
        }
    }
}
