//! The queue that a launch waits in: who is in flight, and when its turn comes.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Context, Node};
use crate::aws::instances::{Attributes, Instance};
use hookline_domain::addresses::plan::InFlight;
use hookline_domain::admission::{self, Queued};
use hookline_domain::error::Result;
use hookline_domain::profile::{Profile, Slot};

/// A launch older than this is not in flight any more: no hook waits longer without a heartbeat
/// (HeartbeatTimeout is at most 7,200 s).
const IN_FLIGHT_SECONDS: i64 = 7_200;

/// The first look for a turn may use what the process saw so long ago: when hundreds are launched at once, their looks are
/// what EC2 throttles first.
const FIRST_LOOK_MAY_BE_OLD: Duration = Duration::from_secs(5);

/// The instances to find the turn with, and to plan with when it has come.
pub(super) async fn instances(
    context: &Context,
    profile: &Profile,
    node: &Node,
    is_first_look: bool,
) -> Result<Arc<Vec<Instance>>> {
    let (aws, selector) = (&context.aws, &profile.selector);
    if is_first_look {
        let seen = aws.instances_seen(selector, FIRST_LOOK_MAY_BE_OLD, &node.instance_id);
        if let Some(instances) = seen.await
            // To wait by what was there some seconds ago does no harm. A plan must see all that is there now.
            && Queue::of(profile, node, &instances, context.now).seconds_until_turn > 0
        {
            return Ok(instances);
        }
    }
    aws.instances_of(selector).await
}

/// The launches in flight as a listing shows them, and this one among them.
pub(super) struct Queue<'a> {
    /// This one's instance, if it is listed.
    pub(super) listed: Option<&'a Instance>,
    /// Its place.
    pub(super) launch: InFlight,
    /// All that are in flight.
    pub(super) in_flight: Vec<&'a Instance>,
    /// How many are before it and not wired yet.
    pub(super) ahead: usize,
    /// 0 when its turn has come.
    pub(super) seconds_until_turn: u32,
    /// How long those ahead take until no more of them are being wired than EC2's rates serve; 0 as long as all goes well.
    pub(super) seconds_of_backlog: u32,
}

impl<'a> Queue<'a> {
    pub(super) fn of(profile: &Profile, node: &Node, instances: &'a [Instance], now: i64) -> Self {
        let listed = instances.iter().find(|other| other.id == node.instance_id);
        // As everybody else sees it, where it is seen: when it was adopted may not have shown before.
        let launch = listed.map_or_else(
            || InFlight {
                since: node.launched_at,
                instance_id: node.instance_id.clone(),
            },
            InFlight::from,
        );
        let oldest = launch.since.saturating_sub(IN_FLIGHT_SECONDS);
        let in_flight: Vec<&Instance> = instances
            .iter()
            .filter(|other| other.in_flight_since() > oldest)
            .collect();
        let others: Vec<Queued> = in_flight
            .iter()
            .filter(|other| other.id != node.instance_id)
            .filter_map(|other| queued(profile, other))
            .collect();
        let ahead: Vec<&Instance> = in_flight
            .iter()
            .copied()
            .filter(|other| InFlight::from(*other) < launch && !is_wired(profile, other))
            .collect();
        let needs_nothing = listed.is_some_and(|node| is_wired(profile, node));
        let (seconds_until_turn, seconds_of_backlog) = if needs_nothing {
            (0, 0)
        } else {
            let being_wired: Vec<i64> = ahead
                .iter()
                .filter(|other| other.is_running())
                .map(|other| other.in_flight_since())
                .collect();
            (
                admission::seconds_until_turn(profile, &launch, &others, now),
                admission::seconds_of_backlog(profile, &being_wired, now),
            )
        };
        Self {
            listed,
            launch,
            ahead: ahead.len(),
            in_flight,
            seconds_until_turn,
            seconds_of_backlog,
        }
    }
}

/// Whether each slot has its interface and its attributes, so that EC2's rates are needed no more.
fn is_wired(profile: &Profile, instance: &Instance) -> bool {
    let is_done = |slot: &Slot| {
        let place = (slot.network_card, slot.device_index);
        let wanted = Attributes {
            delete_on_termination: true,
            source_dest_check: slot.source_dest_check,
        };
        instance.attached.get(&place) == Some(&wanted)
    };
    profile.slots.iter().all(is_done)
}

/// What an instance means for the turns of others; nothing when it was adopted, and may have been wired long before.
fn queued(profile: &Profile, instance: &Instance) -> Option<Queued> {
    let wired = is_wired(profile, instance);
    let launch = InFlight::from(instance);
    (!wired || instance.adopted_at.is_none()).then_some(Queued { launch, wired })
}
