//! Everything that can go wrong in `extract-pods`, by name.
//!
//! A variant's [`Error::error_type`] reaches the state machine's `ErrorEquals`, so these names are an interface.

use hookline_runtime::payload::BadField;
use hookline_runtime::sdk::Failure;
use lambda_runtime::Diagnostic;

/// The result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with what a person needs to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field of the payload does not hold what it must. Nothing has been called or written.
    #[error("{field}: {problem}. {remedy}")]
    Invalid {
        /// The path of the field, as `group.labels[1]`.
        field: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it, as a sentence.
        remedy: String,
    },
    /// EKS knows no such cluster in this account and region.
    #[error(
        "EKS has no cluster {cluster} in {region}. Correct cluster or region, or name a role of the cluster's account under assumeRoleArn"
    )]
    ClusterNotFound {
        /// The cluster's name.
        cluster: String,
        /// The region that was asked.
        region: String,
    },
    /// The cluster has no API server that could be asked: it is being made, or its making failed.
    #[error("cluster {cluster} is {status} and has no {missing} yet. Wait until it is ACTIVE")]
    ClusterNotReady {
        /// The cluster's name.
        cluster: String,
        /// EKS's word for its status.
        status: String,
        /// What `DescribeCluster` did not give.
        missing: &'static str,
    },
    /// The API server does not know the caller (HTTP 401).
    #[error(
        "cluster {cluster} does not know the caller: {detail}. Make an access entry for the role of this function (or for assumeRoleArn), or map it in aws-auth"
    )]
    KubernetesUnauthorized {
        /// The cluster's name.
        cluster: String,
        /// The API server's words.
        detail: String,
    },
    /// The API server knows the caller, who may not read nodes and pods (HTTP 403).
    #[error(
        "cluster {cluster} does not let the caller {action}: {detail}. Bind the caller's Kubernetes group to a ClusterRole that may get and list nodes and pods"
    )]
    KubernetesForbidden {
        /// The cluster's name.
        cluster: String,
        /// What was asked.
        action: &'static str,
        /// The API server's words.
        detail: String,
    },
    /// The API server cannot be reached, answers with a server error, or with what cannot be read. Also when lists
    /// expire again and again before they are read to their end.
    #[error("{action}: the API server of cluster {cluster} did not answer as it should: {detail}")]
    KubernetesUnavailable {
        /// The cluster's name.
        cluster: String,
        /// What was asked.
        action: &'static str,
        /// What came back, or did not.
        detail: String,
    },
    /// The API server refused a request for a reason that trying again does not change.
    #[error("{action}: the API server of cluster {cluster} refused: HTTP {status}: {detail}")]
    KubernetesRefused {
        /// The cluster's name.
        cluster: String,
        /// What was asked.
        action: &'static str,
        /// The HTTP status.
        status: u16,
        /// The API server's words.
        detail: String,
    },
    /// The object could not be written. What stood under its key before, if anything, still stands there whole.
    #[error("s3://{bucket}/{key} could not be written: {detail}")]
    UploadFailed {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// S3's words.
        detail: String,
    },
    /// The function's time was up before the object was written.
    #[error(
        "the function's time was up while it was about to {doing}. Give it a longer timeout, or more memory, which brings more CPU"
    )]
    OutOfTime {
        /// What was under way.
        doing: &'static str,
    },
    /// Too many calls, to an AWS API or to the API server.
    #[error("{action}: throttled ({code})")]
    Throttled {
        /// What was asked.
        action: &'static str,
        /// AWS's error code, or the HTTP status.
        code: String,
    },
    /// AWS answered with a server error, or did not answer.
    #[error("{action}: AWS did not answer as it should: {detail}")]
    AwsUnavailable {
        /// The API action.
        action: &'static str,
        /// What came back, or did not.
        detail: String,
    },
    /// The function's role, or the assumed one, may not do this.
    #[error("{action}: not allowed ({detail}). Grant the action to {role}")]
    AccessDenied {
        /// The API action.
        action: &'static str,
        /// AWS's words.
        detail: String,
        /// Whose permission is missing.
        role: String,
    },
    /// AWS refused a call for a reason that trying again does not change.
    #[error("{action} was refused: {code}: {message}")]
    AwsRefused {
        /// The API action.
        action: &'static str,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        message: String,
    },
}

impl Error {
    /// Every name that [`Error::error_type`] can give.
    pub const TYPES: &'static [&'static str] = &[
        "Hookline.InvalidPayload",
        "Hookline.ClusterNotFound",
        "Hookline.ClusterNotReady",
        "Hookline.KubernetesUnauthorized",
        "Hookline.KubernetesForbidden",
        "Hookline.KubernetesUnavailable",
        "Hookline.KubernetesRefused",
        "Hookline.UploadFailed",
        "Hookline.OutOfTime",
        "Hookline.Throttled",
        "Hookline.AwsUnavailable",
        "Hookline.AccessDenied",
        "Hookline.AwsRefused",
    ];

    /// The stable name by which the state machine retries or catches this.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "Hookline.InvalidPayload",
            Self::ClusterNotFound { .. } => "Hookline.ClusterNotFound",
            Self::ClusterNotReady { .. } => "Hookline.ClusterNotReady",
            Self::KubernetesUnauthorized { .. } => "Hookline.KubernetesUnauthorized",
            Self::KubernetesForbidden { .. } => "Hookline.KubernetesForbidden",
            Self::KubernetesUnavailable { .. } => "Hookline.KubernetesUnavailable",
            Self::KubernetesRefused { .. } => "Hookline.KubernetesRefused",
            Self::UploadFailed { .. } => "Hookline.UploadFailed",
            Self::OutOfTime { .. } => "Hookline.OutOfTime",
            Self::Throttled { .. } => "Hookline.Throttled",
            Self::AwsUnavailable { .. } => "Hookline.AwsUnavailable",
            Self::AccessDenied { .. } => "Hookline.AccessDenied",
            Self::AwsRefused { .. } => "Hookline.AwsRefused",
        }
    }

    /// An invalid field. `remedy` is a sentence without its full stop.
    pub(crate) fn invalid(
        field: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            field: field.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// A failed call to AWS, made as `role`.
    pub(crate) fn aws(action: &'static str, role: &str, failure: Failure) -> Self {
        match failure {
            Failure::Throttled { code } => Self::Throttled { action, code },
            Failure::AccessDenied { detail } => Self::AccessDenied {
                action,
                detail,
                role: role.to_owned(),
            },
            Failure::Unavailable { detail } => Self::AwsUnavailable { action, detail },
            Failure::Refused { code, message } => Self::AwsRefused {
                action,
                code,
                message,
            },
        }
    }
}

impl From<BadField> for Error {
    fn from(bad: BadField) -> Self {
        let field = match bad.path.is_empty() {
            true => "payload".to_owned(),
            false => bad.path,
        };
        Self::invalid(
            field,
            bad.problem,
            "Call the function with the input of the state machine (traffic/extract-pods/README.md)",
        )
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_documented_and_no_other() {
        let documented: Vec<&str> = include_str!("../README.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `Hookline."))
            .filter_map(|line| line.split('`').next())
            .collect();
        let names: Vec<&str> = Error::TYPES
            .iter()
            .filter_map(|name| name.strip_prefix("Hookline."))
            .collect();
        assert_eq!(documented, names);
    }

    #[test]
    fn an_error_reaches_the_state_machine_by_its_name() {
        let diagnostic = Diagnostic::from(Error::OutOfTime { doing: "test" });
        assert_eq!(diagnostic.error_type, "Hookline.OutOfTime");
        assert!(Error::TYPES.contains(&diagnostic.error_type.as_str()));
        assert!(diagnostic.error_message.contains("timeout"));
    }
}
