//! Lists that are read page by page, newest first, as far back as they are needed.

use super::Error;

/// The entries of the first pages, at most so many, up to the page that reaches back far enough;
/// and whether that was enough, or all there are. `page` reads the page of a token, and returns the
/// token of the next one.
///
/// # Errors
/// Returns why a call failed.
pub(super) async fn back_to<T>(
    pages: usize,
    reaches: impl Fn(&[T]) -> bool,
    mut page: impl AsyncFnMut(Option<String>) -> Result<(Vec<T>, Option<String>), Error>,
) -> Result<(Vec<T>, bool), Error> {
    let mut found = Vec::new();
    let mut token = None;
    for _ in 0..pages {
        let (entries, next) = page(token).await?;
        let reached = reaches(&entries);
        found.extend(entries);
        token = next;
        if token.is_none() || reached {
            return Ok((found, true));
        }
    }
    Ok((found, false))
}
