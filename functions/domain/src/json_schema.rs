//! How schemars writes what a field of a profile may hold: forms of texts, tags, words. The schemas themselves are in
//! [`crate::profile::schema`].

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use crate::quotas::{MAX_TAG_KEY_LENGTH, MAX_TAG_VALUE_LENGTH, MAX_TAGS, OWN_TAGS};
use crate::tags::own;

/// The form of a text without control characters (Unicode's category Cc, as `char::is_control`). JSON Schema takes
/// ECMA-262's regular expressions, in Unicode mode.
pub(crate) const PRINTABLE: &str = r"^\P{Cc}*$";

/// What the keys of tags must be, for [`crate::profile::validation`]'s rules.
fn tag_keys() -> Schema {
    let reserved = [any_case("aws:"), any_case(own::PREFIX)].join("|");
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_TAG_KEY_LENGTH,
        "not": {"anyOf": [
            {"pattern": format!("^({reserved})")},
            {"const": own::NO_MANAGE},
        ]},
    })
}

/// A regular expression for a text in upper or lower case: JSON Schema has no flag for that.
fn any_case(text: &str) -> String {
    text.chars()
        .map(|c| match (c.to_ascii_uppercase(), c.to_ascii_lowercase()) {
            (upper, lower) if upper == lower => c.to_string(),
            (upper, lower) => format!("[{upper}{lower}]"),
        })
        .collect()
}

/// Tags of one kind of resource. A value is a template; what it renders to is checked when it is rendered.
pub(crate) fn templates(schema: &mut Schema) {
    schema.insert("maxProperties".to_owned(), json!(MAX_TAGS));
    schema.insert("propertyNames".to_owned(), tag_keys().into());
}

/// The tags of an interface, beside which there are Hookline's own.
pub(crate) fn interface_tags(schema: &mut Schema) {
    schema.insert("maxProperties".to_owned(), json!(MAX_TAGS - OWN_TAGS));
    schema.insert("propertyNames".to_owned(), tag_keys().into());
    schema.insert(
        "additionalProperties".to_owned(),
        json!({"type": "string", "maxLength": MAX_TAG_VALUE_LENGTH, "pattern": PRINTABLE}),
    );
}

/// A set that may be written with repeats.
pub(crate) fn repeats_allowed(schema: &mut Schema) {
    schema.remove("uniqueItems");
}

/// An object with exactly one of several properties, where schemars writes one object for each. It means the same;
/// but of a wrong property a validator then says what is wrong, and not that none of the objects fits.
pub(crate) fn one_property(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.remove("oneOf") else {
        return;
    };
    let mut properties = Map::new();
    for mut variant in variants {
        let description = variant.get("description").cloned();
        if let Some(Value::Object(of_variant)) = variant.get_mut("properties") {
            for (name, mut property) in std::mem::take(of_variant) {
                if let (Some(description), Some(property)) =
                    (&description, property.as_object_mut())
                {
                    property.insert("description".to_owned(), description.clone());
                }
                properties.insert(name, property);
            }
        }
    }
    for (key, value) in [
        ("type", json!("object")),
        ("properties", properties.into()),
        ("additionalProperties", json!(false)),
        ("minProperties", json!(1)),
        ("maxProperties", json!(1)),
    ] {
        schema.insert(key.to_owned(), value);
    }
}

/// One of several words, where schemars writes one schema for each, for the sake of their descriptions. These become
/// part of the one description.
pub(crate) fn string_enum(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.remove("oneOf") else {
        return;
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut description = text(schema.get("description"));
    let mut words = Vec::new();
    for variant in &variants {
        let word = text(variant.get("const"));
        description.push_str(&format!(
            "\n- `{word}`: {}",
            text(variant.get("description"))
        ));
        words.push(word);
    }
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("enum".to_owned(), json!(words));
    schema.insert("description".to_owned(), json!(description));
}
