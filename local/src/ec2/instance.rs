//! Instances: what one is, and how it passes from state to state.

use std::net::Ipv4Addr;

use serde_json::json;
use tokio::time::Instant;

use super::attach::release_from;
use super::errors::Kind;
use super::tags::Tags;
use super::{Timer, volume};
use crate::autoscaling;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;
use crate::world::World;

/// The state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// It starts.
    Pending,
    /// It runs.
    Running,
    /// It stops.
    Stopping,
    /// It can be started again.
    Stopped,
    /// It goes for good.
    ShuttingDown,
    /// It is gone, but can still be described for a while.
    Terminated,
}

impl InstanceState {
    /// EC2's word.
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

    /// EC2's number.
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

    /// Whether it is on its way out, or gone.
    #[must_use]
    pub const fn is_ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// An instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// `i-…`
    pub instance_id: String,
    /// `r-…`: what was launched with it.
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
    /// User data, as it was given (base64).
    pub user_data: Option<String>,
    /// The ClientToken of the call that launched it.
    pub client_token: Option<String>,
    /// Whether it is a Spot Instance.
    pub spot: bool,
    /// When it was launched.
    pub launch_time: Instant,
    /// When it left the running state for good.
    pub ended_at: Option<Instant>,
}

/// Begins to terminate an instance. One that is already on its way out is left alone.
///
/// # Errors
/// `InvalidInstanceID.NotFound`.
pub fn terminate(world: &mut World, instance_id: &str) -> Result<(), ApiError> {
    let state = state_of(world, instance_id)?;
    if !state.is_ending() {
        let now = world.now();
        world.edit_instance(instance_id, |instance| instance.ended_at = Some(now));
        set_state(world, instance_id, InstanceState::ShuttingDown);
        let timer = Timer::InstanceTerminated(instance_id.to_owned());
        world.schedule_ec2(world.settings.shutdown_for, timer);
    }
    Ok(())
}

fn state_of(world: &World, instance_id: &str) -> Result<InstanceState, ApiError> {
    match world.ec2.instance(instance_id) {
        Some(instance) => Ok(instance.state),
        None => {
            Kind::Instance.check(instance_id)?;
            Err(Kind::Instance.not_found(instance_id))
        }
    }
}

fn is_in(world: &World, id: &str, state: InstanceState) -> bool {
    world
        .ec2
        .instance(id)
        .is_some_and(|instance| instance.state == state)
}

fn set_state(world: &mut World, id: &str, state: InstanceState) {
    world.edit_instance(id, |instance| instance.state = state);
    announce(world, id, state);
    autoscaling::instance_changed(world, id, state);
}

/// Puts the event of a state change on the bus.
pub(crate) fn announce(world: &mut World, id: &str, state: InstanceState) {
    let settings = &world.settings;
    let arn = format!(
        "arn:aws:ec2:{}:{}:instance/{id}",
        settings.region, settings.account
    );
    let detail = json!({"instance-id": id, "state": state.as_str()});
    world.emit(
        "aws.ec2",
        "EC2 Instance State-change Notification",
        vec![arn],
        detail,
    );
}

pub(crate) fn running(world: &mut World, id: &str) {
    if is_in(world, id, InstanceState::Pending) {
        set_state(world, id, InstanceState::Running);
    }
}

pub(crate) fn stopped(world: &mut World, id: &str) {
    if is_in(world, id, InstanceState::Stopping) {
        set_state(world, id, InstanceState::Stopped);
    }
}

pub(crate) fn terminated(world: &mut World, id: &str) {
    if is_in(world, id, InstanceState::ShuttingDown) {
        release_from(world, id);
        volume::release_from(world, id);
        set_state(world, id, InstanceState::Terminated);
        let timer = Timer::InstanceForgotten(id.to_owned());
        world.schedule_ec2(world.settings.terminated_visible_for, timer);
    }
}

pub(crate) fn forgotten(world: &mut World, id: &str) {
    let (now, lag) = (world.now(), world.settings.describe_lag);
    if is_in(world, id, InstanceState::Terminated)
        && let Some(instance) = world.ec2.instances.get_mut(id)
    {
        instance.remove(now, lag);
    }
    world.ec2.forget(lag, now);
}

pub(crate) fn terminate_all(world: &mut World, params: &mut Params) -> Result<String, ApiError> {
    change_all(
        world,
        params,
        |_, _| Ok(()),
        |world, id, _| {
            // It exists: that was checked for all before any was touched.
            let _ = terminate(world, id);
        },
    )
}

pub(crate) fn stop_all(world: &mut World, params: &mut Params) -> Result<String, ApiError> {
    params.bool("Force")?;
    let allowed = |id: &str, state| match state {
        InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => Ok(()),
        _ => Err(cannot(id, "stopped")),
    };
    change_all(world, params, allowed, |world, id, state| {
        if state == InstanceState::Running {
            set_state(world, id, InstanceState::Stopping);
            let timer = Timer::InstanceStopped(id.to_owned());
            world.schedule_ec2(world.settings.shutdown_for, timer);
        }
    })
}

pub(crate) fn start_all(world: &mut World, params: &mut Params) -> Result<String, ApiError> {
    let allowed = |id: &str, state| match state {
        InstanceState::Stopped | InstanceState::Running | InstanceState::Pending => Ok(()),
        _ => Err(cannot(id, "started")),
    };
    change_all(world, params, allowed, |world, id, state| {
        if state == InstanceState::Stopped {
            set_state(world, id, InstanceState::Pending);
            let timer = Timer::InstanceRunning(id.to_owned());
            world.schedule_ec2(world.settings.instance_pending_for, timer);
        }
    })
}

fn cannot(id: &str, what: &str) -> ApiError {
    ApiError::new(
        "IncorrectInstanceState",
        format!("The instance '{id}' is not in a state from which it can be {what}."),
    )
}

/// Checks all the instances that a call names, then changes each.
fn change_all(
    world: &mut World,
    params: &mut Params,
    allowed: impl Fn(&str, InstanceState) -> Result<(), ApiError>,
    change: impl Fn(&mut World, &str, InstanceState),
) -> Result<String, ApiError> {
    let ids = params.list("InstanceId");
    params.finish()?;
    if ids.is_empty() {
        return Err(params.missing("InstanceId"));
    }
    let mut before = Vec::new();
    for id in ids {
        let state = state_of(world, &id)?;
        allowed(&id, state)?;
        before.push((id, state));
    }
    for (id, state) in &before {
        change(world, id, *state);
    }
    let mut xml = Xml::new();
    xml.items("instancesSet", before, |xml, (id, previous)| {
        let current = world.ec2.instance(&id).map_or(previous, |i| i.state);
        xml.text("instanceId", id);
        xml.element("currentState", |xml| write_state(xml, current));
        xml.element("previousState", |xml| write_state(xml, previous));
    });
    Ok(xml.into_string())
}

pub(crate) fn write_state(xml: &mut Xml, state: InstanceState) {
    xml.text("code", state.code());
    xml.text("name", state.as_str());
}
