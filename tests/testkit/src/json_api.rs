//! Calls of those AWS services that speak JSON: EventBridge, SQS and Step Functions.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use hookline_local::LocalAws;
use serde_json::Value;

/// Calls one of AWS's JSON services. A call that only reads is retried when the service fails, as
/// AWS's own clients do: moto answers with status 500 if an execution begins or ends while it goes
/// through its list of executions.
///
/// # Errors
/// AWS's error, as text.
pub async fn json_call(local: &LocalAws, target: &str, body: &Value) -> Result<Value> {
    const TRIES: usize = 5;
    let (_, action) = target.split_once('.').context("not SERVICE.ACTION")?;
    let reads = ["List", "Describe", "Get"]
        .iter()
        .any(|verb| action.starts_with(verb));
    let mut tries = if reads { TRIES } else { 1 };
    loop {
        tries -= 1;
        let (status, answer) = answer_of(local, target, body).await?;
        if status.is_server_error() && tries > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        ensure!(
            status.is_success(),
            "{target}: {status} {}",
            String::from_utf8_lossy(&answer)
        );
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(&answer)
            .with_context(|| format!("{target}: not JSON: {}", String::from_utf8_lossy(&answer)));
    }
}

async fn answer_of(
    local: &LocalAws,
    target: &str,
    body: &Value,
) -> Result<(http::StatusCode, Bytes)> {
    let service = match target.split_once('.') {
        Some(("AWSStepFunctions", _)) => "states",
        Some(("AmazonSQS", _)) => "sqs",
        _ => "events",
    };
    let request = http::Request::post("/")
        // The fake AWS checks no signature. The signature's scope names the service.
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential=test/20260101/us-west-2/{service}/aws4_request"),
        )
        .header("x-amz-target", target)
        .header("content-type", "application/x-amz-json-1.1")
        .body(Bytes::from(body.to_string()))?;
    let response = local.handle(request).await?;
    let (parts, body) = response.into_parts();
    Ok((parts.status, body))
}
