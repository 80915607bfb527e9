//! A simulated API server over TLS: it looks at the token, lists nodes and pods in pages of one moment, and fails when
//! a test says so.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use aws_credential_types::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::authenticator;

/// What is asked of an API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Nodes,
    Pods,
    Node,
}

/// A request, as a test's rule sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) what: What,
    /// The how manieth of its kind, from 1.
    pub(crate) nth: usize,
    /// Whether it asks for a page after the first.
    pub(crate) continued: bool,
    pub(crate) limit: usize,
    /// Whose token it has.
    pub(crate) access_key: String,
    /// The token, after `Bearer`.
    pub(crate) token: String,
}

/// What happens instead of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This status, with this `Retry-After`.
    Status(u16, Option<u64>),
    /// The connection ends in the middle of the answer.
    Cut,
    /// No answer comes.
    Hang,
    /// An answer that is no list.
    Garbage,
    /// The moment that the continue token stands for is forgotten, and the cluster has changed since.
    Expire(Changes),
}

/// What a cluster looks like from then on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) nodes: Vec<Value>,
    pub(crate) pods: Vec<Value>,
}

type Rule = Box<dyn Fn(&Asked) -> Option<Fault> + Send>;
/// The JSON of the object at a place in a list, made when asked for: a large cluster need not be held.
type Source = Arc<dyn Fn(usize) -> String + Send + Sync>;

struct State {
    cluster: String,
    callers: Vec<Credentials>,
    nodes: Arc<Vec<Value>>,
    /// Nodes that are there, but joined too late for the list.
    late_nodes: Vec<Value>,
    pods: (usize, Source),
    /// The lists that continue tokens stand for.
    moments: BTreeMap<u64, (usize, Source)>,
    next_moment: u64,
    rule: Rule,
    asked: Vec<Asked>,
    refused: Vec<String>,
}

/// A running server. It ends when this is dropped.
pub(crate) struct ApiServer {
    /// `https://127.0.0.1:PORT`
    pub(crate) url: String,
    /// Its certificate authority, as `DescribeCluster` gives it.
    pub(crate) certificate_authority: String,
    state: Arc<Mutex<State>>,
    _connections: JoinSet<()>,
}

impl ApiServer {
    pub(crate) async fn start(cluster: &str, callers: Vec<Credentials>) -> Self {
        let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            cluster: cluster.to_owned(),
            callers,
            nodes: Arc::default(),
            late_nodes: Vec::new(),
            pods: (0, Arc::new(|_| String::new())),
            moments: BTreeMap::new(),
            next_moment: 1,
            rule: Box::new(|_| None),
            asked: Vec::new(),
            refused: Vec::new(),
        }));
        let mut connections = JoinSet::new();
        let shared = Arc::clone(&state);
        connections.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, state) = (acceptor.clone(), Arc::clone(&shared));
                served.spawn(async move {
                    // A client that does not trust this server ends here.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request| answer(Arc::clone(&state), request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            url,
            certificate_authority: STANDARD.encode(key.cert.pem()),
            state,
            _connections: connections,
        }
    }

    /// Puts these nodes and pods in place of what was there.
    pub(crate) fn hold(&self, nodes: Vec<Value>, pods: Vec<Value>) {
        let mut state = self.state.lock().unwrap();
        state.hold(Changes { nodes, pods });
    }

    /// As [`ApiServer::hold`], with `count` pods that are made when they are listed.
    pub(crate) fn hold_many(
        &self,
        nodes: Vec<Value>,
        count: usize,
        pod: impl Fn(usize) -> String + Send + Sync + 'static,
    ) {
        let mut state = self.state.lock().unwrap();
        state.nodes = Arc::new(nodes);
        state.pods = (count, Arc::new(pod));
    }

    /// Nodes that can be got and are on no list.
    pub(crate) fn hold_late(&self, nodes: Vec<Value>) {
        self.state.lock().unwrap().late_nodes = nodes;
    }

    /// Fails as `rule` says.
    pub(crate) fn fail(&self, rule: impl Fn(&Asked) -> Option<Fault> + Send + 'static) {
        self.state.lock().unwrap().rule = Box::new(rule);
    }

    /// Every request that came in with a good token.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Why the others were not let in.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.state.lock().unwrap().refused.clone()
    }
}

impl State {
    fn hold(&mut self, changes: Changes) {
        self.nodes = Arc::new(changes.nodes);
        let pods = changes.pods;
        self.pods = (pods.len(), Arc::new(move |at| pods[at].to_string()));
    }

    fn answer(&mut self, request: &Request<Incoming>) -> Answer {
        let authorization = request.headers().get("authorization");
        let authorization = authorization.and_then(|value| value.to_str().ok());
        let access_key = match authenticator::verify(
            authorization.unwrap_or_default(),
            &self.cluster,
            &self.callers,
        ) {
            Ok(access_key) => access_key,
            Err(why) => {
                self.refused.push(why);
                return Answer::status(401, "Unauthorized", None);
            }
        };
        let (what, name) = match request.uri().path() {
            "/api/v1/nodes" => (What::Nodes, ""),
            "/api/v1/pods" => (What::Pods, ""),
            path => match path.strip_prefix("/api/v1/nodes/") {
                Some(name) => (What::Node, name),
                None => return Answer::status(404, "not found", None),
            },
        };
        let query = request.uri().query().unwrap_or_default();
        let parameters: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let asked = Asked {
            what,
            nth: self.asked.iter().filter(|asked| asked.what == what).count() + 1,
            continued: parameters.contains_key("continue"),
            limit: parameters
                .get("limit")
                .and_then(|limit| limit.parse().ok())
                .unwrap_or(usize::MAX),
            access_key,
            token: authorization.unwrap_or_default().to_owned(),
        };
        let fault = (self.rule)(&asked);
        self.asked.push(asked.clone());
        match fault {
            Some(Fault::Status(status, retry_after)) => {
                return Answer::status(status, "as the test wants it", retry_after);
            }
            Some(Fault::Hang) => return Answer::Hang,
            Some(Fault::Garbage) => return Answer::json(&json!({"items": [{"metadata": 7}]})),
            Some(Fault::Expire(ref changes)) => {
                self.moments.clear();
                self.hold(changes.clone());
            }
            Some(Fault::Cut) | None => {}
        }
        let answer = match what {
            What::Node => self.node(name),
            What::Nodes | What::Pods => self.list(&asked, parameters.get("continue")),
        };
        match (fault, answer) {
            (Some(Fault::Cut), Answer::Whole(_, body, _)) => Answer::Cut(body),
            (_, answer) => answer,
        }
    }

    fn node(&self, name: &str) -> Answer {
        let mut nodes = self.nodes.iter().chain(&self.late_nodes);
        match nodes.find(|node| node["metadata"]["name"] == name) {
            Some(node) => Answer::json(node),
            None => Answer::status(404, "nodes not found", None),
        }
    }

    fn list(&mut self, asked: &Asked, token: Option<&String>) -> Answer {
        let (moment, from) = match token {
            None => {
                let list = match asked.what {
                    What::Pods => self.pods.clone(),
                    What::Nodes | What::Node => {
                        let nodes = Arc::clone(&self.nodes);
                        let source: Source = Arc::new(move |at| nodes[at].to_string());
                        (self.nodes.len(), source)
                    }
                };
                let moment = self.next_moment;
                self.next_moment += 1;
                self.moments.insert(moment, list);
                (moment, 0)
            }
            Some(token) => match read_token(token) {
                Some(place) => place,
                None => return Answer::status(400, "continue key is not valid", None),
            },
        };
        let Some((count, source)) = self.moments.get(&moment) else {
            return Answer::status(
                410,
                "The provided continue parameter is too old to display a consistent list result.",
                None,
            );
        };
        let to = from.saturating_add(asked.limit).min(*count);
        let items: Vec<String> = (from..to).map(|at| source(at)).collect();
        let next = match to < *count {
            true => write_token(moment, to),
            false => String::new(),
        };
        let metadata = json!({"resourceVersion": moment.to_string(), "continue": next});
        let list = format!(
            r#"{{"kind":"List","apiVersion":"v1","metadata":{metadata},"items":[{}]}}"#,
            items.join(",")
        );
        Answer::Whole(StatusCode::OK, Bytes::from(list), None)
    }
}

/// A continue token; with characters that a URL cannot have as they are.
fn write_token(moment: u64, from: usize) -> String {
    format!("{}+/=&", STANDARD.encode(format!("{moment}:{from}")))
}

fn read_token(token: &str) -> Option<(u64, usize)> {
    let plain = STANDARD.decode(token.strip_suffix("+/=&")?).ok()?;
    let plain = String::from_utf8(plain).ok()?;
    let (moment, from) = plain.split_once(':')?;
    Some((moment.parse().ok()?, from.parse().ok()?))
}

enum Answer {
    Whole(StatusCode, Bytes, Option<u64>),
    Cut(Bytes),
    Hang,
}

impl Answer {
    fn json(value: &Value) -> Self {
        Self::Whole(StatusCode::OK, Bytes::from(value.to_string()), None)
    }

    fn status(code: u16, message: &str, retry_after: Option<u64>) -> Self {
        let status =
            json!({"kind": "Status", "status": "Failure", "message": message, "code": code});
        Self::Whole(
            StatusCode::from_u16(code).unwrap(),
            Bytes::from(status.to_string()),
            retry_after,
        )
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Sent>, Infallible> {
    let answer = state.lock().unwrap().answer(&request);
    let response = Response::builder();
    let response = match answer {
        Answer::Hang => std::future::pending().await,
        Answer::Cut(body) => {
            let half = body.slice(..body.len() / 2);
            response
                .header("content-length", body.len())
                .body(Sent::Cut(Some(half)))
        }
        Answer::Whole(status, body, retry_after) => {
            let mut response = response
                .status(status)
                .header("content-type", "application/json");
            if let Some(seconds) = retry_after {
                response = response.header("retry-after", seconds);
            }
            response.body(Sent::Whole(Some(body)))
        }
    };
    Ok(response.unwrap())
}

/// A body that may break off.
enum Sent {
    Whole(Option<Bytes>),
    Cut(Option<Bytes>),
}

impl Body for Sent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        Poll::Ready(match self.get_mut() {
            Self::Whole(body) => body.take().map(|body| Ok(Frame::data(body))),
            Self::Cut(half) => Some(half.take().map(Frame::data).ok_or(cut)),
        })
    }
}
