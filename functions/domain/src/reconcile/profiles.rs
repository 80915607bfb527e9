//! The profiles of a payload, and the groups that they may cover instances of.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::profile::{Profile, Selector};

/// A profile of a payload, as it came and as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileInput {
    /// The profile as it came. It goes into an execution's input, as the rule's target would pass
    /// it.
    pub value: Value,
    /// The profile, read and validated.
    pub profile: Profile,
}

/// The profiles of a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profiles {
    /// Those that launches begin with.
    pub active: Vec<ProfileInput>,
    /// Those that no launch begins with any more: the configuration keeps them until what began with
    /// them has ended.
    pub retired: Vec<ProfileInput>,
}

impl Profiles {
    /// All profiles, those first that launches begin with.
    pub fn all(&self) -> impl Iterator<Item = &ProfileInput> + Clone {
        self.active.iter().chain(&self.retired)
    }
}

/// The Auto Scaling groups in which a set of profiles may cover instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// None: the set is empty.
    None,
    /// The groups with these names.
    Named(BTreeSet<String>),
    /// Any group: a profile selects by tag, and an instance may have a tag from its launch
    /// template.
    All,
}

impl Groups {
    /// Whether a group is among them.
    #[must_use]
    pub fn contain(&self, group: &str) -> bool {
        match self {
            Self::None => false,
            Self::Named(names) => names.contains(group),
            Self::All => true,
        }
    }
}

/// The groups that `profiles` may cover instances of.
#[must_use]
pub fn groups<'a>(profiles: impl IntoIterator<Item = &'a ProfileInput>) -> Groups {
    profiles.into_iter().fold(Groups::None, |groups, input| {
        match (groups, &input.profile.selector) {
            (Groups::All, _) | (_, Selector::Tag(_) | Selector::Tags(_)) => Groups::All,
            (Groups::None, Selector::AutoScalingGroupNames(names)) => Groups::Named(names.clone()),
            (Groups::Named(mut all), Selector::AutoScalingGroupNames(names)) => {
                all.extend(names.iter().cloned());
                Groups::Named(all)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn profile(selector: Value) -> ProfileInput {
        let mut value = crate::fixtures::profile();
        value["selector"] = selector;
        ProfileInput {
            profile: Profile::read(value.clone()).unwrap(),
            value,
        }
    }

    #[test]
    fn groups_of_names_are_all_that_a_profile_names() {
        let [a, b] = [json!(["a"]), json!(["b", "c"])]
            .map(|names| profile(json!({"autoScalingGroupNames": names})));
        let named = groups([&a, &b]);
        let covered = ["a", "b", "c", "d"].map(|group| named.contain(group));
        assert_eq!(covered, [true, true, true, false]);
        assert!(!groups([]).contain("a"));
        let tag = profile(json!({"tag": {"key": "pool", "value": "upf"}}));
        assert!(groups([&a, &tag]).contain("d"));
        assert!(groups([&tag, &a]).contain("d"));
    }
}
