//! Reads JSON into types. An error names the field.

mod suggestion;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use suggestion::{did_you_mean, suggestion};

/// A field with a value that its type does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadField {
    /// Its path, for example `group.labels[1]`. Empty for the whole value.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
    /// The known name of a field or a value that an unknown one was perhaps meant to be.
    pub meant: Option<String>,
}

impl BadField {
    /// Whether the type has no field of this name.
    #[must_use]
    pub fn is_unknown_field(&self) -> bool {
        self.problem.starts_with(suggestion::UNKNOWN_FIELD)
    }
}

/// Reads `value` as a `T`.
///
/// # Errors
/// Returns the first field that does not fit.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, BadField> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." | "?" => String::new(),
            path => path.to_owned(),
        };
        let problem = error.into_inner().to_string();
        BadField {
            path,
            meant: suggestion::meant(&problem),
            problem: shorten(&problem, 300),
        }
    })
}

/// The text of a field of the payload, for the logs: at most 128 characters, and `None` if the field
/// is not text or empty.
#[must_use]
pub fn log_field(payload: &Value, pointer: &str) -> Option<String> {
    let text = payload.pointer(pointer).and_then(Value::as_str)?;
    (!text.is_empty()).then(|| shorten(text, 128))
}

/// Shortens text from outside for an error or a log: at most `characters`, then `…`. The input may
/// have megabytes.
#[must_use]
pub fn shorten(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Outer {
        #[allow(dead_code)]
        inner: Vec<u8>,
    }

    #[test]
    fn an_error_names_the_path_of_the_field() {
        let bad = read::<Outer>(json!({"inner": [1, "x"]})).unwrap_err();
        assert_eq!(bad.path, "inner[1]");
        assert!(bad.problem.starts_with("invalid type"), "{bad:?}");
    }

    #[test]
    fn an_error_of_the_whole_value_has_no_path() {
        assert_eq!(read::<Outer>(json!(7)).unwrap_err().path, "");
    }

    #[test]
    fn an_error_quotes_a_long_value_in_short() {
        let bad = read::<Outer>(json!({"inner": "é".repeat(1 << 20)})).unwrap_err();
        assert!(bad.problem.chars().count() <= 301, "{}", bad.problem.len());
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöü", 2), "äö…");
    }

    /// serde's words are not an interface: this test and the next notice if they change.
    #[test]
    fn an_error_says_whether_the_field_is_unknown() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct One {
            known: u8,
        }
        let bad = |value| read::<One>(value).unwrap_err();
        let unknown = bad(json!({"known": 1, "other": 2}));
        assert_eq!(unknown.path, "other");
        assert!(unknown.is_unknown_field());
        assert!(!bad(json!({"known": "unknown field `other`"})).is_unknown_field());
        assert!(!bad(json!({})).is_unknown_field());
    }

    #[test]
    fn an_error_of_an_unknown_name_has_the_one_that_was_meant() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Addressing {
            LowestFree,
            SubnetAssigned,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct One {
            addressing: Addressing,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        #[allow(dead_code)]
        struct Many {
            network: String,
            device_index: u32,
            subnet_ids: Vec<String>,
        }
        let meant = |bad: BadField| bad.meant.unwrap_or_default();
        for (value, wanted) in [
            (json!({"adressing": "lowest-free"}), "addressing"),
            (json!({"addressing": "lowestfree"}), "lowest-free"),
            (json!({"addressing": "subnet-asigned"}), "subnet-assigned"),
            (json!({"addressing": "random"}), ""),
            (json!({"addressing": 1}), ""),
        ] {
            assert_eq!(
                meant(read::<One>(value.clone()).unwrap_err()),
                wanted,
                "{value}"
            );
        }
        for (name, wanted) in [
            ("deviceindex", "deviceIndex"),
            ("subnetsIds", "subnetIds"),
            ("a`, expected `network", ""),
            (&"x".repeat(1 << 20), ""),
        ] {
            assert_eq!(meant(read::<Many>(json!({name: 1})).unwrap_err()), wanted);
        }
    }

    #[test]
    fn a_log_field_is_text_or_none() {
        let payload = json!({"a": {"b": "c"}, "n": 1, "empty": ""});
        assert_eq!(log_field(&payload, "/a/b").as_deref(), Some("c"));
        for pointer in ["/n", "/empty", "/missing"] {
            assert_eq!(log_field(&payload, pointer), None, "{pointer}");
        }
    }
}
