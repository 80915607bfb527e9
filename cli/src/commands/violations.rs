//! What a JSON Schema finds wrong in a file: a profile, or a configuration of the CDK app.

use hookline_runtime::payload::suggestion;
use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The fields of a profile that hold templates.
pub(super) const TEMPLATES: [&str; 3] = ["nodeTags", "volumeTags", "interfaceTags"];

/// The pattern of a profile's schema for text without control characters.
const PRINTABLE: &str = r"^\P{Cc}*$";

/// What the JSON Schema found.
#[derive(Debug)]
pub(super) enum Violation {
    /// The field lacks this one.
    Missing(String),
    /// There is no such field. Perhaps another one was meant.
    Unknown { meant: Option<String> },
    /// No form of the field fits: the cause is in it or in a field below.
    OfGroup(String),
    /// The value breaks a rule. Perhaps another value was meant.
    OfField { text: String, meant: Option<String> },
}

/// Compiles a schema.
pub(super) fn validator(schema: &Value) -> Result<Validator> {
    jsonschema::draft202012::new(schema).map_err(|error| Error::Internal {
        doing: "compiling a JSON Schema",
        detail: error.to_string(),
    })
}

/// The fields that an error of the schema is about.
///
/// `root` begins each path: the name of the whole, or nothing.
pub(super) fn violations(
    error: &ValidationError<'_>,
    schema: &Value,
    root: &str,
) -> Vec<(String, Violation)> {
    let at = path(root, error.instance_path());
    let text = || error.masked_with("the value").to_string();
    let of_field = |text: String, meant| vec![(at.clone(), Violation::OfField { text, meant })];
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default().to_owned();
            vec![(at, Violation::Missing(name))]
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = known_fields(error, schema);
            let meant = |name: &str| suggestion(name, known.iter().copied()).map(str::to_owned);
            unexpected
                .iter()
                .map(|name| {
                    let meant = meant(name);
                    (member(&at, name), Violation::Unknown { meant })
                })
                .collect()
        }
        // Null, or a value of one form: what is wrong with that form says more.
        ValidationErrorKind::AnyOf { context } if form_of(error, context).is_some() => {
            let form = form_of(error, context).unwrap_or_default();
            form.iter()
                .flat_map(|error| violations(error, schema, root))
                .collect()
        }
        ValidationErrorKind::AnyOf { .. }
        | ValidationErrorKind::OneOfNotValid { .. }
        | ValidationErrorKind::OneOfMultipleValid { .. } => {
            let text = "the value has none of the forms of this field, or more than one";
            vec![(at, Violation::OfGroup(text.to_owned()))]
        }
        ValidationErrorKind::PropertyNames { .. } => vec![(at, Violation::OfGroup(text()))],
        ValidationErrorKind::Pattern { pattern } if pattern == PRINTABLE => {
            of_field("the value has control characters".to_owned(), None)
        }
        ValidationErrorKind::Enum { options } => {
            let known = options.as_array().into_iter().flatten();
            let known = known.filter_map(Value::as_str);
            let value = error.instance().as_str();
            let meant = value.and_then(|value| suggestion(value, known));
            of_field(text(), meant.map(str::to_owned))
        }
        _ => of_field(text(), None),
    }
}

/// The fields that an object may have which has another one: the schema names them beside the rule
/// that the object breaks.
fn known_fields<'a>(error: &ValidationError<'_>, schema: &'a Value) -> Vec<&'a str> {
    let rule = error.schema_path().as_str();
    let object = rule.rsplit_once('/').map_or("", |(object, _)| object);
    let fields = schema.pointer(&format!("{object}/properties"));
    let fields = fields.and_then(Value::as_object);
    fields
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect()
}

/// Of the forms that a value may have, what is wrong with the only one of the value's own type.
fn form_of<'a>(
    error: &ValidationError<'_>,
    forms: &'a [Vec<ValidationError<'static>>],
) -> Option<&'a [ValidationError<'static>]> {
    let at = error.instance_path();
    let is_another_type = |wrong: &ValidationError<'_>| {
        matches!(wrong.kind(), ValidationErrorKind::Type { .. }) && wrong.instance_path() == at
    };
    let mut fitting = forms
        .iter()
        .filter(|form| !form.iter().any(is_another_type));
    fitting
        .next()
        .filter(|_| fitting.next().is_none())
        .map(Vec::as_slice)
}

/// A path in the domain's form.
fn path(root: &str, location: &Location) -> String {
    let mut path = root.to_owned();
    let mut is_key = false;
    for segment in location.iter() {
        match segment {
            LocationSegment::Index(index) => path.push_str(&format!("[{index}]")),
            LocationSegment::Property(name) if is_key => path.push_str(&format!("[{name:?}]")),
            LocationSegment::Property(name) => {
                // The fields below are keys of tags, and may hold dots.
                is_key = name == "tags" || TEMPLATES.contains(&name.as_ref());
                path = member(&path, &name);
            }
        }
    }
    path
}

/// The path of a field of what is at a path; nothing is the path of the whole.
pub(super) fn member(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}
