//! Step Functions: calls go to an engine for the Amazon States Language, moto's.
//!
//! moto runs as a child process. Its AWS endpoint is the fake AWS, so the calls of a state machine
//! (Lambda, EC2, …) come back here. It puts no *Step Functions Execution Status Change* on the
//! event bus. A child process cannot take part in virtual time. There a test runs executions
//! itself, see [`StepFunctions::on_start_execution`]; those put the event on the bus.

mod in_process;

pub use in_process::ExecutionEnd;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::LocalAws;
use crate::forward::Http;
use crate::local_aws::lock;
use crate::reserved_port::ReservedPort;
use crate::wire::error::{ApiError, ErrorForm, respond};

/// Starts moto, and lets its state machines call with the credentials of their roles.
const MOTO: &str = include_str!("stepfunctions/moto_with_roles.py");

/// How long the engine may take to start. A cold Python start on a busy machine is slow.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The engine that state machines run on. Clones share it.
#[derive(Clone, Default)]
pub struct StepFunctions {
    engine: Arc<Mutex<Engine>>,
    http: Http,
}

#[derive(Default)]
struct Engine {
    address: Option<SocketAddr>,
    /// Killed when dropped.
    child: Option<Child>,
    executions: in_process::Executions,
}

/// A call of `StartExecution` that a test answers itself.
#[derive(Clone, Debug, PartialEq)]
pub struct StartExecution {
    /// The execution's ARN.
    pub execution_arn: String,
    /// The state machine's ARN.
    pub state_machine_arn: String,
    /// The execution's name.
    pub name: String,
    /// The execution's input.
    pub input: Value,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program could not be started.
    #[error("could not start moto with {program}: {source}")]
    Spawn {
        /// The Python interpreter.
        program: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The program ended or did not answer in time.
    #[error("moto did not start: {0}")]
    NotReady(String),
}

impl fmt::Debug for StepFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepFunctions")
            .field("engine", &self.address())
            .finish_non_exhaustive()
    }
}

impl StepFunctions {
    /// Starts moto with this Python interpreter (of an environment with
    /// `moto[server,stepfunctions]`), waits until it answers, and points it to the fake AWS at
    /// `local_port`. Its output goes to `log`.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_moto(
        &self,
        python: &Path,
        local_port: u16,
        log: Option<&Path>,
    ) -> Result<(), StartError> {
        let spawn = |source| StartError::Spawn {
            program: python.display().to_string(),
            source,
        };
        let ReservedPort { address, stdin } = ReservedPort::bind().map_err(spawn)?;
        let (out, err) = match log {
            Some(path) => {
                let file = std::fs::File::create(path).map_err(spawn)?;
                (
                    Stdio::from(file.try_clone().map_err(spawn)?),
                    Stdio::from(file),
                )
            }
            None => (Stdio::null(), Stdio::null()),
        };
        let mut child = Command::new(python)
            .args(["-c", MOTO])
            .env("MOTO_PORT", local_port.to_string())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env_remove("AWS_ENDPOINT_URL")
            .env_remove("AWS_PROFILE")
            .stdin(stdin)
            .stdout(out)
            .stderr(err)
            .kill_on_drop(true)
            .spawn()
            .map_err(spawn)?;
        let deadline = Instant::now() + START_TIMEOUT;
        let config = json!({ "stepfunctions": { "execute_state_machine": true } }).to_string();
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(StartError::NotReady(format!("it ended with {status}")));
            }
            let configure = Request::post("/moto-api/config");
            let configure = configure.body(Bytes::from(config.clone()));
            match self.send(address, configure).await {
                Ok(response) if response.status().is_success() => break,
                _ if Instant::now() >= deadline => {
                    return Err(StartError::NotReady(format!(
                        "no answer within {START_TIMEOUT:?}"
                    )));
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        let mut engine = lock(&self.engine);
        engine.address = Some(address);
        engine.child = Some(child);
        Ok(())
    }

    /// Uses a running engine.
    pub fn use_engine(&self, address: SocketAddr) {
        lock(&self.engine).address = Some(address);
    }

    /// The engine's address, if there is an engine.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        lock(&self.engine).address
    }

    /// Ends the engine that `start_moto` started, and waits for its end.
    pub async fn shutdown(&self) {
        let child = {
            let mut engine = lock(&self.engine);
            engine.address = None;
            engine.child.take()
        };
        if let Some(mut child) = child {
            // It may have ended already.
            let _ = child.kill().await;
        }
    }

    async fn send(
        &self,
        engine: SocketAddr,
        request: http::Result<Request<Bytes>>,
    ) -> Result<Response<Bytes>, String> {
        let request = request.map_err(|error| error.to_string())?;
        let engine = Authority::try_from(engine.to_string()).map_err(|error| error.to_string())?;
        self.http.forward_to(&engine, request).await
    }
}

/// Sends a Step Functions call to the engine, and returns its answer.
pub(crate) async fn forward(local: &LocalAws, request: Request<Bytes>) -> Response<Bytes> {
    let stepfunctions = local.stepfunctions();
    let (parts, body) = request.into_parts();
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let request_id = local.with_world(|world| world.kernel.new_uuid());
    let action = target.rsplit('.').next().unwrap_or_default();
    if let Some(answer) = stepfunctions.answer_in_process(local, action, &body) {
        return match answer {
            Ok(answer) => respond(
                200,
                "application/x-amz-json-1.0",
                &request_id,
                Bytes::from(answer.to_string()),
            ),
            Err(error) => error.render(ErrorForm::Json, &request_id),
        };
    }
    let Some(address) = stepfunctions.address() else {
        return ApiError::new(
            "UnknownOperationException",
            "The fake AWS runs no state machine engine: start it with --python.",
        )
        .render(ErrorForm::Json, &request_id);
    };
    let body = if target == "AWSStepFunctions.StartExecution" {
        named(body, || local.with_world(|world| world.kernel.new_uuid()))
    } else {
        body
    };
    let request = Request::from_parts(parts, body);
    match stepfunctions.send(address, Ok(request)).await {
        Ok(answer) => answer,
        Err(error) => ApiError::with_status(
            StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            "ServiceUnavailable",
            format!("The state machine engine does not answer: {error}"),
        )
        .render(ErrorForm::Json, &request_id),
    }
}

/// Adds a name to a `StartExecution` without one, as AWS does. The engine does not.
fn named(body: Bytes, new_name: impl FnOnce() -> String) -> Bytes {
    match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Object(mut call)) if call.get("name").is_none_or(Value::is_null) => {
            call.insert("name".to_owned(), Value::from(new_name()));
            Bytes::from(Value::Object(call).to_string())
        }
        _ => body,
    }
}
