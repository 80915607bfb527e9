//! Watches: what happened to the objects of a kind since a version, event by event.
//!
//! Kubernetes API Concepts, "Efficient detection of changes" and "Watch bookmarks": a watch from a version returns every
//! change after it, in its order, and a bookmark says that everything up to its version was sent. The API server remembers the
//! last changes only. If it has forgotten some after that version, the watch fails with HTTP 410, as a status or as an event of the
//! type ERROR.

use std::marker::PhantomData;
use std::time::Duration;

use bytes::BytesMut;
use hookline_runtime::payload::shorten;
use http_body_util::BodyExt;
use kube::Resource;
use kube::api::WatchParams;
use kube::client::Body;
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{RequestFailure, Result};
use crate::object::{Object, null_is_default};
use crate::reader::Reader;

/// The largest event that is read, in bytes. etcd takes no object above 1.5 MiB.
const MAX_EVENT: usize = 8 * 1024 * 1024;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<T> {
    /// An object was created or changed.
    Changed,
    /// An object was deleted. This is its state immediately before the deletion (Kubernetes API
    /// Reference, `WatchEvent`).
    Deleted(T),
    /// Everything until now was sent.
    Bookmark,
}

/// An event, with what all types of events have.
#[derive(Debug, Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    object: ObjectHead,
}

#[derive(Debug, Deserialize)]
struct ObjectHead {
    #[serde(default, deserialize_with = "null_is_default")]
    metadata: MetadataHead,
    /// Of a `Status`, in an event of the type ERROR.
    code: Option<u16>,
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetadataHead {
    resource_version: Option<String>,
}

/// An event of an object.
#[derive(Debug, Deserialize)]
struct Whole<T> {
    #[serde(bound = "T: Deserialize<'de>")]
    object: T,
}

/// The changes of all objects of a kind, in all namespaces, since a version.
pub struct Watch<'a, T> {
    reader: &'a Reader,
    action: String,
    /// For how long the API server sends events.
    timeout: Duration,
    /// The version of the last event.
    resource_version: String,
    body: Option<Body>,
    /// What was received and not read yet.
    buffer: BytesMut,
    objects: PhantomData<fn() -> T>,
}

impl<'a, T: Object> Watch<'a, T> {
    pub(crate) fn new(reader: &'a Reader, resource_version: &str, timeout: Duration) -> Self {
        Self {
            reader,
            action: format!("watch {}", T::Full::plural(&())),
            timeout,
            resource_version: resource_version.to_owned(),
            body: None,
            buffer: BytesMut::new(),
            objects: PhantomData,
        }
    }

    /// The version of the last event; before the first one, that which the watch is from. A watch
    /// from it goes on after that event.
    #[must_use]
    pub fn resource_version(&self) -> &str {
        &self.resource_version
    }

    /// The next event. Returns `None` after the last one: the API server ends a watch after its
    /// time-out. Nothing is sent before the first call, and nothing is retried. No event is lost if
    /// the future is dropped.
    ///
    /// # Errors
    /// Returns [`Error::Request`](crate::Error::Request) if the API server does not answer well, and
    /// [`Error::TokenNotSigned`](crate::Error::TokenNotSigned) without a token. If the failure is
    /// [`RequestFailure::Expired`], the API server has forgotten what happened after the version.
    pub async fn next_event(&mut self) -> Result<Option<Event<T>>> {
        if self.body.is_none() {
            self.body = Some(self.open().await?);
        }
        let mut searched = 0;
        loop {
            let unread = self.buffer.get(searched..).unwrap_or_default();
            if let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(searched + end + 1);
                searched = 0;
                match line.trim_ascii() {
                    [] => continue,
                    line => return self.read(line).map(Some),
                }
            }
            searched = self.buffer.len();
            if searched > MAX_EVENT {
                return Err(self.failed(RequestFailure::TooLarge { limit: MAX_EVENT }));
            }
            let frame = match &mut self.body {
                Some(body) => body.frame().await,
                None => None,
            };
            match frame {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => {
                    return Err(self.unavailable(&format!("its answer broke off: {error}")));
                }
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                None => return Err(self.unavailable("its answer ended within an event")),
            }
        }
    }

    /// Sends the request. Returns the body of the answer.
    async fn open(&self) -> Result<Body> {
        let seconds = u32::try_from(self.timeout.as_secs()).unwrap_or(u32::MAX);
        // Bookmarks are asked for by default.
        let params = WatchParams::default().timeout(seconds);
        let request =
            Request::new(T::Full::url_path(&(), None)).watch(&params, &self.resource_version);
        self.reader.stream(&self.action, request).await
    }

    fn read(&mut self, line: &[u8]) -> Result<Event<T>> {
        let head: Head = self.parse(line)?;
        if head.kind == "ERROR" {
            let detail = shorten(head.object.message.as_deref().unwrap_or_default(), 300);
            let status = head.object.code.unwrap_or(500);
            return Err(self.failed(RequestFailure::of_status(status, detail)));
        }
        let event = match head.kind.as_str() {
            "DELETED" => Event::Deleted(self.parse::<Whole<T>>(line)?.object),
            "BOOKMARK" => Event::Bookmark,
            _ => Event::Changed,
        };
        if let Some(version) = head.object.metadata.resource_version {
            self.resource_version = version;
        }
        Ok(event)
    }

    fn parse<E: DeserializeOwned>(&self, line: &[u8]) -> Result<E> {
        let mut json = serde_json::Deserializer::from_slice(line);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let error = shorten(&error.to_string(), 300);
            self.unavailable(&format!("its event cannot be read: {error}"))
        })
    }

    fn unavailable(&self, detail: &str) -> crate::Error {
        self.failed(RequestFailure::Unavailable {
            detail: detail.to_owned(),
        })
    }

    fn failed(&self, failure: RequestFailure) -> crate::Error {
        self.reader.failed(&self.action, failure)
    }
}
