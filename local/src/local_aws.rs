//! The handle that everything holds: one shared world behind a lock, and the task that lets its
//! timers fall due while nobody calls.

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
use crate::{eks, eventbridge, forward, lambda, stepfunctions};

/// A running simulated AWS: one account in one Region. Clones are handles to the same one.
#[derive(Clone)]
pub struct LocalAws {
    shared: Arc<Shared>,
}

/// A handle that does not keep the simulated AWS alive; for tasks that serve it.
#[derive(Clone)]
pub struct WeakLocalAws {
    shared: Weak<Shared>,
}

impl WeakLocalAws {
    /// The simulated AWS, if somebody still holds it.
    #[must_use]
    pub fn upgrade(&self) -> Option<LocalAws> {
        self.shared.upgrade().map(|shared| LocalAws { shared })
    }
}

struct Shared {
    world: Mutex<World>,
    /// Told when a timer was set that falls due before the one that the timer task sleeps for.
    /// In its own Arc, so that the sleeping task need not hold the world.
    rescheduled: Arc<Notify>,
    events: mpsc::UnboundedSender<Event>,
    faults: Mutex<Faults>,
    buckets: Mutex<Buckets>,
    calls: Mutex<CallLog>,
    eventbridge: eventbridge::EventBridge,
    lambda: lambda::Lambda,
    stepfunctions: stepfunctions::StepFunctions,
    eks: eks::Eks,
    forwarding: forward::Forwarding,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The timer task wakes, finds nothing to upgrade to, and ends.
        self.rescheduled.notify_one();
    }
}

/// A poisoned lock is taken all the same: the panic that poisoned it is reported by its own test.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LocalAws {
    /// Starts a simulated AWS. Must be called within a tokio runtime: two tasks serve it (timers and
    /// event delivery), and both end when the last handle is dropped.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (events, delivered) = mpsc::unbounded_channel();
        let rescheduled = Arc::new(Notify::new());
        let lambda = lambda::Lambda::new(&settings.region, &settings.account);
        let shared = Arc::new(Shared {
            buckets: Mutex::new(Buckets::new()),
            calls: Mutex::new(CallLog::new(settings.call_log_limit)),
            world: Mutex::new(World::new(settings)),
            rescheduled: Arc::clone(&rescheduled),
            events,
            faults: Mutex::default(),
            eventbridge: eventbridge::EventBridge::default(),
            lambda,
            stepfunctions: stepfunctions::StepFunctions::default(),
            eks: eks::Eks::default(),
            forwarding: forward::Forwarding::default(),
        });
        let local = Self { shared };
        tokio::spawn(run_timers(local.downgrade(), rescheduled));
        eventbridge::start(local.downgrade(), delivered);
        local
    }

    /// The one door for every AWS call, whether it came over TCP or from an SDK's HTTP connector.
    ///
    /// # Errors
    /// [`ConnectionReset`] when an injected fault says so; AWS's own errors are responses.
    pub async fn handle(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, ConnectionReset> {
        dispatch::handle(self, request).await
    }

    /// Every call so far, in order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        lock(&self.shared.calls).all()
    }

    /// Looks at, or changes, the world behind the API. Timers that are due run first; events that
    /// `f` caused are delivered afterwards. `f` runs under the lock: it must not call this handle again.
    pub fn with_world<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        let mut world = lock(&self.shared.world);
        let due_before = world.next_due();
        world.advance_to(Instant::now());
        let result = f(&mut world);
        let due_after = world.next_due();
        // Sent while the lock is held: the order of events is the order of what happened.
        for event in world.kernel.take_events() {
            // Nobody listens only while the runtime shuts down.
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

    /// How many injected faults have not run out yet: a test that injected one asks for zero at its end.
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

    /// The services that are not simulated, and where their requests go.
    #[must_use]
    pub fn forwarding(&self) -> &forward::Forwarding {
        &self.shared.forwarding
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
