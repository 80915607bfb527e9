//! Reads JSON into types, with errors that name the field.

use hookline_payload::did_you_mean;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Input, Result};

/// Reads `value` as a `T`. `root` is what the value is called in error messages, as `profile`.
///
/// # Errors
/// [`Error::Invalid`] with the path of the first field that does not fit.
pub fn from_value<T: DeserializeOwned>(input: Input, root: &str, value: Value) -> Result<T> {
    hookline_payload::read(value).map_err(|bad| {
        let field = match bad.path.is_empty() {
            true => root.to_owned(),
            false => format!("{root}.{}", bad.path),
        };
        let meant = did_you_mean(bad.meant.as_deref());
        Error::invalid(
            input,
            field,
            bad.problem,
            format!("{meant}{}", remedy(input)),
        )
    })
}

/// What to do about invalid input, by its origin.
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
    fn error_names_the_path_of_the_field() {
        let error =
            from_value::<Outer>(Input::Profile, "profile", json!({"inner": [1, "x"]})).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("profile.inner[1]: invalid type"), "{text}");
        assert_eq!(error.error_type(), "Hookline.InvalidProfile");
    }

    #[test]
    fn value_that_is_no_object_is_named_by_its_root() {
        let error = from_value::<Outer>(Input::Event, "event", json!(7)).unwrap_err();
        assert!(error.to_string().starts_with("event: "), "{error}");
    }

    #[test]
    fn long_value_is_not_quoted_in_full() {
        let error =
            from_value::<Outer>(Input::Event, "event", json!({"inner": "x".repeat(1 << 20)}))
                .unwrap_err();
        assert!(error.to_string().len() < 600);
    }

    #[test]
    fn error_says_what_to_do_by_the_origin_of_the_input() {
        for (input, remedy) in [
            (
                Input::Event,
                "Start the execution with the EventBridge event",
            ),
            (Input::Profile, "Correct the profile in the rule's target"),
            (Input::Template, "Correct the profile in the rule's target"),
            (
                Input::Payload,
                "Call the function with the state machine's data",
            ),
        ] {
            let error = from_value::<Outer>(input, "input", json!({})).unwrap_err();
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }
}
