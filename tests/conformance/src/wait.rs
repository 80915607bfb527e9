//! Waiting for a condition, with a back-off that suits both a fake AWS and EC2's request rates.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// How long something that AWS does in seconds may take.
pub const SOON: Duration = Duration::from_secs(120);
/// How long an instance may take to start or to end.
pub const LATER: Duration = Duration::from_secs(300);

/// Calls `look` until it returns a value.
///
/// # Errors
/// If `limit` is over first, with what was waited for; or if `look` fails.
pub async fn until<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + limit;
    let mut pause = FIRST;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}
