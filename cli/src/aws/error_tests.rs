//! How errors of calls are told apart.

use aws_sdk_sts::error::ErrorMetadata;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;

use super::*;

fn of(error: &SdkError<ErrorMetadata, HttpResponse>) -> Error {
    Error::of("sts:GetCallerIdentity", "us-west-2", error)
}

fn answered(status: u16, code: &str) -> Error {
    let metadata = ErrorMetadata::builder().code(code).message("the message");
    let status = StatusCode::try_from(status).unwrap();
    let response = HttpResponse::new(status, "".into());
    of(&SdkError::service_error(metadata.build(), response))
}

#[test]
fn each_code_of_aws_has_its_exit_code() {
    for (status, code, expected) in [
        (403, "InvalidClientTokenId", Code::Credentials),
        (403, "SignatureDoesNotMatch", Code::Credentials),
        (400, "ExpiredToken", Code::Credentials),
        (401, "AuthFailure", Code::Credentials),
        (400, "UnrecognizedClientException", Code::Credentials),
        (403, "RegionDisabledException", Code::Region),
        (403, "OptInRequired", Code::Region),
        (403, "AccessDenied", Code::AccessDenied),
        (403, "UnauthorizedOperation", Code::AccessDenied),
        (400, "Throttling", Code::Throttled),
        (503, "RequestLimitExceeded", Code::Throttled),
        (500, "InternalFailure", Code::AwsUnavailable),
        (400, "ValidationError", Code::AwsRefused),
    ] {
        let error = answered(status, code);
        assert_eq!(error.exit_code(), expected, "{code}: {error}");
        assert!(!error.remedy().is_empty());
    }
}

#[test]
fn missing_permission_names_the_action_and_how_to_see_the_identity() {
    let error = answered(403, "AccessDenied");
    let text = format!("{error} {}", error.remedy());
    assert!(text.contains("Allow sts:GetCallerIdentity"), "{text}");
    assert!(text.contains("hookline whoami"), "{text}");
}

#[test]
fn missing_credentials_are_found_behind_a_failed_dispatch() {
    let cause = CredentialsError::not_loaded("no provider has them");
    let failed = ConnectorError::other(Box::new(cause), None);
    let error = of(&SdkError::dispatch_failure(failed));
    assert_eq!(error.exit_code(), Code::Credentials);
    assert!(
        error.to_string().contains("no provider has them"),
        "{error}"
    );
}

#[test]
fn failed_dispatch_without_a_credentials_error_is_unavailable() {
    let failed = ConnectorError::io(Box::new(std::io::Error::other("refused")));
    let error = of(&SdkError::dispatch_failure(failed));
    assert_eq!(error.exit_code(), Code::AwsUnavailable);
    assert!(error.remedy().contains("us-west-2"), "{}", error.remedy());
}

#[test]
fn each_error_of_a_function_has_its_exit_code_and_remedy() {
    let failed = |error: &str, message: &str| Error::Function {
        function: "hookline-adopt".to_owned(),
        error: error.to_owned(),
        message: message.to_owned(),
    };
    for (error, message, code, remedy) in [
        ("Hookline.AccessDenied", "", Code::AccessDenied, "role"),
        ("Hookline.Throttled", "", Code::Throttled, "Wait"),
        ("Hookline.AwsUnavailable", "", Code::AwsUnavailable, "Wait"),
        (
            "Hookline.AwsRefused",
            "",
            Code::AwsRefused,
            "docs/errors.md",
        ),
        ("Sandbox.Timedout", "", Code::Internal, "log"),
        (
            "Hookline.InvalidPayload",
            "payload.dryRun: unknown field",
            Code::Internal,
            "older release",
        ),
    ] {
        let failed = failed(error, message);
        assert_eq!(failed.exit_code(), code, "{error}");
        assert!(failed.remedy().contains(remedy), "{}", failed.remedy());
        assert!(failed.to_string().contains(error), "{failed}");
    }
}

#[test]
fn long_message_is_shortened() {
    let metadata = ErrorMetadata::builder()
        .code("InvalidClientTokenId")
        .message("x".repeat(100_000));
    let response = HttpResponse::new(StatusCode::try_from(403).unwrap(), "".into());
    let error = of(&SdkError::service_error(metadata.build(), response));
    assert!(error.to_string().len() < 2 * MAX_DETAIL_CHARACTERS);
}
