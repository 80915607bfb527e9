//! The errors of `extract-pods`, by name.
//!
//! [`Error::error_type`] reaches the state machine's `ErrorEquals`, so these names are an
//! interface.

use hookline_kubernetes::RequestFailure;
use hookline_runtime::aws_errors::AwsError;
use hookline_runtime::payload::BadField;
use lambda_runtime::Diagnostic;

/// The result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what a person can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field of the payload has an invalid value. Nothing was called or written.
    #[error("{field}: {problem}. {remedy}")]
    Invalid {
        /// The path of the field, for example `group.labels[1]`.
        field: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it, as a sentence.
        remedy: String,
    },
    /// The cluster cannot be found, or its API server did not answer a request well.
    #[error("{0}{remedy}", remedy = remedy(.0))]
    Kubernetes(hookline_kubernetes::Error),
    /// The API server forgot the moment that a list shows before the list was read to its end, in
    /// every listing.
    #[error(
        "cannot list nodes and pods in cluster {cluster}: the list expired {listings} times before its end: {detail}"
    )]
    ListExpired {
        /// The cluster's name.
        cluster: String,
        /// How many listings were started.
        listings: u32,
        /// The API server's message.
        detail: String,
    },
    /// The object could not be written. An object that was there before under the same key is still
    /// there, whole.
    #[error("s3://{bucket}/{key} could not be written: {detail}")]
    UploadFailed {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// S3's message.
        detail: String,
    },
    /// The function's time was nearly up before the object was written.
    #[error(
        "the function's time is up, and it has yet to {step}. Give the function a longer timeout, or more memory, which brings more CPU"
    )]
    OutOfTime {
        /// What the function was doing.
        step: &'static str,
    },
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Error {
    /// Every name that [`Error::error_type`] returns.
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
            Self::Kubernetes(error) => kubernetes_error_type(error),
            Self::ListExpired { .. } => "Hookline.KubernetesUnavailable",
            Self::UploadFailed { .. } => "Hookline.UploadFailed",
            Self::OutOfTime { .. } => "Hookline.OutOfTime",
            Self::Aws(error) => error.error_type(),
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
}

fn kubernetes_error_type(error: &hookline_kubernetes::Error) -> &'static str {
    use hookline_kubernetes::Error as E;
    match error {
        E::ClusterNotFound { .. } => "Hookline.ClusterNotFound",
        E::ClusterNotReady { .. } => "Hookline.ClusterNotReady",
        // What AWS returned, or did not return, is of no use.
        E::IncompleteConfig { .. } | E::UnusableEndpoint { .. } | E::TokenNotSigned { .. } => {
            "Hookline.AwsUnavailable"
        }
        E::Aws(error) => error.error_type(),
        E::Request { failure, .. } => match failure {
            RequestFailure::Unauthorized { .. } => "Hookline.KubernetesUnauthorized",
            RequestFailure::Forbidden { .. } => "Hookline.KubernetesForbidden",
            RequestFailure::Throttled { .. } => "Hookline.Throttled",
            RequestFailure::Unavailable { .. } => "Hookline.KubernetesUnavailable",
            RequestFailure::NotFound { .. }
            | RequestFailure::Conflict { .. }
            | RequestFailure::Expired { .. }
            | RequestFailure::TooLarge { .. }
            | RequestFailure::Refused { .. }
            | RequestFailure::Invalid { .. } => "Hookline.KubernetesRefused",
        },
    }
}

/// What to do about an error of the cluster, as the end of its message. Empty if only the message
/// can tell.
fn remedy(error: &hookline_kubernetes::Error) -> &'static str {
    use hookline_kubernetes::Error as E;
    match error {
        E::ClusterNotFound { .. } => {
            ". Correct cluster or region, or name a role of the cluster's account in assumeRoleArn"
        }
        E::ClusterNotReady { .. } => ". Wait until it is ACTIVE",
        E::Request { failure, .. } => match failure {
            RequestFailure::Unauthorized { .. } => {
                ". Create an access entry for the role of this function (or for assumeRoleArn), or map the role in aws-auth"
            }
            RequestFailure::Forbidden { .. } => {
                ". Bind the caller's Kubernetes group to a ClusterRole that allows get and list of nodes, pods and services, and watch of pods"
            }
            _ => "",
        },
        _ => "",
    }
}

impl From<hookline_kubernetes::Error> for Error {
    fn from(error: hookline_kubernetes::Error) -> Self {
        Self::Kubernetes(error)
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
    use hookline_runtime::aws_errors::Failure;

    use super::*;

    #[test]
    fn the_readme_documents_every_error_in_order() {
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
    fn the_errors_common_to_all_aws_services_keep_their_names() {
        for name in AwsError::TYPES {
            assert!(Error::TYPES.contains(name), "{name}");
        }
    }

    #[test]
    fn an_error_reaches_the_state_machine_by_its_name() {
        let diagnostic = Diagnostic::from(Error::OutOfTime { step: "test" });
        assert_eq!(diagnostic.error_type, "Hookline.OutOfTime");
        assert!(Error::TYPES.contains(&diagnostic.error_type.as_str()));
        assert!(diagnostic.error_message.contains("timeout"));
    }

    #[test]
    fn an_error_of_the_cluster_has_a_name_and_a_remedy() {
        use hookline_kubernetes::Error as E;
        let cluster = || "prod".to_owned();
        let problem = || "the problem".to_owned();
        let request = |status| E::Request {
            cluster: cluster(),
            action: "list pods".to_owned(),
            failure: RequestFailure::of_status(status, problem()),
        };
        let not_found = E::ClusterNotFound {
            cluster: cluster(),
            region: "us-east-2".to_owned(),
        };
        let not_ready = E::ClusterNotReady {
            cluster: cluster(),
            status: "CREATING".to_owned(),
            missing: "endpoint",
        };
        let unusable = E::UnusableEndpoint {
            cluster: cluster(),
            problem: problem(),
        };
        let not_signed = E::TokenNotSigned {
            cluster: cluster(),
            problem: problem(),
        };
        let denied = E::Aws(AwsError {
            action: "eks:DescribeCluster",
            principal: "arn:aws:iam::123456789012:role/reader".to_owned(),
            failure: Failure::AccessDenied { detail: problem() },
        });
        for (error, error_type, end) in [
            (not_found, "ClusterNotFound", "assumeRoleArn"),
            (not_ready, "ClusterNotReady", "Wait until it is ACTIVE"),
            (unusable, "AwsUnavailable", "the problem"),
            (not_signed, "AwsUnavailable", "the problem"),
            (denied, "AccessDenied", ":role/reader"),
            (request(401), "KubernetesUnauthorized", "in aws-auth"),
            (request(403), "KubernetesForbidden", "and watch of pods"),
            (request(404), "KubernetesRefused", "the problem"),
            (request(409), "KubernetesRefused", "the problem"),
            (request(429), "Throttled", "the problem"),
            (request(503), "KubernetesUnavailable", "the problem"),
            (request(400), "KubernetesRefused", "the problem"),
        ] {
            let error = Error::from(error);
            assert_eq!(error.error_type(), format!("Hookline.{error_type}"));
            assert!(Error::TYPES.contains(&error.error_type()));
            assert!(error.to_string().ends_with(end), "{error}");
        }
    }
}
