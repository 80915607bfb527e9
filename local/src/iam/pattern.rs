//! Text with wildcards, as policies write actions, resources and the values of `StringLike`.
//!
//! `*` stands for any number of characters, `?` for one. `${*}`, `${?}` and `${$}` stand for these
//! characters themselves (IAM User Guide, "IAM policy elements: Variables and tags"). The fake AWS
//! knows no other variable, and refuses it.

use super::policy::PolicyError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Literal(char),
    One,
    Any,
}

/// A text with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

impl Pattern {
    /// Reads a pattern: `*` and `?` are wildcards.
    ///
    /// # Errors
    /// [`PolicyError::Variable`] for a policy variable that is not known.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        Self::read(text, true)
    }

    /// Reads a text without wildcards, as the values of `StringEquals` are. Variables are replaced
    /// there too.
    ///
    /// # Errors
    /// As [`Pattern::parse`].
    pub fn literal(text: &str) -> Result<Self, PolicyError> {
        Self::read(text, false)
    }

    fn read(text: &str, wildcards: bool) -> Result<Self, PolicyError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("${") {
                let unknown = || PolicyError::Variable(text.to_owned());
                let (name, after) = after.split_once('}').ok_or_else(unknown)?;
                match name {
                    "*" | "?" | "$" => parts.extend(name.chars().map(Part::Literal)),
                    _ => return Err(unknown()),
                }
                rest = after;
                continue;
            }
            parts.push(match first {
                '*' if wildcards => Part::Any,
                '?' if wildcards => Part::One,
                other => Part::Literal(other),
            });
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
        Ok(Self(parts))
    }

    /// Whether the whole of `text` matches, with regard to case.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matches_by(text, |one, other| one == other)
    }

    /// Whether the whole of `text` matches, without regard to case, as the names of actions do (IAM
    /// User Guide, "IAM JSON policy elements: Action").
    #[must_use]
    pub fn matches_in_any_case(&self, text: &str) -> bool {
        self.matches_by(text, |one, other| one.eq_ignore_ascii_case(&other))
    }

    /// Goes through the text once. After a mismatch it goes on behind the last `*`, which takes one
    /// character more. An earlier `*` need not take more: what follows it has matched already.
    fn matches_by(&self, text: &str, same: impl Fn(char, char) -> bool) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut part, mut at) = (0, 0);
        let mut last_any = None;
        loop {
            match (self.0.get(part), text.get(at)) {
                (Some(Part::Any), _) => {
                    last_any = Some((part + 1, at));
                    part += 1;
                    continue;
                }
                (Some(Part::One), Some(_)) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                (Some(Part::Literal(wanted)), Some(found)) if same(*wanted, *found) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                (None, None) => return true,
                _ => {}
            }
            let Some((after, taken)) = last_any.filter(|(_, taken)| *taken < text.len()) else {
                return false;
            };
            last_any = Some((after, taken + 1));
            part = after;
            at = taken + 1;
        }
    }
}

/// An ARN with wildcards.
///
/// A wildcard stays within a segment of the ARN, which colons separate. The last of the six
/// segments, the resource, may contain colons itself (IAM User Guide, "IAM JSON policy elements:
/// Resource").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnPattern(Vec<Pattern>);

/// The number of segments of an ARN: `arn:partition:service:region:account:resource`.
const SEGMENTS: usize = 6;

impl ArnPattern {
    /// Reads an ARN of a policy.
    ///
    /// # Errors
    /// [`PolicyError::Resource`] if it is no ARN, [`PolicyError::Variable`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let segments: Vec<&str> = text.splitn(SEGMENTS, ':').collect();
        if segments.len() != SEGMENTS || segments.first() != Some(&"arn") {
            return Err(PolicyError::Resource(text.to_owned()));
        }
        let segments: Result<_, _> = segments.into_iter().map(Pattern::parse).collect();
        Ok(Self(segments?))
    }

    /// Whether each segment of this ARN matches.
    #[must_use]
    pub fn matches(&self, arn: &str) -> bool {
        let segments: Vec<&str> = arn.splitn(SEGMENTS, ':').collect();
        segments.len() == SEGMENTS
            && self
                .0
                .iter()
                .zip(segments)
                .all(|(pattern, segment)| pattern.matches(segment))
    }
}

/// A resource in a policy: `*`, or an ARN with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePattern(Option<ArnPattern>);

impl ResourcePattern {
    /// Reads a resource of a policy.
    ///
    /// # Errors
    /// As [`ArnPattern::parse`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text == "*" {
            return Ok(Self(None));
        }
        ArnPattern::parse(text).map(|arn| Self(Some(arn)))
    }

    /// Whether the resource with this ARN matches. The resource of an action without
    /// resource-level permissions is `*`, which only `*` matches.
    #[must_use]
    pub fn matches(&self, arn: &str) -> bool {
        self.0.as_ref().is_none_or(|pattern| pattern.matches(arn))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(text)
    }

    /// The definition of a match: try every length for each `*`.
    fn matches_by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => {
                (0..=text.len()).any(|taken| matches_by_definition(rest, &text[taken..]))
            }
            Some(('?', rest)) => !text.is_empty() && matches_by_definition(rest, &text[1..]),
            Some((literal, rest)) => {
                text.first() == Some(literal) && matches_by_definition(rest, &text[1..])
            }
        }
    }

    #[test]
    fn wildcards_match_any_text_and_one_character() {
        assert!(matches("i-*", "i-0123"));
        assert!(matches("i-*", "i-"));
        assert!(!matches("i-*", "I-0123"));
        assert!(!matches("i-*", "xi-0123"));
        assert!(matches("a?c", "abc"));
        assert!(!matches("a?c", "ac"));
        assert!(matches("*", ""));
        assert!(!matches("", "a"));
    }

    #[test]
    fn escaped_wildcards_match_only_themselves() {
        assert!(matches("a${*}b${?}${$}", "a*b?$"));
        assert!(!matches("a${*}b", "axb"));
        assert!(Pattern::literal("*").unwrap().matches("*"));
        assert!(!Pattern::literal("*").unwrap().matches("x"));
    }

    #[test]
    fn unknown_variables_are_refused_by_name() {
        for text in ["${aws:username}", "${", "x${}"] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn wildcards_of_a_resource_stay_within_their_segment() {
        let matches = |pattern, arn| ResourcePattern::parse(pattern).unwrap().matches(arn);
        let arn = "arn:aws:ec2:us-west-2:123456789012:instance/i-1";
        assert!(matches(
            "arn:aws:ec2:us-west-2:123456789012:instance/*",
            arn
        ));
        assert!(matches("arn:*:ec2:*:*:instance/*", arn));
        assert!(!matches("arn:*:instance/*:x:y:*", arn));
        assert!(!matches("arn:aws:ec2:us-west-2:*:volume/*", arn));
        assert!(matches("*", "*"));
        assert!(!matches("arn:aws:ec2:us-west-2:*:instance/*", "*"));
        let execution = "arn:aws:states:us-west-2:123456789012:execution:launch-node:one";
        let pattern = "arn:aws:states:us-west-2:123456789012:execution:launch-node:*";
        assert!(matches(pattern, execution));
        assert!(!matches(
            pattern,
            &execution.replace("launch-node", "other")
        ));
    }

    #[test]
    fn resource_that_is_no_arn_is_refused() {
        for text in ["", "instance/*", "arn:aws:ec2", "*:*:*:*:*:*"] {
            assert!(ResourcePattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn match_is_what_its_definition_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let definition = matches_by_definition(
                &pattern.chars().collect::<Vec<_>>(),
                &text.chars().collect::<Vec<_>>(),
            );
            prop_assert_eq!(matches(&pattern, &text), definition);
        }

        #[test]
        fn every_text_matches_itself_escaped(text in ".{0,20}") {
            let escaped: String = text
                .chars()
                .map(|c| match c {
                    '*' | '?' | '$' => format!("${{{c}}}"),
                    other => other.to_string(),
                })
                .collect();
            prop_assert!(matches(&escaped, &text));
            prop_assert!(Pattern::literal(&escaped).unwrap().matches(&text));
        }

        #[test]
        fn star_matches_every_text(text in ".{0,40}", at in 0_usize..40) {
            prop_assert!(matches("*", &text));
            let start: String = text.chars().take(at).filter(|c| !"*?$".contains(*c)).collect();
            let pattern = format!("{start}*");
            prop_assert_eq!(matches(&pattern, &text), text.starts_with(&start));
        }
    }
}
