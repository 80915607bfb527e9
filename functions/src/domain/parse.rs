//! JSON to types, with errors that say which field.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Input, Result};

/// Reads `value` as a `T`. `root` is what the value is called in error messages, as `profile`.
///
/// # Errors
/// [`Error::Invalid`] with the path of the first field that does not fit.
pub fn from_value<T: DeserializeOwned>(input: Input, root: &str, value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let field = match path.as_str() {
            "." | "?" => root.to_owned(),
            path => format!("{root}.{path}"),
        };
        Error::invalid(
            input,
            field,
            shorten(&error.into_inner().to_string()),
            remedy(input),
        )
    })
}

/// What to do about bad input, by where it comes from.
fn remedy(input: Input) -> &'static str {
    match input {
        Input::Event => {
            "Start the execution with the EventBridge event as it was delivered, under `event`"
        }
        Input::Profile | Input::Template => {
            "Correct the profile in the rule's target (docs/profile.md)"
        }
        Input::Payload => "Call the function with the state machine's data (docs/states.md)",
    }
}

/// Serde quotes what it found; what was found may be megabytes.
fn shorten(message: &str) -> String {
    const LONGEST: usize = 300;
    if message.chars().count() <= LONGEST {
        return message.to_owned();
    }
    let mut short: String = message.chars().take(LONGEST).collect();
    short.push('…');
    short
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
    fn the_path_of_the_field_is_named() {
        let error =
            from_value::<Outer>(Input::Profile, "profile", json!({"inner": [1, "x"]})).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("profile.inner[1]: invalid type"), "{text}");
        assert_eq!(error.error_type(), "Hookline.InvalidProfile");
    }

    #[test]
    fn a_value_that_is_no_object_is_named_by_its_root() {
        let error = from_value::<Outer>(Input::Event, "event", json!(7)).unwrap_err();
        assert!(error.to_string().starts_with("event: "), "{error}");
    }

    #[test]
    fn what_was_found_is_not_quoted_at_length() {
        let error =
            from_value::<Outer>(Input::Event, "event", json!({"inner": "x".repeat(1 << 20)}))
                .unwrap_err();
        assert!(error.to_string().len() < 600);
    }
}
