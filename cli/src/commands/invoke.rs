//! Invokes a function of the deployment, and reads its report.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::aws::Aws;
use crate::error::{Error, Result};

/// Invokes a function, by its name or ARN, and reads what it answers.
///
/// # Errors
/// Returns `missing` if there is no such function, and why the call, or the function, failed.
pub(super) async fn report<T: DeserializeOwned>(
    aws: &Aws,
    function: &str,
    payload: &Value,
    missing: impl FnOnce() -> Error,
) -> Result<T> {
    let answer = aws.invoke(function, payload).await?.ok_or_else(missing)?;
    serde_json::from_value(answer).map_err(|error| Error::Internal {
        doing: "reading what a function answered",
        detail: format!("{function}: {error}"),
    })
}
