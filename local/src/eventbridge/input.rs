//! The input of a target: the event itself, a part of it, a constant, or a filled template
//! (EventBridge User Guide, "Amazon EventBridge input transformation").

use std::collections::BTreeMap;

use serde_json::Value;

use super::json_path::Path;

/// A target's valid input.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The event.
    Event,
    /// A constant JSON text.
    Constant(String),
    /// A part of the event.
    Path(Path),
    /// A template and its variables.
    Transformer {
        variables: BTreeMap<String, Path>,
        template: String,
    },
}

/// Why a target's input is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidInput(pub(super) String);

/// The predefined variables of a template, besides the event.
#[derive(Clone, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) rule_arn: &'a str,
    pub(crate) rule_name: &'a str,
    pub(crate) ingestion_time: &'a str,
}

/// EventBridge's limits.
const MAX_TEMPLATE: usize = 8192;
const MAX_VARIABLES: usize = 100;

const PREDEFINED: [&str; 5] = [
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
];

impl Input {
    /// A constant, which must be JSON.
    pub(crate) fn constant(text: &str) -> Result<Self, InvalidInput> {
        if text.len() > MAX_TEMPLATE {
            return Err(InvalidInput(format!(
                "Input is longer than {MAX_TEMPLATE} characters."
            )));
        }
        match serde_json::from_str::<Value>(text) {
            Ok(_) => Ok(Self::Constant(text.to_owned())),
            Err(error) => Err(InvalidInput(format!("JSON syntax error in input: {error}"))),
        }
    }

    /// A template with its variables. Every placeholder must be a variable or predefined.
    pub(crate) fn transformer(
        paths: &BTreeMap<String, String>,
        template: &str,
    ) -> Result<Self, InvalidInput> {
        if template.is_empty() || template.chars().count() > MAX_TEMPLATE {
            return Err(InvalidInput(format!(
                "InputTemplate must have 1 to {MAX_TEMPLATE} characters."
            )));
        }
        if paths.len() > MAX_VARIABLES {
            return Err(InvalidInput(format!(
                "InputPathsMap has more than {MAX_VARIABLES} entries."
            )));
        }
        let mut variables = BTreeMap::new();
        for (name, path) in paths {
            if name.to_ascii_lowercase().starts_with("aws")
                || !name.chars().all(in_name)
                || name.is_empty()
            {
                return Err(InvalidInput(format!(
                    "InputPathsMap has the invalid key {name}."
                )));
            }
            variables.insert(name.clone(), Path::parse(path)?);
        }
        for (_, name, _) in placeholders(template) {
            if !variables.contains_key(name) && !PREDEFINED.contains(&name) {
                return Err(InvalidInput(format!(
                    "InputTemplate has the invalid placeholder <{name}>."
                )));
            }
        }
        Ok(Self::Transformer {
            variables,
            template: template.to_owned(),
        })
    }

    /// The JSON text for the target.
    pub(crate) fn render(
        &self,
        event: &Value,
        context: &Context<'_>,
    ) -> Result<String, InvalidInput> {
        match self {
            Self::Event => Ok(event.to_string()),
            Self::Constant(text) => Ok(text.clone()),
            Self::Path(path) => path
                .find(event)
                .map(|value| value.to_string())
                .ok_or_else(|| InvalidInput("InputPath finds nothing in the event".to_owned())),
            Self::Transformer {
                variables,
                template,
            } => {
                let text = fill(template, |name| lookup(name, variables, event, context));
                match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                    Ok(_) => Ok(text),
                    Err(error) => Err(InvalidInput(format!(
                        "The filled InputTemplate is no JSON: {error}"
                    ))),
                }
            }
        }
    }
}

fn lookup(
    name: &str,
    variables: &BTreeMap<String, Path>,
    event: &Value,
    context: &Context<'_>,
) -> Option<Value> {
    match name {
        "aws.events.rule-arn" => Some(Value::from(context.rule_arn)),
        "aws.events.rule-name" => Some(Value::from(context.rule_name)),
        "aws.events.event.ingestion-time" => Some(Value::from(context.ingestion_time)),
        "aws.events.event.json" => Some(event.clone()),
        "aws.events.event" => {
            let mut event = event.clone();
            if let Some(fields) = event.as_object_mut() {
                fields.remove("detail");
            }
            Some(event)
        }
        _ => variables.get(name).and_then(|path| path.find(event)),
    }
}

fn in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// The placeholders of a template: where each begins, its name, and where it ends.
fn placeholders(template: &str) -> Vec<(usize, &str, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = template
        .get(from..)
        .and_then(|rest| rest.find('<'))
        .map(|at| from + at)
    {
        let name_start = open + 1;
        let rest = template.get(name_start..).unwrap_or_default();
        let name_end = rest
            .find(|character| !in_name(character))
            .unwrap_or(rest.len());
        match (rest.get(..name_end), rest.get(name_end..)) {
            (Some(name), Some(after)) if !name.is_empty() && after.starts_with('>') => {
                let end = name_start + name_end + 1;
                found.push((open, name, end));
                from = end;
            }
            _ => from = name_start,
        }
    }
    found
}

/// Fills the placeholders. Inside a JSON string, a value becomes part of that string; elsewhere it
/// is written as JSON. A value that the event lacks leaves a string unchanged, and is an empty
/// string elsewhere.
fn fill(template: &str, value_of: impl Fn(&str) -> Option<Value>) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut quoted = false;
    let mut escaped = false;
    let mut from = 0;
    for (start, name, end) in placeholders(template) {
        let before = template.get(from..start).unwrap_or_default();
        for character in before.chars() {
            match character {
                '"' if !escaped => quoted = !quoted,
                _ => {}
            }
            escaped = quoted && character == '\\' && !escaped;
        }
        filled.push_str(before);
        match (value_of(name), quoted) {
            (Some(Value::String(text)), true) => {
                filled.push_str(inside(&Value::from(text).to_string()))
            }
            (Some(value), true) => {
                filled.push_str(inside(&Value::from(value.to_string()).to_string()))
            }
            (Some(value), false) => filled.push_str(&value.to_string()),
            (None, true) => {}
            (None, false) => filled.push_str("\"\""),
        }
        from = end;
    }
    filled.push_str(template.get(from..).unwrap_or_default());
    filled
}

/// A JSON string without its quotation marks.
fn inside(json: &str) -> &str {
    json.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(json)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const CONTEXT: Context<'_> = Context {
        rule_arn: "arn:rule",
        rule_name: "launch",
        ingestion_time: "2026-01-01T00:00:00Z",
    };

    fn event() -> Value {
        json!({ "id": "1", "resources": ["a", "b"], "detail": { "EC2InstanceId": "i-1", "Text": "say \"hi\"", "n": 5 } })
    }

    fn transform(paths: &[(&str, &str)], template: &str) -> Result<String, InvalidInput> {
        let paths = paths
            .iter()
            .map(|(name, path)| ((*name).to_owned(), (*path).to_owned()))
            .collect();
        Input::transformer(&paths, template)?.render(&event(), &CONTEXT)
    }

    #[test]
    fn a_template_holds_the_whole_event_and_a_constant() {
        let text = transform(
            &[],
            r#"{"event": <aws.events.event.json>, "profile": {"name": "gold"}}"#,
        )
        .unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            json!({ "event": event(), "profile": { "name": "gold" } })
        );
    }

    #[test]
    fn variables_are_filled_alone_and_inside_strings() {
        let paths = [
            ("id", "$.detail.EC2InstanceId"),
            ("text", "$.detail.Text"),
            ("n", "$.detail.n"),
            ("no", "$.no"),
        ];
        let text = transform(
            &paths,
            r#"{"a": <id>, "b": "i=<id> <text> <n>", "c": <n>, "d": "<no>", "e": <no>}"#,
        );
        let value: Value = serde_json::from_str(&text.unwrap()).unwrap();
        assert_eq!(
            value,
            json!({ "a": "i-1", "b": "i=i-1 say \"hi\" 5", "c": 5, "d": "", "e": "" })
        );
        assert_eq!(
            transform(&paths, r#""node <id>""#).unwrap(),
            r#""node i-1""#
        );
    }

    #[test]
    fn predefined_variables_are_filled() {
        let text = transform(
            &[],
            r#"{"r": "<aws.events.rule-arn>", "n": <aws.events.rule-name>, "t": "<aws.events.event.ingestion-time>", "e": <aws.events.event>}"#,
        );
        let value: Value = serde_json::from_str(&text.unwrap()).unwrap();
        assert_eq!(value["r"], "arn:rule");
        assert_eq!(value["n"], "launch");
        assert_eq!(value["t"], "2026-01-01T00:00:00Z");
        assert_eq!(value["e"], json!({ "id": "1", "resources": ["a", "b"] }));
    }

    #[test]
    fn bad_templates_are_refused() {
        assert!(transform(&[], r#"{"a": <b>}"#).is_err());
        assert!(transform(&[("awsx", "$.id")], r#"{"a": <awsx>}"#).is_err());
        assert!(transform(&[("b", "id")], r#"{"a": <b>}"#).is_err());
        assert!(transform(&[], &format!("\"{}\"", "x".repeat(8192))).is_err());
        assert!(transform(&[("b", "$.id")], r#"{"a": <b>"#).is_err());
        assert!(Input::constant("{").is_err());
    }

    #[test]
    fn a_less_than_sign_alone_is_not_a_placeholder() {
        assert_eq!(
            transform(&[("n", "$.detail.n")], r#""1 < <n> <é>""#).unwrap(),
            r#""1 < 5 <é>""#
        );
    }
}
