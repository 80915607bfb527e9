//! The fields of a type, as the rows of a table: made from the JSON Schema that schemars derives
//! from the Rust type.

use std::fmt::Write as _;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// Fields whose own fields have a page of their own: name → link.
const PAGES: [(&str, &str); 1] = [("profile", "[the profile](profile.md)")];

/// A table of the fields of `T`.
pub(crate) fn table<T: JsonSchema>() -> String {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let schema = generator.into_root_schema_for::<T>().to_value();
    let mut rows = Rows {
        definitions: schema.get("$defs").cloned().unwrap_or_default(),
        text: "| field | type | |\n|---|---|---|\n".to_owned(),
    };
    rows.fields("", &schema, "");
    rows.text
}

struct Rows {
    definitions: Value,
    text: String,
}

impl Rows {
    /// The rows of an object's fields, at a path. `only` says when an object of that form is there.
    fn fields(&mut self, at: &str, schema: &Value, only: &str) {
        for (name, property) in properties(schema) {
            let path = match at.is_empty() {
                true => name.clone(),
                false => format!("{at}.{name}"),
            };
            self.field(&path, &name, &property, only);
        }
        for variant in list(schema, "oneOf") {
            let tag = properties(variant)
                .into_iter()
                .find_map(|(name, property)| {
                    let value = property.get("const")?.as_str()?.to_owned();
                    Some((name, value))
                });
            let Some((tag, value)) = tag else { continue };
            let path = format!("{at}.{tag}");
            self.row(
                path.trim_start_matches('.'),
                &format!("`{value}`"),
                &description(variant),
            );
            let only = format!("If `{tag}` is `{value}`. ");
            for (name, property) in properties(variant) {
                if name != tag {
                    let path = format!("{at}.{name}");
                    self.field(path.trim_start_matches('.'), &name, &property, &only);
                }
            }
        }
    }

    fn field(&mut self, path: &str, name: &str, property: &Value, only: &str) {
        let meaning = format!("{only}{}", description(property));
        if let Some((_, link)) = PAGES.iter().find(|(field, _)| *field == name) {
            self.row(path, link, &meaning);
            return;
        }
        let (schema, or_null) = self.resolved(property);
        let meaning = match description(property).is_empty() {
            true => format!("{only}{}", description(&schema)),
            false => meaning,
        };
        let or_null = if or_null { " or null" } else { "" };
        if let Some(words) = words(&schema) {
            let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let mut meaning = meaning;
            for (word, says) in &words {
                let _ = write!(meaning, "<br>`{word}`: {says}");
            }
            self.row(path, &format!("{}{or_null}", names.join(", ")), &meaning);
            return;
        }
        match schema.get("items") {
            Some(items) => {
                let (items, _) = self.resolved(items);
                self.row(
                    path,
                    &format!("list of {}{or_null}", kind(&items)),
                    &meaning,
                );
                self.fields(&format!("{path}[]"), &items, "");
            }
            None => {
                self.row(path, &format!("{}{or_null}", kind(&schema)), &meaning);
                self.fields(path, &schema, "");
            }
        }
    }

    fn row(&mut self, path: &str, kind: &str, meaning: &str) {
        let meaning = meaning.replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(self.text, "| `{path}` | {kind} | {} |", meaning.trim());
    }

    /// A schema behind its references, and whether null is allowed beside it.
    fn resolved(&self, schema: &Value) -> (Value, bool) {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let name = reference.trim_start_matches("#/$defs/");
            let definition = self.definitions.get(name).cloned().unwrap_or_default();
            return self.resolved(&definition);
        }
        let null = |schema: &Value| schema.get("type").and_then(Value::as_str) == Some("null");
        let any = list(schema, "anyOf");
        if any.iter().any(null)
            && let Some(other) = any.iter().find(|schema| !null(schema))
        {
            return (self.resolved(other).0, true);
        }
        let types = list(schema, "type");
        let or_null = types.iter().any(|name| name == "null");
        (schema.clone(), or_null)
    }
}

fn properties(schema: &Value) -> Map<String, Value> {
    let found = schema.get("properties").and_then(Value::as_object);
    found.cloned().unwrap_or_default()
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// The words of a text that is one of several, each with what it says.
fn words(schema: &Value) -> Option<Vec<(String, String)>> {
    let variants = list(schema, "oneOf");
    let words: Option<Vec<_>> = variants
        .iter()
        .map(|variant| {
            Some((
                variant.get("const")?.as_str()?.to_owned(),
                description(variant),
            ))
        })
        .collect();
    words.filter(|words| !words.is_empty())
}

/// A type in a word.
fn kind(schema: &Value) -> String {
    let name = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|n| *n != "null"),
        _ => None,
    };
    match name {
        Some("string") => "text",
        Some("integer" | "number") => "number",
        Some("boolean") => "true or false",
        Some("array") => "list",
        Some("null") => "null",
        _ => "object",
    }
    .to_owned()
}
