//! The Lambda Runtime API (version 2018-06-01), as one sandbox's program sees it.
//!
//! `next` returns the waiting invocation, `response` and `error` end it, and `init/error` reports
//! that the program could not start.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::local_aws::lock;

const VERSION: &str = "/2018-06-01/runtime/";
/// Lambda's limit for a synchronous payload in bytes, in either direction (Lambda Developer Guide,
/// "Lambda quotas").
pub(super) const MAX_PAYLOAD: usize = 6 * 1024 * 1024;
/// Lambda cuts off longer error reports too.
const MAX_BODY: usize = MAX_PAYLOAD + 64 * 1024;

/// One invocation for the program.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) function_arn: String,
    pub(super) deadline_ms: i64,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// The program's answer to an invocation.
#[derive(Debug)]
pub(super) enum Answer {
    /// It returned a value.
    Response(Bytes),
    /// It returned an error, in the Runtime API's JSON form.
    Error(Bytes),
    /// It returned more than Lambda allows: the size in bytes.
    TooLarge(usize),
}

/// The state that the routes of one sandbox share.
#[derive(Debug)]
pub(super) struct Runtime {
    waiting: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    current: Mutex<Option<(String, oneshot::Sender<Answer>)>>,
    ready: watch::Sender<bool>,
    init_error: watch::Sender<Option<Bytes>>,
}

impl Runtime {
    pub(super) fn new(
        waiting: mpsc::Receiver<Invocation>,
        ready: watch::Sender<bool>,
        init_error: watch::Sender<Option<Bytes>>,
    ) -> Self {
        Self {
            waiting: tokio::sync::Mutex::new(waiting),
            current: Mutex::default(),
            ready,
            init_error,
        }
    }

    /// The id of the invocation that the program is working on.
    pub(super) fn current_request_id(&self) -> Option<String> {
        lock(&self.current).as_ref().map(|(id, _)| id.clone())
    }

    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(route) = request
            .uri()
            .path()
            .strip_prefix(VERSION)
            .map(str::to_owned)
        else {
            return refuse(StatusCode::NOT_FOUND, "InvalidPath", "Unknown path");
        };
        let method = request.method().clone();
        match (&method, route.split('/').collect::<Vec<_>>().as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => match read(request).await {
                Some(body) if body.len() > MAX_PAYLOAD => {
                    self.finish(id, Answer::TooLarge(body.len()));
                    refuse(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "RequestEntityTooLarge",
                        "Exceeded maximum allowed payload size",
                    )
                }
                Some(body) => self.end(id, Answer::Response(body)),
                None => {
                    self.finish(id, Answer::TooLarge(MAX_BODY));
                    refuse(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "RequestEntityTooLarge",
                        "Exceeded maximum allowed payload size",
                    )
                }
            },
            (&Method::POST, ["invocation", id, "error"]) => {
                let body = read(request).await.unwrap_or_default();
                self.end(id, Answer::Error(body))
            }
            (&Method::POST, ["init", "error"]) => {
                let body = read(request).await.unwrap_or_default();
                self.init_error.send_replace(Some(body));
                accepted()
            }
            _ => refuse(StatusCode::NOT_FOUND, "InvalidPath", "Unknown path"),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        self.ready.send_replace(true);
        let Some(invocation) = self.waiting.lock().await.recv().await else {
            return refuse(
                StatusCode::GONE,
                "SandboxShutdown",
                "The sandbox is being shut down",
            );
        };
        let response = Response::builder()
            .header("Lambda-Runtime-Aws-Request-Id", &invocation.request_id)
            .header(
                "Lambda-Runtime-Deadline-Ms",
                invocation.deadline_ms.to_string(),
            )
            .header(
                "Lambda-Runtime-Invoked-Function-Arn",
                &invocation.function_arn,
            )
            .header("Lambda-Runtime-Trace-Id", &invocation.trace_id)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(invocation.payload));
        *lock(&self.current) = Some((invocation.request_id, invocation.answer));
        response.unwrap_or_else(|error| {
            refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal",
                &error.to_string(),
            )
        })
    }

    fn end(&self, id: &str, answer: Answer) -> Response<Full<Bytes>> {
        if self.finish(id, answer) {
            accepted()
        } else {
            refuse(
                StatusCode::BAD_REQUEST,
                "InvalidRequestID",
                "Invalid request ID",
            )
        }
    }

    /// Ends the current invocation if it is the one named.
    fn finish(&self, id: &str, answer: Answer) -> bool {
        let mut current = lock(&self.current);
        match current.take() {
            Some((request_id, sender)) if request_id == id => {
                // The receiver is gone if the caller gave up at its timeout.
                let _ = sender.send(answer);
                true
            }
            other => {
                *current = other;
                false
            }
        }
    }
}

/// Serves the routes until the task is aborted; the connections end with it.
pub(super) async fn serve(listener: TcpListener, runtime: Arc<Runtime>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&runtime)));
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection to its end.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, runtime: Arc<Runtime>) {
    let service = service_fn(|request| {
        let runtime = Arc::clone(&runtime);
        async move { Ok::<_, Infallible>(runtime.handle(request).await) }
    });
    // A broken connection means that the program ended. The sandbox notices that.
    let _ = hyper::server::conn::http1::Builder::new()
        // A program may close its sending side and still wait for the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn read(request: Request<Incoming>) -> Option<Bytes> {
    let collected = Limited::new(request.into_body(), MAX_BODY)
        .collect()
        .await
        .ok()?;
    Some(collected.to_bytes())
}

fn accepted() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}")));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "errorType": error_type, "errorMessage": message }).to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
#[path = "runtime_api_tests.rs"]
mod tests;
