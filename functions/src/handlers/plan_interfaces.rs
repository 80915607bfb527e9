//! `PlanInterfaces`: one listing for all slots of a node, and from it what to create where. Creates nothing.

mod queue;

use std::sync::Arc;

use queue::Queue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::{Allocation, Context, Node, Refused, Subject, read, write};
use crate::aws::instances::Instance;
use crate::metrics::{Metric, Of};
use hookline_domain::addresses::plan::{InFlight, Lessons, Plan, View, check_subnets};
use hookline_domain::admission::Turn;
use hookline_domain::error::Result;
use hookline_domain::ids::{InstanceId, SubnetId};

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
    /// There once an interface that had been made could not be found any more.
    #[serde(default)]
    lost: Option<Value>,
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
    /// How long after the event it was made, in whole seconds.
    #[serde(default)]
    pub seconds_since_event: Option<u64>,
}

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidPayload`, `InstanceTypeTooSmall`, `ResourceNotFound`, `SubnetsFull`,
/// `AddressContention`, and what every call can fail with.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    let payload: Payload = read(payload)?;
    let subject = Subject::read(payload.event, payload.profile)?;
    let now = subject.seconds_since_event(&context);
    let before = Before::of(payload.plan.as_ref(), payload.allocation.as_ref(), now);
    let (profile, node) = (&subject.profile, &payload.node);
    let zone = node.availability_zone.as_str();
    let planned = |plan, node_running| {
        let planned = Planned {
            plan,
            node_running,
            seconds_since_event: subject.seconds_since_event(&context),
        };
        write("PlanInterfaces", &planned)
    };
    let waits = || {
        let of = subject.measured();
        context.metrics.add(Metric::LaunchesWaiting, of, 1);
    };

    if let Some(plan) = goes_on(
        payload.plan.as_ref(),
        payload.allocation.as_ref(),
        before.round,
    ) {
        info!(
            round = plan.round,
            ahead = plan.ahead,
            "plan goes on: creates were throttled"
        );
        return planned(
            plan,
            node.running || payload.plan.is_some_and(|before| before.node_running),
        );
    }

    let subnet_ids = profile.subnet_ids();
    let spread = spread(&node.instance_id);
    let rest = before.rest_of_wait(spread);
    let (limits, subnets, instances) = tokio::join!(
        context.aws.limits(&node.instance_type),
        context.aws.subnets(&subnet_ids),
        async {
            match rest {
                Some(_) => Ok(Arc::default()),
                None => queue::instances(&context, profile, node, before.is_first_look()).await,
            }
        }
    );
    limits?.check(profile)?;
    let mut subnets = subnets?;
    // Before any wait: what cannot be is said at once.
    check_subnets(profile, zone, &subnets)?;
    let in_zone: Vec<SubnetId> = subnets
        .values()
        .filter(|subnet| subnet.availability_zone == zone)
        .map(|subnet| subnet.id.clone())
        .collect();
    let lost = payload.lost.is_some();
    let lessons = learn(payload.plan, payload.allocation, lost);
    if let Some(turn) = rest {
        info!(
            round = before.round,
            wait_seconds = turn.wait_seconds,
            "still waiting for its turn"
        );
        waits();
        let plan = Plan::wait(before.round, turn, before.ahead, lessons);
        return planned(plan, node.running);
    }

    let instances = instances?;
    let Queue {
        listed,
        launch,
        in_flight,
        ahead,
        seconds_until_turn,
        seconds_of_backlog,
    } = Queue::of(profile, node, &instances, context.now);
    let node_running = node.running || listed.is_some_and(Instance::is_running);
    let until_turn = before.seconds_to_wait(seconds_until_turn, spread);
    let lets_backlog_go = until_turn == 0 && before.backlog_shrinks(ahead);
    let seconds = match lets_backlog_go {
        true => seconds_of_backlog,
        false => until_turn,
    };
    if seconds > 0 {
        let turn = Turn::new(seconds, spread);
        info!(
            round = before.round,
            ahead,
            wait_seconds = turn.wait_seconds,
            lets_backlog_go,
            "waiting for its turn"
        );
        waits();
        let plan = Plan::wait(before.round, turn, ahead, lessons);
        return planned(plan, node_running);
    }

    // After the instances: a launch whose interface is seen must not be missed, or its address counts twice.
    let (holdings, reservations) = tokio::join!(
        context.aws.holdings(&in_zone),
        context.aws.reservations(&in_zone)
    );
    let holdings = holdings?;
    for (id, reservations) in reservations? {
        if let Some(subnet) = subnets.get_mut(&id) {
            subnet.reservations = reservations;
        }
    }
    // Addresses are shared by the launches of one AZ, EC2's rates by all.
    let in_flight: Vec<InFlight> = in_flight
        .into_iter()
        .filter(|other| other.availability_zone == zone)
        .map(InFlight::from)
        .collect();
    let (plan, free) = View {
        profile,
        launch: &launch,
        availability_zone: zone,
        subnets: &subnets,
        holdings: &holdings,
        in_flight: &in_flight,
        lessons,
        round: before.round,
        lost,
    }
    .plan_and_count();
    for (subnet, free) in free {
        context
            .metrics
            .set(Metric::FreeAddresses, Of::Subnet(subnet), free);
    }
    let mut plan = plan?;
    plan.ahead = ahead;
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
        round = before.round,
        ahead,
        listed = holdings.len(),
        "plan made"
    );
    planned(plan, node_running)
}

/// What the rounds before mean for this one.
struct Before {
    /// The number of this round: a plan that was only to wait does not count.
    round: u32,
    /// Whether the last plan was to wait; its turn has come then, or will after the rest.
    waited: bool,
    /// What is left of that wait.
    rest_seconds: u32,
    /// How many were ahead then.
    ahead: usize,
    /// Whether the last plan was carried out and met an address that somebody else has.
    address_was_taken: bool,
}

impl Before {
    /// `now` is in seconds since the event, as the plan's own time is.
    fn of(plan: Option<&Planned>, allocation: Option<&Allocation>, now: Option<u64>) -> Self {
        let Some(planned) = plan else {
            return Self {
                round: 1,
                waited: false,
                rest_seconds: 0,
                ahead: 0,
                address_was_taken: false,
            };
        };
        let before = &planned.plan;
        let waited = before.wait_seconds > 0;
        let taken = |refused: &Refused| matches!(refused, Refused::AddressTaken { .. });
        // What the heartbeat and the calls took besides counts as waited: a launch that waits in several parts would else begin
        // later than its turn.
        let passed = planned
            .seconds_since_event
            .zip(now)
            .map_or(0, |(planned_at, now)| now.saturating_sub(planned_at));
        let besides = passed.saturating_sub(before.wait_seconds.into());
        Self {
            round: before.round.saturating_add(u32::from(!waited)),
            waited,
            rest_seconds: before
                .then_seconds
                .saturating_sub(u32::try_from(besides).unwrap_or(u32::MAX)),
            ahead: before.ahead,
            address_was_taken: !waited
                && allocation.is_some_and(|allocation| allocation.refused.iter().any(taken)),
        }
    }

    /// Whether this launch has not looked for its turn yet.
    fn is_first_look(&self) -> bool {
        self.round == 1 && !self.waited
    }

    /// Whether to let a backlog go ahead makes sense: at the first look, and as long as there is less of it at each.
    /// Launches that are stuck hold nobody up.
    fn backlog_shrinks(&self, ahead: usize) -> bool {
        self.is_first_look() || ahead < self.ahead
    }

    fn rest_of_wait(&self, spread: u32) -> Option<Turn> {
        (self.waited && self.rest_seconds > 0).then(|| Turn::new(self.rest_seconds, spread))
    }

    /// The turn is found once, from the place in the queue at the first look: a launch ahead that is late takes its
    /// turn when it comes, and holds nobody up. After that only conflicts make for a pause.
    fn seconds_to_wait(&self, until_turn: u32, spread: u32) -> u32 {
        if self.waited {
            0
        } else if self.address_was_taken {
            pause_after_conflicts(self.round, spread)
        } else if self.is_first_look() {
            until_turn
        } else {
            0
        }
    }
}

/// The plan that was carried out in part, when all that it lacks is a token for the rest. It is the same, down to its
/// ClientTokens, as a refused create may follow one that took effect and whose answer was lost.
fn goes_on(before: Option<&Planned>, allocation: Option<&Allocation>, round: u32) -> Option<Plan> {
    let (before, allocation) = (before?, allocation?);
    if !allocation.throttled || allocation.round != before.plan.round {
        return None;
    }
    let mut plan = before.plan.clone();
    plan.round = round;
    plan.surplus.clear(); // deleted by then
    for slot in &mut plan.slots {
        let made = allocation
            .interfaces
            .iter()
            .find(|made| made.network == slot.network);
        if let Some(made) = made {
            slot.existing = Some(made.network_interface_id.clone());
        }
    }
    Some(plan)
}

/// A number that differs from launch to launch and is the same each time for one.
fn spread(instance: &InstanceId) -> u32 {
    instance.as_str().bytes().fold(0, |sum: u32, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    })
}

/// Somebody else has an address that this launch planned. It may be another execution for this launch (a duplicate
/// event), whose interfaces a listing shows only after a while; or something else that takes addresses, which a
/// growing pause that differs from launch to launch lets get ahead.
fn pause_after_conflicts(round: u32, spread: u32) -> u32 {
    2 + spread.wrapping_add(round) % (1 << round.clamp(2, 5))
}

/// What the rounds before have learnt, and this last one.
fn learn(before: Option<Planned>, allocation: Option<Allocation>, lost: bool) -> Lessons {
    let mut lessons = before.map(|before| before.plan.lessons).unwrap_or_default();
    let Some(allocation) = allocation else {
        return lessons;
    };
    // After a loss the listing alone says what is there; it is no more late by then.
    if lost {
        lessons.made.clear();
    }
    let made = allocation.interfaces.into_iter().filter(|_| !lost);
    for made in made {
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
