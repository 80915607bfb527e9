//! Waiting for a condition.

use std::time::Duration;

use anyhow::{Result, bail};

/// Calls `look` again and again until it returns a value.
///
/// # Errors
/// If `limit` is over first, with what was waited for; or if `look` fails.
pub async fn wait_for<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = tokio::time::Instant::now() + limit;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if tokio::time::Instant::now() > end {
            bail!("waited {limit:?} for {what}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
