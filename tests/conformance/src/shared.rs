//! What several facts share, and the first of them makes.

use anyhow::{Result, anyhow};
use tokio::sync::OnceCell;

/// How the error begins of a fact whose shared thing could not be made for a fact before it.
const NOT_TRIED: &str = "not tried: ";

/// A thing that is made once. What could not be made is not made again: a run makes no more than
/// it has announced.
#[derive(Debug)]
pub(crate) struct Shared<T>(OnceCell<Result<T, String>>);

impl<T> Shared<T> {
    pub(crate) fn new() -> Self {
        Self(OnceCell::new())
    }

    /// The thing, made by `make` the first time that it is asked for.
    ///
    /// # Errors
    /// If it cannot be made. From the second time on, the error begins with [`NOT_TRIED`].
    pub(crate) async fn get<F>(&self, make: impl FnOnce() -> F) -> Result<&T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut is_first = false;
        let made = self.0.get_or_init(|| {
            is_first = true;
            // In a box: the futures of whole launches are too large for the stack of a thread.
            let made = Box::pin(make());
            async { made.await.map_err(|error| format!("{error:#}")) }
        });
        let made = made.await.as_ref();
        made.map_err(|error| match is_first || error.starts_with(NOT_TRIED) {
            true => anyhow!("{error}"),
            false => anyhow!("{NOT_TRIED}{error}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn thing_that_cannot_be_made_is_tried_once() {
        let shared = Shared::<u8>::new();
        let first = shared.get(async || Err(anyhow!("no room").context("RunInstances")));
        assert_eq!(
            first.await.unwrap_err().to_string(),
            "RunInstances: no room"
        );
        let second = shared.get(async || Ok(1)).await.unwrap_err();
        assert_eq!(second.to_string(), "not tried: RunInstances: no room");
    }

    #[tokio::test]
    async fn thing_is_made_once() {
        let shared = Shared::new();
        assert_eq!(*shared.get(async || { Ok(1) }).await.unwrap(), 1);
        assert_eq!(*shared.get(async || { Ok(2) }).await.unwrap(), 1);
    }
}
