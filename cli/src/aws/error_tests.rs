//! How errors of calls are told apart.

use aws_sdk_sts::error::ErrorMetadata;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;

use super::*;
use crate::aws::identity::Method;

fn of(error: &SdkError<ErrorMetadata, HttpResponse>) -> Error {
    of_origin(error, &Origin::Environment)
}

fn of_origin(error: &SdkError<ErrorMetadata, HttpResponse>, origin: &Origin) -> Error {
    Error::of("sts:GetCallerIdentity", "us-west-2", origin, error)
}

fn profile(method: Method) -> Origin {
    Origin::Profile {
        name: "ops".to_owned(),
        method,
        base: "ops".to_owned(),
        by_option: true,
    }
}

/// A call that was not sent, as its credentials had this error.
fn not_sent(cause: CredentialsError) -> SdkError<ErrorMetadata, HttpResponse> {
    SdkError::dispatch_failure(ConnectorError::other(Box::new(cause), None))
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
fn missing_credentials_are_found_behind_a_failed_dispatch_and_name_the_setting() {
    type Cause = fn() -> CredentialsError;
    let nowhere: Cause = || CredentialsError::not_loaded("the SDK's list");
    let wrong: Cause = || CredentialsError::invalid_configuration("feature sso");
    let failed: Cause = || CredentialsError::provider_error("exit status: 255");
    let late: Cause = || CredentialsError::provider_timed_out(std::time::Duration::from_secs(5));
    let empty = Origin::EmptyProfile {
        name: "ops".to_owned(),
    };
    for (origin, cause, message, remedy) in [
        (
            Origin::Elsewhere,
            nowhere,
            "no AWS profile is chosen",
            "AWS_PROFILE",
        ),
        (
            empty,
            nowhere,
            "the AWS profile \"ops\" has none",
            "aws configure --profile ops",
        ),
        (
            profile(Method::IdentityCenter),
            wrong,
            "\"ops\", which signs in by IAM Identity Center. Only the AWS CLI can do that",
            "aws sso login --profile ops",
        ),
        (
            profile(Method::Login),
            wrong,
            "`aws login`",
            "aws login --profile ops",
        ),
        (
            profile(Method::Process),
            failed,
            "credential_process of the AWS profile \"ops\" failed: an error occurred while loading credentials: \
             exit status: 255",
            "aws sso login --profile ops",
        ),
        (
            profile(Method::Role),
            failed,
            "role_arn of the AWS profile",
            "trust policy",
        ),
        (
            profile(Method::Keys),
            wrong,
            "cannot be right",
            "aws configure --profile ops",
        ),
        (
            profile(Method::Process),
            late,
            "did not answer in time",
            "by itself",
        ),
    ] {
        let error = of_origin(&not_sent(cause()), &origin);
        assert_eq!(error.exit_code(), Code::Credentials);
        let text = error.to_string();
        assert!(text.contains(message), "{text}");
        assert!(!text.contains("the SDK's list"), "{text}");
        assert!(!origin.needs_login() || !text.contains("feature"), "{text}");
        assert!(error.remedy().contains(remedy), "{}", error.remedy());
    }
}

#[test]
fn expired_credentials_are_told_apart_with_the_setting_that_has_them() {
    let metadata = ErrorMetadata::builder().code("ExpiredToken");
    let response = HttpResponse::new(StatusCode::try_from(400).unwrap(), "".into());
    let expired = SdkError::service_error(metadata.build(), response);
    for (origin, message, remedy) in [
        (Origin::Environment, "AWS_ACCESS_KEY_ID", "Export new ones"),
        (
            profile(Method::Keys),
            "aws_access_key_id of the AWS profile",
            "aws_session_token",
        ),
        (profile(Method::Role), "role_arn", "source_profile"),
        (
            profile(Method::Process),
            "credential_process",
            "aws sso login --profile ops",
        ),
        (Origin::Elsewhere, "the role of this machine", "by itself"),
    ] {
        let error = of_origin(&expired, &origin);
        assert_eq!(error.exit_code(), Code::Credentials);
        let text = error.to_string();
        assert!(
            text.contains(message) && text.ends_with("have expired"),
            "{text}"
        );
        assert!(error.remedy().contains(remedy), "{}", error.remedy());
    }
}

#[test]
fn missing_region_names_the_profile_that_has_none() {
    let error = Error::NoRegion {
        profile: Some("ops".to_owned()),
    };
    let text = format!("{error}. {}", error.remedy());
    assert!(
        text.starts_with("no AWS Region is set, and the AWS profile \"ops\" has none."),
        "{text}"
    );
    assert!(
        text.contains("aws configure set region us-west-2 --profile ops"),
        "{text}"
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
