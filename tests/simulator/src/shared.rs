//! What the executions of a run share: where their tasks run, and what is known of them afterwards.

use std::cell::{Cell, RefCell};

use aws_credential_types::Credentials;
use hookline_local::LocalAws;
use hookline_local::iam::credentials_of;
use hookline_statemachine::StateMachine;
use hookline_testkit::deployment::FUNCTIONS;
use hookline_testkit::roles;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::lambda::Lambda;
use crate::tap::Tap;
use crate::walker::{self, TaskError, TaskFuture, Verdict};

/// The state machine's name as a caller of API actions.
const STATE_MACHINE: &str = "launch-node";

pub(super) struct Shared {
    pub(super) machine: StateMachine,
    pub(super) lambda: Lambda,
    pub(super) local: LocalAws,
    pub(super) tap: Tap,
    pub(super) rng: RefCell<ChaCha8Rng>,
    pub(super) begun: Instant,
    /// The executions, and the invocations of `reconcile`, that are running.
    pub(super) running: RefCell<usize>,
    pub(super) verdicts: RefCell<Vec<Verdict>>,
    /// In the order of the verdicts.
    pub(super) starts: RefCell<Vec<Instant>>,
    /// The retries of tasks.
    pub(super) retries: Cell<usize>,
    /// What `reconcile` returned.
    pub(super) reports: RefCell<Vec<Value>>,
    pub(super) history: RefCell<Vec<String>>,
}

impl Shared {
    pub(super) fn note(&self, line: &str) {
        let seconds = self.begun.elapsed().as_secs_f64();
        self.history
            .borrow_mut()
            .push(format!("{seconds:9.3} s  {line}"));
    }
}

impl walker::World for Shared {
    fn task<'a>(&'a self, resource: &'a str, input: Value) -> TaskFuture<'a> {
        Box::pin(async move {
            // In any partition: that of an older definition is not a placeholder.
            if let Some((_, action)) = resource.split_once(":states:::aws-sdk:autoscaling:") {
                return self.auto_scaling(action, &input).await;
            }
            let function = FUNCTIONS
                .iter()
                .find(|(_, placeholder)| resource == format!("${{{placeholder}}}"))
                .map(|(function, _)| *function)
                .unwrap_or(resource);
            self.tap
                .note(STATE_MACHINE, "lambda:InvokeFunction".to_owned());
            self.lambda.invoke(function, input).await
        })
    }

    fn random(&self) -> f64 {
        self.rng.borrow_mut().random_range(0.0..1.0)
    }

    fn entered(&self, execution: &str, state: &str) {
        self.note(&format!("{execution}  {state}"));
    }

    fn failed(&self, execution: &str, state: &str, error: &TaskError, again: bool) {
        self.retries.set(self.retries.get() + usize::from(again));
        let then = if again { "again" } else { "caught or failed" };
        self.note(&format!(
            "{execution}  {state} failed, {then}: {} {}",
            error.error, error.cause
        ));
    }
}

impl Shared {
    /// An `aws-sdk` integration of the state machine: sends the call to the fake AWS as Step
    /// Functions does.
    async fn auto_scaling(&self, action: &str, input: &Value) -> Result<Value, TaskError> {
        let mut name = action.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        self.tap.note(STATE_MACHINE, format!("autoscaling:{name}"));
        let mut body = format!("Action={name}&Version=2011-01-01");
        for (key, value) in input.as_object().into_iter().flatten() {
            body.push_str(&format!("&{key}={}", value.as_str().unwrap_or_default()));
        }
        let failed = |cause: String| TaskError {
            error: "AutoScaling.AutoScalingException".to_owned(),
            cause,
        };
        let role = roles::of_state_machine(STATE_MACHINE).map(|role| credentials_of(&role));
        let access_key = role.as_ref().map_or("test", Credentials::access_key_id);
        let request = http::Request::post("/")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={access_key}/20260101/us-west-2/autoscaling/aws4_request"),
            )
            .header("user-agent", "states.amazonaws.com")
            .body(body.into())
            .map_err(|error| failed(error.to_string()))?;
        let response = self
            .local
            .handle(request)
            .await
            .map_err(|error| failed(error.to_string()))?;
        if response.status().is_success() {
            return Ok(json!({}));
        }
        Err(failed(
            String::from_utf8_lossy(response.body()).into_owned(),
        ))
    }
}
