//! The profile of nodes that only get tags. The state machine `name-node` reads it.
//!
//! It has no hook and no slots, so it is a separate type. A profile with an optional hook would
//! need two sets of rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::types::Selector;
use crate::json_schema::{self, PRINTABLE};
use crate::quotas::MAX_LABEL_LENGTH;
use crate::tags::own::Tags;
use crate::tags::preset::NamePreset;
use crate::tags::rules::{ExistingTags, TagRules, tag_rules_of};

/// The names and tags of a selector's nodes. [`NamingProfile::read`] makes it, so it is valid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(description = "What the nodes of a selector are called and tagged (docs/naming.md).")]
pub struct NamingProfile {
    /// A name for people: logs carry it.
    #[schemars(length(min = 1, max = MAX_LABEL_LENGTH), regex(pattern = PRINTABLE))]
    pub name: String,
    /// Which nodes this profile is for.
    pub selector: Selector,
    /// A ready-made template of the instance's tag Name.
    pub name_preset: Option<NamePreset>,
    /// Tags for the instance: key → template.
    #[serde(default)]
    #[schemars(transform = json_schema::templates)]
    pub node_tags: Tags,
    /// Tags for the volumes that go with the instance: key → template.
    #[serde(default)]
    #[schemars(transform = json_schema::templates)]
    pub volume_tags: Tags,
    /// Tags for the interfaces that are attached to the instance: key → template.
    #[serde(default)]
    #[schemars(transform = json_schema::templates)]
    pub interface_tags: Tags,
    /// What happens to an existing tag with another value.
    #[serde(default)]
    pub existing_tags: ExistingTags,
}

impl NamingProfile {
    /// Its tag rules.
    #[must_use]
    pub fn tag_rules(&self) -> TagRules<'_> {
        tag_rules_of!(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn profile() -> Value {
        json!({
            "name": "plain",
            "selector": {"autoScalingGroupNames": ["plain"]},
            "namePreset": "cluster-nodegroup-ip",
            "nodeTags": {"Zone": "{{ az }}"},
            "volumeTags": {"Name": "{{ name }}"},
        })
    }

    #[test]
    fn written_profile_is_read_again() {
        let read = NamingProfile::read(profile()).unwrap();
        assert_eq!(read.existing_tags, ExistingTags::Replace);
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(NamingProfile::read(written).unwrap(), read);
    }

    #[test]
    fn each_rule_names_its_field() {
        let templates = |n: usize| -> Value {
            (0..n)
                .map(|n| (format!("k{n}"), json!("v")))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        for (field, value, says) in [
            ("name", json!(""), "profile.name: 0 characters"),
            (
                "hook",
                json!({"name": "h"}),
                "profile.hook: unknown field `hook`",
            ),
            ("slots", json!([]), "profile.slots: unknown field `slots`"),
            (
                "selector",
                json!({"autoScalingGroupNames": []}),
                "profile.selector.autoScalingGroupNames: no group",
            ),
            (
                "namePreset",
                json!("my-own"),
                "profile.namePreset: unknown variant `my-own`",
            ),
            (
                "nodeTags",
                json!({"Name": "x"}),
                "profile.nodeTags[\"Name\"]: namePreset makes the name",
            ),
            (
                "nodeTags",
                json!({"x": "a\n{{ az"}),
                "profile.nodeTags[\"x\"]: line 2, column ",
            ),
            (
                "nodeTags",
                json!({"x": "{{ name }}"}),
                "profile.nodeTags[\"x\"]: line 1, column 4: there is no variable `name`",
            ),
            (
                "nodeTags",
                templates(50),
                "profile.nodeTags: 51 tags, at most 50",
            ),
            (
                "volumeTags",
                templates(51),
                "profile.volumeTags: 51 tags, at most 50",
            ),
            (
                "volumeTags",
                json!({"AWS:x": "y"}),
                "profile.volumeTags[\"AWS:x\"]: keys that begin with aws:",
            ),
            (
                "interfaceTags",
                json!({"node.k8s.amazonaws.com/no_manage": "true"}),
                "profile.interfaceTags[\"node.k8s.amazonaws.com/no_manage\"]: Hookline sets",
            ),
            (
                "interfaceTags",
                json!({"a\u{7}b": "x"}),
                "profile.interfaceTags[\"a\\u{7}b\"]: control characters",
            ),
            (
                "existingTags",
                json!("delete"),
                "profile.existingTags: unknown variant `delete`",
            ),
        ] {
            let mut wrong = profile();
            wrong[field] = value;
            let error = NamingProfile::read(wrong).unwrap_err();
            assert_eq!(error.error_type(), "Hookline.InvalidProfile");
            let error = error.to_string();
            assert!(error.starts_with(says), "wanted {says}\nfound  {error}");
        }
    }

    #[test]
    fn profile_without_tags_is_refused() {
        let empty = json!({"name": "x", "selector": {"tag": {"key": "k"}}});
        let error = NamingProfile::read(empty).unwrap_err().to_string();
        assert!(
            error.starts_with("profile.nodeTags: nothing to name or tag"),
            "{error}"
        );
    }
}
