//! Why a call to AWS failed, as an operator needs it: wrong credentials, a wrong Region and a
//! missing permission have different remedies.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use hookline_runtime::aws_errors::{self, AwsError, Failure};
use hookline_runtime::payload::shorten;

use super::identity::{Origin, known_words, with_sources};
use crate::error::Code;
use crate::judge::finding::quoted;

/// The most characters of a text of AWS that an error shows.
const MAX_DETAIL_CHARACTERS: usize = 600;

/// Who made the call, in the text of a missing permission.
const CALLER: &str = "the identity that made the call (`hookline whoami` shows it)";

/// Why AWS cannot be called, or a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No Region is set anywhere.
    #[error("no AWS Region is set{}", of_profile(profile.as_deref()))]
    NoRegion {
        /// The AWS profile that has none either.
        profile: Option<String>,
    },
    /// The AWS profile that was chosen does not exist.
    #[error("{setting} names the AWS profile {profile:?}, which does not exist")]
    UnknownProfile {
        /// Its name.
        profile: String,
        /// The option or the variable that names it.
        setting: &'static str,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The AWS configuration files cannot be read.
    #[error("the AWS configuration files cannot be read: {detail}")]
    UnreadableProfiles {
        /// Which file, where, and why.
        detail: String,
    },
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
    #[error("{action}: no AWS credentials{}{}", of_origin(origin, *absence), of_detail(detail))]
    NoCredentials {
        /// The action as IAM names it.
        action: &'static str,
        /// The setting that should have them.
        origin: Origin,
        /// How they are missing.
        absence: Absence,
        /// The SDK's words, where they say more.
        detail: String,
    },
    /// The credentials were good, and are no more.
    #[error("{action}: the credentials of {} have expired", origin.words())]
    Expired {
        /// The action as IAM names it.
        action: &'static str,
        /// The setting that has them.
        origin: Origin,
    },
    /// AWS does not accept the credentials.
    #[error("{action}: AWS does not accept the credentials of {}: {detail}", origin.words())]
    BadCredentials {
        /// The action as IAM names it.
        action: &'static str,
        /// The setting that has them.
        origin: Origin,
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

/// How credentials are missing, by the SDK's kind of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// No place has any.
    Nowhere,
    /// The setting is there, and cannot be right.
    Wrong,
    /// What should give them failed.
    Failed,
    /// What should give them did not answer in time.
    Late,
}

impl Absence {
    fn of(error: &CredentialsError) -> Self {
        match error {
            CredentialsError::CredentialsNotLoaded(_) => Self::Nowhere,
            CredentialsError::InvalidConfiguration(_) => Self::Wrong,
            CredentialsError::ProviderTimedOut(_) => Self::Late,
            // `CredentialsError` may get more kinds.
            _ => Self::Failed,
        }
    }
}

/// The AWS profile of a setting that nothing has, as the end of a sentence.
fn of_profile(profile: Option<&str>) -> String {
    profile.map_or_else(String::new, |profile| {
        format!(", and the AWS profile {profile:?} has none")
    })
}

/// What is wrong with the setting that should have credentials, as the end of a sentence.
fn of_origin(origin: &Origin, absence: Absence) -> String {
    let setting = origin.words();
    match (origin, absence) {
        (Origin::Elsewhere, Absence::Nowhere) => {
            ": no AWS profile is chosen that has any, the environment has none, and this machine has no role".to_owned()
        }
        (Origin::EmptyProfile { .. }, _) | (_, Absence::Nowhere) => format!(": {setting} has none"),
        (_, Absence::Wrong) if origin.needs_login() => {
            format!(": {setting}. Only the AWS CLI can do that")
        }
        (_, Absence::Wrong) => format!(": {setting} cannot be right"),
        (_, Absence::Failed) => format!(": {setting} failed"),
        (_, Absence::Late) => format!(": {setting} did not answer in time"),
    }
}

/// The SDK's words, as the end of a sentence.
fn of_detail(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(": {detail}")
    }
}

impl Error {
    /// Classifies `error`, which a call of `action` in `region` returned. `origin` is where its
    /// credentials came from.
    pub(super) fn of<E>(
        action: &'static str,
        region: &str,
        origin: &Origin,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let origin = origin.clone();
        if let Some(cause) = credentials_error(error) {
            let absence = Absence::of(cause);
            // The SDK's list of the places, and its features, would tell an operator nothing more.
            let is_told = absence == Absence::Nowhere || origin.needs_login();
            let detail = if is_told {
                String::new()
            } else {
                shorten(&with_sources(cause), MAX_DETAIL_CHARACTERS)
            };
            return Self::NoCredentials {
                action,
                origin,
                absence,
                detail,
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
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
                Self::Expired { action, origin }
            }
            "AuthFailure"
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
            | "UnrecognizedClientException" => Self::BadCredentials {
                action,
                origin,
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
            Self::NoRegion { .. }
            | Self::UnknownProfile { .. }
            | Self::UnreadableProfiles { .. }
            | Self::NotARegion { .. }
            | Self::Function { .. } => None,
            Self::RegionNotEnabled { action, .. }
            | Self::NoCredentials { action, .. }
            | Self::Expired { action, .. }
            | Self::BadCredentials { action, .. } => Some(action),
            Self::Call { error, .. } => Some(error.action),
        }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> Code {
        match self {
            Self::NoRegion { .. } | Self::NotARegion { .. } | Self::RegionNotEnabled { .. } => {
                Code::Region
            }
            Self::UnknownProfile { .. }
            | Self::UnreadableProfiles { .. }
            | Self::NoCredentials { .. }
            | Self::Expired { .. }
            | Self::BadCredentials { .. } => Code::Credentials,
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
            Self::NoRegion { profile: None } => {
                "Give --region, or set AWS_REGION or the Region of the AWS profile.".to_owned()
            }
            Self::NoRegion { profile: Some(profile) } => format!(
                "Give --region, or set AWS_REGION, or set the profile's: aws configure set region us-west-2 --profile {}",
                quoted(profile)
            ),
            Self::UnknownProfile { setting, known, .. } => {
                format!("Correct {setting}. {}", known_words(known))
            }
            Self::UnreadableProfiles { .. } => "Correct the file that AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE \
                 names: by default ~/.aws/config and ~/.aws/credentials."
                .to_owned(),
            Self::NotARegion { .. } => "Give a name such as us-west-2.".to_owned(),
            Self::RegionNotEnabled { .. } => {
                "Choose another Region with --region, or enable this one for the account.".to_owned()
            }
            Self::NoCredentials { origin, .. } => origin.remedy_of_absence(),
            Self::Expired { origin, .. } => origin.remedy_of_expiry(),
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

/// The error of the credentials behind a failed call. Returns `None` if it failed otherwise.
fn credentials_error<E>(error: &SdkError<E, HttpResponse>) -> Option<&CredentialsError>
where
    E: std::error::Error + 'static,
{
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
