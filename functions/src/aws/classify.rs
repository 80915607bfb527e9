//! Sorts what an SDK call can fail with into [`Error`]s, by AWS's error codes
//! (EC2 API Reference, "Error codes"; Auto Scaling API Reference, "Common Errors").

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use hookline_domain::error::Error;
use hookline_runtime::aws_errors::Failure;

pub(super) use hookline_runtime::aws_errors::{code, is_throttling, message};

/// The error of `action`. Codes that mean something to Hookline come first; the rest is the same
/// for every AWS service.
pub(super) fn classify<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let Some(
        "InvalidSubnetID.NotFound"
        | "InvalidSubnetId.NotFound"
        | "InvalidGroup.NotFound"
        | "InvalidSecurityGroupID.NotFound",
    ) = code(error)
    {
        return Error::not_found(message(error).trim_end_matches('.'));
    }
    of_failure(action, Failure::of(error))
}

/// The error of `action`, by what is the same for every AWS service.
pub(super) fn of_failure(action: &'static str, failure: Failure) -> Error {
    match failure {
        Failure::Throttled { code } => Error::Throttled { action, code },
        Failure::AccessDenied { detail } => Error::AccessDenied { action, detail },
        Failure::Unavailable { detail } => Error::AwsUnavailable { action, detail },
        Failure::Refused { code, message } => Error::AwsRefused {
            action,
            code,
            message,
        },
    }
}
