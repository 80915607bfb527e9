//! What EC2 describes beside the cluster's own listing, which is of use without it.

use std::time::Duration;

use hookline_runtime::aws_errors::AwsError;
use tokio::time::{Instant, timeout_at};

/// How long all pages may take. Without an endpoint of EC2 in its VPC, the function waits this long
/// in each run.
const LIMIT: Duration = Duration::from_secs(20);

/// What `all` describes, with calls of `action`, by `LIMIT` and by `until`. Otherwise `None`, after a
/// warning that says what is `lost`.
pub(crate) async fn in_time<T>(
    action: &str,
    lost: &str,
    until: Instant,
    all: impl Future<Output = Result<T, AwsError>>,
) -> Option<T> {
    let limit = until.min(Instant::now() + LIMIT);
    let error = match timeout_at(limit, all).await {
        Ok(Ok(described)) => return Some(described),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("{action} did not end in time"),
    };
    tracing::warn!(error, "{lost}");
    None
}
