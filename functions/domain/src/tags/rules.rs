//! The tag rules of a profile, and the tags that follow for one instance.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calls::{Call, Target, check_tag_quota, minimal_calls};
use super::facts::NodeFacts;
use super::own::Tags;
use super::preset::NamePreset;
use super::template;
use crate::error::{Error, Input, Result};
use crate::json_schema;

/// The tag that is a resource's name in the console.
pub const NAME: &str = "Name";

/// What happens to an existing tag with another value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(transform = json_schema::string_enum)]
pub enum ExistingTags {
    /// It gets the profile's value, whoever set it.
    #[default]
    Replace,
    /// It stays, whoever set it: a person, the group, the launch template.
    Keep,
}

/// What happens to the launch of a node that cannot have its tags, because a template fails on it or
/// EC2 refuses them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(transform = json_schema::string_enum)]
pub enum TagFailure {
    /// It goes on without them.
    #[default]
    Continue,
    /// It is abandoned.
    Abandon,
}

impl TagFailure {
    /// Whether a launch goes on without its tags.
    #[must_use]
    pub fn is_continue(&self) -> bool {
        *self == Self::Continue
    }
}

/// The tag rules of a profile; see `docs/naming.md`.
#[derive(Debug, Clone, Copy)]
pub struct TagRules<'a> {
    /// `profile.namePreset`
    pub name_preset: Option<NamePreset>,
    /// `profile.nodeTags`: key → template
    pub node: &'a Tags,
    /// `profile.volumeTags`
    pub volumes: &'a Tags,
    /// `profile.interfaceTags`
    pub interfaces: &'a Tags,
    /// `profile.existingTags`
    pub existing: ExistingTags,
}

/// The tag rules of a profile. Every kind of profile has them in fields of the same names.
macro_rules! tag_rules_of {
    ($profile:expr) => {
        $crate::tags::rules::TagRules {
            name_preset: $profile.name_preset,
            node: &$profile.node_tags,
            volumes: &$profile.volume_tags,
            interfaces: &$profile.interface_tags,
            existing: $profile.existing_tags,
        }
    };
}

pub(crate) use tag_rules_of;

/// The tags that one instance, its volumes and its interfaces should have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenderedTags {
    /// The instance's.
    pub node: Tags,
    /// Each of its volumes'.
    pub volumes: Tags,
    /// Each of its interfaces'.
    pub interfaces: Tags,
}

impl TagRules<'_> {
    /// The variables that the templates use.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<String> {
        [self.node, self.volumes, self.interfaces]
            .into_iter()
            .flat_map(Tags::values)
            .map(String::as_str)
            .chain(self.name_preset.map(NamePreset::template))
            .flat_map(template::variables)
            .collect()
    }

    /// Renders the templates. A template that renders to an empty text sets no tag.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the tag, if a template uses what the node does not have.
    pub fn wanted(&self, facts: &NodeFacts) -> Result<RenderedTags> {
        let (tags, failures) = self.rendered(facts);
        match failures.into_iter().next() {
            None => Ok(tags),
            Some(error) => Err(error),
        }
    }

    /// Renders the templates, and leaves out each tag that the node cannot have. Returns what is
    /// left out, too: one [`Error::Invalid`] for each tag.
    #[must_use]
    pub fn rendered(&self, facts: &NodeFacts) -> (RenderedTags, Vec<Error>) {
        let mut failures = Vec::new();
        let mut node = rendered("nodeTags", self.node, facts, None, &mut failures);
        if let Some(preset) = self.name_preset {
            let name = preset
                .check(facts)
                .and_then(|()| template::render(preset.template(), facts, None))
                .map_err(|problem| failed("profile.namePreset".to_owned(), problem));
            match name {
                Ok(name) => drop(node.insert(NAME.to_owned(), name)),
                Err(error) => failures.push(error),
            }
        }
        // The Name tag that the node has in the end.
        let kept = facts
            .tags
            .get(NAME)
            .filter(|_| self.existing == ExistingTags::Keep);
        let name = kept.or(node.get(NAME)).or(facts.tags.get(NAME)).cloned();
        let name = name.as_deref();
        let tags = RenderedTags {
            volumes: rendered("volumeTags", self.volumes, facts, name, &mut failures),
            interfaces: rendered("interfaceTags", self.interfaces, facts, name, &mut failures),
            node,
        };
        (tags, failures)
    }

    /// A resource with its current tags and those that it should have.
    #[must_use]
    pub fn target(&self, resource: &str, current: Tags, wanted: &Tags) -> Target {
        let mut wanted = wanted.clone();
        if self.existing == ExistingTags::Keep {
            wanted.retain(|key, value| current.get(key).is_none_or(|found| found == value));
        }
        Target {
            resource: resource.to_owned(),
            current,
            wanted,
        }
    }
}

/// The calls that are needed for the targets of one instance; none if all tags are right.
///
/// # Errors
/// [`Error::Invalid`] when a resource has no room for its tags.
pub fn calls(targets: &[Target]) -> Result<Vec<Call>> {
    check_tag_quota(targets).map_err(|problem| {
        Error::invalid(
            Input::Template,
            "profile.nodeTags",
            problem,
            "Ask for fewer tags, or take some off",
        )
    })?;
    Ok(minimal_calls(targets))
}

fn rendered(
    field: &str,
    templates: &Tags,
    facts: &NodeFacts,
    name: Option<&str>,
    failures: &mut Vec<Error>,
) -> Tags {
    let mut tags = Tags::new();
    for (key, text) in templates {
        match template::render(text, facts, name) {
            Ok(value) if value.is_empty() => {}
            Ok(value) => drop(tags.insert(key.clone(), value)),
            Err(problem) => failures.push(failed(format!("profile.{field}[{key:?}]"), problem)),
        }
    }
    tags
}

fn failed(field: String, problem: String) -> Error {
    Error::invalid(
        Input::Template,
        field,
        problem,
        "Correct the template, or give what may be missing a default()",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::facts;

    fn tags<const N: usize>(pairs: [(&str, &str); N]) -> Tags {
        pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    struct RulesFixture {
        preset: Option<NamePreset>,
        node: Tags,
        volumes: Tags,
        existing: ExistingTags,
    }

    impl RulesFixture {
        fn rules(&self) -> TagRules<'_> {
            static NONE: Tags = Tags::new();
            TagRules {
                name_preset: self.preset,
                node: &self.node,
                volumes: &self.volumes,
                interfaces: &NONE,
                existing: self.existing,
            }
        }
    }

    fn fixture() -> RulesFixture {
        RulesFixture {
            preset: Some(NamePreset::ClusterIp),
            node: tags([
                ("Zone", "{{ az }}"),
                ("Nothing", "{% if az == '' %}x{% endif %}"),
            ]),
            volumes: tags([("Name", "{{ name }}-root")]),
            existing: ExistingTags::Replace,
        }
    }

    #[test]
    fn templates_and_preset_are_rendered() {
        let wanted = fixture().rules().wanted(&facts()).unwrap();
        let name = "pre-eks-01.ip-10-0-22-100";
        assert_eq!(wanted.node, tags([("Name", name), ("Zone", "us-west-2a")]));
        assert_eq!(wanted.volumes["Name"], format!("{name}-root"));
        assert_eq!(wanted.interfaces, Tags::new());
    }

    #[test]
    fn template_of_a_volume_gets_the_final_name_of_the_node() {
        let mut node = facts();
        node.tags.insert("Name".to_owned(), "mine".to_owned());
        let mut fixture = fixture();
        fixture.existing = ExistingTags::Keep;
        let wanted = fixture.rules().wanted(&node).unwrap();
        assert_eq!(wanted.volumes["Name"], "mine-root");
        let target = fixture
            .rules()
            .target("i-1", node.tags.clone(), &wanted.node);
        assert!(!target.wanted.contains_key("Name"), "kept");
        assert_eq!(target.wanted["Zone"], "us-west-2a");
        fixture.existing = ExistingTags::Replace;
        fixture.preset = None;
        assert_eq!(
            fixture.rules().wanted(&node).unwrap().volumes["Name"],
            "mine-root",
            "no rule names the node, so it keeps its name"
        );
    }

    #[test]
    fn field_that_fails_is_named() {
        let mut node = facts();
        node.private_ip = None;
        let error = fixture().rules().wanted(&node).unwrap_err();
        assert_eq!(error.error_type(), "Hookline.InvalidTemplate");
        assert!(
            error
                .to_string()
                .starts_with("profile.namePreset: the instance has no private"),
            "{error}"
        );
        let mut fixture = fixture();
        fixture.preset = None;
        fixture.node = Tags::new();
        let error = fixture.rules().wanted(&node).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "profile.volumeTags[\"Name\"]: line 1, column 4: undefined value: `name`"
            ),
            "{error}"
        );
    }

    #[test]
    fn tag_that_a_node_cannot_have_leaves_the_others() {
        let mut node = facts();
        (node.private_ip, node.ipv6_address) = (None, None);
        let (wanted, failures) = fixture().rules().rendered(&node);
        assert_eq!(wanted.node, tags([("Zone", "us-west-2a")]));
        assert_eq!(wanted.volumes, Tags::new(), "no name for the volumes");
        let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures.len(), 2);
        assert!(
            failures[0].starts_with("profile.namePreset: "),
            "{failures:?}"
        );
        assert!(
            failures[1].starts_with("profile.volumeTags[\"Name\"]: "),
            "{failures:?}"
        );
    }

    #[test]
    fn variables_of_all_templates_are_found() {
        let found = fixture().rules().variables();
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["az", "cluster", "ip", "name"]);
    }
}
