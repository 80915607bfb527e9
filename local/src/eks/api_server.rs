//! The fake API server over TLS: it checks the token, lists nodes, pods and Services in pages of
//! one snapshot, changes a node, and fails as a test needs. It has no RBAC: every known caller may do
//! everything.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::answer::Answer;
use super::authenticator::{self, Caller};
use super::contents::Contents;
use super::lists::{Lists, Objects, PageError, PatchError};
use crate::local_aws::lock;

/// The resource of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A page of the list of nodes.
    Nodes,
    /// A page of the list of the pods of all namespaces.
    Pods,
    /// A watch of the pods of all namespaces.
    PodWatch,
    /// A page of the list of the Services of all namespaces.
    Services,
    /// One node, by its name.
    Node,
    /// A change of one node: a JSON merge patch.
    NodePatch,
}

/// A request with a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// The requested resource.
    pub resource: Resource,
    /// Its number among the requests for this resource, from 1.
    pub nth: usize,
    /// Whether it is for a page after the first.
    pub continued: bool,
    /// The version that a watch is from.
    pub resource_version: Option<String>,
    /// The maximum number of objects in the page; `usize::MAX` without a limit.
    pub limit: usize,
    /// The access key id of the caller.
    pub access_key: String,
    /// The Region of the STS that the token is for.
    pub region: String,
    /// The whole `Authorization` header.
    pub token: String,
}

/// What happens instead of an answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status, and `Retry-After` in seconds.
    Status(u16, Option<u64>),
    /// The connection ends in the middle of the answer.
    Cut,
    /// The answer ends in its middle, as if it were whole: a watch that the API server ends there.
    Half,
    /// No answer comes.
    Hang,
    /// The answer is not a list.
    Garbage,
    /// The snapshot of the continue token has expired, and the cluster has changed since.
    Expire(Contents),
}

type Rule = Box<dyn Fn(&ApiRequest) -> Option<Fault> + Send>;

struct State {
    cluster: String,
    callers: Vec<Credentials>,
    lists: Lists,
    rule: Rule,
    requests: Vec<ApiRequest>,
    refused: Vec<String>,
}

/// Why an API server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port is available.
    #[error("could not listen on a port of 127.0.0.1: {0}")]
    Listen(#[from] io::Error),
    /// The certificate could not be created.
    #[error("could not create a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS refuses the certificate.
    #[error("could not set up TLS: {0}")]
    Tls(String),
}

/// A running API server of one cluster. Dropping it ends it.
pub struct ApiServer {
    cluster: String,
    url: String,
    certificate_authority: String,
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

impl ApiServer {
    /// Starts the API server of an empty cluster that accepts these callers.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(cluster: &str, callers: Vec<Credentials>) -> Result<Self, StartError> {
        let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der())
            .map_err(|error| StartError::Tls(error.to_owned()))?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private)
            .map_err(|error| StartError::Tls(error.to_string()))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://{}", listener.local_addr()?);
        let state = Arc::new(Mutex::new(State {
            cluster: cluster.to_owned(),
            callers,
            lists: Lists::default(),
            rule: Box::new(|_| None),
            requests: Vec::new(),
            refused: Vec::new(),
        }));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(serve(listener, acceptor, Arc::clone(&state))).abort_handle();
        Ok(Self {
            cluster: cluster.to_owned(),
            url,
            certificate_authority: STANDARD.encode(key.cert.pem()),
            state,
            task,
        })
    }

    /// `https://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its certificate authority, as in `DescribeCluster`: PEM in base64.
    #[must_use]
    pub fn certificate_authority(&self) -> &str {
        &self.certificate_authority
    }

    /// Its cluster in EKS's JSON.
    #[must_use]
    pub fn description(&self) -> Value {
        super::description(&self.cluster, &self.url, &self.certificate_authority)
    }

    /// Replaces the nodes, pods and Services.
    pub fn set_contents(&self, contents: Contents) {
        lock(&self.state).lists.set_contents(contents);
    }

    /// Replaces the nodes and pods. There are `count` pods; `pod` makes the JSON of each when it is
    /// listed.
    pub fn set_generated_pods(
        &self,
        nodes: Vec<Value>,
        count: usize,
        pod: impl Fn(usize) -> String + Send + Sync + 'static,
    ) {
        let lists = &mut lock(&self.state).lists;
        lists.nodes = nodes.into();
        lists.pods = Objects::Generated(count, Arc::new(pod));
    }

    /// Sets nodes that a GET finds and no list shows.
    pub fn set_unlisted_nodes(&self, nodes: Vec<Value>) {
        lock(&self.state).lists.unlisted_nodes = nodes;
    }

    /// Adds what happened to a pod: `{"type": "DELETED", "object": …}`, as a watch returns it. It is after the earlier ones, whatever its
    /// version. It does not change the list.
    pub fn add_pod_event(&self, event: Value) {
        lock(&self.state).lists.pod_events.add(event);
    }

    /// Forgets what happened to the pods so far. A watch from before fails.
    pub fn forget_pod_events(&self) {
        lock(&self.state).lists.pod_events.forget();
    }

    /// Lets the time-out of each watch come after so many events, before a bookmark.
    pub fn limit_watches(&self, events: usize) {
        lock(&self.state).lists.pod_events.limit(events);
    }

    /// A node as it is now, listed or not.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<Value> {
        lock(&self.state).lists.node(name).cloned()
    }

    /// Sets a rule of faults: it returns the fault of a request, if any.
    pub fn fail(&self, rule: impl Fn(&ApiRequest) -> Option<Fault> + Send + 'static) {
        lock(&self.state).rule = Box::new(rule);
    }

    /// Every request with a valid token.
    #[must_use]
    pub fn requests(&self) -> Vec<ApiRequest> {
        lock(&self.state).requests.clone()
    }

    /// Why the other requests were refused.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        lock(&self.state).refused.clone()
    }
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiServer")
            .field("cluster", &self.cluster)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Most likely there are no file descriptors left. Wait for connections to end.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        connections.spawn(async move {
            // The client does not trust this server.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = service_fn(move |request: Request<Incoming>| {
                let state = Arc::clone(&state);
                async move {
                    let (request, body) = Request::into_parts(request);
                    let answer = match body.collect().await {
                        Ok(body) => {
                            let request = Request::from_parts(request, body.to_bytes());
                            lock(&state).answer(&request)
                        }
                        Err(_) => Answer::status(400, "the body broke off", None),
                    };
                    answer.send().await
                }
            });
            // An error means a broken connection, perhaps by a fault.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

impl State {
    fn answer(&mut self, request: &Request<Bytes>) -> Answer {
        let authorization = request.headers().get("authorization");
        let authorization = authorization.and_then(|value| value.to_str().ok());
        let token = authorization.unwrap_or_default();
        let Caller { access_key, region } =
            match authenticator::verify(token, &self.cluster, &self.callers) {
                Ok(caller) => caller,
                Err(why) => {
                    self.refused.push(why);
                    return Answer::status(401, "Unauthorized", None);
                }
            };
        let is_patch = request.method() == Method::PATCH;
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default();
        let parameters: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let is_set = |name| matches!(parameters.get(name).map(String::as_str), Some("true" | "1"));
        let (resource, name) = match path.as_str() {
            "/api/v1/nodes" => (Resource::Nodes, ""),
            "/api/v1/pods" if is_set("watch") => (Resource::PodWatch, ""),
            "/api/v1/pods" => (Resource::Pods, ""),
            "/api/v1/services" => (Resource::Services, ""),
            path => match path.strip_prefix("/api/v1/nodes/") {
                Some(name) if is_patch => (Resource::NodePatch, name),
                Some(name) => (Resource::Node, name),
                None => return Answer::status(404, "not found", None),
            },
        };
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_merge = content_type.is_some_and(|found| found == "application/merge-patch+json");
        let patch: Option<Value> = match is_patch {
            true if !is_merge => {
                let supported = "the fake API server has application/merge-patch+json only";
                return Answer::status(415, supported, None);
            }
            true => serde_json::from_slice(request.body()).ok(),
            false => None,
        };
        let next = parameters.get("continue").filter(|next| !next.is_empty());
        let limit = parameters.get("limit").and_then(|limit| limit.parse().ok());
        let request = ApiRequest {
            resource,
            nth: self
                .requests
                .iter()
                .filter(|request| request.resource == resource)
                .count()
                + 1,
            continued: next.is_some(),
            resource_version: parameters.get("resourceVersion").cloned(),
            // 0 means no limit.
            limit: limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX),
            access_key,
            region,
            token: token.to_owned(),
        };
        let limit = request.limit;
        let fault = (self.rule)(&request);
        self.requests.push(request);
        let cut = matches!(fault, Some(Fault::Cut));
        let half = matches!(fault, Some(Fault::Half));
        match fault {
            Some(Fault::Status(status, retry_after)) => {
                return Answer::status(status, "as the test wants it", retry_after);
            }
            Some(Fault::Hang) => return Answer::Hang,
            Some(Fault::Garbage) => {
                return Answer::json(json!({ "items": [{ "metadata": 7 }] }).to_string());
            }
            Some(Fault::Expire(contents)) => {
                self.lists.forget_snapshots();
                self.lists.set_contents(contents);
            }
            Some(Fault::Cut | Fault::Half) | None => {}
        }
        let page = match (resource, next) {
            (Resource::Node, _) => {
                return match self.lists.node(name) {
                    Some(node) => Answer::json(node.to_string()),
                    None => Answer::status(404, "nodes not found", None),
                };
            }
            (Resource::NodePatch, _) => {
                let patched = patch.map(|patch| self.lists.patch_node(name, &patch));
                return match patched {
                    Some(Ok(node)) => Answer::json(node.to_string()),
                    Some(Err(PatchError::NotFound)) => Answer::status(404, "nodes not found", None),
                    Some(Err(PatchError::Conflict)) => Answer::status(
                        409,
                        "the object has been modified; please apply your changes to the latest version and try again",
                        None,
                    ),
                    None => Answer::status(400, "the patch is not JSON", None),
                };
            }
            (Resource::PodWatch, _) => {
                let from = parameters.get("resourceVersion");
                let from = from.and_then(|from| from.parse().ok());
                let Some(from) = from else {
                    return Answer::status(400, "the fake API server watches from a version", None);
                };
                let events = &self.lists.pod_events;
                Ok(events.since(from, is_set("allowWatchBookmarks")))
            }
            (_, Some(token)) => self.lists.next_page(token, limit),
            (Resource::Nodes, None) => Ok(self.lists.first_page(self.lists.nodes.clone(), limit)),
            (Resource::Pods, None) => Ok(self.lists.first_page(self.lists.pods.clone(), limit)),
            (Resource::Services, None) => {
                Ok(self.lists.first_page(self.lists.services.clone(), limit))
            }
        };
        match page {
            Ok(page) if cut => Answer::Cut(page.into()),
            Ok(page) if half => {
                let page = Bytes::from(page);
                Answer::json(page.slice(..page.len() / 2))
            }
            Ok(page) => Answer::json(page),
            Err(PageError::InvalidToken) => Answer::status(400, "continue key is not valid", None),
            Err(PageError::Expired) => Answer::status(
                410,
                "The provided continue parameter is too old to display a consistent list result.",
                None,
            ),
        }
    }
}
