//! The rules of tags and their templates (EC2 User Guide, "Tag restrictions"), and of naming
//! profiles.

use std::collections::BTreeMap;

use super::{Problems, invalid, name, selector};
use crate::error::Result;
use crate::profile::naming::NamingProfile;
use crate::quotas::{MAX_LABEL_LENGTH, MAX_TAG_KEY_LENGTH, MAX_TAGS, OWN_TAGS};
use crate::tags::own;
use crate::tags::rules::{self, TagRules};
use crate::tags::template;

/// Checks every rule of a naming profile.
pub(super) fn naming_profile(profile: &NamingProfile, problems: &mut Problems) {
    problems.check(name("profile.name", &profile.name, MAX_LABEL_LENGTH));
    selector(&profile.selector, problems);
    let rules = profile.tag_rules();
    let tags = [rules.node, rules.volumes, rules.interfaces];
    if rules.name_preset.is_none() && tags.iter().all(|tags| tags.is_empty()) {
        problems.add(invalid(
            "profile.nodeTags",
            "nothing to name or tag",
            "Set namePreset, nodeTags, volumeTags or interfaceTags",
        ));
    }
    tag_rules(&rules, problems);
}

/// Checks the tag rules of either kind of profile.
pub(super) fn tag_rules(rules: &TagRules<'_>, problems: &mut Problems) {
    let preset = usize::from(rules.name_preset.is_some());
    if preset > 0 && rules.node.contains_key(rules::NAME) {
        problems.add(invalid(
            "profile.nodeTags[\"Name\"]",
            "namePreset makes the name already",
            "Remove one of the two",
        ));
    }
    templates("nodeTags", rules.node, preset, false, problems);
    templates("volumeTags", rules.volumes, 0, true, problems);
    templates("interfaceTags", rules.interfaces, 0, true, problems);
}

fn templates(
    field: &str,
    templates: &BTreeMap<String, String>,
    more: usize,
    has_name: bool,
    problems: &mut Problems,
) {
    let at = format!("profile.{field}");
    let count = templates.len() + more;
    if count > MAX_TAGS {
        problems.add(invalid(
            &at,
            format!("{count} tags, at most {MAX_TAGS}"),
            "Remove some: EC2 takes 50 on a resource",
        ));
    }
    for (key, text) in templates {
        let field = tag_field(&at, key);
        problems.check(tag_key(&field, key));
        // The result is checked when the template is rendered.
        problems.check(
            template::check(text, has_name)
                .map_err(|wrong| invalid(field, wrong.problem, &wrong.remedy)),
        );
    }
}

fn tag_field(at: &str, key: &str) -> String {
    let key: String = key.chars().take(MAX_TAG_KEY_LENGTH).collect();
    format!("{at}[{key:?}]")
}

/// Checks the tags of a slot's interface.
pub(super) fn of_slot(at: &str, tags: &BTreeMap<String, String>, problems: &mut Problems) {
    if tags.len() + OWN_TAGS > MAX_TAGS {
        problems.add(invalid(
            at,
            format!("{} tags, at most {}", tags.len(), MAX_TAGS - OWN_TAGS),
            "Remove some: EC2 takes 50 on a resource, and Hookline adds its own to interfaces",
        ));
    }
    for (key, value) in tags {
        let field = tag_field(at, key);
        problems.check(tag_key(&field, key));
        problems.check(
            template::check_value(value)
                .map_err(|problem| invalid(&field, problem, "Shorten or correct the value")),
        );
    }
}

fn tag_key(field: &str, key: &str) -> Result<()> {
    let length = key.chars().count();
    if length == 0 || length > MAX_TAG_KEY_LENGTH {
        return Err(invalid(
            field,
            format!("a key of {length} characters, expected 1 to {MAX_TAG_KEY_LENGTH}"),
            "Use another key",
        ));
    }
    if key.chars().any(char::is_control) {
        return Err(invalid(
            field,
            "control characters in the key",
            "Use printable characters",
        ));
    }
    let lower = key.to_ascii_lowercase();
    if lower.starts_with("aws:") {
        return Err(invalid(
            field,
            "keys that begin with aws: are AWS's own",
            "Use another key",
        ));
    }
    if lower.starts_with(own::PREFIX) || key == own::NO_MANAGE {
        return Err(invalid(
            field,
            "Hookline sets this tag itself",
            "Use another key",
        ));
    }
    Ok(())
}
