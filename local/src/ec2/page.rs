//! Pagination: MaxResults and NextToken. A token names the key after which the next page starts, so
//! resources that are created or deleted between two pages neither repeat nor hide others.

use std::fmt::Write;
use std::ops::RangeInclusive;

use super::errors::{invalid_combination, invalid_value};
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// The size of a page without MaxResults.
const DEFAULT: usize = 1000;

#[derive(Clone, Debug)]
pub(crate) struct Page {
    size: usize,
    after: Option<String>,
}

impl Page {
    /// Reads MaxResults (within `allowed`) and NextToken. `ids` are the ids that the call names;
    /// such a call has no pages.
    pub(crate) fn parse(
        params: &mut Params,
        allowed: RangeInclusive<u32>,
        ids: &[String],
    ) -> Result<Self, ApiError> {
        let max = params.u32("MaxResults")?;
        let token = params.str("NextToken").filter(|token| !token.is_empty());
        if let Some(max) = max {
            if max < *allowed.start() {
                return Err(invalid_value(format!(
                    "Value ( {max} ) for parameter maxResults is invalid. Expecting a value greater than {}.",
                    allowed.start()
                )));
            }
            // EC2 lowers a larger MaxResults only where the API Reference says so. Refuse it.
            if max > *allowed.end() {
                return Err(invalid_value(format!(
                    "Value ( {max} ) for parameter maxResults is invalid. Expecting a value less than or equal to {}.",
                    allowed.end()
                )));
            }
            if !ids.is_empty() {
                return Err(invalid_combination(
                    "The parameter MaxResults cannot be used with a list of resource IDs",
                ));
            }
        }
        let after = match token {
            None => None,
            Some(token) => Some(decode(&token).ok_or_else(|| {
                ApiError::new("InvalidNextToken", "The specified NextToken is not valid.")
            })?),
        };
        // Resources named by id are all in one answer.
        let size = if ids.is_empty() {
            max.and_then(|max| usize::try_from(max).ok())
                .unwrap_or(DEFAULT)
        } else {
            usize::MAX
        };
        Ok(Self { size, after })
    }

    /// This page of resources, which come in the order of their keys, and the token of the next
    /// page.
    pub(crate) fn cut<K: AsRef<str>, T>(
        &self,
        all: impl IntoIterator<Item = (K, T)>,
    ) -> (Vec<T>, Option<String>) {
        let mut page = Vec::new();
        let mut last: Option<K> = None;
        for (key, value) in all {
            if self
                .after
                .as_deref()
                .is_some_and(|after| key.as_ref() <= after)
            {
                continue;
            }
            if page.len() >= self.size {
                return (page, last.map(|key| encode(key.as_ref())));
            }
            page.push(value);
            last = Some(key);
        }
        (page, None)
    }
}

/// Writes the token of the next page, if there is one.
pub(crate) fn next_token(xml: &mut Xml, token: Option<String>) {
    xml.optional("nextToken", token);
}

const MARK: &str = "after:";

fn encode(key: &str) -> String {
    let mut token = String::new();
    for byte in MARK.bytes().chain(key.bytes()) {
        let _ = write!(token, "{byte:02x}");
    }
    token
}

fn decode(token: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    String::from_utf8(bytes?)
        .ok()?
        .strip_prefix(MARK)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wire::query::Dialect;

    fn page(body: &str, ids: &[String]) -> Result<Page, ApiError> {
        Page::parse(
            &mut Params::parse(Dialect::Ec2, "", body.as_bytes()),
            5..=1000,
            ids,
        )
    }

    #[test]
    fn pages_follow_each_other() {
        let all = |n: u32| (0..n).map(|i| (format!("k{i:03}"), i));
        let (first, token) = page("MaxResults=5", &[]).unwrap().cut(all(7));
        assert_eq!(first, [0, 1, 2, 3, 4]);
        let next = format!("MaxResults=5&NextToken={}", token.unwrap());
        let (second, token) = page(&next, &[]).unwrap().cut(all(7));
        assert_eq!(second, [5, 6]);
        assert_eq!(token, None);
        assert_eq!(page("MaxResults=5", &[]).unwrap().cut(all(5)).1, None);
    }

    #[test]
    fn bad_requests_are_refused() {
        let code = |body: &str, ids: &[String]| page(body, ids).unwrap_err().code;
        assert_eq!(code("MaxResults=4", &[]), "InvalidParameterValue");
        assert_eq!(code("MaxResults=1001", &[]), "InvalidParameterValue");
        assert_eq!(code("NextToken=zz", &[]), "InvalidNextToken");
        assert_eq!(code("NextToken=6162", &[]), "InvalidNextToken");
        assert_eq!(code("NextToken=%C3%A9%C3%A9a", &[]), "InvalidNextToken");
        assert_eq!(
            code("MaxResults=5", &["eni-1".to_owned()]),
            "InvalidParameterCombination"
        );
    }
}
