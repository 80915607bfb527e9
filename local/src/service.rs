//! The service and the action of a request, and the form of that service's errors.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use serde_json::Value;

use crate::eks;
use crate::forward::Forwarding;
use crate::lambda::{ACCOUNT_SETTINGS, FUNCTION_CONCURRENCY, FUNCTIONS};
use crate::wire::cbor;
use crate::wire::error::{ApiError, ErrorForm};
use crate::wire::query::{Dialect, Params};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Ec2,
    AutoScaling,
    Sts,
    Iam,
    Quotas,
    Events,
    Lambda,
    States,
    Eks,
    Sqs,
    CloudWatch,
    CloudFormation,
    /// A service of another server: its requests are forwarded.
    Forwarded(Arc<str>),
}

impl Service {
    /// The service with this name in a SigV4 credential scope, if the fake AWS has it.
    pub(crate) fn implemented(scope: &str) -> Option<Self> {
        [
            Self::Ec2,
            Self::AutoScaling,
            Self::Sts,
            Self::Iam,
            Self::Quotas,
            Self::Events,
            Self::Lambda,
            Self::States,
            Self::Eks,
            Self::Sqs,
            Self::CloudWatch,
            Self::CloudFormation,
        ]
        .into_iter()
        .find(|known| known.scope() == scope)
    }

    /// The service's name in a SigV4 credential scope.
    fn scope(&self) -> &str {
        match self {
            Self::CloudWatch => "monitoring",
            other => other.name(),
        }
    }

    /// Whether another server may answer for the service, too: the fake AWS has only a part of it.
    pub(crate) fn may_be_forwarded(&self) -> bool {
        matches!(self, Self::CloudWatch | Self::CloudFormation)
    }

    /// The service's name, as the prefix of its actions in IAM.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Ec2 => "ec2",
            Self::AutoScaling => "autoscaling",
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Quotas => "servicequotas",
            Self::Events => "events",
            Self::Lambda => "lambda",
            Self::States => "states",
            Self::Eks => "eks",
            Self::Sqs => "sqs",
            Self::CloudWatch => "cloudwatch",
            Self::CloudFormation => "cloudformation",
            Self::Forwarded(name) => name,
        }
    }

    /// The form of its errors. CloudWatch answers in the protocol of the request.
    pub(crate) fn error_form(&self, headers: &HeaderMap) -> ErrorForm {
        match self {
            Self::CloudWatch if cbor::is_spoken(headers) => ErrorForm::Cbor,
            Self::Ec2 => ErrorForm::Ec2,
            Self::AutoScaling => ErrorForm::Query(AUTO_SCALING_NAMESPACE),
            Self::Sts => ErrorForm::Query(STS_NAMESPACE),
            Self::Iam => ErrorForm::Query(IAM_NAMESPACE),
            Self::CloudFormation => ErrorForm::Query(CLOUD_FORMATION_NAMESPACE),
            Self::Events | Self::States | Self::Sqs | Self::Quotas | Self::CloudWatch => {
                ErrorForm::Json
            }
            Self::Lambda | Self::Eks => ErrorForm::RestJson,
            Self::Forwarded(name) if **name == *"s3" => ErrorForm::RestXml,
            Self::Forwarded(_) => ErrorForm::Json,
        }
    }

    pub(crate) fn throttled(&self) -> ApiError {
        match self {
            Self::Ec2 => {
                ApiError::with_status(503, "RequestLimitExceeded", "Request limit exceeded.")
            }
            // CloudWatch API Reference, "Common Errors": those of the query protocol.
            Self::AutoScaling | Self::Sts | Self::Iam | Self::CloudWatch | Self::CloudFormation => {
                ApiError::new("Throttling", "Rate exceeded")
            }
            Self::Events | Self::States | Self::Sqs | Self::Forwarded(_) => {
                ApiError::new("ThrottlingException", "Rate exceeded")
            }
            // Service Quotas API Reference, "GetServiceQuota": TooManyRequestsException, HTTP 400.
            Self::Quotas => ApiError::new("TooManyRequestsException", "Rate Exceeded."),
            Self::Lambda | Self::Eks => {
                ApiError::with_status(429, "TooManyRequestsException", "Rate Exceeded.")
            }
        }
    }

    pub(crate) fn failed(&self) -> ApiError {
        match self {
            Self::Ec2 | Self::Sts | Self::Sqs | Self::Forwarded(_) => ApiError::internal(),
            Self::AutoScaling | Self::CloudFormation => ApiError::with_status(
                500,
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception, or failure.",
            ),
            Self::Events => ApiError::with_status(500, "InternalException", "Internal failure"),
            Self::States => ApiError::with_status(500, "InternalFailure", "Internal failure"),
            Self::Lambda | Self::Quotas => {
                ApiError::with_status(500, "ServiceException", "Internal failure")
            }
            // IAM API Reference, "GetRole": ServiceFailure, HTTP 500.
            Self::Iam => ApiError::with_status(500, "ServiceFailure", "Internal failure"),
            Self::Eks => ApiError::with_status(500, "ServerException", "Internal failure"),
            // CloudWatch API Reference, "GetMetricStatistics": InternalServiceError, HTTP 500.
            Self::CloudWatch => {
                ApiError::with_status(500, "InternalServiceError", "Internal failure")
            }
        }
    }

    /// The service of a request. Read from the SigV4 scope, else from a header, path or version
    /// that only one service uses.
    pub(crate) fn of(request: &Request<Bytes>, forwarding: &Forwarding) -> Option<Self> {
        if let Some(name) = scope_service(request.headers(), request.uri()) {
            return match forwarding.service(&name) {
                Some(forwarded) => Some(Self::Forwarded(forwarded)),
                None => Self::implemented(&name),
            };
        }
        let target = header(request.headers(), "x-amz-target");
        if target.starts_with("AWSEvents.") {
            return Some(Self::Events);
        }
        if target.starts_with("AmazonSQS.") {
            return Some(Self::Sqs);
        }
        if target.starts_with("AWSStepFunctions.") {
            return Some(Self::States);
        }
        if target.starts_with("ServiceQuotasV20190624.") {
            return Some(Self::Quotas);
        }
        let path = request.uri().path();
        if target.starts_with(CLOUDWATCH_TARGET) || path.starts_with(CLOUDWATCH_PATH) {
            return Some(Self::CloudWatch);
        }
        let of_functions = [FUNCTIONS, FUNCTION_CONCURRENCY];
        if of_functions.iter().any(|start| path.starts_with(start)) || path == ACCOUNT_SETTINGS {
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
            "2010-05-08" => Some(Self::Iam),
            "2010-05-15" => Some(Self::CloudFormation),
            _ => None,
        }
    }
}

/// What CloudWatch is called in the two protocols that its clients speak: AWS JSON 1.0, which the AWS
/// CLI and boto3 prefer, and Smithy RPC v2 CBOR, which the SDK for Rust does (CloudWatch User Guide,
/// "FAQs on CloudWatch supported protocols").
const CLOUDWATCH_TARGET: &str = "GraniteServiceVersion20100801.";
const CLOUDWATCH_PATH: &str = "/service/GraniteServiceVersion20100801/operation/";

pub(crate) const EC2_NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
pub(crate) const AUTO_SCALING_NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";
pub(crate) const IAM_NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
pub(crate) const CLOUD_FORMATION_NAMESPACE: &str =
    "http://cloudformation.amazonaws.com/doc/2010-05-15/";
pub(crate) const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// A part of the credential of a request, `KEY/20260101/us-west-2/SERVICE/aws4_request`, which is in
/// the `Authorization` header; or, of a presigned URL, in `X-Amz-Credential`.
fn credential_part<'a>(headers: &'a HeaderMap, uri: &'a Uri, part: usize) -> Option<Cow<'a, str>> {
    if let Some((_, credential)) = header(headers, "authorization").split_once("Credential=") {
        let part = credential.split([',', ' ']).next()?.split('/').nth(part)?;
        return Some(Cow::Borrowed(part));
    }
    let query = uri.query().unwrap_or_default().as_bytes();
    let (_, credential) =
        form_urlencoded::parse(query).find(|(name, _)| name == "X-Amz-Credential")?;
    Some(Cow::Owned(credential.split('/').nth(part)?.to_owned()))
}

/// The access key id in the credential of a request.
pub(crate) fn access_key<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<Cow<'a, str>> {
    credential_part(headers, uri, 0)
}

/// The service in the credential of a request.
pub(crate) fn scope_service<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<Cow<'a, str>> {
    credential_part(headers, uri, 3)
}

/// A request, with the parts that the pipeline needs.
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) action: String,
    pub(crate) body: Body,
    pub(crate) params: BTreeMap<String, String>,
}

pub(crate) enum Body {
    Query(Params),
    Json(Value),
    Cbor(Value),
    Whole(Request<Bytes>),
}

impl Call {
    pub(crate) fn read(service: Service, request: Request<Bytes>) -> Result<Self, ApiError> {
        let query = request.uri().query().unwrap_or_default();
        let target = header(request.headers(), "x-amz-target");
        let target_action = target.rsplit('.').next().unwrap_or_default().to_owned();
        match &service {
            Service::Ec2
            | Service::AutoScaling
            | Service::Sts
            | Service::Iam
            | Service::CloudFormation => {
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
            Service::CloudWatch if cbor::is_spoken(request.headers()) => {
                let action = request.uri().path().strip_prefix(CLOUDWATCH_PATH);
                let body = cbor::read(request.body())
                    .map_err(|error| ApiError::new("SerializationException", error.to_string()))?;
                Ok(Self {
                    service,
                    action: action.unwrap_or_default().to_owned(),
                    params: top_level(&body),
                    body: Body::Cbor(body),
                })
            }
            Service::Events | Service::Sqs | Service::Quotas | Service::CloudWatch => {
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
            Service::Eks | Service::Forwarded(_) => {
                let (action, params) = match service {
                    Service::Eks => eks::call(&request),
                    _ => forwarded_call(&request),
                };
                Ok(Self {
                    service,
                    action,
                    params,
                    body: Body::Whole(request),
                })
            }
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

/// How many bytes of the payload the record of a Lambda call keeps.
const MAX_RECORDED_PAYLOAD: usize = 64 * 1024;

fn lambda_call(request: &Request<Bytes>) -> (String, BTreeMap<String, String>) {
    let path = request.uri().path();
    if path == ACCOUNT_SETTINGS {
        return ("GetAccountSettings".to_owned(), BTreeMap::new());
    }
    let tail = path
        .strip_prefix(FUNCTIONS)
        .or_else(|| path.strip_prefix(FUNCTION_CONCURRENCY))
        .unwrap_or_default()
        .trim_matches('/');
    let (name, verb) = tail.split_once('/').unwrap_or((tail, ""));
    let action = match (name, verb) {
        (_, "invocations") => "Invoke",
        (_, "concurrency") => "GetFunctionConcurrency",
        (_, "versions") => "ListVersionsByFunction",
        ("", _) => "ListFunctions",
        _ if request.method() == http::Method::DELETE => "DeleteFunction",
        _ => "GetFunction",
    };
    let mut params = BTreeMap::from([("FunctionName".to_owned(), name.to_owned())]);
    if verb == "invocations" {
        let kind = header(request.headers(), "x-amz-invocation-type");
        params.insert("InvocationType".to_owned(), kind.to_owned());
        let payload = request.body();
        let kept = payload.get(..MAX_RECORDED_PAYLOAD).unwrap_or(payload);
        params.insert(
            "Payload".to_owned(),
            String::from_utf8_lossy(kept).into_owned(),
        );
    }
    (action.to_owned(), params)
}

/// The action and parameters of a call to a forwarded service. The action is known if the protocol
/// has a fixed place for it. A REST call, such as S3's, has none: its action is the method, and
/// `Path` and `Query` are parameters.
fn forwarded_call(request: &Request<Bytes>) -> (String, BTreeMap<String, String>) {
    let target = header(request.headers(), "x-amz-target");
    if let Some((_, action)) = target.rsplit_once('.') {
        let body = serde_json::from_slice(request.body());
        let params = body.map(|body| top_level(&body)).unwrap_or_default();
        return (action.to_owned(), params);
    }
    let path = request.uri().path();
    // Smithy's RPC v2, whose body is CBOR.
    if let Some((_, action)) = path.rsplit_once("/operation/")
        && path.starts_with("/service/")
    {
        return (action.to_owned(), BTreeMap::new());
    }
    let query = request.uri().query().unwrap_or_default();
    let content_type = header(request.headers(), "content-type");
    if content_type.starts_with("application/x-www-form-urlencoded") {
        let mut params = Params::parse(Dialect::Query, query, request.body());
        if let Some(action) = params.str("Action") {
            return (action, params.to_map());
        }
    }
    let params = BTreeMap::from([
        ("Path".to_owned(), path.to_owned()),
        ("Query".to_owned(), query.to_owned()),
    ]);
    (request.method().to_string(), params)
}
