//! Lists in pages. All pages of a list show the cluster at one moment: the continue token names it.
//! After some minutes the API server forgets that moment (HTTP 410), and the list must start again.

use std::marker::PhantomData;

use kube::Resource;
use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;

use crate::error::{RequestFailure, Result};
use crate::object::{Object, null_is_default};
use crate::reader::Reader;

/// One page of a list.
#[derive(Debug, Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(deserialize_with = "null_is_default", bound = "T: Deserialize<'de>")]
    items: Vec<T>,
}

#[derive(Debug, Default, Deserialize)]
struct PageMetadata {
    /// The continue token of the next page. Empty or absent on the last page.
    #[serde(rename = "continue")]
    next: Option<String>,
    /// The version of the list.
    #[serde(rename = "resourceVersion")]
    resource_version: Option<String>,
}

/// The list of all objects of a kind, in all namespaces, page by page.
pub struct List<'a, T> {
    reader: &'a Reader,
    page_size: u32,
    /// The continue token of the next page.
    next: Option<String>,
    resource_version: Option<String>,
    done: bool,
    items: PhantomData<fn() -> T>,
}

impl<'a, T: Object> List<'a, T> {
    pub(crate) fn new(reader: &'a Reader, page_size: u32) -> Self {
        Self {
            reader,
            page_size: page_size.max(1),
            next: None,
            resource_version: None,
            done: false,
            items: PhantomData,
        }
    }

    /// The version of the list, from which a [`Watch`](crate::Watch) goes on. All pages have the same. Returns `None` before the
    /// first page.
    #[must_use]
    pub fn resource_version(&self) -> Option<&str> {
        self.resource_version.as_deref()
    }

    /// Reads the next page, which may be empty. Returns `None` after the last page.
    ///
    /// A page that is larger than a [`Reader`] reads is read again in smaller pages.
    ///
    /// # Errors
    /// Returns [`Error::Request`](crate::Error::Request) if the API server does not answer well,
    /// and [`Error::TokenNotSigned`](crate::Error::TokenNotSigned) without a token. If the failure
    /// is [`RequestFailure::Expired`], start a new list and drop what came from this one.
    pub async fn next_page(&mut self) -> Result<Option<Vec<T>>> {
        if self.done {
            return Ok(None);
        }
        let action = format!("list {}", T::Full::plural(&()));
        let page: Page<T> = loop {
            let mut params = ListParams::default().limit(self.page_size);
            if let Some(token) = &self.next {
                params = params.continue_token(token);
            }
            let request = Request::new(T::Full::url_path(&(), None)).list(&params);
            match self.reader.read(&action, request).await {
                Ok(page) => break page,
                // A continue token is valid with any limit.
                Err(error)
                    if self.page_size > 1
                        && matches!(error.failure(), Some(RequestFailure::TooLarge { .. })) =>
                {
                    self.page_size /= 2;
                }
                Err(error) => return Err(error),
            }
        };
        self.next = page.metadata.next.filter(|token| !token.is_empty());
        self.done = self.next.is_none();
        self.resource_version = page.metadata.resource_version;
        Ok(Some(page.items))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_page_has_no_continue_token() {
        let page: Page<u8> =
            serde_json::from_value(json!({"metadata": {}, "items": null})).unwrap();
        assert!(page.items.is_empty() && page.metadata.next.is_none());
    }
}
