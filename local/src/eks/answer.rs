//! The API server's answer to a request: whole, half, or none.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::{Body, Frame};
use serde_json::{Value, json};

/// An answer.
pub(super) enum Answer {
    Whole(StatusCode, Bytes, Option<u64>),
    /// The connection ends in the middle of the answer.
    Cut(Bytes),
    /// It never comes.
    Hang,
}

impl Answer {
    pub(super) fn json(body: impl Into<Bytes>) -> Self {
        Self::Whole(StatusCode::OK, body.into(), None)
    }

    /// A Kubernetes `Status`, with `Retry-After` in seconds if there is one.
    pub(super) fn status(code: u16, message: &str, retry_after: Option<u64>) -> Self {
        let status: Value = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code,
            "reason": reason(code),
        });
        Self::Whole(
            StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            Bytes::from(status.to_string()),
            retry_after,
        )
    }

    /// The answer on the wire.
    pub(super) async fn send(self) -> Result<Response<Sent>, Infallible> {
        let mut response = match self {
            Self::Hang => std::future::pending().await,
            Self::Cut(body) => {
                let half = body.slice(..body.len() / 2);
                let mut response = Response::new(Sent::Cut(Some(half)));
                let length = HeaderValue::from(body.len());
                response
                    .headers_mut()
                    .insert(header::CONTENT_LENGTH, length);
                response
            }
            Self::Whole(status, body, retry_after) => {
                let mut response = Response::new(Sent::Whole(Some(body)));
                *response.status_mut() = status;
                if let Some(seconds) = retry_after {
                    let seconds = HeaderValue::from(seconds);
                    response.headers_mut().insert(header::RETRY_AFTER, seconds);
                }
                response
            }
        };
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        Ok(response)
    }
}

/// The reason of a status code (apimachinery, `metav1.StatusReason`).
fn reason(code: u16) -> &'static str {
    match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        415 => "UnsupportedMediaType",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}

/// A body that may end early.
pub(super) enum Sent {
    Whole(Option<Bytes>),
    Cut(Option<Bytes>),
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let cut = io::Error::from(io::ErrorKind::ConnectionReset);
        Poll::Ready(match self.get_mut() {
            Self::Whole(body) => body.take().map(|body| Ok(Frame::data(body))),
            Self::Cut(half) => Some(half.take().map(Frame::data).ok_or(cut)),
        })
    }
}
