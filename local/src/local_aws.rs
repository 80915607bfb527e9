//! The handle to a running fake AWS: the world behind a lock, and the task that runs its timers
//! while no call comes in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::buckets::Buckets;
use crate::calls::{CallLog, CallRecord};
use crate::dispatch::{self, ConnectionReset};
use crate::faults::{Fault, Faults};
use crate::kernel::Event;
use crate::settings::Settings;
use crate::world::World;
use crate::{
    cloudformation, cloudwatch, eks, eventbridge, forward, iam, lambda, node, sqs, stepfunctions,
};

/// A running fake AWS: one account in one Region. Clones are handles to the same one.
#[derive(Clone)]
pub struct LocalAws {
    shared: Arc<Shared>,
}

/// A handle that does not keep the fake AWS alive. The tasks that serve it hold this one.
#[derive(Clone)]
pub struct WeakLocalAws {
    shared: Weak<Shared>,
}

impl WeakLocalAws {
    /// The fake AWS, if a handle still exists.
    #[must_use]
    pub fn upgrade(&self) -> Option<LocalAws> {
        self.shared.upgrade().map(|shared| LocalAws { shared })
    }
}

struct Shared {
    world: Mutex<World>,
    /// Notified when the next timer changes. In an Arc of its own, so that the sleeping task does
    /// not hold the world.
    rescheduled: Arc<Notify>,
    events: mpsc::UnboundedSender<Event>,
    /// The changes of the instances' states, for the nodes.
    power: mpsc::UnboundedSender<node::PowerChange>,
    faults: Mutex<Faults>,
    buckets: Mutex<Buckets>,
    calls: Mutex<CallLog>,
    cloudformation: cloudformation::CloudFormation,
    eventbridge: eventbridge::EventBridge,
    lambda: lambda::Lambda,
    stepfunctions: stepfunctions::StepFunctions,
    eks: eks::Eks,
    nodes: node::Nodes,
    forwarding: forward::Forwarding,
    iam: iam::Iam,
    sqs: sqs::Sqs,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The timer task wakes, finds nothing to upgrade to, and ends.
        self.rescheduled.notify_one();
    }
}

/// Locks a mutex, poisoned or not. The test that panicked reports its own panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LocalAws {
    /// Starts a fake AWS. Call it within a tokio runtime: three tasks serve it (timers, event
    /// delivery and the nodes). They end when the last handle is dropped.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (events, delivered) = mpsc::unbounded_channel();
        let (power, power_changes) = mpsc::unbounded_channel();
        let rescheduled = Arc::new(Notify::new());
        let lambda = lambda::Lambda::new(&settings.region, &settings.account);
        let shared = Arc::new(Shared {
            buckets: Mutex::new(Buckets::new()),
            calls: Mutex::new(CallLog::new(settings.call_log_limit)),
            cloudformation: cloudformation::CloudFormation::default(),
            world: Mutex::new(World::new(settings)),
            rescheduled: Arc::clone(&rescheduled),
            events,
            power,
            faults: Mutex::default(),
            eventbridge: eventbridge::EventBridge::default(),
            lambda,
            stepfunctions: stepfunctions::StepFunctions::default(),
            eks: eks::Eks::default(),
            nodes: node::Nodes::default(),
            forwarding: forward::Forwarding::default(),
            iam: iam::Iam::default(),
            sqs: sqs::Sqs::default(),
        });
        let local = Self { shared };
        tokio::spawn(run_timers(local.downgrade(), rescheduled));
        eventbridge::start(local.downgrade(), delivered);
        node::start(local.downgrade(), power_changes);
        local
    }

    /// Handles an AWS call. Every call comes this way, over TCP or from an SDK's HTTP connector.
    ///
    /// # Errors
    /// [`ConnectionReset`] if an injected fault resets the connection. AWS's own errors are
    /// responses.
    pub async fn handle(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, ConnectionReset> {
        dispatch::handle(self, request).await
    }

    /// Every call so far, in order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.calls_where(|_| true)
    }

    /// The calls so far for which `wanted` holds, in order of arrival. It copies no others.
    pub fn calls_where(&self, wanted: impl Fn(&CallRecord) -> bool) -> Vec<CallRecord> {
        lock(&self.shared.calls).filtered(wanted)
    }

    /// Reads or changes the state behind the API. Timers that are due run first. Events that `f`
    /// emits are delivered afterwards. `f` runs under the lock: it must not call this handle again.
    pub fn with_world<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        let mut world = lock(&self.shared.world);
        let due_before = world.next_due();
        world.advance_to(Instant::now());
        let result = f(&mut world);
        let due_after = world.next_due();
        // Sent under the lock, so that events arrive in the order in which they happened.
        for event in world.kernel.take_events() {
            // The receivers are gone only while the runtime shuts down.
            if let Some(change) = node::PowerChange::of(&event) {
                let _ = self.shared.power.send(change);
            }
            let _ = self.shared.events.send(event);
        }
        drop(world);
        if due_after != due_before {
            self.shared.rescheduled.notify_one();
        }
        result
    }

    /// Makes some of the coming calls fail; see [`Fault`].
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared.faults).add(fault);
    }

    /// How many injected faults have not run out. A test that injects a fault expects zero at its
    /// end.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        lock(&self.shared.faults).left()
    }

    /// Ends all injected faults.
    pub fn clear_faults(&self) {
        *lock(&self.shared.faults) = Faults::default();
    }

    /// The host of function binaries.
    #[must_use]
    pub fn lambda(&self) -> &lambda::Lambda {
        &self.shared.lambda
    }

    /// The rules and their targets.
    #[must_use]
    pub fn eventbridge(&self) -> &eventbridge::EventBridge {
        &self.shared.eventbridge
    }

    /// The stacks that tests put.
    #[must_use]
    pub fn cloudformation(&self) -> &cloudformation::CloudFormation {
        &self.shared.cloudformation
    }

    /// The metrics: those that functions write to their logs.
    #[must_use]
    pub fn cloudwatch(&self) -> &cloudwatch::CloudWatch {
        self.shared.lambda.metrics()
    }

    /// The engine that state machines run on.
    #[must_use]
    pub fn stepfunctions(&self) -> &stepfunctions::StepFunctions {
        &self.shared.stepfunctions
    }

    /// The clusters.
    #[must_use]
    pub fn eks(&self) -> &eks::Eks {
        &self.shared.eks
    }

    /// The software on the instances: how far each has got.
    #[must_use]
    pub fn nodes(&self) -> &node::Nodes {
        &self.shared.nodes
    }

    /// The services that go to another server, and which server that is.
    #[must_use]
    pub fn forwarding(&self) -> &forward::Forwarding {
        &self.shared.forwarding
    }

    /// The roles, and what they allow.
    #[must_use]
    pub fn iam(&self) -> &iam::Iam {
        &self.shared.iam
    }

    /// The queues.
    #[must_use]
    pub fn sqs(&self) -> &sqs::Sqs {
        &self.shared.sqs
    }

    /// What IAM compares with a role's policies for a call: each action on each resource, with the
    /// condition keys. The call is not made. `None` if the request is no call of a service, or if
    /// the fake AWS does not know which resources the action is authorised on.
    #[must_use]
    pub fn authorization_requests(
        &self,
        request: http::Request<Bytes>,
    ) -> Option<Vec<iam::AuthorizationRequest>> {
        dispatch::authorization_requests(self, request)
    }

    /// A handle that does not keep this one alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakLocalAws {
        WeakLocalAws {
            shared: Arc::downgrade(&self.shared),
        }
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.shared.faults)
    }

    pub(crate) fn buckets(&self) -> MutexGuard<'_, Buckets> {
        lock(&self.shared.buckets)
    }

    pub(crate) fn call_log(&self) -> MutexGuard<'_, CallLog> {
        lock(&self.shared.calls)
    }
}

/// Sleeps from one due timer to the next.
async fn run_timers(local: WeakLocalAws, rescheduled: Arc<Notify>) {
    loop {
        let next = {
            let Some(local) = local.upgrade() else { return };
            local.with_world(|world| world.next_due())
        };
        match next {
            Some(due) => {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = rescheduled.notified() => {}
                }
            }
            None => rescheduled.notified().await,
        }
    }
}
