//! Why a call to AWS failed, as an operator needs it: wrong credentials, a wrong Region and a
//! missing permission have different remedies.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use hookline_runtime::aws_errors::{self, AwsError, Failure};
use hookline_runtime::payload::shorten;

use crate::error::Code;

/// The most characters of a text of AWS that an error shows.
const MAX_DETAIL_CHARACTERS: usize = 600;

/// Who made the call, in the text of a missing permission.
const CALLER: &str = "the identity that made the call (`hookline whoami` shows it)";

/// Why AWS cannot be called, or a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No Region is set anywhere.
    #[error("no AWS Region is set")]
    NoRegion,
    /// The Region cannot be one.
    #[error("{region:?} is not the name of an AWS Region")]
    NotARegion {
        /// What was given.
        region: String,
    },
    /// The account has not enabled the Region.
    #[error("{action}: Region {region} is not enabled for the account: {detail}")]
    RegionNotEnabled {
        /// The action as IAM names it.
        action: &'static str,
        /// The Region.
        region: String,
        /// AWS's code and message.
        detail: String,
    },
    /// There are no credentials. Nothing was called.
    #[error("{action}: no AWS credentials: {detail}")]
    NoCredentials {
        /// The action as IAM names it.
        action: &'static str,
        /// Why none of the places has them.
        detail: String,
    },
    /// AWS does not accept the credentials.
    #[error("{action}: AWS does not accept the credentials: {detail}")]
    BadCredentials {
        /// The action as IAM names it.
        action: &'static str,
        /// The Region.
        region: String,
        /// AWS's code and message.
        detail: String,
    },
    /// A function of the deployment was invoked, and failed.
    #[error("{function} failed with {error}: {message}")]
    Function {
        /// The function's name.
        function: String,
        /// The name of its error, as `Hookline.Throttled`.
        error: String,
        /// Its message.
        message: String,
    },
    /// Any other failed call.
    #[error("{error}")]
    Call {
        /// Which call, and why.
        error: AwsError,
        /// The Region.
        region: String,
    },
}

impl Error {
    /// Classifies `error`, which a call of `action` in `region` returned.
    pub(super) fn of<E>(
        action: &'static str,
        region: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if let Some(detail) = no_credentials(error) {
            return Self::NoCredentials {
                action,
                detail: shorten(&detail, MAX_DETAIL_CHARACTERS),
            };
        }
        let code = aws_errors::code(error).unwrap_or_default();
        let detail = || {
            shorten(
                &format!("{code}: {}", aws_errors::message(error)),
                MAX_DETAIL_CHARACTERS,
            )
        };
        let region = region.to_owned();
        match code {
            // IAM User Guide, "Troubleshoot access denied error messages" and the Common Errors of
            // the services. `AuthFailure` is EC2's.
            "AuthFailure"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "InvalidToken"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "NotAuthorized"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "TokenRefreshRequired"
            | "UnrecognizedClientException" => Self::BadCredentials {
                action,
                region,
                detail: detail(),
            },
            "OptInRequired" | "RegionDisabledException" => Self::RegionNotEnabled {
                action,
                region,
                detail: detail(),
            },
            _ => Self::Call {
                error: AwsError::of(action, CALLER, error),
                region,
            },
        }
    }

    /// Names the AWS profile that has no credentials.
    pub(super) fn with_profile(mut self, profile: Option<&str>) -> Self {
        if let (Self::NoCredentials { detail, .. }, Some(profile)) = (&mut self, profile) {
            *detail = format!("AWS profile {profile:?}: {detail}");
        }
        self
    }

    /// AWS answered `action` with less than it promises: `detail` says what is missing.
    pub(super) fn incomplete(action: &'static str, region: &str, detail: &str) -> Self {
        Self::Call {
            error: AwsError::incomplete(action, CALLER, detail),
            region: region.to_owned(),
        }
    }

    /// The action of the failed call, as IAM names it; `None` if nothing was called.
    pub(crate) fn action(&self) -> Option<&str> {
        match self {
            Self::NoRegion | Self::NotARegion { .. } | Self::Function { .. } => None,
            Self::RegionNotEnabled { action, .. }
            | Self::NoCredentials { action, .. }
            | Self::BadCredentials { action, .. } => Some(action),
            Self::Call { error, .. } => Some(error.action),
        }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> Code {
        match self {
            Self::NoRegion | Self::NotARegion { .. } | Self::RegionNotEnabled { .. } => {
                Code::Region
            }
            Self::NoCredentials { .. } | Self::BadCredentials { .. } => Code::Credentials,
            Self::Function { error, .. } => match error.as_str() {
                "Hookline.AccessDenied" => Code::AccessDenied,
                "Hookline.Throttled" => Code::Throttled,
                "Hookline.AwsUnavailable" => Code::AwsUnavailable,
                "Hookline.AwsRefused" => Code::AwsRefused,
                _ => Code::Internal,
            },
            Self::Call { error, .. } => match error.failure {
                Failure::AccessDenied { .. } => Code::AccessDenied,
                Failure::Throttled { .. } => Code::Throttled,
                Failure::Unavailable { .. } => Code::AwsUnavailable,
                Failure::Refused { .. } => Code::AwsRefused,
            },
        }
    }

    /// What to do about it.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::NoRegion => "Give --region, or set AWS_REGION or the Region of the AWS profile.".to_owned(),
            Self::NotARegion { .. } => "Give a name such as us-west-2.".to_owned(),
            Self::RegionNotEnabled { .. } => {
                "Choose another Region with --region, or enable this one for the account.".to_owned()
            }
            Self::NoCredentials { .. } => "Give an AWS profile that has credentials with --aws-profile, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY. With IAM Identity Center, first run `aws sso login` and \
                 `eval \"$(aws configure export-credentials --format env)\"`."
                .to_owned(),
            Self::BadCredentials { region, .. } => format!(
                "Renew the credentials or choose others with --aws-profile. Check the clock of this machine. If the \
                 credentials are good, Region {region} may not be enabled for the account."
            ),
            Self::Function { error, message, .. } => match error.as_str() {
                "Hookline.AccessDenied" => {
                    "Give the function's role what docs/iam.md lists for it: deploy the stack again.".to_owned()
                }
                "Hookline.Throttled" | "Hookline.AwsUnavailable" => {
                    "Wait a minute and run the command again. What is done stays done.".to_owned()
                }
                "Hookline.InvalidPayload" if message.contains("unknown field") => {
                    "The function that is deployed is of an older release than this command. Deploy this release, or \
                     use the command of that one."
                        .to_owned()
                }
                error if error.starts_with("Hookline.") => {
                    format!("docs/errors.md has {error} with its remedy, and the function's log has more.")
                }
                _ => "The function's log says why: docs/operations/logs.md.".to_owned(),
            },
            Self::Call { error, region } => match error.failure {
                Failure::AccessDenied { .. } => format!(
                    "Allow {} in a policy of that identity. A permissions boundary or an SCP may also deny it.",
                    error.action
                ),
                Failure::Throttled { .. } => {
                    "Wait a minute and run the command again. Other callers of the account share the limit.".to_owned()
                }
                Failure::Unavailable { .. } => format!(
                    "Check the network, AWS_ENDPOINT_URL if it is set, and that {region} is an AWS Region. Then run \
                     the command again."
                ),
                Failure::Refused { .. } => {
                    "Read AWS's message. The same call is refused again.".to_owned()
                }
            },
        }
    }
}

/// Why there are no credentials. Returns `None` if the call failed for another reason.
fn no_credentials<E>(error: &SdkError<E, HttpResponse>) -> Option<String>
where
    E: std::error::Error + 'static,
{
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<CredentialsError>() {
            let mut texts = vec![error.to_string()];
            let mut next = error.source();
            while let Some(source) = next {
                texts.push(source.to_string());
                next = source.source();
            }
            // The SDK's list of places has a line for each.
            let text = texts.join(": ");
            let words: Vec<_> = text.split_whitespace().collect();
            return Some(words.join(" "));
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
