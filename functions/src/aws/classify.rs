//! Sorts what an SDK call can fail with into [`Error`]s, by AWS's error codes
//! (EC2 API Reference, "Error codes"; Auto Scaling API Reference, "Common Errors").

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use hookline_runtime::sdk::Failure;

pub(super) use hookline_runtime::sdk::is_throttling;

use hookline_domain::error::Error;

/// AWS's error code, where the service answered with one.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

/// AWS's message, where the service answered with one.
pub(super) fn message<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::message)
        .unwrap_or_default()
}

/// The error of `action`, by its code.
pub(super) fn classify<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match code(error).unwrap_or_default() {
        "InvalidSubnetID.NotFound"
        | "InvalidSubnetId.NotFound"
        | "InvalidGroup.NotFound"
        | "InvalidSecurityGroupID.NotFound" => {
            return Error::ResourceNotFound {
                problem: message(error).trim_end_matches('.').to_owned(),
            };
        }
        // Auto Scaling: another change to the group is under way.
        code @ ("ResourceContention" | "ResourceContentionFault") => {
            return Error::AwsUnavailable {
                action,
                detail: format!("{code}: {}", message(error)),
            };
        }
        _ => {}
    }
    match Failure::of(error) {
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
