//! The functions of the deployment, as an operator invokes them, and their published versions.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_lambda::config::{Builder, StalledStreamProtectionConfig, timeout::TimeoutConfig};
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_runtime_api::client::result::SdkError;
use hookline_runtime::payload::shorten;
use serde_json::Value;

use super::{Aws, Error};

/// The action, as IAM names it. The API calls it `Invoke`.
const ACTION: &str = "lambda:InvokeFunction";
/// The most versions of a page (Lambda API Reference, ListVersionsByFunction: 50 come in any case).
const VERSIONS_OF_A_PAGE: i32 = 50;
/// How long an answer may take. The functions that a person invokes have a timeout of five minutes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(330);
/// The most characters of a function's message that an error shows.
const MAX_MESSAGE_CHARACTERS: usize = 2_000;

impl Aws {
    /// Invokes a function, by its name or ARN, and waits for its answer (Invoke). Returns `None` if
    /// there is no such function.
    ///
    /// The SDK repeats a call that gets no answer, so the function must be one that may run twice.
    ///
    /// # Errors
    /// Returns why the call failed, or [`Error::Function`] if the function did.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        payload: &Value,
    ) -> Result<Option<Value>, Error> {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ANSWER_TIMEOUT)
            .operation_timeout(ANSWER_TIMEOUT)
            .build();
        let patient = Builder::new()
            .timeout_config(timeouts)
            // Nothing comes until the function ends.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let call = self
            .lambda
            .invoke()
            .function_name(function)
            .payload(Blob::new(payload.to_string()))
            .customize()
            .config_override(patient);
        let answer = call.send().await;
        if let Err(SdkError::ServiceError(error)) = &answer
            && error.err().is_resource_not_found_exception()
        {
            return Ok(None);
        }
        let answer = self.answer(ACTION, answer)?;
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        let value: Value = serde_json::from_slice(&payload).unwrap_or_default();
        if answer.function_error.is_none() {
            return Ok(Some(value));
        }
        let text = |field: &str| value.get(field).and_then(Value::as_str);
        Err(Error::Function {
            function: function.rsplit(':').next().unwrap_or(function).to_owned(),
            // The fields of a failed invocation (Lambda Developer Guide, "Lambda function errors").
            error: text("errorType").unwrap_or("Unhandled").to_owned(),
            message: shorten(
                text("errorMessage").unwrap_or_default(),
                MAX_MESSAGE_CHARACTERS,
            ),
        })
    }

    /// The numbers of the published versions of a function (ListVersionsByFunction). Empty if there
    /// is no such function.
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn versions(&self, function: &str) -> Result<BTreeSet<u64>, Error> {
        let mut found = BTreeSet::new();
        let mut marker = None;
        loop {
            let call = self.lambda.list_versions_by_function();
            let call = call.function_name(function).max_items(VERSIONS_OF_A_PAGE);
            let answer = call.set_marker(marker).send().await;
            if let Err(SdkError::ServiceError(error)) = &answer
                && error.err().is_resource_not_found_exception()
            {
                return Ok(found);
            }
            let page = self.answer("lambda:ListVersionsByFunction", answer)?;
            let versions = page.versions.unwrap_or_default();
            // `$LATEST` is none.
            let numbers = versions.iter().filter_map(|it| it.version()?.parse().ok());
            found.extend::<Vec<u64>>(numbers.collect());
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes a published version of a function (DeleteFunction). One that is gone is as good as
    /// deleted.
    ///
    /// # Errors
    /// Returns why the call failed. Lambda refuses a version that an alias names.
    pub(crate) async fn delete_version(&self, function: &str, version: u64) -> Result<(), Error> {
        let call = self.lambda.delete_function().function_name(function);
        let answer = call.qualifier(version.to_string()).send().await;
        if let Err(SdkError::ServiceError(error)) = &answer
            && error.err().is_resource_not_found_exception()
        {
            return Ok(());
        }
        self.answer("lambda:DeleteFunction", answer).map(drop)
    }
}
