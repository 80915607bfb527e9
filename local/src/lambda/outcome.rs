//! How invocations end, and why some do not start.

use bytes::Bytes;
use serde_json::json;

use super::runtime_api::MAX_PAYLOAD;

/// How a started invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The invocation's id.
    pub request_id: String,
    /// The function's result, or its error object.
    pub payload: Bytes,
    /// Whether it is an error (`X-Amz-Function-Error: Unhandled`).
    pub function_error: bool,
    /// The newest lines that the function logged during the invocation.
    pub log_tail: Vec<String>,
}

/// Why an invocation did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// There is no such function.
    #[error("Function not found: {arn}")]
    NotFound {
        /// The ARN of the request.
        arn: String,
    },
    /// The concurrency limit is reached.
    #[error("Rate Exceeded.")]
    TooManyRequests {
        /// Lambda's name for the limit.
        reason: &'static str,
    },
    /// The payload is not JSON.
    #[error("Could not parse request body into json: {0}")]
    InvalidRequestContent(String),
    /// The payload is larger than Lambda's limit.
    #[error("Request must be smaller than {MAX_PAYLOAD} bytes for the InvokeFunction operation")]
    RequestTooLarge,
}

pub(super) fn checked(payload: Bytes) -> Result<Bytes, InvokeError> {
    if payload.len() > MAX_PAYLOAD {
        return Err(InvokeError::RequestTooLarge);
    }
    if payload.is_empty() {
        // As on Lambda, a function always gets JSON.
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => Err(InvokeError::InvalidRequestContent(error.to_string())),
    }
}

pub(super) fn succeeded(request_id: &str, payload: Bytes) -> Outcome {
    Outcome {
        request_id: request_id.to_owned(),
        payload,
        function_error: false,
        log_tail: Vec::new(),
    }
}

/// The function's own error object, passed on as it is.
pub(super) fn failed_with(request_id: &str, error: Bytes) -> Outcome {
    Outcome {
        request_id: request_id.to_owned(),
        payload: error,
        function_error: true,
        log_tail: Vec::new(),
    }
}

/// An error of the host.
pub(super) fn failed(request_id: &str, error_type: &str, message: &str) -> Outcome {
    let error = json!({ "errorType": error_type, "errorMessage": format!("RequestId: {request_id} {message}") });
    failed_with(request_id, Bytes::from(error.to_string()))
}
