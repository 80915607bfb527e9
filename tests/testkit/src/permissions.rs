//! Which API actions each function may call: `functions/permissions.json`, from which the
//! functions' roles are made.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

/// The actions of each function and of each state machine, as IAM names them.
pub type Actions = BTreeMap<String, BTreeSet<String>>;

const FILE: &str = include_str!("../../../functions/permissions.json");

/// Actions that a call needs besides its own. They are not in the log of calls.
///
/// CreateNetworkInterface with a TagSpecification is allowed only with CreateTags on the new
/// interface (EC2 User Guide, "Grant permission to tag Amazon EC2 resources during creation").
pub const IMPLIED: [(&str, &str); 1] = [("ec2:CreateNetworkInterface", "ec2:CreateTags")];

/// The policies for people. Nobody has them until a person attaches them.
pub const PEOPLE: [&str; 3] = ["look", "operate", "repair"];

/// The actions that the file allows.
///
/// # Errors
/// If the file does not have that form.
pub fn allowed() -> Result<Actions> {
    serde_json::from_str(FILE).context("functions/permissions.json")
}

/// The actions that the file allows to functions and state machines.
///
/// # Errors
/// As [`allowed`].
pub fn of_programs() -> Result<Actions> {
    let mut actions = allowed()?;
    actions.retain(|name, _| !PEOPLE.contains(&name.as_str()));
    Ok(actions)
}

/// The actions that must be allowed for these calls.
#[must_use]
pub fn needed(mut called: Actions) -> Actions {
    for actions in called.values_mut() {
        for (call, implied) in IMPLIED {
            if actions.contains(call) {
                actions.insert(implied.to_owned());
            }
        }
    }
    called
}

/// The actions in `some` that are not in `others`, a line for each.
#[must_use]
pub fn difference(some: &Actions, others: &Actions) -> Vec<String> {
    some.iter()
        .flat_map(|(caller, actions)| actions.iter().map(move |action| (caller, action)))
        .filter(|(caller, action)| {
            !others
                .get(*caller)
                .is_some_and(|actions| actions.contains(*action))
        })
        .map(|(caller, action)| format!("{caller}: {action}"))
        .collect()
}
