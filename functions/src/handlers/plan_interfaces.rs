//! `PlanInterfaces`: one listing for all slots of a node, and from it what to create where. Creates nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::{Allocation, Context, Node, Refused, Subject, read, write};
use crate::aws::instances::Instance;
use crate::domain::ids::{InstanceId, SubnetId};
use crate::domain::pace;
use crate::domain::plan::{InFlight, Lessons, Plan, View};
use crate::domain::profile::Profile;
use crate::error::Result;

/// A launch older than this is not in flight any more: no hook waits longer without a heartbeat
/// (HeartbeatTimeout is at most 7,200 s).
const IN_FLIGHT_SECONDS: i64 = 7_200;

#[derive(Debug, Deserialize)]
struct Payload {
    event: Value,
    profile: Value,
    node: Node,
    /// The plan before this one, when it could not be carried out whole.
    #[serde(default)]
    plan: Option<Planned>,
    /// What came of it.
    #[serde(default)]
    allocation: Option<Allocation>,
}

/// What the function returns: `$.plan`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
    /// Whether EC2 says by now that the instance runs.
    pub node_running: bool,
}

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidPayload`, `InstanceTypeTooSmall`, `ResourceNotFound`, `SubnetsFull`,
/// `AddressContention`, and what every call can fail with.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    let payload: Payload = read(payload)?;
    let subject = Subject::read(payload.event, payload.profile)?;
    let (profile, node) = (&subject.profile, &payload.node);
    let zone = node.availability_zone.as_str();

    context
        .aws
        .limits(&node.instance_type)
        .await?
        .check(profile)?;
    let subnets = context.aws.subnets(&profile.subnet_ids(), zone).await?;
    let in_zone: Vec<&SubnetId> = subnets
        .values()
        .filter(|subnet| subnet.availability_zone == zone)
        .map(|subnet| &subnet.id)
        .collect();
    let instances = context.aws.instances_of(&profile.selector).await?;
    // After the instances: a launch whose interface is seen must not be missed, or its address counts twice.
    let holdings = if in_zone.is_empty() {
        Vec::new()
    } else {
        context.aws.holdings(&in_zone).await?
    };

    let launch = InFlight {
        launched_at: node.launched_at,
        instance_id: node.instance_id.clone(),
    };
    let in_flight: Vec<&Instance> = instances
        .iter()
        .filter(|other| other.launched_at > launch.launched_at.saturating_sub(IN_FLIGHT_SECONDS))
        .collect();
    // Addresses are shared by the launches of one AZ, EC2's rates by all.
    let in_zone: Vec<InFlight> = in_flight
        .iter()
        .filter(|other| other.availability_zone == zone)
        .map(|other| InFlight::from(*other))
        .collect();
    let ahead = in_flight
        .iter()
        .filter(|other| InFlight::from(**other) < launch && !has_all(profile, other))
        .count();
    let carried_out = payload
        .plan
        .as_ref()
        .is_none_or(|before| before.plan.wait_seconds == 0);
    let round = payload.plan.as_ref().map_or(1, |before| {
        before.plan.round.saturating_add(u32::from(carried_out))
    });
    let mut plan = View {
        profile,
        launch: &launch,
        availability_zone: zone,
        subnets: &subnets,
        holdings: &holdings,
        in_flight: &in_zone,
        lessons: learn(payload.plan, payload.allocation),
        round,
    }
    .plan()?;
    plan.ahead = ahead;
    plan.wait_seconds = pace::wait_seconds(profile, ahead, spread(&node.instance_id));
    if carried_out {
        plan.wait_seconds = plan
            .wait_seconds
            .max(pause_after_conflicts(round, &node.instance_id));
    }
    for slot in &plan.slots {
        info!(
            network = slot.network,
            subnet = %slot.subnet_id,
            existing = slot.existing.as_ref().map(tracing::field::display),
            addresses = ?slot.private_ip_addresses,
            "planned"
        );
    }
    info!(
        round,
        ahead = plan.ahead,
        wait_seconds = plan.wait_seconds,
        listed = holdings.len(),
        "plan made"
    );
    let node_running = node.running
        || instances
            .iter()
            .any(|instance| instance.id == node.instance_id && instance.is_running());
    write("PlanInterfaces", &Planned { plan, node_running })
}

/// Whether a launch needs nothing more of EC2's rates: every slot's place is taken.
fn has_all(profile: &Profile, instance: &Instance) -> bool {
    profile.slots.iter().all(|slot| {
        instance
            .attached
            .contains(&(slot.network_card, slot.device_index))
    })
}

/// A number that differs from launch to launch and is the same each time for one.
fn spread(instance: &InstanceId) -> u32 {
    instance.as_str().bytes().fold(0, |sum: u32, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    })
}

/// The first two tries are made at once; after that something else takes addresses too, and a pause that differs
/// from launch to launch lets it get ahead.
fn pause_after_conflicts(round: u32, instance: &InstanceId) -> u32 {
    match round.saturating_sub(2).min(4) {
        0 => 0,
        doublings => 1 + spread(instance).wrapping_add(round) % (1 << doublings),
    }
}

/// What the rounds before have learnt, and this last one.
fn learn(before: Option<Planned>, allocation: Option<Allocation>) -> Lessons {
    let mut lessons = before.map(|before| before.plan.lessons).unwrap_or_default();
    let Some(allocation) = allocation else {
        return lessons;
    };
    for made in allocation.interfaces {
        lessons.made.insert(made.network, made.network_interface_id);
    }
    for refused in allocation.refused {
        match refused {
            Refused::AddressTaken { addresses, .. } => lessons.taken_addresses.extend(addresses),
            Refused::SubnetFull { network, subnet_id } => {
                lessons
                    .full_subnets
                    .entry(network)
                    .or_default()
                    .insert(subnet_id);
            }
        }
    }
    lessons
}
