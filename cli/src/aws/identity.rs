//! Where the credentials of a run come from: the setting that an error has to name.
//!
//! The SDK puts what is wrong with an AWS profile into a text. So the profile is read here, with
//! the SDK's own reader of its files, and judged by its fields.

use aws_config::profile::{self, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::Error;
use crate::judge::finding::quoted;

/// The most AWS profiles that an error lists.
const MAX_LISTED: usize = 10;

/// The most roles of a chain that are followed.
const MAX_CHAIN: usize = 10;

/// The variable that chooses an AWS profile, for the SDK and the AWS CLI.
const PROFILE_VARIABLE: &str = "AWS_PROFILE";

/// Where credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    Environment,
    /// An AWS profile that says how to get them.
    Profile {
        name: String,
        method: Method,
        /// The AWS profile that `method` is of: the one that a chain of roles begins with.
        base: String,
        /// Whether `--aws-profile` chose it.
        by_option: bool,
    },
    /// `--aws-profile` chose an AWS profile that says nothing of credentials.
    EmptyProfile { name: String },
    /// Neither. A web identity, a container or an instance may have a role.
    Elsewhere,
}

/// How an AWS profile gets its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// `sso_session` or `sso_start_url`: IAM Identity Center, for which this command has no code.
    IdentityCenter,
    /// `login_session`: that of `aws login`, for which it has none either.
    Login,
    /// `credential_process`: a program prints them.
    Process,
    /// `role_arn`: by assuming a role.
    Role,
    /// `aws_access_key_id`.
    Keys,
}

impl Origin {
    /// Reads the environment and the AWS configuration files. `option` is the profile of
    /// `--aws-profile`.
    ///
    /// # Errors
    /// Returns [`Error::UnknownProfile`] if the chosen profile does not exist, and
    /// [`Error::UnreadableProfiles`] if a file cannot be read.
    pub(super) async fn read(option: Option<&str>) -> Result<Self, Error> {
        Self::of(option, &Env::real(), &Fs::real()).await
    }

    async fn of(option: Option<&str>, env: &Env, files: &Fs) -> Result<Self, Error> {
        let is_set = |name: &str| env.get(name).is_ok_and(|value| !value.is_empty());
        if option.is_none() && is_set("AWS_ACCESS_KEY_ID") && is_set("AWS_SECRET_ACCESS_KEY") {
            return Ok(Self::Environment);
        }
        let chosen = option.map(|name| name.to_owned().into());
        let profiles = profile::load(files, env, &EnvConfigFiles::default(), chosen)
            .await
            .map_err(|error| Error::UnreadableProfiles {
                detail: with_sources(&error),
            })?;
        let name = profiles.selected_profile();
        if let Some((method, base)) = method(&profiles, name) {
            return Ok(Self::Profile {
                name: name.to_owned(),
                method,
                base: base.to_owned(),
                by_option: option.is_some(),
            });
        }
        // Without a choice, the SDK goes on to the role of the machine. With one that does not
        // exist it would do so too, and call AWS as somebody else than the operator means.
        let setting = match option {
            Some(_) => "--aws-profile",
            None if is_set(PROFILE_VARIABLE) => PROFILE_VARIABLE,
            None => return Ok(Self::Elsewhere),
        };
        if profiles.get_profile(name).is_none() {
            return Err(Error::UnknownProfile {
                profile: name.to_owned(),
                setting,
                known: known(&profiles),
            });
        }
        // The SDK goes on from an empty profile of the variable, and not from one of the option.
        Ok(match option {
            Some(_) => Self::EmptyProfile {
                name: name.to_owned(),
            },
            None => Self::Elsewhere,
        })
    }

    /// The AWS profile by name, if one has or should have the credentials.
    pub(super) fn profile(&self) -> Option<&str> {
        match self {
            Self::Profile { name, .. } | Self::EmptyProfile { name } => Some(name),
            Self::Environment | Self::Elsewhere => None,
        }
    }

    /// Whether only the AWS CLI can sign in for these credentials: the SDK's code for that is not
    /// compiled in.
    pub(super) fn needs_login(&self) -> bool {
        matches!(
            self,
            Self::Profile {
                method: Method::IdentityCenter | Method::Login,
                ..
            }
        )
    }

    /// The setting that has the credentials, as a part of a sentence.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Environment => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
            Self::Profile { name, method, .. } => match method {
                Method::IdentityCenter => {
                    format!("the AWS profile {name:?}, which signs in by IAM Identity Center")
                }
                Method::Login => format!("the AWS profile {name:?}, which signs in by `aws login`"),
                Method::Process => format!("credential_process of the AWS profile {name:?}"),
                Method::Role => format!("role_arn of the AWS profile {name:?}"),
                Method::Keys => format!("aws_access_key_id of the AWS profile {name:?}"),
            },
            Self::EmptyProfile { name } => format!("the AWS profile {name:?}"),
            Self::Elsewhere => "the role of this machine or a web identity".to_owned(),
        }
    }

    /// What to do if there are no credentials.
    pub(super) fn remedy_of_absence(&self) -> String {
        match self {
            Self::Profile {
                name,
                method: Method::IdentityCenter,
                base,
                by_option,
            } => sign_in("aws sso login", base, name, *by_option),
            Self::Profile {
                name,
                method: Method::Login,
                base,
                by_option,
            } => sign_in("aws login", base, name, *by_option),
            Self::Profile {
                name,
                method: Method::Process,
                ..
            } => format!(
                "Run the program of credential_process by itself to see why it fails. If it takes its credentials \
                 from IAM Identity Center, the session may have expired: aws sso login --profile {}",
                quoted(name)
            ),
            Self::Profile {
                name,
                method: Method::Role,
                ..
            } => format!(
                "Correct role_arn and source_profile of the AWS profile, and let the role's trust policy name who \
                 assumes it. To try it: aws sts get-caller-identity --profile {}",
                quoted(name)
            ),
            Self::Profile { name, .. } | Self::EmptyProfile { name } => format!(
                "Give it credentials, with `aws configure --profile {}`, or choose another with --aws-profile.",
                quoted(name)
            ),
            Self::Environment | Self::Elsewhere => {
                "Choose an AWS profile with --aws-profile or AWS_PROFILE, or set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY. With IAM Identity Center, first run `aws sso login` and \
                 `eval \"$(aws configure export-credentials --format env)\"`."
                    .to_owned()
            }
        }
    }

    /// What to do if the credentials have expired.
    pub(super) fn remedy_of_expiry(&self) -> String {
        match self {
            Self::Environment => "Export new ones. With IAM Identity Center: aws sso login --profile NAME && \
                 eval \"$(aws configure export-credentials --profile NAME --format env)\""
                .to_owned(),
            Self::Profile {
                method: Method::Keys,
                name,
                ..
            } => format!(
                "Write new ones, aws_session_token too, to the AWS profile {name:?}, or choose another with \
                 --aws-profile."
            ),
            Self::Profile {
                method: Method::Role,
                ..
            } => "Renew the credentials of its source_profile.".to_owned(),
            Self::Profile { .. } | Self::EmptyProfile { .. } => self.remedy_of_absence(),
            Self::Elsewhere => {
                "The machine gets new ones by itself: run the command again. Or choose an AWS profile with \
                 --aws-profile."
                    .to_owned()
            }
        }
    }
}

/// How to sign in to the AWS profile `base` by a command of the AWS CLI, of which this command has
/// no code, and to export the credentials of `profile`, which rests on it.
fn sign_in(login: &str, base: &str, profile: &str, by_option: bool) -> String {
    let (base, profile) = (quoted(base), quoted(profile));
    let without = if by_option {
        " Then run this command without --aws-profile."
    } else {
        ""
    };
    format!(
        "Sign in and export the credentials: {login} --profile {base} && \
         eval \"$(aws configure export-credentials --profile {profile} --format env)\".{without}"
    )
}

/// How a profile gets its credentials, in the order in which the SDK looks, and the profile that
/// says so. `None` if it has none.
fn method<'a>(profiles: &'a ProfileSet, name: &'a str) -> Option<(Method, &'a str)> {
    let mut name = name;
    // A chain of roles begins with the profile that has credentials. A loop is the SDK's to refuse.
    for _ in 0..MAX_CHAIN {
        let profile = profiles.get_profile(name)?;
        let has = |field: &str| profile.get(field).is_some();
        let next = profile.get("source_profile").filter(|next| *next != name);
        if has("role_arn") && !has("web_identity_token_file") {
            match next {
                Some(next) => {
                    let base = method_of_base(profiles, next);
                    if let Some(method @ (Method::IdentityCenter | Method::Login)) = base {
                        return Some((method, next));
                    }
                    if base.is_none() && profiles.get_profile(next).is_some() {
                        name = next;
                        continue;
                    }
                    return Some((Method::Role, name));
                }
                None => return Some((Method::Role, name)),
            }
        }
        return Some((method_of_base(profiles, name)?, name));
    }
    Some((Method::Role, name))
}

/// How a profile that assumes no role gets its credentials.
fn method_of_base(profiles: &ProfileSet, name: &str) -> Option<Method> {
    let profile = profiles.get_profile(name)?;
    let has = |field: &str| profile.get(field).is_some();
    if has("web_identity_token_file") {
        Some(Method::Role)
    } else if [
        "sso_session",
        "sso_start_url",
        "sso_account_id",
        "sso_role_name",
    ]
    .into_iter()
    .any(has)
    {
        Some(Method::IdentityCenter)
    } else if has("login_session") {
        Some(Method::Login)
    } else if has("credential_process") {
        Some(Method::Process)
    } else if has("aws_access_key_id") || has("aws_secret_access_key") {
        Some(Method::Keys)
    } else {
        None
    }
}

/// The profiles that there are, in order.
fn known(profiles: &ProfileSet) -> Vec<String> {
    let mut known: Vec<_> = profiles.profiles().map(str::to_owned).collect();
    known.sort_unstable();
    known
}

/// The profiles that there are, as a sentence.
pub(super) fn known_words(known: &[String]) -> String {
    if known.is_empty() {
        return "No AWS profile is there: `aws configure` makes one.".to_owned();
    }
    let listed: Vec<_> = known.iter().take(MAX_LISTED).map(String::as_str).collect();
    let more = match known.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("There are: {}{more}.", listed.join(", "))
}

/// An error with its causes, in one line.
pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(source) = next {
        texts.push(source.to_string());
        next = source.source();
    }
    let text = texts.join(": ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
