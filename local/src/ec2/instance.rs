//! Instances: what one is, and how it passes from state to state.

use std::net::Ipv4Addr;

use serde_json::json;
use tokio::time::Instant;

use super::attach::release_from;
use super::errors::Kind;
use super::tags::Tags;
use super::{Ec2, Timer, volume};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::{Written, Xml};

/// The state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// It is starting.
    Pending,
    /// It is running.
    Running,
    /// It is stopping.
    Stopping,
    /// It can be started again.
    Stopped,
    /// It is shutting down.
    ShuttingDown,
    /// It is terminated. It is still described for a while.
    Terminated,
}

impl InstanceState {
    /// EC2's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    /// EC2's code for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// Whether it is shutting down or terminated.
    #[must_use]
    pub const fn is_ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// Why an instance ended, as DescribeInstances tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// A call of TerminateInstances.
    Call,
    /// EC2 interrupted a Spot Instance.
    SpotTermination,
    /// EC2 could not start it by a fault of the account, as a KMS key that it may not use.
    ClientError,
}

impl EndReason {
    /// The code of `stateReason` (EC2 API Reference, StateReason).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Call => "Client.UserInitiatedShutdown",
            Self::SpotTermination => "Server.SpotInstanceTermination",
            Self::ClientError => "Client.InternalError",
        }
    }

    /// What its message has after the code. That of a client error is as in AWS re:Post, "Why does my EC2
    /// instance stop immediately when I start it?"; that of Spot is in no reference, and nothing should read it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Call => "User initiated shutdown",
            Self::SpotTermination => "Instance terminated by a Spot interruption",
            Self::ClientError => "Client error on launch",
        }
    }
}

/// Learns at once that an instance changed its state. The only observer is Auto Scaling.
pub trait StateObserver {
    /// Called after the state changed and its event was put on the bus.
    fn instance_changed(
        &mut self,
        ec2: &mut Ec2,
        kernel: &mut Kernel,
        instance_id: &str,
        state: InstanceState,
    );
}

/// An instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// `i-…`
    pub instance_id: String,
    /// `r-…`: the reservation, which instances of one launch share.
    pub reservation_id: String,
    /// Its image.
    pub image_id: String,
    /// The name of its type.
    pub instance_type: String,
    /// The subnet of its primary interface.
    pub subnet_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// The name of its zone.
    pub availability_zone: String,
    /// The primary address of its primary interface.
    pub private_ip_address: Ipv4Addr,
    /// Ids of its security groups.
    pub security_groups: Vec<String>,
    /// Its state.
    pub state: InstanceState,
    /// Its tags.
    pub tags: Tags,
    /// User data in base64, as in the request.
    pub user_data: Option<String>,
    /// The ClientToken of the call that launched it.
    pub client_token: Option<String>,
    /// Whether it is a Spot Instance.
    pub spot: bool,
    /// When it was launched, or started after a stop: "The time that the instance was last launched"
    /// (EC2 API Reference, Instance, `launchTime`).
    pub launch_time: Instant,
    /// When it was launched first.
    pub created_at: Instant,
    /// Whether its last stop was a hibernation, so that its start restores what was in memory.
    pub hibernated: bool,
    /// When its termination began, and why.
    pub ended: Option<(Instant, EndReason)>,
    /// What DescribeInstances shows of it that rests on nothing else.
    pub(crate) xml: Written,
}

/// Begins to terminate an instance. An instance that is already shutting down or terminated stays
/// as it is.
///
/// # Errors
/// `InvalidInstanceID.NotFound`.
pub fn terminate(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    instance_id: &str,
    reason: EndReason,
) -> Result<(), ApiError> {
    let state = state_of(ec2, instance_id)?;
    if !state.is_ending() {
        let now = kernel.now();
        ec2.edit_instance(kernel, instance_id, |instance| {
            instance.ended = Some((now, reason));
        });
        set_state(
            ec2,
            kernel,
            observer,
            instance_id,
            InstanceState::ShuttingDown,
        );
        let timer = Timer::InstanceTerminated(instance_id.to_owned());
        kernel.schedule(&mut ec2.timers, kernel.settings.shutdown_for, timer);
    }
    Ok(())
}

pub(super) fn state_of(ec2: &Ec2, instance_id: &str) -> Result<InstanceState, ApiError> {
    match ec2.instance(instance_id) {
        Some(instance) => Ok(instance.state),
        None => {
            Kind::Instance.check(instance_id)?;
            Err(Kind::Instance.not_found(instance_id))
        }
    }
}

fn is_in(ec2: &Ec2, id: &str, state: InstanceState) -> bool {
    ec2.instance(id)
        .is_some_and(|instance| instance.state == state)
}

pub(super) fn set_state(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    id: &str,
    state: InstanceState,
) {
    ec2.edit_instance(kernel, id, |instance| instance.state = state);
    announce(kernel, id, state);
    observer.instance_changed(ec2, kernel, id, state);
}

/// Puts the event of a state change on the bus.
pub(crate) fn announce(kernel: &mut Kernel, id: &str, state: InstanceState) {
    let settings = &kernel.settings;
    let arn = format!(
        "arn:aws:ec2:{}:{}:instance/{id}",
        settings.region, settings.account
    );
    let detail = json!({"instance-id": id, "state": state.as_str()});
    kernel.emit(
        "aws.ec2",
        "EC2 Instance State-change Notification",
        vec![arn],
        detail,
    );
}

/// A pending instance is running now.
pub(crate) fn running(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    id: &str,
) {
    if is_in(ec2, id, InstanceState::Pending) {
        set_state(ec2, kernel, observer, id, InstanceState::Running);
    }
}

/// A stopping instance is stopped now.
pub(crate) fn stopped(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    id: &str,
) {
    if is_in(ec2, id, InstanceState::Stopping) {
        set_state(ec2, kernel, observer, id, InstanceState::Stopped);
    }
}

/// An instance that was shutting down is terminated now: its interfaces and volumes are released or
/// deleted.
pub(crate) fn terminated(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    id: &str,
) {
    if is_in(ec2, id, InstanceState::ShuttingDown) {
        release_from(ec2, kernel, id);
        volume::release_from(ec2, id);
        set_state(ec2, kernel, observer, id, InstanceState::Terminated);
        let timer = Timer::InstanceForgotten(id.to_owned());
        kernel.schedule(
            &mut ec2.timers,
            kernel.settings.terminated_visible_for,
            timer,
        );
    }
}

/// A terminated instance is no longer described.
pub(crate) fn forgotten(ec2: &mut Ec2, kernel: &Kernel, id: &str) {
    let (now, lag) = (kernel.now(), kernel.settings.describe_lag);
    if is_in(ec2, id, InstanceState::Terminated)
        && let Some(instance) = ec2.instances.get_mut(id)
    {
        instance.remove(now, lag);
        ec2.removed.push_back((now, id.to_owned()));
    }
    ec2.forget(lag, now);
}

pub(crate) fn terminate_all(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    params: &mut Params,
) -> Result<String, ApiError> {
    let before = instances_named(ec2, params, |_, _| Ok(()))?;
    for (id, _) in &before {
        terminate(ec2, kernel, observer, id, EndReason::Call)?;
    }
    Ok(state_changes(ec2, before))
}

/// The instances that a call names, with their states. All are checked before the call changes any
/// of them.
pub(super) fn instances_named(
    ec2: &Ec2,
    params: &mut Params,
    allowed: impl Fn(&str, InstanceState) -> Result<(), ApiError>,
) -> Result<Vec<(String, InstanceState)>, ApiError> {
    let ids = params.list("InstanceId");
    params.finish()?;
    if ids.is_empty() {
        return Err(params.missing("InstanceId"));
    }
    let mut named = Vec::new();
    for id in ids {
        let state = state_of(ec2, &id)?;
        allowed(&id, state)?;
        named.push((id, state));
    }
    Ok(named)
}

/// `<instancesSet>`: each instance with its current and its previous state.
pub(super) fn state_changes(ec2: &Ec2, before: Vec<(String, InstanceState)>) -> String {
    let mut xml = Xml::new();
    xml.items("instancesSet", before, |xml, (id, previous)| {
        let current = ec2.instance(&id).map_or(previous, |i| i.state);
        xml.text("instanceId", id);
        xml.element("currentState", |xml| write_state(xml, current));
        xml.element("previousState", |xml| write_state(xml, previous));
    });
    xml.into_string()
}

pub(crate) fn write_state(xml: &mut Xml, state: InstanceState) {
    xml.text("code", state.code());
    xml.text("name", state.as_str());
}
