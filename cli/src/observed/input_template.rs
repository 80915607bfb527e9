//! The profile of a rule: in the input template of its target.

use hookline_domain::profile::Profile;
use hookline_domain::reconcile::ProfileInput;
use serde_json::Value;

use super::rule::Target;

/// Reads a profile. The error is a sentence for people.
pub(super) fn read(value: Value) -> Result<ProfileInput, String> {
    match Profile::read(value.clone()) {
        Ok(profile) => Ok(ProfileInput { value, profile }),
        Err(error) => Err(error.to_string()),
    }
}

/// The profile that a target gives to an execution: `profile` of its input template.
pub(super) fn profile_of(target: &Target) -> Result<ProfileInput, String> {
    let Some(template) = &target.template else {
        return Err("its target has no input template, so an execution gets no profile".to_owned());
    };
    let value: Value = serde_json::from_str(&without_variables(template))
        .map_err(|error| format!("the input template of its target is not JSON: {error}"))?;
    match value.get("profile") {
        Some(profile) => read(profile.clone()),
        None => Err("the input template of its target has no profile".to_owned()),
    }
}

/// The template with null for each variable, `<name>`, that is not in a text (EventBridge User
/// Guide, "Amazon EventBridge input transformation").
fn without_variables(template: &str) -> String {
    let mut json = String::with_capacity(template.len());
    let (mut in_text, mut in_variable, mut escaped) = (false, false, false);
    for character in template.chars() {
        match character {
            '>' if in_variable => in_variable = false,
            _ if in_variable => {}
            '<' if !in_text => {
                in_variable = true;
                json.push_str("null");
            }
            _ => {
                if character == '"' && !escaped {
                    in_text = !in_text;
                }
                json.push(character);
            }
        }
        escaped = in_text && character == '\\' && !escaped;
    }
    json
}
