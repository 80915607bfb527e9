//! A fake AWS over HTTP: `DescribeCluster`, `DescribeInstances` and `DescribeNetworkInterfaces` as the crate `hookline-local`
//! answers them, STS's `AssumeRole`, and S3's `GetObject` and `PutObject`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hookline_local::{LocalAws, Settings};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The role that can be assumed.
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
/// The access key of the function's own role.
pub(crate) const OWN_KEY: &str = "AKIDOWN";
/// The access key of [`ROLE`]'s session.
pub(crate) const ROLE_KEY: &str = "ASIAROLE";
/// The secret of [`OWN_KEY`].
pub(crate) const OWN_SECRET: &str = "own-secret";
/// The secret of [`ROLE_KEY`].
pub(crate) const ROLE_SECRET: &str = "role-secret";
/// The session token of [`ROLE`]'s session.
pub(crate) const ROLE_SESSION: &str = "a/session+token==";

/// A call that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// `eks:DescribeCluster`, `ec2:DescribeInstances`, `ec2:DescribeNetworkInterfaces`,
    /// `sts:AssumeRole`, `s3:GetObject` or `s3:PutObject`.
    pub(crate) action: &'static str,
    pub(crate) access_key: String,
    pub(crate) region: String,
}

/// An error answer: status, AWS's error code, message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal(
    pub(crate) u16,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Bytes>,
    refusals: BTreeMap<&'static str, Refusal>,
    unanswered: Vec<&'static str>,
    calls: Vec<Call>,
}

/// A running server. It ends when this is dropped.
pub(crate) struct FakeAws {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    /// The fake AWS that answers for EKS and EC2.
    pub(crate) local: LocalAws,
    state: Arc<Mutex<State>>,
    _connections: JoinSet<()>,
}

impl FakeAws {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let local = LocalAws::new(Settings::for_tests());
        let shared = (local.clone(), Arc::clone(&state));
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (local, state) = shared.clone();
                served.spawn(async move {
                    let service = service_fn(move |request| {
                        answer(local.clone(), Arc::clone(&state), request)
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            url,
            local,
            state,
            _connections: connections,
        }
    }

    /// Adds a cluster to `DescribeCluster`, in EKS's JSON.
    pub(crate) fn hold_cluster(&self, name: &str, description: Value) {
        self.local.eks().add_cluster(name, description);
    }

    /// Refuses every further call of `action`.
    pub(crate) fn refuse(&self, action: &'static str, refusal: Refusal) {
        self.state.lock().unwrap().refusals.insert(action, refusal);
    }

    /// Receives every further call of `action`, and never answers it.
    pub(crate) fn never_answer(&self, action: &'static str) {
        self.state.lock().unwrap().unanswered.push(action);
    }

    /// The stored objects, by `BUCKET/KEY`.
    pub(crate) fn objects(&self) -> BTreeMap<String, Bytes> {
        self.state.lock().unwrap().objects.clone()
    }

    /// Replaces an object.
    pub(crate) fn put(&self, key: &str, content: &str) {
        let mut state = self.state.lock().unwrap();
        state
            .objects
            .insert(key.to_owned(), content.to_owned().into());
    }

    /// Every call that was received.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }
}

async fn answer(
    local: LocalAws,
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // An upload that broke off stores nothing.
    let Ok(body) = body.collect().await else {
        return Ok(error("s3:PutObject", Refusal(400, "IncompleteBody", "")));
    };
    let body = body.to_bytes();
    let action = match (&head.method, head.uri.path()) {
        (&Method::PUT, _) => "s3:PutObject",
        (&Method::GET, path) if path.starts_with("/clusters/") => "eks:DescribeCluster",
        (&Method::GET, _) => "s3:GetObject",
        (&Method::POST, "/") if body.starts_with(b"Action=DescribeInstances&") => {
            "ec2:DescribeInstances"
        }
        (&Method::POST, "/") if body.starts_with(b"Action=DescribeNetworkInterfaces&") => {
            "ec2:DescribeNetworkInterfaces"
        }
        (&Method::POST, "/") => "sts:AssumeRole",
        _ => {
            return Ok(error(
                "",
                Refusal(501, "NotImplemented", "the fake AWS does not have it"),
            ));
        }
    };
    let credential = head.headers.get("authorization");
    let credential = credential
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let (_, scope) = credential.split_once("Credential=").unwrap_or_default();
    let mut scope = scope.split('/');
    let access_key = scope.next().unwrap_or_default().to_owned();
    let region = scope.nth(1).unwrap_or_default().to_owned();
    let is_answered = {
        let mut state = state.lock().unwrap();
        state.calls.push(Call {
            action,
            access_key,
            region,
        });
        if let Some(refusal) = state.refusals.get(action) {
            return Ok(error(action, *refusal));
        }
        !state.unanswered.contains(&action)
    };
    if !is_answered {
        std::future::pending::<()>().await;
    }
    Ok(match action {
        "s3:PutObject" => {
            let key = key(head.uri.path());
            state.lock().unwrap().objects.insert(key, body);
            Response::new(Full::default())
        }
        "s3:GetObject" => match state.lock().unwrap().objects.get(&key(head.uri.path())) {
            Some(object) => Response::new(Full::new(object.clone())),
            None => error(
                action,
                Refusal(404, "NoSuchKey", "The specified key does not exist."),
            ),
        },
        "eks:DescribeCluster" | "ec2:DescribeInstances" | "ec2:DescribeNetworkInterfaces" => {
            let request = Request::from_parts(head, body);
            local.handle(request).await.unwrap().map(Full::new)
        }
        _ => assume_role(&body),
    })
}

fn assume_role(body: &[u8]) -> Response<Full<Bytes>> {
    let parameters: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    if parameters.get("RoleArn").map(String::as_str) != Some(ROLE) {
        return error(
            "sts:AssumeRole",
            Refusal(403, "AccessDenied", "another role"),
        );
    }
    Response::new(Full::from(format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{ROLE_KEY}</AccessKeyId><SecretAccessKey>{ROLE_SECRET}</SecretAccessKey>\
         <SessionToken>{ROLE_SESSION}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )))
}

/// An error, in the protocol of the action's service.
fn error(action: &str, Refusal(status, code, message): Refusal) -> Response<Full<Bytes>> {
    let body = match action {
        "eks:DescribeCluster" => json!({"__type": code, "message": message}).to_string(),
        "ec2:DescribeInstances" | "ec2:DescribeNetworkInterfaces" => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
        ),
        "sts:AssumeRole" => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        ),
        _ => format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
    };
    Response::builder()
        .status(status)
        .header("x-amzn-errortype", code)
        .body(Full::from(body))
        .unwrap()
}

/// `BUCKET/KEY` of a path.
fn key(path: &str) -> String {
    let key = percent_decode_str(path.trim_start_matches('/'));
    key.decode_utf8_lossy().into_owned()
}
