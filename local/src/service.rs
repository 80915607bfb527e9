//! Which service a request is for, what it asks of it, and how that service refuses.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Request};
use serde_json::Value;

use crate::wire::error::{ApiError, ErrorForm};
use crate::wire::query::{Dialect, Params};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Ec2,
    AutoScaling,
    Sts,
    Events,
    Lambda,
    States,
}

impl Service {
    /// The service's name in a SigV4 credential scope.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::AutoScaling => "autoscaling",
            Self::Sts => "sts",
            Self::Events => "events",
            Self::Lambda => "lambda",
            Self::States => "states",
        }
    }

    pub(crate) const fn error_form(self) -> ErrorForm {
        match self {
            Self::Ec2 => ErrorForm::Ec2,
            Self::AutoScaling => ErrorForm::Query(AUTO_SCALING_NAMESPACE),
            Self::Sts => ErrorForm::Query(STS_NAMESPACE),
            Self::Events | Self::States => ErrorForm::Json,
            Self::Lambda => ErrorForm::RestJson,
        }
    }

    pub(crate) fn throttled(self) -> ApiError {
        match self {
            Self::Ec2 => {
                ApiError::with_status(503, "RequestLimitExceeded", "Request limit exceeded.")
            }
            Self::AutoScaling | Self::Sts => ApiError::new("Throttling", "Rate exceeded"),
            Self::Events | Self::States => ApiError::new("ThrottlingException", "Rate exceeded"),
            Self::Lambda => {
                ApiError::with_status(429, "TooManyRequestsException", "Rate Exceeded.")
            }
        }
    }

    pub(crate) fn failed(self) -> ApiError {
        match self {
            Self::Ec2 | Self::Sts => ApiError::internal(),
            Self::AutoScaling => ApiError::with_status(
                500,
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception, or failure.",
            ),
            Self::Events => ApiError::with_status(500, "InternalException", "Internal failure"),
            Self::States => ApiError::with_status(500, "InternalFailure", "Internal failure"),
            Self::Lambda => ApiError::with_status(500, "ServiceException", "Internal failure"),
        }
    }

    /// Reads the service off the request: SigV4 scope first, then what only one service can mean.
    pub(crate) fn of(request: &Request<Bytes>) -> Option<Self> {
        if let Some(service) = scope_service(request.headers()) {
            return [
                Self::Ec2,
                Self::AutoScaling,
                Self::Sts,
                Self::Events,
                Self::Lambda,
                Self::States,
            ]
            .into_iter()
            .find(|known| known.name() == service);
        }
        let target = header(request.headers(), "x-amz-target");
        if target.starts_with("AWSEvents.") {
            return Some(Self::Events);
        }
        if target.starts_with("AWSStepFunctions.") {
            return Some(Self::States);
        }
        if request.uri().path().starts_with("/2015-03-31/functions") {
            return Some(Self::Lambda);
        }
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let version = form_urlencoded::parse(query)
            .chain(form_urlencoded::parse(request.body()))
            .find(|(name, _)| name == "Version")?
            .1;
        match version.as_ref() {
            "2016-11-15" => Some(Self::Ec2),
            "2011-01-01" => Some(Self::AutoScaling),
            "2011-06-15" => Some(Self::Sts),
            _ => None,
        }
    }
}

pub(crate) const EC2_NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
pub(crate) const AUTO_SCALING_NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";
pub(crate) const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The service in `Credential=KEY/20260101/us-west-2/SERVICE/aws4_request`.
fn scope_service(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) = header(headers, "authorization").split_once("Credential=")?;
    credential.split([',', ' ']).next()?.split('/').nth(3)
}

/// A request, read as far as the pipeline must know it.
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) action: String,
    pub(crate) body: Body,
    pub(crate) params: BTreeMap<String, String>,
}

pub(crate) enum Body {
    Query(Params),
    Json(Value),
    Whole(Request<Bytes>),
}

impl Call {
    pub(crate) fn read(service: Service, request: Request<Bytes>) -> Result<Self, ApiError> {
        let query = request.uri().query().unwrap_or_default();
        let target = header(request.headers(), "x-amz-target");
        let target_action = target.rsplit('.').next().unwrap_or_default().to_owned();
        match service {
            Service::Ec2 | Service::AutoScaling | Service::Sts => {
                let dialect = match service {
                    Service::Ec2 => Dialect::Ec2,
                    _ => Dialect::Query,
                };
                let mut params = Params::parse(dialect, query, request.body());
                Ok(Self {
                    service,
                    action: params.str("Action").unwrap_or_default(),
                    params: params.to_map(),
                    body: Body::Query(params),
                })
            }
            Service::Events => {
                let body: Value = if request.body().is_empty() {
                    Value::Object(serde_json::Map::new())
                } else {
                    serde_json::from_slice(request.body()).map_err(|error| {
                        ApiError::new("SerializationException", error.to_string())
                    })?
                };
                Ok(Self {
                    service,
                    action: target_action,
                    params: top_level(&body),
                    body: Body::Json(body),
                })
            }
            Service::States => Ok(Self {
                service,
                action: target_action,
                params: serde_json::from_slice(request.body())
                    .map(|body| top_level(&body))
                    .unwrap_or_default(),
                body: Body::Whole(request),
            }),
            Service::Lambda => {
                let (action, params) = lambda_call(&request);
                Ok(Self {
                    service,
                    action,
                    params,
                    body: Body::Whole(request),
                })
            }
        }
    }
}

fn top_level(body: &Value) -> BTreeMap<String, String> {
    let Value::Object(members) = body else {
        return BTreeMap::new();
    };
    members
        .iter()
        .map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.clone(), text)
        })
        .collect()
}

/// How much of a payload the record of a Lambda call keeps.
const PAYLOAD_KEPT: usize = 64 * 1024;

fn lambda_call(request: &Request<Bytes>) -> (String, BTreeMap<String, String>) {
    let path = request.uri().path();
    let tail = path
        .strip_prefix("/2015-03-31/functions")
        .unwrap_or_default()
        .trim_matches('/');
    let (name, verb) = tail.split_once('/').unwrap_or((tail, ""));
    let action = match (name, verb) {
        (_, "invocations") => "Invoke",
        ("", _) => "ListFunctions",
        _ => "GetFunction",
    };
    let mut params = BTreeMap::from([("FunctionName".to_owned(), name.to_owned())]);
    if verb == "invocations" {
        let kind = header(request.headers(), "x-amz-invocation-type");
        params.insert("InvocationType".to_owned(), kind.to_owned());
        let payload = request.body();
        let kept = payload.get(..PAYLOAD_KEPT).unwrap_or(payload);
        params.insert(
            "Payload".to_owned(),
            String::from_utf8_lossy(kept).into_owned(),
        );
    }
    (action.to_owned(), params)
}
