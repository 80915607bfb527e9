//! Reads objects: with retries, until a deadline, and with a limit on what is held in memory.

use std::time::Duration;

use aws_smithy_types::error::display::DisplayErrorContext;
use bytes::Bytes;
use hookline_runtime::payload::shorten;
use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use k8s_openapi::ClusterResourceScope;
use kube::Resource;
use kube::api::GetParams;
use kube::client::Body;
use kube::core::{Request, request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::debug;

use crate::eks::Cluster;
use crate::error::{Error, RequestFailure, Result};
use crate::list::List;
use crate::object::Object;
use crate::watch::Watch;

/// How a [`Reader`] retries one request.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// How many times one request is sent at most.
    pub max_attempts: u32,
    /// The pause before the second attempt. Each further pause is twice as long, up to 8 s.
    pub initial_pause: Duration,
    /// How long one attempt may take, with the body of the response.
    pub attempt_timeout: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_pause: Duration::from_millis(500),
            attempt_timeout: Duration::from_secs(60),
        }
    }
}

/// The largest response that is read, in bytes. What is held at a time fits the memory of a small
/// function.
const MAX_RESPONSE: usize = 16 * 1024 * 1024;
/// The longest pause between two attempts, unless the API server asks for a longer one.
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// Reads objects of one cluster.
pub struct Reader {
    cluster: Cluster,
    backoff: Backoff,
    /// No pause ends after it.
    deadline: Instant,
}

/// An attempt that failed.
struct Failed {
    error: Error,
    /// The pause that the API server asks for.
    retry_after: Option<Duration>,
}

impl Reader {
    pub(crate) fn new(cluster: Cluster, backoff: Backoff, deadline: Instant) -> Self {
        Self {
            cluster,
            backoff,
            deadline,
        }
    }

    /// The list of all objects of a kind, in all namespaces. A page has `page_size` objects at
    /// most. Nothing is read before [`List::next_page`].
    #[must_use]
    pub fn list<T: Object>(&self, page_size: u32) -> List<'_, T> {
        List::new(self, page_size)
    }

    /// What happened to the objects of a kind, in all namespaces, after the version that a list or
    /// an earlier watch had. The API server ends the watch after `timeout`, in whole seconds. Nothing
    /// is read before [`Watch::next_event`].
    #[must_use]
    pub fn watch<T: Object>(&self, resource_version: &str, timeout: Duration) -> Watch<'_, T> {
        Watch::new(self, resource_version, timeout)
    }

    /// Reads one object of a kind that has no namespaces, for example a Node. Returns `None` if
    /// there is no object of this name.
    ///
    /// # Errors
    /// Returns [`Error::Request`] if the API server does not answer well, and
    /// [`Error::TokenNotSigned`] without a token.
    pub async fn get<T>(&self, name: &str) -> Result<Option<T>>
    where
        T: Object,
        T::Full: Resource<Scope = ClusterResourceScope>,
    {
        let action = format!("get {} {name}", T::Full::kind(&()));
        let path = T::Full::url_path(&(), None);
        let request = Request::new(path).get(name, &GetParams::default());
        match self.read(&action, request).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if matches!(error.failure(), Some(RequestFailure::NotFound { .. })) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a GET `request`, and retries a failure that may pass.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        action: &str,
        request: Result<http::Request<Vec<u8>>, request::Error>,
    ) -> Result<T> {
        let request = self.built(action, request)?;
        let mut pause = self.backoff.initial_pause;
        let mut attempts = 1;
        loop {
            let Failed { error, retry_after } = match self.attempt(action, request.uri()).await {
                Ok(object) => return Ok(object),
                Err(failed) => failed,
            };
            let wait = retry_after.unwrap_or(pause);
            if attempts >= self.backoff.max_attempts
                || !may_pass(&error, attempts)
                || Instant::now() + wait > self.deadline
            {
                return Err(error);
            }
            debug!(action, attempts, %error, "retry");
            tokio::time::sleep(wait).await;
            attempts += 1;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Sends a GET `request` once. Returns the body of its answer, which is not read yet.
    pub(crate) async fn stream(
        &self,
        action: &str,
        request: Result<http::Request<Vec<u8>>, request::Error>,
    ) -> Result<Body> {
        let request = self.built(action, request)?;
        let (head, body) = self.send(action, request.uri()).await?.into_parts();
        if head.status.is_success() {
            return Ok(body);
        }
        let body = Limited::new(body, MAX_RESPONSE).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let failure = RequestFailure::of_status(head.status.as_u16(), message(&body));
        Err(self.failed(action, failure))
    }

    /// The error of a request of this reader.
    pub(crate) fn failed(&self, action: &str, failure: RequestFailure) -> Error {
        self.cluster.request_error(action, failure)
    }

    fn built(
        &self,
        action: &str,
        request: Result<http::Request<Vec<u8>>, request::Error>,
    ) -> Result<http::Request<Vec<u8>>> {
        request.map_err(|error| {
            let detail = error.to_string();
            self.failed(action, RequestFailure::Invalid { detail })
        })
    }

    /// Sends the request once, and reads its answer.
    async fn attempt<T: DeserializeOwned>(&self, action: &str, uri: &Uri) -> Result<T, Failed> {
        let failed = |failure| Failed {
            error: self.failed(action, failure),
            retry_after: None,
        };
        let unavailable = |detail| failed(RequestFailure::Unavailable { detail });
        let timeout = self.backoff.attempt_timeout;
        let (status, headers, body) = tokio::time::timeout(timeout, self.exchange(action, uri))
            .await
            .unwrap_or_else(|_| {
                let seconds = timeout.as_secs_f32();
                Err(unavailable(format!("no answer within {seconds} s")).error)
            })
            .map_err(|error| Failed {
                error,
                retry_after: None,
            })?;
        if !status.is_success() {
            let failure = RequestFailure::of_status(status.as_u16(), message(&body));
            return Err(Failed {
                retry_after: retry_after(&headers),
                ..failed(failure)
            });
        }
        let mut json = serde_json::Deserializer::from_slice(&body);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            unavailable(format!(
                "its answer cannot be read: {}",
                shorten(&error.to_string(), 300)
            ))
        })
    }

    /// Sends the request and reads the whole body of the response.
    async fn exchange(&self, action: &str, uri: &Uri) -> Result<(StatusCode, HeaderMap, Bytes)> {
        let response = self.send(action, uri).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_RESPONSE)
            .collect()
            .await
            .map_err(|error| {
                self.failed(
                    action,
                    match error.is::<LengthLimitError>() {
                        true => RequestFailure::TooLarge {
                            limit: MAX_RESPONSE,
                        },
                        false => RequestFailure::Unavailable {
                            detail: format!(
                                "its answer broke off: {}",
                                DisplayErrorContext(&*error)
                            ),
                        },
                    },
                )
            })?;
        Ok((head.status, head.headers, body.to_bytes()))
    }

    /// Sends the request once. Returns the answer, of which only the head is read.
    async fn send(&self, action: &str, uri: &Uri) -> Result<http::Response<Body>> {
        let request = http::Request::get(uri.clone())
            .header(ACCEPT, "application/json")
            .body(Body::empty())
            .map_err(|error| {
                let detail = error.to_string();
                self.failed(action, RequestFailure::Invalid { detail })
            })?;
        let response = self.cluster.client().send(request).await;
        response.map_err(|error| self.cluster.error(action, error))
    }
}

/// Returns `true` if another attempt may succeed where `attempts` failed, the last one with
/// `error`.
fn may_pass(error: &Error, attempts: u32) -> bool {
    match error.failure() {
        // Once more, with a new token: the authenticator also refuses a good token while it cannot
        // reach STS.
        Some(RequestFailure::Unauthorized { .. }) => attempts == 1,
        Some(RequestFailure::Throttled { .. } | RequestFailure::Unavailable { .. }) => true,
        _ => false,
    }
}

/// The value of `Retry-After` in seconds, the form that API servers use.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The API server's message, from a `Status` object or from plain text. At most 300 characters.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    let text = match serde_json::from_slice::<Status>(body) {
        Ok(status) => status.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    shorten(text.trim(), 300)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_api_server_is_shortened() {
        let status = br#"{"kind":"Status","message":"pods is forbidden","code":403}"#;
        assert_eq!(message(status), "pods is forbidden");
        assert_eq!(message(b" Too many requests\n"), "Too many requests");
        assert_eq!(message(b""), "");
        assert!(message(&vec![b'x'; 1 << 20]).len() < 310);
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        let after = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, http::HeaderValue::from_static(value));
            retry_after(&headers)
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(after("-1"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn only_a_failure_that_may_pass_is_retried() {
        let may_pass = |status, attempts| {
            let error = Error::Request {
                cluster: "prod".to_owned(),
                action: "list pods".to_owned(),
                failure: RequestFailure::of_status(status, String::new()),
            };
            may_pass(&error, attempts)
        };
        for status in [429, 500, 503, 504] {
            assert!(may_pass(status, 1) && may_pass(status, 4), "{status}");
        }
        for status in [400, 403, 404, 409, 410] {
            assert!(!may_pass(status, 1), "{status}");
        }
        assert!(may_pass(401, 1), "a new token may help once");
        assert!(!may_pass(401, 2));
    }
}
