//! What belongs to a listing beside nodes and pods, which are of use without it: what EC2
//! describes, and the Services.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::Error;
use crate::record::Reason;

/// How long all pages may take. Without an endpoint of EC2 in its VPC, the function waits this long
/// in each run.
const LIMIT: Duration = Duration::from_secs(20);

/// What `all` finds, with calls of `action`, by `LIMIT` and by `until`.
///
/// # Errors
/// Why there is nothing, after a warning that says what is `lost`.
pub(crate) async fn in_time<T, E: Into<Error>>(
    action: &str,
    lost: &str,
    until: Instant,
    all: impl Future<Output = Result<T, E>>,
) -> Result<T, Reason> {
    let limit = until.min(Instant::now() + LIMIT);
    let (reason, error) = match timeout_at(limit, all).await {
        Ok(Ok(described)) => return Ok(described),
        Ok(Err(error)) => {
            let error = error.into();
            (Reason::of(&error), error.to_string())
        }
        Err(_) => (Reason::Failed, format!("{action} did not end in time")),
    };
    tracing::warn!(error, "{lost}");
    Err(reason)
}
