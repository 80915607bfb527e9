//! Runs the real executable with a fake Lambda Runtime API.

use std::convert::Infallible;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::fake_aws::{OWN_KEY, OWN_SECRET};

/// How long an invocation may take.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A process of the function, with its payloads and answers.
pub(crate) struct Function {
    process: Child,
    payloads: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Result<Value, Value>>,
    _served: JoinSet<()>,
}

impl Function {
    /// Starts the executable, whose calls to AWS go to `endpoint`.
    pub(crate) async fn start(endpoint: &str) -> Self {
        Self::start_with_log(endpoint, Stdio::null()).await
    }

    /// The same, with its log in `log`.
    pub(crate) async fn start_with_log(endpoint: &str, log: impl Into<Stdio>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (payloads, waiting) = mpsc::channel(1);
        let (answer, answers) = mpsc::channel(1);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut served = JoinSet::new();
        served.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (waiting, answer) = (Arc::clone(&waiting), answer.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        serve(Arc::clone(&waiting), answer.clone(), request)
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        let process = Command::new(env!("CARGO_BIN_EXE_extract-pods"))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "extract-pods")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "test")
            .env("AWS_REGION", "us-east-2")
            .env("AWS_ACCESS_KEY_ID", OWN_KEY)
            .env("AWS_SECRET_ACCESS_KEY", OWN_SECRET)
            .env("AWS_ENDPOINT_URL", endpoint)
            .stdin(Stdio::null())
            .stdout(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            process,
            payloads,
            answers,
            _served: served,
        }
    }

    /// Invokes the function. Returns its result, or the error that it reports.
    pub(crate) async fn invoke(&mut self, payload: Value) -> Result<Value, Value> {
        self.payloads.send(payload).await.unwrap();
        tokio::time::timeout(TIMEOUT, self.answers.recv())
            .await
            .expect("no answer in time")
            .expect("the Runtime API has ended")
    }

    /// The peak memory of the process so far, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let amount = line.unwrap().split_whitespace().nth(1);
        amount.unwrap().parse().unwrap()
    }

    /// Ends the process.
    pub(crate) async fn end(mut self) {
        self.process.kill().await.unwrap();
    }
}

async fn serve(
    waiting: Arc<Mutex<mpsc::Receiver<Value>>>,
    answer: mpsc::Sender<Result<Value, Value>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if request.method() == Method::GET && path.ends_with("/invocation/next") {
        let Some(payload) = waiting.lock().await.recv().await else {
            std::future::pending().await
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let deadline = (now + TIMEOUT).as_millis();
        return Ok(Response::builder()
            .header("lambda-runtime-aws-request-id", "request-1")
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-2:123456789012:function:extract-pods",
            )
            .header(
                "lambda-runtime-trace-id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            )
            .body(Full::from(payload.to_string()))
            .unwrap());
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let answered = match path.ends_with("/response") {
        true => Ok(body),
        false => Err(body),
    };
    // The test may have ended in the meantime.
    let _ = answer.send(answered).await;
    Ok(Response::builder()
        .status(202)
        .body(Full::default())
        .unwrap())
}
