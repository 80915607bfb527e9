//! The delivery of an event to the targets of the rules that match it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::disturbance::Kind;
use super::input::Context;
use super::targets::Target;
use crate::iam::credentials_of;
use crate::local_aws::lock;
use crate::wire::iso8601_seconds;
use crate::{Event, LocalAws, WeakLocalAws};

/// The result of the delivery of an event to one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When it ended, since the start.
    pub at: Duration,
    /// The event's id.
    pub event_id: String,
    /// The rule's name.
    pub rule: String,
    /// The target's id.
    pub target: String,
    /// How many attempts there were.
    pub attempts: u32,
    /// How it ended.
    pub outcome: DeliveryOutcome,
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The target accepted it. Holds the execution's ARN if the target is a state machine.
    Delivered(Option<String>),
    /// All attempts failed. The target has a dead-letter queue, which would hold the event now.
    DeadLetter(String),
    /// All attempts failed, and the event is lost.
    Failed(String),
}

/// Spawns the task that delivers events until the fake AWS is dropped.
pub(crate) fn start(local: WeakLocalAws, mut events: mpsc::UnboundedReceiver<Event>) {
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            let Some(local) = local.upgrade() else { return };
            let (region, account) = local.with_world(|world| {
                (
                    world.kernel.settings.region.clone(),
                    world.kernel.settings.account.clone(),
                )
            });
            accept(
                &local,
                json!({
                    "version": "0",
                    "id": event.id,
                    "detail-type": event.detail_type,
                    "source": event.source,
                    "account": account,
                    "time": iso8601_seconds(event.time),
                    "region": region,
                    "resources": event.resources,
                    "detail": event.detail,
                }),
            );
        }
    });
}

/// Accepts an event on the bus. Its disturbances are decided now, once.
pub(super) fn accept(local: &LocalAws, event: Value) {
    // Drawn first, because the world must not be locked while the bus is.
    let chances: Vec<f64> = {
        let count = lock(&local.eventbridge().state).disturbances.len();
        local.with_world(|world| (0..count).map(|_| world.kernel.rng().random()).collect())
    };
    let mut times = Vec::new();
    {
        let mut state = lock(&local.eventbridge().state);
        state.events.push(event.clone());
        let mut delay = Duration::ZERO;
        let mut copies = vec![Duration::ZERO];
        for (disturbance, chance) in state.disturbances.iter_mut().zip(chances) {
            if !disturbance.applies(&event, chance) {
                continue;
            }
            match disturbance.kind {
                Kind::Drop => copies.clear(),
                Kind::Delay(by) => delay += by,
                Kind::Duplicate(more, apart) => {
                    copies.extend((1..=more).map(|n| apart * n));
                }
            }
        }
        times.extend(copies.into_iter().map(|after| after + delay));
    }
    for after in times {
        if after.is_zero() {
            deliver(local, &event);
            continue;
        }
        let (local, event) = (local.downgrade(), event.clone());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            if let Some(local) = local.upgrade() {
                deliver(&local, &event);
            }
        });
    }
}

/// Delivers an event to every target of every enabled rule that matches.
fn deliver(local: &LocalAws, event: &Value) {
    let matching = {
        let mut state = lock(&local.eventbridge().state);
        state
            .subscribers
            .retain(|subscriber| subscriber.send(event.clone()).is_ok());
        state.rules.matching(event)
    };
    for (rule, target) in matching {
        deliver_to_target(local, &rule, target, event);
    }
}

/// Delivers an event to one target of a rule.
pub(super) fn deliver_to_target(local: &LocalAws, rule: &RuleName, target: Target, event: &Value) {
    let ingested = local.with_world(|world| iso8601_seconds(world.kernel.timestamp()));
    let context = Context {
        rule_arn: &rule.arn,
        rule_name: &rule.name,
        ingestion_time: &ingested,
    };
    let input = target.input.render(event, &context);
    let event_id = event
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let RuleName {
        name: rule_name,
        arn: rule_arn,
    } = rule.clone();
    let weak = local.downgrade();
    tokio::spawn(async move {
        let (attempts, outcome) = match input {
            Ok(input) => attempt_until_settled(&weak, &rule_arn, &target, input).await,
            Err(error) => (0, target.given_up(error.to_string())),
        };
        let Some(local) = weak.upgrade() else { return };
        let at = local.with_world(|world| world.kernel.elapsed());
        let delivery = Delivery {
            at,
            event_id,
            rule: rule_name,
            target: target.id,
            attempts,
            outcome,
        };
        lock(&local.eventbridge().state).deliveries.push(delivery);
    });
}

/// The name and ARN of a rule.
#[derive(Clone, Debug)]
pub(super) struct RuleName {
    pub(super) name: String,
    pub(super) arn: String,
}

async fn attempt_until_settled(
    weak: &WeakLocalAws,
    rule_arn: &str,
    target: &Target,
    input: String,
) -> (u32, DeliveryOutcome) {
    const MIN_BACKOFF: Duration = Duration::from_secs(1);
    const MAX_BACKOFF: Duration = Duration::from_secs(600);
    let mut waited = Duration::ZERO;
    let mut backoff = MIN_BACKOFF;
    let mut attempts = 0;
    // All attempts use one name, so a StartExecution whose answer was lost starts no second
    // execution.
    let mut name = None;
    loop {
        let Some(local) = weak.upgrade() else {
            return (attempts, DeliveryOutcome::Failed("shut down".to_owned()));
        };
        attempts += 1;
        let name = name.get_or_insert_with(|| {
            local.with_world(|world| {
                format!("{}_{}", world.kernel.new_uuid(), world.kernel.new_uuid())
            })
        });
        let error = match attempt(&local, rule_arn, target, name, &input).await {
            Ok(execution) => return (attempts, DeliveryOutcome::Delivered(execution)),
            Err(Failure::Final(error)) => return (attempts, target.given_up(error)),
            Err(Failure::Transient(error)) => error,
        };
        let jitter = local.with_world(|world| world.kernel.rng().random_range(0.5..1.0));
        drop(local);
        let pause = backoff.mul_f64(jitter);
        waited += pause;
        if attempts > target.maximum_retry_attempts || waited > target.maximum_event_age {
            return (attempts, target.given_up(error));
        }
        tokio::time::sleep(pause).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

/// EventBridge's name as a caller.
const PRINCIPAL: &str = "events.amazonaws.com";

enum Failure {
    Transient(String),
    Final(String),
}

/// One attempt. It is a call like any other, so that it is recorded and faults can hit it. A state
/// machine is started with the role of the target; a function is invoked by EventBridge itself,
/// which the function's resource-based policy must allow for the rule (EventBridge User Guide,
/// "Resource-based policies" and "Execution roles").
async fn attempt(
    local: &LocalAws,
    rule_arn: &str,
    target: &Target,
    name: &str,
    input: &str,
) -> Result<Option<String>, Failure> {
    let region = local.with_world(|world| world.kernel.settings.region.clone());
    let (service, request, body) = match target.arn.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "sqs", ..] => {
            let sent = local
                .sqs()
                .send_for_rule(local, &target.arn, rule_arn, input);
            return sent.map(|()| None).map_err(Failure::Final);
        }
        ["arn", _, "states", _, _, "stateMachine", ..] => (
            "states",
            Request::post("/")
                .header("x-amz-target", "AWSStepFunctions.StartExecution")
                .header("content-type", "application/x-amz-json-1.0"),
            json!({ "stateMachineArn": target.arn, "name": name, "input": input }).to_string(),
        ),
        ["arn", _, "lambda", _, _, "function", ..]
            if !local.iam().may_invoke(PRINCIPAL, rule_arn, &target.arn) =>
        {
            return Err(Failure::Final(format!(
                "403 AccessDeniedException: no resource-based policy of {} allows lambda:InvokeFunction for {rule_arn}",
                target.arn
            )));
        }
        ["arn", _, "lambda", _, _, "function", ..] => (
            "lambda",
            Request::post(format!("/2015-03-31/functions/{}/invocations", target.arn))
                .header("x-amz-invocation-type", "Event"),
            input.to_owned(),
        ),
        _ => {
            return Err(Failure::Final(format!(
                "the fake AWS has no target like {}",
                target.arn
            )));
        }
    };
    let access_key = match &target.role_arn {
        Some(role) if service == "states" => credentials_of(role).access_key_id().to_owned(),
        None if service == "states" && local.iam().authorises() => {
            let error = format!("RoleArn is required for target {}.", target.arn);
            return Err(Failure::Final(error));
        }
        _ => "test".to_owned(),
    };
    let request = request
        .header("host", "localhost")
        .header("user-agent", PRINCIPAL)
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={access_key}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"),
        )
        .body(Bytes::from(body))
        .map_err(|error| Failure::Final(error.to_string()))?;
    // Boxed, because a call can lead to an event, and an event to a call.
    let response = Box::pin(local.handle(request))
        .await
        .map_err(|error| Failure::Transient(error.to_string()))?;
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    if response.status().is_success() {
        return Ok(body
            .get("executionArn")
            .and_then(Value::as_str)
            .map(str::to_owned));
    }
    let error = format!("{} {body}", response.status().as_u16());
    let code = body
        .get("__type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if response.status().is_server_error()
        || response.status().as_u16() == 429
        || code.contains("Throttling")
        || code.contains("LimitExceeded")
    {
        Err(Failure::Transient(error))
    } else {
        Err(Failure::Final(error))
    }
}
