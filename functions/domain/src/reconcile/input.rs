//! What a schedule's target gives to reconcile.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::hooks::ExpectedHooks;
use super::limits::Limits;

/// The constant input of the schedule's target (docs/operations/reconcile.md, "Its input").
///
/// The function reads it as it is written here, and refuses a field that it does not know. The
/// `hookline` command reads it with [`ReconcileInput::of_any_release`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReconcileInput {
    /// The ARN of the state machine `launch-node`.
    pub state_machine_arn: String,
    /// The profiles that launches begin with, as they came.
    pub profiles: Vec<Value>,
    /// The profiles that no launch begins with any more, as they came.
    #[serde(default)]
    pub retired_profiles: Vec<Value>,
    /// The limits of a round.
    #[serde(default)]
    pub limits: Limits,
    /// What the configuration says of the launch hooks.
    #[serde(default)]
    pub hooks: ExpectedHooks,
    /// Whether the schedule has other targets, with the other profiles of this deployment.
    #[serde(default)]
    pub other_targets: bool,
    /// Whether the round only looks and decides.
    #[serde(default)]
    pub dry_run: bool,
}

impl ReconcileInput {
    /// Reads the input of a deployment, which may be of a later release than this code: what this
    /// release does not know is left out. Returns `None` if the rest does not fit.
    #[must_use]
    pub fn of_any_release(mut value: Value) -> Option<Self> {
        loop {
            match hookline_payload::read(value.clone()) {
                Ok(input) => return Some(input),
                // Each turn removes one field.
                Err(bad) if bad.is_unknown_field() => remove(value.as_object_mut()?, &bad.path)?,
                Err(_) => return None,
            }
        }
    }
}

/// Removes the field at `path`, such as `limits.deletesPerRound`.
fn remove(object: &mut Map<String, Value>, path: &str) -> Option<()> {
    match path.split_once('.') {
        None => object.remove(path).map(drop),
        Some((first, rest)) => remove(object.get_mut(first)?.as_object_mut()?, rest),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input() -> Value {
        json!({
            "stateMachineArn": "arn:aws:states:us-west-2:123456789012:stateMachine:launch-node",
            "profiles": [{"name": "upf"}],
            "limits": {"unownedSeconds": 60},
            "hooks": {"others": ["drain"]},
        })
    }

    #[test]
    fn input_of_a_later_release_is_read_without_what_is_new_in_it() {
        let mut later = input();
        later["regions"] = json!(["us-west-2"]);
        later["limits"]["marksPerRound"] = json!(5);
        later["hooks"]["kinds"] = json!({"drain": {"of": "team"}});
        let known = ReconcileInput::deserialize(input()).unwrap();
        assert_eq!(ReconcileInput::of_any_release(later.clone()), Some(known));
        assert!(ReconcileInput::deserialize(later).is_err());
    }

    #[test]
    fn input_that_lacks_a_field_or_has_another_value_is_not_read() {
        type Change = fn(&mut Value);
        let changes: [Change; 5] = [
            |it| drop(it.as_object_mut().unwrap().remove("profiles")),
            |it| it["limits"] = json!(7),
            |it| it["limits"]["unownedSeconds"] = json!("soon"),
            // No path of serde's names this one.
            |it| it["a.b"] = json!(1),
            |it| *it = json!(7),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut value = input();
            change(&mut value);
            assert_eq!(ReconcileInput::of_any_release(value), None, "{n}");
        }
    }
}
