//! The tap injects faults. It stands between the SDK and the fake AWS, and knows the position of
//! each call and which function makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use hookline_local::{Fault, FaultKind, LocalAws};
use tokio::sync::Notify;

use hookline_testkit::connector::InProcess;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultAction {
    /// It is throttled.
    Throttle,
    /// It fails with HTTP 500, and has no effect.
    ServerError,
    /// The connection is reset before the call takes effect.
    ResetBefore,
    /// The call takes effect, but its response is lost.
    ResponseLost,
    /// The response takes longer than the function's timeout.
    Slow,
    /// The function is killed before it sends the call.
    KilledBefore,
    /// The function is killed after the call takes effect.
    KilledAfter,
}

impl FaultAction {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Throttle,
        Self::ServerError,
        Self::ResetBefore,
        Self::ResponseLost,
        Self::Slow,
        Self::KilledBefore,
        Self::KilledAfter,
    ];

    /// A word for tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::ServerError => "500",
            Self::ResetBefore => "reset",
            Self::ResponseLost => "lost",
            Self::Slow => "slow",
            Self::KilledBefore => "killed-before",
            Self::KilledAfter => "killed-after",
        }
    }
}

/// Something that somebody does in the middle of a run.
pub type Intervention = Box<dyn FnOnce(&LocalAws) + Send>;

/// The faults, by the position of their calls. Positions are counted from 0, over all functions of
/// a run.
#[derive(Debug, Clone, Default)]
pub struct Tap {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    passed: usize,
    strikes: BTreeMap<usize, FaultAction>,
    interventions: BTreeMap<usize, Intervention>,
    actions: BTreeMap<String, BTreeSet<String>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("passed", &self.passed)
            .field("strikes", &self.strikes)
            .finish_non_exhaustive()
    }
}

impl Tap {
    /// Injects a fault into the call at `position`, counted from now on.
    pub fn strike(&self, position: usize, strike: FaultAction) {
        let mut inner = self.lock();
        let position = inner.passed + position;
        inner.strikes.insert(position, strike);
    }

    /// How many calls have passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.lock().passed
    }

    /// Does something just before the call at `position`, counted from now on.
    pub fn interfere(&self, position: usize, intervention: Intervention) {
        let mut inner = self.lock();
        let position = inner.passed + position;
        inner.interventions.insert(position, intervention);
    }

    /// The actions that each function has called, as IAM names them: `ec2:CreateTags`. The state
    /// machine is one of those that call. A refused call counts too: IAM is checked first.
    #[must_use]
    pub fn actions(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.lock().actions.clone()
    }

    /// Notes a call.
    pub(super) fn note(&self, caller: &str, action: String) {
        self.lock()
            .actions
            .entry(caller.to_owned())
            .or_default()
            .insert(action);
    }

    fn next(&self) -> (Option<FaultAction>, Option<Intervention>) {
        let mut inner = self.lock();
        let position = inner.passed;
        inner.passed += 1;
        (
            inner.strikes.remove(&position),
            inner.interventions.remove(&position),
        )
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The HTTP connector of one sandbox: through the tap to the fake AWS. It notifies the sandbox when
/// a fault kills it.
#[derive(Clone)]
pub struct Tapped {
    tap: Tap,
    function: String,
    local: LocalAws,
    through: InProcess,
    killed: Arc<Notify>,
}

impl std::fmt::Debug for Tapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tapped")
    }
}

impl Tapped {
    /// A client for a new sandbox of a function.
    #[must_use]
    pub fn new(tap: Tap, local: &LocalAws, function: &str) -> Self {
        Self {
            tap,
            function: function.to_owned(),
            local: local.clone(),
            through: InProcess::new(local),
            killed: Arc::default(),
        }
    }

    /// Is notified when a fault kills the sandbox.
    #[must_use]
    pub fn killed(&self) -> Arc<Notify> {
        Arc::clone(&self.killed)
    }
}

impl HttpConnector for Tapped {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            // A request without an action is refused by the fake AWS.
            if let Some(action) = action(&request) {
                this.tap.note(&this.function, action);
            }
            let (strike, intervention) = this.tap.next();
            if let Some(interfere) = intervention {
                interfere(&this.local);
            }
            let Some(strike) = strike else {
                return this.through.call(request).await;
            };
            // The next call that the fake AWS gets is this one, because nothing is awaited in
            // between.
            let fault = |kind| this.local.inject(Fault::on("*", kind));
            match strike {
                FaultAction::Throttle => fault(FaultKind::Throttle),
                FaultAction::ServerError => fault(FaultKind::InternalError),
                FaultAction::ResetBefore => fault(FaultKind::ResetBefore),
                FaultAction::ResponseLost => fault(FaultKind::ResetAfter),
                // Longer than any function's timeout.
                FaultAction::Slow => fault(FaultKind::Delay(Duration::from_secs(1000))),
                FaultAction::KilledBefore => {
                    this.killed.notify_one();
                    return std::future::pending().await;
                }
                FaultAction::KilledAfter => {
                    let _ = this.through.call(request).await;
                    this.killed.notify_one();
                    return std::future::pending().await;
                }
            }
            this.through.call(request).await
        })
    }
}

/// The action of a signed request, with the prefix that IAM and the signature have in common.
fn action(request: &HttpRequest) -> Option<String> {
    let headers = request.headers();
    // `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`
    let service = headers.get("authorization")?.split('/').nth(3)?;
    let action = match headers.get("x-amz-target") {
        // JSON: `AWSStepFunctions.StartExecution`.
        Some(target) => target.rsplit('.').next()?.to_owned(),
        // Query: `Action=CreateTags&Version=…`.
        None => form_urlencoded::parse(request.body().bytes()?)
            .find(|(key, _)| key == "Action")
            .map(|(_, action)| action.into_owned())?,
    };
    Some(format!("{service}:{action}"))
}
