//! `PlanInterfaces`: decides whether a launch waits, and plans its subnets and addresses from one
//! listing for all slots. It creates nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookline_domain::addresses::{AddressPlan, AddressPlanner, Subnet, check_subnets, with_field};
use hookline_domain::admission::{
    Decision, Heartbeat, MAX_PENDING_SECONDS, Previous, Queue, Wait, after_continue, decide, jitter,
};
use hookline_domain::error::{Error, Result};
use hookline_domain::execution::{
    DeleteOnTerminationTiming, HookOwner, Observations, Plan, PlanRequest, Step, WaitReason,
};
use hookline_domain::ids::SubnetId;
use hookline_domain::instance::{Instance, LaunchOrder};
use hookline_domain::placement::{check_open_slots, place};
use serde_json::Value;
use tracing::info;

use super::{Context, answer, data_name, launch_order, log_list};
use crate::metrics::{Metric, Subject};

/// The oldest listing of this process that a decision to wait may rest on.
const MAX_LISTING_AGE: Duration = Duration::from_secs(60);

/// How old a listing of so many instances may be for a decision to wait. When hundreds of instances
/// are launched at once, many look at the same time, and EC2 throttles these listings first. The more
/// there are, the more calls a listing takes, and the farther apart are their turns.
fn max_listing_age(instances: usize) -> Duration {
    const OF_FEW: Duration = Duration::from_secs(5);
    const INSTANCES_PER_SECOND: usize = 50;
    let more = u64::try_from(instances / INSTANCES_PER_SECOND).unwrap_or(u64::MAX);
    OF_FEW
        .saturating_add(Duration::from_secs(more))
        .min(MAX_LISTING_AGE)
}

/// Runs the function.
///
/// # Errors
/// `InvalidProfile`, `InvalidPayload`, `InstanceTypeTooSmall`, `ResourceNotFound`, `SubnetsFull`,
/// `AddressContention`, `InstanceNotRunning`, `InstanceGone`, and those of every call.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    answer(context, payload, plan_interfaces).await
}

async fn plan_interfaces(context: Context, request: PlanRequest) -> Result<Plan> {
    let now = context.seconds_since(&request.launch);
    let (plan, allocation) = (request.plan.as_ref(), request.allocation.as_ref());
    let previous = Previous::of(plan, allocation, now);
    if let Some(mut plan) = plan
        .zip(allocation)
        .and_then(|(plan, allocation)| plan.resumed(allocation, previous.round))
    {
        info!(
            round = plan.round,
            ahead = plan.ahead,
            "the plan goes on: EC2 throttled creates"
        );
        plan.node_running |= request.node.running;
        plan.seconds_since_event = now;
        return Ok(plan);
    }
    let is_ours = HookOwner::of(&request.launch, &request.profile) == HookOwner::Hookline;
    let hook = Heartbeat::of(is_ours, plan, request.extension.as_ref(), now);
    Planner {
        context: &context,
        request: &request,
        previous,
        hook,
    }
    .plan()
    .await
}

struct Planner<'a> {
    context: &'a Context,
    request: &'a PlanRequest,
    previous: Previous,
    hook: Heartbeat,
}

impl Planner<'_> {
    async fn plan(&self) -> Result<Plan> {
        let PlanRequest { profile, node, .. } = self.request;
        let zone = node.availability_zone.as_str();
        let subnet_ids = profile.subnet_ids();
        let remaining = self
            .previous
            .remaining_wait(jitter(&node.instance_id), &self.hook);
        let aws = &self.context.aws;
        let (limits, subnets, instances) = tokio::join!(
            aws.limits(&node.instance_type),
            aws.subnets(&subnet_ids),
            async {
                match remaining {
                    Some(_) => Ok(Arc::default()),
                    None => self.instances().await,
                }
            }
        );
        let limits = limits?;
        limits.check(profile)?;
        let subnets = subnets.map_err(|error| with_field(profile, error))?;
        // Before any wait, so that a wrong profile fails at once.
        check_subnets(profile, zone, &subnets)?;
        if let Some(wait) = remaining {
            return Ok(self.wait(wait, self.previous.ahead, node.running));
        }

        let instances = instances?;
        let me = instances.iter().find(|seen| seen.id == node.instance_id);
        if let Some(subnet) = me.and_then(|me| me.primary_subnet(limits.default_network_card)) {
            check_open_slots(profile, subnet)?;
        }
        let queue = self.observe(&instances).await?;
        let running = queue.me_is_running;
        if let Decision::Wait(wait) = self.decide(&queue) {
            if wait.reason == WaitReason::Pending
                && self.pending_seconds(&queue) > MAX_PENDING_SECONDS
            {
                return Err(Error::InstanceNotRunning(node.instance_id.clone()));
            }
            return Ok(self.wait(wait, queue.ahead(), running));
        }

        let observations = self.observations();
        let chosen = self.addresses(&queue, &instances, subnets, &observations);
        let mut chosen = chosen.await?;
        place(profile, &limits, &mut chosen.slots);
        self.log_plan(&chosen, queue.ahead());
        let mut plan = self.plan_of(chosen.into(), queue.ahead(), observations, running);
        // A node that leaves a warm pool with all its interfaces is ready now. What it may still
        // lack, it lacked in the pool.
        plan.delete_on_termination =
            match self.request.launch.leaves_warm_pool() && queue.me_is_wired {
                true => DeleteOnTerminationTiming::AfterContinue,
                false => after_continue::timing(profile, &queue),
            };
        Ok(plan)
    }

    /// Chooses the addresses by what the subnets have now, and measures how many stay free.
    async fn addresses(
        &self,
        queue: &Queue,
        instances: &[Instance],
        mut subnets: BTreeMap<SubnetId, Subnet>,
        observations: &Observations,
    ) -> Result<AddressPlan> {
        let aws = &self.context.aws;
        let zone = self.request.node.availability_zone.as_str();
        let in_zone: Vec<SubnetId> = subnets
            .values()
            .filter(|subnet| subnet.availability_zone == zone)
            .map(|subnet| subnet.id.clone())
            .collect();
        // A launch that waited for its instance, and has its interfaces, chooses no address.
        let mut slots = self.request.profile.slots.iter();
        let chooses = !slots.all(|slot| observations.created.contains_key(&slot.network));
        // After the instances: if the listing has an interface of a launch, the launch must be
        // known as well. Otherwise its address would count twice.
        let (allocated, reservations) = tokio::join!(aws.allocated_interfaces(&in_zone), async {
            match chooses {
                true => aws.reservations(&in_zone).await,
                false => Ok(BTreeMap::new()),
            }
        });
        let allocated = allocated?;
        for (id, reservations) in reservations? {
            if let Some(subnet) = subnets.get_mut(&id) {
                subnet.reservations = reservations;
            }
        }
        // Addresses are shared by the launches of one Availability Zone, EC2's request rates by
        // all.
        let in_zone = || instances.iter().filter(|i| i.availability_zone == zone);
        let in_flight: Vec<LaunchOrder> = in_zone()
            .filter(|other| queue.is_in_flight(other))
            .map(Instance::order)
            .collect();
        let may_be_in_flight: Vec<LaunchOrder> = in_zone()
            .filter(|other| queue.may_be_in_flight(other))
            .map(Instance::order)
            .collect();
        let (plan, free) = AddressPlanner {
            profile: &self.request.profile,
            launch: &queue.me,
            availability_zone: zone,
            subnets: &subnets,
            allocated: &allocated,
            in_flight: &in_flight,
            may_be_in_flight: &may_be_in_flight,
            observations: observations.clone(),
            round: self.previous.round,
            lost: self.request.lost.is_some(),
        }
        .plan_and_count();
        // Without the reservations too many would count as free.
        for (subnet, free) in free.into_iter().filter(|_| chooses) {
            let of = Subject::Subnet(subnet);
            self.context.metrics.set(Metric::FreeAddresses, of, free);
        }
        plan
    }

    fn log_plan(&self, plan: &AddressPlan, ahead: usize) {
        for slot in &plan.slots {
            info!(
                network = slot.network,
                existing = slot.existing.as_ref().map(tracing::field::display),
                subnet = %slot.subnet_id,
                addresses = log_list(&slot.private_ip_addresses),
                ipv6_addresses = log_list(&slot.ipv6_addresses),
                device_index = slot.device_index,
                "planned"
            );
        }
        info!(
            round = self.previous.round,
            ahead,
            surplus = plan.surplus.len(),
            "plan made"
        );
    }

    /// The instances for the decision, and for the plan if the launch does not wait.
    async fn instances(&self) -> Result<Arc<Vec<Instance>>> {
        let (aws, selector) = (&self.context.aws, &self.request.profile.selector);
        if self.previous.may_rest_on_a_recent_listing() {
            let me = &self.request.node.instance_id;
            let seen = aws.instances_seen(selector, MAX_LISTING_AGE, me);
            if let Some((age, instances)) = seen.await
                // A wait may be decided by an older listing. A plan needs a new one.
                && self.waits(&instances, age)
            {
                return Ok(instances);
            }
        }
        aws.instances_of(selector).await
    }

    /// Whether the launch waits by a listing of that age: for its turn, which is a time that all compute
    /// alike; or for its instance, and the listing is new beside that wait, so that many that are pending
    /// for long share it.
    fn waits(&self, instances: &[Instance], age: Duration) -> bool {
        let is_new = age <= max_listing_age(instances.len());
        let queue = self.queue(instances);
        match self.decide(&queue) {
            Decision::Wait(Wait {
                reason: WaitReason::Turn,
                ..
            }) => is_new,
            Decision::Wait(Wait {
                reason: WaitReason::Pending,
                seconds,
                ..
            }) => {
                let wait = Duration::from_secs(seconds.into());
                age < wait && (is_new || age <= wait / 2)
            }
            _ => false,
        }
    }

    fn decide(&self, queue: &Queue) -> Decision {
        let profile = &self.request.profile;
        decide(profile, queue, &self.previous, &self.hook, self.context.now)
    }

    /// The queue by a new listing. If the listing lacks the instance of a launch that only waits for
    /// it, that one is looked up: it may be gone. The same for a launch that passes a warm pool: its
    /// instance may show as stopped, and have its interfaces.
    async fn observe(&self, instances: &[Instance]) -> Result<Queue> {
        let PlanRequest {
            launch, profile, ..
        } = self.request;
        let mut queue = self.queue(instances);
        let waits_for_it = self.previous.has_interfaces && !queue.me_is_running;
        if !queue.me_is_listed && (waits_for_it || launch.passes_warm_pool()) {
            match self.context.aws.launching_instance(launch).await {
                Ok(me) => {
                    queue.me_is_running |= me.is_running();
                    queue.me_is_wired = me.is_wired(profile);
                }
                // TagNode has seen it: EC2 shows an older state now than it did then.
                Err(Error::InstanceNotFoundYet(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(queue)
    }

    fn queue(&self, instances: &[Instance]) -> Queue {
        let PlanRequest { node, launch, .. } = self.request;
        let me = launch_order(launch, node);
        let mut queue = Queue::observe(&self.request.profile, me, instances);
        let seen_before = self
            .request
            .plan
            .as_ref()
            .is_some_and(|plan| plan.node_running);
        queue.me_is_running |= node.running || seen_before;
        queue
    }

    /// For how long the instance may have been pending, in seconds: since its launch, or since the
    /// event if that is later, as of an instance that leaves a warm pool.
    fn pending_seconds(&self, queue: &Queue) -> i64 {
        let since_launch = self.context.now.saturating_sub(queue.me.since);
        let since_event = self.context.seconds_since(&self.request.launch);
        since_event
            .and_then(|seconds| i64::try_from(seconds).ok())
            .map_or(since_launch, |since_event| since_launch.min(since_event))
    }

    fn observations(&self) -> Observations {
        let plan = self.request.plan.as_ref();
        plan.map(|plan| plan.observations.clone())
            .unwrap_or_default()
            .and(
                self.request.allocation.as_ref(),
                self.request.lost.is_some(),
            )
    }

    fn wait(&self, wait: Wait, ahead: usize, running: bool) -> Plan {
        info!(
            round = self.previous.round,
            ahead,
            wait_seconds = wait.seconds,
            reason = data_name(&wait.reason),
            "waiting"
        );
        let of = Subject::profile(&self.request.profile.name);
        self.context.metrics.add(Metric::LaunchesWaiting, of, 1);
        self.plan_of(wait.into(), ahead, self.observations(), running)
    }

    fn plan_of(
        &self,
        step: Step,
        ahead: usize,
        observations: Observations,
        node_running: bool,
    ) -> Plan {
        Plan {
            step,
            round: self.previous.round,
            ahead,
            observations,
            node_running,
            delete_on_termination: DeleteOnTerminationTiming::AtOnce,
            seconds_since_event: self.context.seconds_since(&self.request.launch),
            extended_after: self.hook.extended_after(),
        }
    }
}
