//! Filters of the Describe calls. Each names an attribute and its accepted values, with wildcards
//! (EC2 API Reference, Filter).

use std::collections::BTreeMap;

use super::errors::invalid_value;
use crate::wire::error::ApiError;
use crate::wire::query::Params;

/// The maximum number of filter values in one call.
const MAX_VALUES: usize = 200;

/// The filters of a call. A resource must pass all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Reads `Filter.N`. Refuses names other than the known ones, `tag:…` and `tag-key`.
    pub(crate) fn parse(params: &mut Params, known: &[&str]) -> Result<Self, ApiError> {
        let mut filters = Vec::new();
        let mut count = 0;
        for mut filter in params.structs("Filter") {
            let name = filter.required_str("Name")?;
            let values = filter.list("Value");
            filter.finish()?;
            count += values.len();
            let is_tag = name == "tag-key" || name.starts_with("tag:");
            if !is_tag && !known.contains(&name.as_str()) {
                return Err(invalid_value(format!("The filter '{name}' is invalid")));
            }
            filters.push((name, values));
        }
        if count > MAX_VALUES {
            return Err(ApiError::new(
                "FilterLimitExceeded",
                format!(
                    "The maximum number of filter values specified on a single call is {MAX_VALUES}"
                ),
            ));
        }
        Ok(Self(filters))
    }

    /// The filters without a wildcard: the name of each, and its values.
    pub(crate) fn exact(&self) -> impl Iterator<Item = (&str, &[String])> {
        let filters = self.0.iter();
        filters
            .filter(|(_, values)| !values.iter().any(|value| has_wildcard(value)))
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Whether a resource passes. `values_of` returns the values of an attribute.
    pub(crate) fn pass<'a>(
        &self,
        tags: &BTreeMap<String, String>,
        values_of: impl Fn(&str) -> Vec<std::borrow::Cow<'a, str>>,
    ) -> bool {
        self.0.iter().all(|(name, patterns)| {
            let any = |value: &str| patterns.iter().any(|pattern| matches(pattern, value));
            if name == "tag-key" {
                tags.keys().any(|key| any(key))
            } else if let Some(key) = name.strip_prefix("tag:") {
                tags.get(key).is_some_and(|value| any(value))
            } else {
                values_of(name).iter().any(|value| any(value))
            }
        })
    }
}

/// Whether a value matches a pattern: `*` is any text, `?` one character, and `\` makes the next
/// character literal.
fn matches(pattern: &str, value: &str) -> bool {
    if !has_wildcard(pattern) {
        return pattern == value;
    }
    let mut tokens = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Literal(chars.next().unwrap_or('\\')),
            c => Token::Literal(c),
        });
    }
    // Which prefixes of the pattern match the part of the value that was read so far.
    let mut reached = vec![false; tokens.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    skip_stars(&tokens, &mut reached);
    for c in value.chars() {
        let mut next = vec![false; reached.len()];
        for ((index, token), _) in tokens
            .iter()
            .enumerate()
            .zip(&reached)
            .filter(|(_, reached)| **reached)
        {
            let to = match token {
                Token::Any => index,
                Token::One => index + 1,
                Token::Literal(literal) if *literal == c => index + 1,
                Token::Literal(_) => continue,
            };
            if let Some(slot) = next.get_mut(to) {
                *slot = true;
            }
        }
        skip_stars(&tokens, &mut next);
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

/// Whether a pattern means more, or something else, than its own text.
fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '\\'])
}

enum Token {
    Any,
    One,
    Literal(char),
}

/// A star also matches the empty text.
fn skip_stars(tokens: &[Token], reached: &mut [bool]) {
    for (index, token) in tokens.iter().enumerate() {
        if matches!(token, Token::Any)
            && reached.get(index).copied().unwrap_or(false)
            && let Some(next) = reached.get_mut(index + 1)
        {
            *next = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_any_text_or_one_character() {
        for (pattern, value) in [
            ("a", "a"),
            ("*", ""),
            ("a*", "a"),
            ("a*c", "abbc"),
            ("?b?", "abc"),
            ("*hookline*", "x/hookline/y"),
            (r"\*", "*"),
            (r"10.0.0.?", "10.0.0.4"),
            ("**a**", "a"),
        ] {
            assert!(matches(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in [
            ("a", "ab"),
            ("?", ""),
            (r"\*", "a"),
            ("a*c", "ab"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, value), "{pattern} {value}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_is_matched_in_linear_time() {
        let pattern = "*a".repeat(2_000);
        assert!(!matches(&pattern, &"a".repeat(1_000)));
    }
}
