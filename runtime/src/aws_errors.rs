//! The failures that are the same for every AWS service: throttling, a missing permission, an
//! outage, a refusal.
//!
//! [`Failure`] is the kind of a failure, by AWS's error code. [`AwsError`] adds which call failed
//! and whose permission it needed; its text and its name are what the logs and the state machine
//! show. The error type of a product holds an [`AwsError`] as one of its variants, and first takes
//! out the codes that mean something to this product.

use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The [`AwsError::principal`] of a call that a function makes with its own role.
pub const FUNCTION_ROLE: &str = "the role of this function";

/// A failed call to AWS: which action failed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// The API action as IAM names it, for example `ec2:DescribeInstances`.
    pub action: &'static str,
    /// Who made the call, as a person reads it: [`FUNCTION_ROLE`], or the ARN of a role.
    pub principal: String,
    /// Why the call failed.
    pub failure: Failure,
}

impl AwsError {
    /// Every name that [`AwsError::error_type`] returns.
    pub const TYPES: &'static [&'static str] = &[
        "Hookline.Throttled",
        "Hookline.AwsUnavailable",
        "Hookline.AccessDenied",
        "Hookline.AwsRefused",
    ];

    /// Classifies `error`, which a call of `action` by `principal` returned.
    pub fn of<E>(
        action: &'static str,
        principal: impl Into<String>,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        Self {
            action,
            principal: principal.into(),
            failure: Failure::of(error),
        }
    }

    /// AWS answered `action`, but with less than it promises: `detail` says what is missing.
    pub fn incomplete(
        action: &'static str,
        principal: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            action,
            principal: principal.into(),
            failure: Failure::Unavailable {
                detail: detail.into(),
            },
        }
    }

    /// The stable name by which a state machine retries or catches this.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self.failure {
            Failure::Throttled { .. } => "Hookline.Throttled",
            Failure::Unavailable { .. } => "Hookline.AwsUnavailable",
            Failure::AccessDenied { .. } => "Hookline.AccessDenied",
            Failure::Refused { .. } => "Hookline.AwsRefused",
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            action,
            principal,
            failure,
        } = self;
        match failure {
            Failure::Throttled { code } => write!(f, "{action}: throttled ({code})"),
            Failure::Unavailable { detail } => {
                write!(f, "{action}: AWS did not answer as it should: {detail}")
            }
            Failure::AccessDenied { detail } => write!(
                f,
                "{action}: not allowed ({detail}). Grant the action to {principal}"
            ),
            Failure::Refused { code, message } => {
                write!(f, "{action} was refused: {code}: {message}")
            }
        }
    }
}

impl std::error::Error for AwsError {}

/// Why a call to AWS failed, as far as it is the same for every service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Too many calls. The SDK's own retries did not help.
    Throttled {
        /// AWS's error code.
        code: String,
    },
    /// The caller lacks a permission.
    AccessDenied {
        /// AWS's message.
        detail: String,
    },
    /// A server error, no response, or a response that cannot be used. A later call may succeed.
    Unavailable {
        /// AWS's error code and message, or why there is no response.
        detail: String,
    },
    /// AWS refused the call, and refuses it again if it is repeated.
    Refused {
        /// AWS's error code.
        code: String,
        /// AWS's message.
        message: String,
    },
}

impl Failure {
    /// Classifies `error` by AWS's error code, and by the HTTP status if the code is not a known
    /// one.
    ///
    /// Sources: EC2 API Reference, "Error codes for the Amazon EC2 API"; Auto Scaling API Reference,
    /// "Common Errors" and the errors of each action.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if error.as_service_error().is_none() {
            return Self::Unavailable {
                detail: DisplayErrorContext(error).to_string(),
            };
        }
        let status = error
            .raw_response()
            .map_or(0, |response| response.status().as_u16());
        Self::by_code(
            code(error).unwrap_or("no error code"),
            message(error),
            status,
        )
    }

    fn by_code(code: &str, message: &str, status: u16) -> Self {
        match code {
            "UnauthorizedOperation"
            | "AccessDenied"
            | "AccessDeniedException"
            | "AuthFailure"
            | "NotAuthorized"
            | "OptInRequired" => Self::AccessDenied {
                detail: message.to_owned(),
            },
            throttled if is_throttling(throttled) || status == 429 => Self::Throttled {
                code: code.to_owned(),
            },
            passing if is_passing(passing) => Self::unavailable(code, message),
            _ if status >= 500 => Self::unavailable(code, message),
            _ => Self::Refused {
                code: code.to_owned(),
                message: message.to_owned(),
            },
        }
    }

    fn unavailable(code: &str, message: &str) -> Self {
        Self::Unavailable {
            detail: format!("{code}: {message}"),
        }
    }
}

/// Returns `true` if an AWS error code means that there were too many calls.
#[must_use]
pub fn is_throttling(code: &str) -> bool {
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
            | "SlowDown"
    )
}

/// Returns `true` if AWS says of an error code that the cause passes, so that a later call may
/// succeed. Some of these come with status 400, like a permanent refusal.
///
/// | codes | what AWS says (the sources are those of [`Failure::of`]) |
/// |---|---|
/// | `ConcurrentTagAccess` | EC2: the tags of a resource are being changed. Wait until the other request is complete, then retry |
/// | `RetryableError` | EC2: a request that a service made for you was not completed. It may be retried |
/// | `InternalError`, `InternalFailure`, `ServerInternal`, `ServiceUnavailable`, `Unavailable` | EC2 and common: a failure or an overload of the service |
/// | `RequestExpired`, `ExpiredToken`, `ExpiredTokenException` | EC2 and common: the request is late, or its temporary credentials have expired. A retry has new ones |
/// | `RequestAbortedException`, `RequestTimeout`, `RequestTimeoutException` | common: the request was cut off before the answer |
/// | `ResourceContention` | Auto Scaling: another change to the group or instance is under way |
/// | `ScalingActivityInProgress` | Auto Scaling: a scaling activity is under way |
/// | `ServiceLinkedRoleFailure` | Auto Scaling: the service-linked role is not ready yet |
/// | `IdempotentCallInProgress` | Auto Scaling: a request with the same client token is under way. Retry it |
///
/// SDKs name Auto Scaling's codes with the suffix `Fault`.
///
/// Not among them are codes that a retry mends only after a change: quotas, capacity for new
/// instances, dependencies, and states of snapshots, images and volumes. EC2's states of instances
/// and interfaces (`IncorrectState`, `IncorrectInstanceState`) mean something else for each action,
/// so each action decides on them.
#[must_use]
pub fn is_passing(code: &str) -> bool {
    matches!(
        code.strip_suffix("Fault").unwrap_or(code),
        "ConcurrentTagAccess"
            | "RetryableError"
            | "InternalError"
            | "InternalFailure"
            | "ServerInternal"
            | "ServiceUnavailable"
            | "Unavailable"
            | "RequestExpired"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestAbortedException"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "ResourceContention"
            | "ScalingActivityInProgress"
            | "ServiceLinkedRoleFailure"
            | "IdempotentCallInProgress"
    )
}

/// AWS's error code. Returns `None` if the service did not answer, or answered without a code.
pub fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

/// AWS's message. Empty if the service did not answer, or answered without a message.
pub fn message<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::message)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    /// An error as the SDK returns it for a response with this status, code and message.
    fn answered(
        status: u16,
        code: Option<&str>,
        message: &str,
    ) -> SdkError<ErrorMetadata, HttpResponse> {
        let mut metadata = ErrorMetadata::builder().message(message);
        if let Some(code) = code {
            metadata = metadata.code(code);
        }
        let status = StatusCode::try_from(status).unwrap();
        let response = HttpResponse::new(status, SdkBody::empty());
        SdkError::service_error(metadata.build(), response)
    }

    fn failure(status: u16, code: &str) -> Failure {
        Failure::of(&answered(status, Some(code), "the message"))
    }

    fn of_action(error: &SdkError<ErrorMetadata, HttpResponse>) -> AwsError {
        AwsError::of("ec2:DescribeInstances", FUNCTION_ROLE, error)
    }

    #[test]
    fn a_throttling_code_is_throttled_at_any_status() {
        for (status, code) in [
            (503, "RequestLimitExceeded"),
            (400, "Throttling"),
            (400, "ThrottlingException"),
            (429, "TooManyRequestsException"),
            (503, "EC2ThrottledException"),
            (503, "SlowDown"),
        ] {
            let expected = Failure::Throttled {
                code: code.to_owned(),
            };
            assert_eq!(failure(status, code), expected);
        }
    }

    #[test]
    fn status_429_is_throttled_under_an_unknown_code_or_none() {
        let unknown = failure(429, "CalmDown");
        assert!(matches!(unknown, Failure::Throttled { .. }), "{unknown:?}");
        let none = Failure::of(&answered(429, None, ""));
        assert!(matches!(none, Failure::Throttled { .. }), "{none:?}");
    }

    #[test]
    fn a_missing_permission_is_access_denied() {
        for code in [
            "UnauthorizedOperation",
            "AccessDenied",
            "AccessDeniedException",
            "AuthFailure",
            "NotAuthorized",
            "OptInRequired",
        ] {
            let expected = Failure::AccessDenied {
                detail: "the message".to_owned(),
            };
            assert_eq!(failure(403, code), expected, "{code}");
        }
    }

    #[test]
    fn a_server_error_and_a_contended_resource_are_unavailable() {
        for (status, code) in [
            (500, "InternalError"),
            (503, "ServiceUnavailable"),
            (500, "ResourceContention"),
            (400, "ResourceContentionFault"),
        ] {
            let expected = Failure::Unavailable {
                detail: format!("{code}: the message"),
            };
            assert_eq!(failure(status, code), expected);
        }
    }

    #[test]
    fn a_code_whose_cause_passes_is_unavailable_at_any_status() {
        for code in [
            "ConcurrentTagAccess",
            "RetryableError",
            "InternalError",
            "InternalFailure",
            "ServerInternal",
            "ServiceUnavailable",
            "Unavailable",
            "RequestExpired",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestAbortedException",
            "RequestTimeout",
            "RequestTimeoutException",
            "ResourceContention",
            "ScalingActivityInProgress",
            "ScalingActivityInProgressFault",
            "ServiceLinkedRoleFailure",
            "IdempotentCallInProgress",
        ] {
            let expected = Failure::Unavailable {
                detail: format!("{code}: the message"),
            };
            assert_eq!(failure(400, code), expected);
        }
    }

    #[test]
    fn a_code_that_only_a_change_mends_is_refused() {
        for code in [
            "NetworkInterfaceLimitExceeded",
            "TagLimitExceeded",
            "DependencyViolation",
            "IncorrectState",
            "ResourceInUse",
            "PendingVerification",
            "Fault",
        ] {
            let found = failure(400, code);
            assert!(matches!(found, Failure::Refused { .. }), "{found:?}");
        }
    }

    #[test]
    fn a_call_without_a_response_is_unavailable() {
        let error: SdkError<ErrorMetadata, HttpResponse> = SdkError::timeout_error("too slow");
        let Failure::Unavailable { detail } = Failure::of(&error) else {
            panic!("{error:?}");
        };
        assert!(detail.contains("too slow"), "{detail}");
        assert_eq!((code(&error), message(&error)), (None, ""));
    }

    #[test]
    fn any_other_code_is_refused() {
        let expected = Failure::Refused {
            code: "InvalidParameterValue".to_owned(),
            message: "the message".to_owned(),
        };
        assert_eq!(failure(400, "InvalidParameterValue"), expected);
        let none = Failure::of(&answered(400, None, ""));
        assert!(
            matches!(&none, Failure::Refused { code, .. } if code == "no error code"),
            "{none:?}"
        );
    }

    #[test]
    fn an_error_names_its_action_its_type_and_what_to_do() {
        for (status, code, error_type, text) in [
            (
                503,
                "RequestLimitExceeded",
                "Hookline.Throttled",
                "ec2:DescribeInstances: throttled (RequestLimitExceeded)",
            ),
            (
                500,
                "InternalError",
                "Hookline.AwsUnavailable",
                "ec2:DescribeInstances: AWS did not answer as it should: InternalError: the message",
            ),
            (
                403,
                "UnauthorizedOperation",
                "Hookline.AccessDenied",
                "ec2:DescribeInstances: not allowed (the message). Grant the action to the role of this function",
            ),
            (
                400,
                "InvalidParameterValue",
                "Hookline.AwsRefused",
                "ec2:DescribeInstances was refused: InvalidParameterValue: the message",
            ),
        ] {
            let error = of_action(&answered(status, Some(code), "the message"));
            assert_eq!(
                (error.error_type(), error.to_string().as_str()),
                (error_type, text)
            );
            assert!(AwsError::TYPES.contains(&error_type));
        }
    }

    #[test]
    fn an_incomplete_answer_is_unavailable() {
        let error = AwsError::incomplete("sts:AssumeRole", FUNCTION_ROLE, "no credentials");
        assert_eq!(error.error_type(), "Hookline.AwsUnavailable");
        assert!(error.to_string().ends_with("no credentials"), "{error}");
    }
}
