//! Service Quotas: the quotas of the account that the fake AWS has.
//!
//! The answers are those of the Service Quotas API Reference, GetServiceQuota,
//! ListServiceQuotas and GetAWSDefaultServiceQuota. A quota's code is
//! AWS's own: `aws service-quotas list-service-quotas --service-code vpc` has *Network interfaces per
//! Region* under `L-DF5E4CA3`.

use serde_json::{Value, json};

use crate::LocalAws;
use crate::wire::error::ApiError;

/// The quota *Network interfaces per Region* of Amazon VPC.
const NETWORK_INTERFACES: (&str, &str) = ("vpc", "L-DF5E4CA3");
/// Its default (Amazon VPC quotas).
const DEFAULT: usize = 5_000;

/// Answers one call.
pub(crate) fn act(local: &LocalAws, action: &str, call: &Value) -> Result<Value, ApiError> {
    match action {
        "ListServiceQuotas" => list(local, call),
        "GetServiceQuota" => get(local, call, None),
        "GetAWSDefaultServiceQuota" => get(local, call, Some(DEFAULT)),
        _ => Err(ApiError::new(
            "UnknownOperationException",
            format!("The fake AWS does not have {action} of Service Quotas."),
        )),
    }
}

/// The quotas of Step Functions that Hookline looks for, by their names on AWS.
fn list(local: &LocalAws, call: &Value) -> Result<Value, ApiError> {
    if call.get("ServiceCode").and_then(Value::as_str) != Some("states") {
        return Ok(json!({"Quotas": []}));
    }
    let (capacity, refill) = local.with_world(|world| world.kernel.settings.start_execution_bucket);
    let quotas = [
        ("StartExecution throttle token bucket size", capacity),
        (
            "StartExecution throttle token refill rate per second",
            refill,
        ),
    ];
    let quotas = quotas.map(|(name, value)| json!({"ServiceCode": "states", "QuotaName": name, "Value": value, "Adjustable": true}));
    Ok(json!({"Quotas": quotas}))
}

fn get(local: &LocalAws, call: &Value, value: Option<usize>) -> Result<Value, ApiError> {
    let text = |field: &str| {
        let value = call.get(field).and_then(Value::as_str);
        value.ok_or_else(|| {
            ApiError::new(
                "IllegalArgumentException",
                format!("{field} must not be null"),
            )
        })
    };
    let (service, code) = (text("ServiceCode")?, text("QuotaCode")?);
    if (service, code) != NETWORK_INTERFACES {
        return Err(ApiError::new(
            "NoSuchResourceException",
            "The request failed because the specified service or quota does not exist.",
        ));
    }
    let (region, account, limit) = local.with_world(|world| {
        let settings = &world.kernel.settings;
        (
            settings.region.clone(),
            settings.account.clone(),
            settings.network_interface_limit,
        )
    });
    Ok(json!({"Quota": {
        "ServiceCode": service,
        "ServiceName": "Amazon Virtual Private Cloud (Amazon VPC)",
        "QuotaArn": format!("arn:aws:servicequotas:{region}:{account}:{service}/{code}"),
        "QuotaCode": code,
        "QuotaName": "Network interfaces per Region",
        "Value": value.unwrap_or(limit),
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
    }}))
}
