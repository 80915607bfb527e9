//! The templates of tags: checks and renders them.
//!
//! The language is MiniJinja. An undefined variable is an error, so that no name lacks a part. A
//! template can give a `default()`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use hookline_payload::{did_you_mean, suggestion};
use minijinja::value::{Object, Serde};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::facts::{NAME_VARIABLE, NodeFacts, VARIABLES, tags_behind};
use crate::quotas::MAX_TAG_VALUE_LENGTH;

/// Longer than any template that a person writes.
const MAX_TEMPLATE_BYTES: usize = 4096;

/// Every filter (docs/naming.md, "Filters").
pub const FILTERS: [&str; 6] = ["dashed", "default", "lower", "octets", "replace", "upper"];

/// The statements of MiniJinja without its features `macros`, `multi_template` and `loop_controls`
/// (`compiler/parser.rs`).
const STATEMENTS: [&str; 10] = [
    "autoescape",
    "do",
    "elif",
    "else",
    "filter",
    "for",
    "if",
    "raw",
    "set",
    "with",
];

/// A mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// What is wrong. It begins with line and column, where MiniJinja gives them.
    pub problem: String,
    /// What to do about it, as a sentence without its full stop.
    pub remedy: String,
}

impl TemplateProblem {
    fn new(problem: String, hint: &str) -> Self {
        let remedy = format!("{hint}Correct the template (docs/naming.md, Templates)");
        Self { problem, remedy }
    }
}

fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // In release builds too, an error says which variable is undefined.
    environment.set_debug(true);
    environment.add_filter("default", minijinja::filters::default);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_filter("replace", minijinja::filters::replace);
    environment.add_filter("dashed", dashed);
    environment.add_filter("octets", octets);
    environment
}

/// `10.0.22.100` → `10-0-22-100`
fn dashed(address: String) -> String {
    address.replace(['.', ':'], "-")
}

/// `10.0.22.100 | octets(2)` → `22-100`; of an IPv6 address, the last groups of 16 bits:
/// `2001:db8::a:1 | octets(2)` → `a-1`
fn octets(address: String, last: usize) -> Result<String, Error> {
    let wrong = |problem: String| Error::new(ErrorKind::InvalidOperation, problem);
    let parts: Vec<String> = match address.parse() {
        Ok(IpAddr::V4(address)) => address.octets().map(|octet| octet.to_string()).into(),
        Ok(IpAddr::V6(address)) => address.segments().map(|group| format!("{group:x}")).into(),
        Err(_) => return Err(wrong("octets is for an IPv4 or IPv6 address".to_owned())),
    };
    let first = parts.len().checked_sub(last).filter(|_| last > 0);
    let last = first
        .and_then(|first| parts.get(first..))
        .ok_or_else(|| wrong(format!("octets({last}): expected 1 to {}", parts.len())))?;
    Ok(last.join("-"))
}

/// Checks a template. `has_name` says whether the template can use the node's name.
///
/// # Errors
/// The first problem.
pub fn check(template: &str, has_name: bool) -> Result<(), TemplateProblem> {
    if template.len() > MAX_TEMPLATE_BYTES {
        let problem = format!("a template longer than {MAX_TEMPLATE_BYTES} bytes");
        return Err(TemplateProblem::new(problem, ""));
    }
    let environment = environment();
    let compiled = environment
        .template_from_str(template)
        .map_err(|error| refused(template, &error))?;
    let known: Vec<&str> = VARIABLES
        .into_iter()
        .chain(has_name.then_some(NAME_VARIABLE))
        .collect();
    let mut unknown: Vec<String> = compiled.undeclared_variables(false).into_iter().collect();
    unknown.retain(|variable| !known.contains(&variable.as_str()));
    unknown.sort();
    if let Some(variable) = unknown.first() {
        let position = template
            .find(variable.as_str())
            .map(|offset| position(template, offset))
            .unwrap_or_default();
        let problem = format!(
            "{position}there is no variable `{variable}`; there are {}",
            VARIABLES.join(", ")
        );
        let meant = did_you_mean(suggestion(variable, known));
        return Err(TemplateProblem::new(problem, &meant));
    }
    // Only rendering finds an unknown filter. Other errors depend on the node, so they are no error
    // here.
    match compiled.render(Value::from_object(Sample)) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::UnknownFilter
                    | ErrorKind::UnknownFunction
                    | ErrorKind::UnknownMethod
                    | ErrorKind::UnknownTest
            ) =>
        {
            Err(refused(template, &error))
        }
        _ => Ok(()),
    }
}

/// What to do about an error of the engine, in the words of `cdk/lib/shared/templates.ts`. The engine
/// tells an unknown name only in the detail of its error.
fn refused(template: &str, error: &Error) -> TemplateProblem {
    let problem = explain(template, error);
    let detail = error.detail().unwrap_or_default();
    let meant = |name: Option<&str>, known: &[&'static str]| {
        did_you_mean(name.and_then(|name| suggestion(name, known.iter().copied())))
    };
    match error.kind() {
        ErrorKind::UnknownFilter => {
            let name = detail
                .strip_prefix("filter ")
                .and_then(|rest| rest.strip_suffix(" is unknown"));
            let hint = match meant(name, &FILTERS) {
                meant if meant.is_empty() => format!("There are {}. ", FILTERS.join(", ")),
                meant => meant,
            };
            TemplateProblem::new(problem, &hint)
        }
        ErrorKind::UnknownMethod => {
            let name = detail.split_once(" has no method named ");
            let meant = meant(name.map(|(_, name)| name), &FILTERS);
            TemplateProblem {
                problem,
                remedy: format!("{meant}Use a filter (docs/naming.md, Filters)"),
            }
        }
        ErrorKind::UnknownTest => TemplateProblem {
            problem,
            remedy:
                "Compare by ==, or give what may be missing a default(…) (docs/naming.md, Filters)"
                    .to_owned(),
        },
        _ => {
            let name = detail.strip_prefix("unknown statement ");
            TemplateProblem::new(problem, &meant(name, &STATEMENTS))
        }
    }
}

/// A node that has every fact, to try templates on.
#[derive(Debug)]
struct Sample;

/// An instance that has every tag.
#[derive(Debug)]
struct AnyTag;

impl Object for Sample {
    fn get_value(self: &Arc<Self>, variable: &Value) -> Option<Value> {
        Some(match variable.as_str()? {
            "tags" => Value::from_object(AnyTag),
            "ip" | "private_ip" => Value::from("10.0.22.100"),
            _ => Value::from("sample"),
        })
    }
}

impl Object for AnyTag {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from("sample"))
    }
}

/// Checks the value of a tag. EC2 accepts any character (EC2 User Guide, "Tag restrictions");
/// control characters are refused here, because no console shows them.
///
/// # Errors
/// The problem, in words.
pub fn check_value(value: &str) -> Result<(), String> {
    let length = value.chars().count();
    if length > MAX_TAG_VALUE_LENGTH {
        return Err(format!(
            "a value of {length} characters, at most {MAX_TAG_VALUE_LENGTH}"
        ));
    }
    if value.chars().any(char::is_control) {
        return Err("control characters in the value".to_owned());
    }
    Ok(())
}

/// The variables that a template uses; none if it cannot be parsed.
#[must_use]
pub fn variables(template: &str) -> BTreeSet<String> {
    environment()
        .template_from_str(template)
        .map(|template| template.undeclared_variables(false).into_iter().collect())
        .unwrap_or_default()
}

/// Renders a template. The result is trimmed and is a valid value of a tag. `name` is the node's
/// name, for the templates that can use it.
///
/// # Errors
/// The problem, in words: the node lacks what the template uses, or the result is no valid value.
pub fn render(template: &str, facts: &NodeFacts, name: Option<&str>) -> Result<String, String> {
    let value = environment()
        .render_str(template, Serde(facts.variables(name)))
        .map_err(|error| explain(template, &error))?;
    let value = value.trim();
    check_value(value)?;
    Ok(value.to_owned())
}

/// `line 1, column 4: ` of a byte offset.
fn position(template: &str, offset: usize) -> String {
    let before = template.get(..offset).unwrap_or(template);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}: ")
}

fn explain(template: &str, error: &Error) -> String {
    let position = match (error.range(), error.line()) {
        (Some(range), _) => position(template, range.start),
        (None, Some(line)) => format!("line {line}: "),
        (None, None) => String::new(),
    };
    let detail = error
        .detail()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    let tag = ["cluster", "nodegroup"]
        .into_iter()
        .filter(|variable| detail.contains(&format!("`{variable}` is undefined")))
        .find_map(tags_behind)
        .map(|tags| format!(" (no tag of the instance names it: none of {tags})"))
        .unwrap_or_default();
    format!("{position}{}{detail}{tag}", error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::facts;

    fn rendered(template: &str) -> Result<String, String> {
        render(template, &facts(), None)
    }

    #[test]
    fn templates_render_to_values() {
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
            ("{{ private_ip | octets(4) }}", "10-0-22-100"),
            ("{{ '2001:db8::a:1' | octets(2) }}", "a-1"),
            ("{{ '2001:db8::a:1' | octets(8) }}", "2001-db8-0-0-0-0-a-1"),
            ("{{ tags.Env | upper }}", "PRE"),
            ("{{ tags['App'] | default('none') }}", "none"),
            (
                "{{ private_dns_name | default(private_ip) }}",
                "10.0.22.100",
            ),
            (
                "{{ cluster }}/{{ nodegroup }}/{{ lifecycle }}",
                "pre-eks-01/web/on-demand",
            ),
            ("  {{ region }}\n", "us-west-2"),
            ("{% if tags['Env'] == 'prod' %}x{% endif %}", ""),
        ] {
            assert_eq!(rendered(template).as_deref(), Ok(renders), "{template}");
            assert_eq!(check(template, false), Ok(()), "{template}");
        }
    }

    #[test]
    fn missing_fact_is_an_error_that_names_it() {
        let mut bare = facts();
        bare.tags.clear();
        for (template, says) in [
            (
                "{{ tags['App'] }}",
                "line 1, column 4: undefined value: `tags['App']` is undefined",
            ),
            (
                "a\n  {{ asg }}-{{ tags.App }}",
                "line 2, column 16: undefined value: `tags.App` is undefined",
            ),
            (
                "{{ private_dns_name }}",
                "line 1, column 4: undefined value: `private_dns_name` is undefined",
            ),
            (
                "{{ ipv6_address | dashed }}",
                "line 1, column 19: undefined value: `ipv6_address` is undefined",
            ),
            (
                "{{ cluster }}",
                "line 1, column 4: undefined value: `cluster` is undefined (no tag of the instance names it: none of \"eks:cluster-name\", \"aws:eks:cluster-name\", \"alpha.eksctl.io/cluster-name\", \"kubernetes.io/cluster/NAME\")",
            ),
            (
                "{{ nodegroup }}",
                "line 1, column 4: undefined value: `nodegroup` is undefined (no tag of the instance names it: none of \"eks:nodegroup-name\", \"alpha.eksctl.io/nodegroup-name\")",
            ),
        ] {
            let found = render(template, &bare, None).unwrap_err();
            assert!(found.starts_with(says), "wanted {says}\nfound  {found}");
            assert_eq!(
                check(template, false),
                Ok(()),
                "no error before there is a node"
            );
        }
    }

    #[test]
    fn template_that_fails_on_every_node_is_refused() {
        for (template, says) in [
            ("{{ private_ip", "line 1, column "),
            ("x\n{% if az %}", "line 2, column "),
            (
                "{{ private_ip | dahsed }}",
                "line 1, column 17: unknown filter: filter dahsed is unknown",
            ),
            (
                "{{ range(3) }}",
                "line 1, column 4: there is no variable `range`",
            ),
            (
                "\n {{ privat_ip }}",
                "line 2, column 5: there is no variable `privat_ip`; there are asg, az, ",
            ),
            (
                "{{ name }}",
                "line 1, column 4: there is no variable `name`",
            ),
            ("{{ az.upper() }}", "line 1, column "),
        ] {
            let found = check(template, false).unwrap_err().problem;
            assert!(found.starts_with(says), "wanted {says}\nfound  {found}");
        }
        assert_eq!(check("{{ name }}", true), Ok(()));
    }

    #[test]
    fn remedy_says_which_word_was_meant() {
        const CORRECT: &str = "Correct the template (docs/naming.md, Templates)";
        const FILTER: &str = "Use a filter (docs/naming.md, Filters)";
        for (template, has_name, hint, remedy) in [
            (
                "{{ privat_ip }}",
                false,
                "Did you mean `private_ip`? ",
                CORRECT,
            ),
            ("{{ zone }}", false, "", CORRECT),
            ("{{ nmae }}", false, "", CORRECT),
            ("{{ nmae }}", true, "Did you mean `name`? ", CORRECT),
            ("{{ az | uper }}", false, "Did you mean `upper`? ", CORRECT),
            (
                "{{ az | title }}",
                false,
                "There are dashed, default, lower, octets, replace, upper. ",
                CORRECT,
            ),
            ("{{ az.upper() }}", false, "Did you mean `upper`? ", FILTER),
            ("{{ az.strip() }}", false, "", FILTER),
            ("{% fi az %}", false, "Did you mean `if`? ", CORRECT),
            ("{% macro m() %}", false, "", CORRECT),
            ("{{ az", false, "", CORRECT),
            (
                "{{ 1 if az is defined else 2 }}",
                false,
                "",
                "Compare by ==, or give what may be missing a default(…) (docs/naming.md, Filters)",
            ),
        ] {
            let found = check(template, has_name).unwrap_err();
            assert_eq!(found.remedy, format!("{hint}{remedy}"), "{template}");
        }
    }

    #[test]
    fn every_word_that_is_suggested_is_known() {
        for filter in FILTERS {
            assert_eq!(check(&format!("{{{{ az | {filter} }}}}"), false), Ok(()));
        }
        let (code, _) = include_str!("template.rs")
            .split_once("#[cfg(test)]")
            .unwrap();
        assert_eq!(code.matches(".add_filter(").count(), FILTERS.len());
        for statement in STATEMENTS {
            let found = check(&format!("{{% if az %}}{{% {statement} %}}"), false);
            let problem = found.err().map_or_else(String::new, |found| found.problem);
            assert!(!problem.contains("unknown statement"), "{problem}");
        }
    }

    #[test]
    fn unknown_filter_is_found_behind_facts_that_some_node_has() {
        for facts in [
            "{{ asg }}",
            "{{ tags['Env'] }}",
            "{{ private_ip | octets(2) }}",
        ] {
            let found = check(&format!("{facts}{{{{ az | dahsed }}}}"), false)
                .unwrap_err()
                .problem;
            assert!(found.contains("unknown filter"), "{facts}: {found}");
        }
    }

    #[test]
    fn template_that_fails_on_some_nodes_only_is_accepted() {
        // A group may have an IPv4 address for its name.
        assert_eq!(check("{{ asg | octets(2) }}", false), Ok(()));
    }

    #[test]
    fn octets_outside_an_ipv4_address_are_refused() {
        for template in [
            "{{ private_ip | octets(0) }}",
            "{{ private_ip | octets(5) }}",
            "{{ private_ip | octets(18446744073709551615) }}",
            "{{ asg | octets(2) }}",
            "{{ '2001:db8::1' | octets(9) }}",
        ] {
            let found = rendered(template).unwrap_err();
            assert!(found.starts_with("line 1, column "), "{found}");
            assert!(found.contains("octets"), "{found}");
        }
    }

    #[test]
    fn value_that_no_tag_can_have_is_refused() {
        assert!(rendered(&"é".repeat(256)).is_ok());
        assert!(rendered(&"é".repeat(257)).is_err());
        assert!(rendered("a{{ '\\t' }}b").is_err());
        assert_eq!(check(&"x".repeat(MAX_TEMPLATE_BYTES), false), Ok(()));
        assert!(check(&"x".repeat(MAX_TEMPLATE_BYTES + 1), false).is_err());
    }

    #[test]
    fn variables_of_a_template_are_found() {
        let found = variables("{% set x = az %}{{ x }}{{ tags['Env'] }}{{ private_ip | dashed }}");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["az", "private_ip", "tags"]
        );
    }
}
