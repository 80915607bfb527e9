//! Sorts what an SDK call can fail with into [`Error`]s, by AWS's error codes
//! (EC2 API Reference, "Error codes"; Auto Scaling API Reference, "Common Errors").

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::Error;

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

/// Whether an error code says that too many calls were made.
pub(super) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "EC2ThrottledException"
    )
}

/// The error of `action`, by its code.
pub(super) fn classify<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Some(service) = error.as_service_error() else {
        return Error::AwsUnavailable {
            action,
            detail: DisplayErrorContext(error).to_string(),
        };
    };
    let code = service.code().unwrap_or("no error code").to_owned();
    let message = service.message().unwrap_or_default().to_owned();
    let status = error
        .raw_response()
        .map_or(0, |response| response.status().as_u16());
    match code.as_str() {
        throttled if is_throttling(throttled) => Error::Throttled { action, code },
        "UnauthorizedOperation"
        | "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "OptInRequired" => Error::AccessDenied {
            action,
            detail: message,
        },
        "InvalidSubnetID.NotFound"
        | "InvalidSubnetId.NotFound"
        | "InvalidGroup.NotFound"
        | "InvalidSecurityGroupID.NotFound" => Error::ResourceNotFound {
            problem: message.trim_end_matches('.').to_owned(),
        },
        // Auto Scaling: another change to the group is under way.
        "ResourceContention" | "ResourceContentionFault" => Error::AwsUnavailable {
            action,
            detail: format!("{code}: {message}"),
        },
        _ if status >= 500 => Error::AwsUnavailable {
            action,
            detail: format!("{code}: {message}"),
        },
        _ => Error::AwsRefused {
            action,
            code,
            message,
        },
    }
}
