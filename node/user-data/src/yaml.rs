//! YAML and JSON, read within limits. Errors tell the place and not the text, which can be a
//! secret.

use serde_json::Value;
use serde_saphyr::{Options, options};

use crate::limits::MAX_DEPTH;

/// Why a text is not YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotYaml {
    /// Where reading stopped, as `line 3, column 5`.
    pub(crate) place: String,
}

/// A YAML text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Yaml {
    /// Its first document. Kubernetes' decoder, and PyYAML as cloud-init calls it, read no other.
    pub(crate) first: Value,
    /// Whether there are more documents.
    pub(crate) has_more: bool,
}

fn limits() -> Options {
    let mut options = options! { with_snippet: false };
    if let Some(budget) = &mut options.budget {
        budget.max_depth = 4 * MAX_DEPTH;
        budget.flow_nesting_limit = 4 * MAX_DEPTH;
        budget.max_nodes = 50_000;
        budget.max_events = 100_000;
        budget.max_aliases = 500;
        budget.max_documents = 16;
    }
    options
}

/// Reads a text.
pub(crate) fn read(text: &str) -> Result<Yaml, NotYaml> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, limits()).map_err(|error| NotYaml {
            place: error.location().map_or_else(
                || "an unknown place".to_owned(),
                |at| format!("line {}, column {}", at.line(), at.column()),
            ),
        })?;
    let mut documents = documents.into_iter();
    let first = documents.next().unwrap_or_default();
    Ok(Yaml {
        first,
        has_more: documents.any(|document| !document.is_null()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn first_of_several_documents_counts() {
        let yaml = read("---\na: 1\n---\nb: 2\n").unwrap();
        assert_eq!((yaml.first, yaml.has_more), (json!({"a": 1}), true));
        assert!(!read("---\na: 1\n---\n").unwrap().has_more);
    }

    #[test]
    fn error_tells_the_place_and_not_the_text() {
        let NotYaml { place } = read("a: 1\nb: \"secret\n").unwrap_err();
        assert!(place.starts_with("line "), "{place}");
        assert!(!place.contains("secret"));
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let item = format!("*a{}, ", n - 1).repeat(9);
            bomb.push_str(&format!("a{n}: &a{n} [{item}]\n"));
        }
        assert!(read(&bomb).is_err());
    }

    #[test]
    fn deep_nesting_is_refused() {
        for text in [
            "[",
            "- ",
            "? ",
            "{a: ",
            "[{a: ",
            "- a:\n",
            "!!map {a: ",
            "&a [",
            "- - a: ",
        ] {
            assert!(read(&text.repeat(20_000)).is_err(), "{text}");
        }
    }
}
