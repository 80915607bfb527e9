//! The errors of a cluster and of its API server: what failed, in which cluster, and why.

use hookline_runtime::aws_errors::AwsError;

/// The result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a cluster cannot be found or asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The SDK configuration of a caller lacks something.
    #[error("the AWS configuration has no {missing}")]
    IncompleteConfig {
        /// `Region` or `credentials`.
        missing: &'static str,
    },
    /// EKS has no cluster of this name in the account and Region of the caller.
    #[error("EKS has no cluster {cluster} in {region}")]
    ClusterNotFound {
        /// The cluster's name.
        cluster: String,
        /// The Region.
        region: String,
    },
    /// The cluster has no API server to connect to: EKS still creates it, or failed to create it.
    #[error("cluster {cluster} is {status} and has no {missing} yet")]
    ClusterNotReady {
        /// The cluster's name.
        cluster: String,
        /// The cluster's status, as EKS names it, for example `CREATING`.
        status: String,
        /// What `DescribeCluster` did not return.
        missing: &'static str,
    },
    /// `DescribeCluster` returned an endpoint or a certificate authority that no safe connection
    /// can be made with.
    #[error("cluster {cluster}: {problem}")]
    UnusableEndpoint {
        /// The cluster's name.
        cluster: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The token for the cluster cannot be signed, for example because the credentials cannot be
    /// loaded.
    #[error("cannot sign a token for cluster {cluster}: {problem}")]
    TokenNotSigned {
        /// The cluster's name.
        cluster: String,
        /// What went wrong.
        problem: String,
    },
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A request to the API server failed.
    #[error("cannot {action} in cluster {cluster}: {failure}")]
    Request {
        /// The cluster's name.
        cluster: String,
        /// What the request was to do, for example `list pods` or `get Node node-1`.
        action: String,
        /// Why it failed.
        failure: RequestFailure,
    },
}

/// Why a request to an API server failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestFailure {
    /// HTTP 401: the cluster does not know the caller. A [`Reader`](crate::Reader) has tried again
    /// with a new token.
    #[error("the cluster does not know the caller: {detail}")]
    Unauthorized {
        /// The API server's message.
        detail: String,
    },
    /// HTTP 403: the cluster knows the caller, who lacks the permission.
    #[error("the caller is not allowed to: {detail}")]
    Forbidden {
        /// The API server's message.
        detail: String,
    },
    /// HTTP 404: there is no such object, or no such kind of object.
    #[error("not found: {detail}")]
    NotFound {
        /// The API server's message.
        detail: String,
    },
    /// HTTP 409: the object has changed since the caller read it, or it exists already.
    #[error("conflict: {detail}")]
    Conflict {
        /// The API server's message.
        detail: String,
    },
    /// HTTP 410: the API server no longer has the version of the list that a continue token stands
    /// for, or no longer knows what happened after the version that a watch is from.
    #[error("the list expired: {detail}")]
    Expired {
        /// The API server's message.
        detail: String,
    },
    /// HTTP 429: too many requests.
    #[error("throttled (HTTP 429): {detail}")]
    Throttled {
        /// The API server's message.
        detail: String,
    },
    /// No connection, a server error, or a response that broke off or cannot be read.
    #[error("the API server did not answer as it should: {detail}")]
    Unavailable {
        /// The API server's message, or why there is none.
        detail: String,
    },
    /// The response is larger than a [`Reader`](crate::Reader) reads.
    #[error("one object alone is larger than {limit} bytes")]
    TooLarge {
        /// How many bytes of a response are read at most.
        limit: usize,
    },
    /// Any other HTTP status. The API server refuses the request again if it is repeated.
    #[error("the API server refused: HTTP {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The API server's message.
        detail: String,
    },
    /// The request cannot be built, for example because of the object's name. Nothing was sent.
    #[error("the request is not valid: {detail}")]
    Invalid {
        /// What is wrong with it.
        detail: String,
    },
}

impl Error {
    /// Why a request to the API server failed. Returns `None` if something else failed.
    #[must_use]
    pub fn failure(&self) -> Option<&RequestFailure> {
        match self {
            Self::Request { failure, .. } => Some(failure),
            _ => None,
        }
    }
}

impl RequestFailure {
    /// The failure that a response with this HTTP status stands for.
    #[must_use]
    pub fn of_status(status: u16, detail: String) -> Self {
        match status {
            401 => Self::Unauthorized { detail },
            403 => Self::Forbidden { detail },
            404 => Self::NotFound { detail },
            409 => Self::Conflict { detail },
            410 => Self::Expired { detail },
            429 => Self::Throttled { detail },
            500.. => Self::Unavailable {
                detail: format!("HTTP {status}: {detail}"),
            },
            _ => Self::Refused { status, detail },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_action_the_cluster_and_the_failure() {
        for (status, failure) in [
            (400, "the API server refused: HTTP 400: the message"),
            (401, "the cluster does not know the caller: the message"),
            (403, "the caller is not allowed to: the message"),
            (404, "not found: the message"),
            (409, "conflict: the message"),
            (410, "the list expired: the message"),
            (429, "throttled (HTTP 429): the message"),
            (
                503,
                "the API server did not answer as it should: HTTP 503: the message",
            ),
        ] {
            let error = Error::Request {
                cluster: "prod".to_owned(),
                action: "list pods".to_owned(),
                failure: RequestFailure::of_status(status, "the message".to_owned()),
            };
            let expected = format!("cannot list pods in cluster prod: {failure}");
            assert_eq!(error.to_string(), expected);
        }
    }
}
