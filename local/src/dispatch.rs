//! The pipeline of a call, from the HTTP request to the service and back:
//!
//! ```text
//! record → fault (before) → token bucket → half the latency → authorise → act → half the latency
//!     → fault (after) → answer
//! ```
//!
//! What answers a call:
//!
//! | service | function | answer |
//! |---|---|---|
//! | `ec2` | `World::ec2_call` | inner XML of `<ActionResponse>` |
//! | `autoscaling` | `World::autoscaling_call` | inner XML of `<ActionResult>` |
//! | `sts` | `sts::act` | inner XML of `<ActionResult>` |
//! | `iam` | `iam::act` | inner XML of `<ActionResult>` |
//! | `cloudformation` | `cloudformation::act` | inner XML of `<ActionResult>` |
//! | `servicequotas` | `service_quotas::act` | JSON |
//! | `cloudwatch` | `cloudwatch::act` | CBOR, or JSON |
//! | `events` | `eventbridge::act` | JSON |
//! | `sqs` | `sqs::act` | JSON |
//! | `lambda` | `lambda::act` | the whole response |
//! | `states` | `stepfunctions::forward` | the whole response |
//! | `eks` | `eks::act` | the whole response |
//! | a forwarded one | `Forwarding::forward` | the whole response |
//!
//! State and timers:
//!
//! - EC2, Auto Scaling and CloudTrail keep their state in [`World`](crate::World), which also runs
//!   their timers;
//! - EventBridge, SQS, Lambda, Step Functions, EKS, CloudFormation and CloudWatch keep theirs behind [`LocalAws`].
//!   They work in tasks of their own: `eventbridge::start` spawns the one that delivers events.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use crate::calls::{CallRecord, Outcome};
use crate::faults::FaultKind;
use crate::iam::{self, AuthorizationRequest, Caller, Decision};
use crate::local_aws::LocalAws;
use crate::service::{
    AUTO_SCALING_NAMESPACE, Body, CLOUD_FORMATION_NAMESPACE, Call, EC2_NAMESPACE, IAM_NAMESPACE,
    STS_NAMESPACE, Service, access_key, header,
};
use crate::wire::cbor;
use crate::wire::error::{ApiError, ErrorForm, respond};
use crate::wire::xml::Xml;
use crate::{
    cloudformation, cloudwatch, eks, eventbridge, lambda, service_quotas, sqs, stepfunctions, sts,
};

/// The connection was reset before the answer: an injected fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connection reset")]
pub struct ConnectionReset;

/// The pipeline; see the top of this file.
pub(crate) async fn handle(
    local: &LocalAws,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, ConnectionReset> {
    let request_id = local.with_world(|world| world.kernel.new_uuid());
    let Some(service) = Service::of(&request, local.forwarding()) else {
        let error = ApiError::with_status(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token, or is for a service that the fake AWS neither has nor forwards",
        );
        return Ok(error.render(ErrorForm::Query(EC2_NAMESPACE), &request_id));
    };
    let user_agent = header(request.headers(), "user-agent").to_owned();
    let caller = match access_key(request.headers(), request.uri()) {
        Some(access_key) => local.iam().caller(&access_key),
        None => Caller::Anyone,
    };
    let form = service.error_form(request.headers());
    let call = match Call::read(service.clone(), request) {
        Ok(call) => call,
        Err(error) => return Ok(error.render(form, &request_id)),
    };
    let record = CallRecord {
        at: local.with_world(|world| world.kernel.elapsed()),
        service: service.name().to_owned(),
        action: call.action.clone(),
        outcome: Outcome::Pending,
        user_agent,
        role: caller.role_arn().map(str::to_owned),
        params: call.params.clone(),
    };
    let number = local.call_log().begin(record);
    let answer = run(local, call, &caller, &request_id).await;
    let outcome = match &answer {
        Err(Refusal::Reset) => Outcome::Reset,
        Err(Refusal::Error(error)) => Outcome::Error(error.code.to_string()),
        Ok(response) if response.status().as_u16() < 400 => Outcome::Ok,
        Ok(response) => Outcome::Error(code_of(response)),
    };
    local.call_log().end(number, outcome);
    match answer {
        Ok(response) => Ok(response),
        Err(Refusal::Error(error)) => Ok(error.render(form, &request_id)),
        Err(Refusal::Reset) => Err(ConnectionReset),
    }
}

/// The error code in a response that the service rendered itself.
fn code_of(response: &Response<Bytes>) -> String {
    let code = header(response.headers(), "x-amzn-errortype");
    if !code.is_empty() {
        return code.split(':').next().unwrap_or_default().to_owned();
    }
    let in_json = || {
        let body: Value = serde_json::from_slice(response.body()).ok()?;
        Some(body.get("__type")?.as_str()?.to_owned())
    };
    let in_xml = || {
        let body = std::str::from_utf8(response.body()).ok()?;
        let (_, code) = body.split_once("<Code>")?;
        Some(code.split_once("</Code>")?.0.to_owned())
    };
    in_json()
        .or_else(in_xml)
        .unwrap_or_else(|| response.status().as_u16().to_string())
}

enum Refusal {
    Error(ApiError),
    Reset,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

async fn run(
    local: &LocalAws,
    call: Call,
    caller: &Caller,
    request_id: &str,
) -> Result<Response<Bytes>, Refusal> {
    let service = call.service.clone();
    let (fault, has_token, latency) = local.with_world(|world| {
        let fault = {
            let mut faults = local.faults();
            if faults.is_empty() {
                None
            } else {
                faults.hit(
                    service.name(),
                    &call.action,
                    &call.params,
                    world.kernel.rng(),
                )
            }
        };
        let metered = matches!(service, Service::Ec2 | Service::AutoScaling);
        let has_token = !(world.kernel.settings.throttle && metered)
            || local.buckets().take(
                &world.kernel.settings,
                service.name(),
                &call.action,
                &call.params,
                world.kernel.now(),
            );
        let latency = world.kernel.settings.latency_of(&call.action);
        (fault, has_token, world.kernel.draw(latency))
    });
    pause(latency / 2).await;
    match &fault {
        Some(FaultKind::Error {
            status,
            code,
            message,
        }) => {
            pause(latency / 2).await;
            return Err(ApiError::with_status(*status, code.clone(), message.clone()).into());
        }
        Some(FaultKind::Throttle) => return Err(service.throttled().into()),
        Some(FaultKind::InternalError) => return Err(service.failed().into()),
        Some(FaultKind::ResetBefore) => return Err(Refusal::Reset),
        Some(FaultKind::Delay(duration)) => pause(*duration).await,
        Some(FaultKind::ResetAfter | FaultKind::InternalErrorAfter) | None => {}
    }
    if !has_token {
        return Err(service.throttled().into());
    }
    let result = match authorise(local, &call, caller) {
        Ok(()) => act(local, call, caller, request_id).await,
        Err(denied) => Err(denied),
    };
    pause(latency / 2).await;
    match fault {
        Some(FaultKind::ResetAfter) => Err(Refusal::Reset),
        Some(FaultKind::InternalErrorAfter) => Err(service.failed().into()),
        _ => Ok(result?),
    }
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

/// Refuses a call that the caller's role does not allow on each of its resources. `GetCallerIdentity`
/// needs no permission (AWS STS API Reference).
fn authorise(local: &LocalAws, call: &Call, caller: &Caller) -> Result<(), ApiError> {
    let role = match caller {
        Caller::Anyone => return Ok(()),
        Caller::UnknownRole(_) => return Err(iam::unknown_role(&call.service)),
        Caller::Role(role) => role,
    };
    if call.service == Service::Sts {
        return Ok(());
    }
    let service = call.service.name();
    let requests =
        local.with_world(|world| iam::requests(world, service, &call.action, &call.params));
    let requests = requests.ok_or_else(|| iam::not_known(&call.service, &call.action))?;
    for request in &requests {
        let decision = role.decide(request);
        if decision != Decision::Allowed {
            return Err(iam::denied(&call.service, &role.arn, request, decision));
        }
    }
    Ok(())
}

/// See [`LocalAws::authorization_requests`].
pub(crate) fn authorization_requests(
    local: &LocalAws,
    request: Request<Bytes>,
) -> Option<Vec<AuthorizationRequest>> {
    let service = Service::of(&request, local.forwarding())?;
    let call = Call::read(service, request).ok()?;
    local.with_world(|world| iam::requests(world, call.service.name(), &call.action, &call.params))
}

async fn act(
    local: &LocalAws,
    call: Call,
    caller: &Caller,
    request_id: &str,
) -> Result<Response<Bytes>, ApiError> {
    let Call {
        service,
        action,
        body,
        ..
    } = call;
    match (service, body) {
        (Service::Ec2, Body::Query(mut params)) => {
            let inner = local.with_world(|world| world.ec2_call(&action, &mut params))?;
            let mut xml = Xml::document();
            xml.element_in(&format!("{action}Response"), EC2_NAMESPACE, |xml| {
                xml.text("requestId", request_id);
                xml.raw(&inner);
            });
            Ok(respond(
                200,
                "text/xml;charset=UTF-8",
                request_id,
                xml.into_string().into(),
            ))
        }
        (Service::AutoScaling, Body::Query(mut params)) => {
            let inner = local.with_world(|world| world.autoscaling_call(&action, &mut params))?;
            Ok(query_response(
                &action,
                AUTO_SCALING_NAMESPACE,
                request_id,
                &inner,
            ))
        }
        (Service::Sts, Body::Query(mut params)) => {
            let inner = local.with_world(|world| {
                sts::act(
                    &world.kernel.settings,
                    &action,
                    &mut params,
                    caller.role_arn(),
                )
            })?;
            Ok(query_response(&action, STS_NAMESPACE, request_id, &inner))
        }
        (Service::Iam, Body::Query(mut params)) => {
            let inner = iam::act(local.iam(), &action, &mut params)?;
            Ok(query_response(&action, IAM_NAMESPACE, request_id, &inner))
        }
        (Service::CloudFormation, Body::Query(mut params)) => {
            let inner = cloudformation::act(local.cloudformation(), &action, &mut params)?;
            let namespace = CLOUD_FORMATION_NAMESPACE;
            Ok(query_response(&action, namespace, request_id, &inner))
        }
        (Service::Quotas, Body::Json(body)) => {
            let answer = service_quotas::act(local, &action, &body)?;
            let body = answer.to_string().into();
            Ok(respond(200, "application/x-amz-json-1.1", request_id, body))
        }
        (Service::CloudWatch, Body::Cbor(body)) => {
            let answer = cloudwatch::act(local.cloudwatch(), &action, body)?;
            let body = cbor::write(&answer, cloudwatch::TIMES);
            Ok(respond(200, cbor::CONTENT_TYPE, request_id, body))
        }
        (Service::CloudWatch, Body::Json(body)) => {
            let answer = cloudwatch::act(local.cloudwatch(), &action, body)?;
            let body = answer.to_string().into();
            Ok(respond(200, "application/x-amz-json-1.0", request_id, body))
        }
        (Service::Events, Body::Json(body)) => {
            let answer = eventbridge::act(local, &action, body).await?;
            let body = answer.to_string().into();
            Ok(respond(200, "application/x-amz-json-1.1", request_id, body))
        }
        (Service::Sqs, Body::Json(body)) => {
            let body = sqs::act(local, &action, body).await?.to_string().into();
            Ok(respond(200, "application/x-amz-json-1.0", request_id, body))
        }
        (Service::Lambda, Body::Whole(request)) => Ok(lambda::act(local, request).await),
        (Service::States, Body::Whole(request)) => Ok(stepfunctions::forward(local, request).await),
        (Service::Eks, Body::Whole(request)) => eks::act(local, &request, request_id),
        (Service::Forwarded(service), Body::Whole(request)) => {
            local.forwarding().forward(&service, request).await
        }
        _ => Err(ApiError::internal()),
    }
}

fn query_response(action: &str, namespace: &str, request_id: &str, inner: &str) -> Response<Bytes> {
    let mut xml = Xml::document();
    xml.element_in(&format!("{action}Response"), namespace, |xml| {
        xml.element(&format!("{action}Result"), |xml| xml.raw(inner));
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
    });
    respond(200, "text/xml", request_id, xml.into_string().into())
}
