//! The node's tags, rendered from templates over what is known of the instance.
//!
//! The language is that of minijinja. An undefined variable is an error, so a name is never half-made;
//! `default()` is there for those who want one.

use std::collections::BTreeMap;

use minijinja::{Environment, Error as TemplateError, UndefinedBehavior, value::Serde};
use serde::{Deserialize, Serialize};

use super::ids::InstanceId;
use super::validate::TAG_VALUE;
use crate::error::{Error, Input, Result};

/// Longer than any template a person writes.
const LONGEST_TEMPLATE: usize = 4096;

/// What templates can speak of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct NodeFacts {
    /// The instance.
    pub instance_id: InstanceId,
    /// As `m5.4xlarge`.
    pub instance_type: String,
    /// The availability zone's name, as `us-west-2a`.
    pub az: String,
    /// The region, as `us-west-2`.
    pub region: String,
    /// The Auto Scaling group's name.
    pub asg: String,
    /// The primary private IPv4 address; absent on an IPv6-only subnet.
    pub private_ip: Option<String>,
    /// The private DNS name.
    pub private_dns_name: Option<String>,
    /// The instance's tags.
    pub tags: BTreeMap<String, String>,
}

fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("default", minijinja::filters::default);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_filter("replace", minijinja::filters::replace);
    // `10.0.22.100` → `10-0-22-100`
    environment.add_filter("dashed", |address: String| address.replace(['.', ':'], "-"));
    // `10.0.22.100 | octets(2)` → `22-100`
    environment.add_filter("octets", |address: String, last: usize| {
        let octets: Vec<_> = address.split('.').collect();
        octets
            .get(octets.len().saturating_sub(last)..)
            .unwrap_or_default()
            .join("-")
    });
    environment
}

/// Says what is wrong with a template, with line and column where the language gives them.
///
/// # Errors
/// The problem, in words.
pub fn check(template: &str) -> Result<(), String> {
    if template.len() > LONGEST_TEMPLATE {
        return Err(format!("a template longer than {LONGEST_TEMPLATE} bytes"));
    }
    environment()
        .template_from_str(template)
        .map(drop)
        .map_err(|error| explain(&error))
}

/// Says what is wrong with a tag's value (EC2 User Guide, "Tag restrictions").
///
/// # Errors
/// The problem, in words.
pub fn check_value(value: &str) -> Result<(), String> {
    let length = value.chars().count();
    if length > TAG_VALUE {
        return Err(format!(
            "a value of {length} characters, at most {TAG_VALUE}"
        ));
    }
    if value.chars().any(char::is_control) {
        return Err("control characters in the value".to_owned());
    }
    Ok(())
}

/// Renders the profile's node tags. A template that renders to nothing sets no tag.
///
/// # Errors
/// [`Error::Invalid`] that names the tag, where a template speaks of what the node does not have.
pub fn render(
    templates: &BTreeMap<String, String>,
    facts: &NodeFacts,
) -> Result<BTreeMap<String, String>> {
    let environment = environment();
    let mut tags = BTreeMap::new();
    for (key, template) in templates {
        let invalid = |problem: String| {
            Error::invalid(
                Input::Template,
                format!("profile.nodeTags[{key:?}]"),
                problem,
                "Correct the template, or give what may be missing a default()",
            )
        };
        let value = environment
            .render_str(template, Serde(facts))
            .map_err(|error| invalid(explain(&error)))?;
        let value = value.trim();
        check_value(value).map_err(invalid)?;
        if !value.is_empty() {
            tags.insert(key.clone(), value.to_owned());
        }
    }
    Ok(tags)
}

fn explain(error: &TemplateError) -> String {
    let place = error
        .line()
        .map(|line| format!("line {line}: "))
        .unwrap_or_default();
    let detail = error
        .detail()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    format!("{place}{}{detail}", error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> NodeFacts {
        NodeFacts {
            instance_id: "i-0123456789abcdef0".parse().unwrap(),
            instance_type: "m5.4xlarge".to_owned(),
            az: "us-west-2a".to_owned(),
            region: "us-west-2".to_owned(),
            asg: "upf".to_owned(),
            private_ip: Some("10.0.22.100".to_owned()),
            private_dns_name: None,
            tags: BTreeMap::from([("Env".to_owned(), "pre".to_owned())]),
        }
    }

    fn name(template: &str) -> Result<Option<String>> {
        let templates = BTreeMap::from([("Name".to_owned(), template.to_owned())]);
        Ok(render(&templates, &facts())?.remove("Name"))
    }

    #[test]
    fn names() {
        for (template, renders) in [
            ("node", "node"),
            (
                "{{ asg }}-ip-{{ private_ip | dashed }}",
                "upf-ip-10-0-22-100",
            ),
            (
                "{{ tags['Env'] }}-{{ private_ip | octets(2) }}",
                "pre-22-100",
            ),
            ("{{ tags['App'] | default('none') }}", "none"),
        ] {
            assert_eq!(name(template).unwrap().as_deref(), Some(renders));
        }
    }

    #[test]
    fn nothing_names_no_node() {
        assert_eq!(
            name("{% if tags['Env'] == 'prod' %}x{% endif %}").unwrap(),
            None
        );
    }

    #[test]
    fn what_is_missing_is_an_error() {
        let error = name("{{ tags['App'] }}").unwrap_err().to_string();
        assert!(
            error.starts_with("profile.nodeTags[\"Name\"]: line 1: "),
            "{error}"
        );
        assert!(name("{{ private_dns_name.x }}").is_err());
    }

    #[test]
    fn what_is_too_long_is_an_error() {
        assert!(name(&"x".repeat(257)).is_err());
        assert!(check(&"x".repeat(5000)).is_err());
    }
}
