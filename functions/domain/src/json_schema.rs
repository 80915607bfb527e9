//! How schemars writes the constraints of a profile's fields: patterns, tags, enumerations. The
//! schemas themselves are in [`crate::profile::schema`].

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use crate::quotas::{MAX_TAG_KEY_LENGTH, MAX_TAG_VALUE_LENGTH, MAX_TAGS, OWN_TAGS};
use crate::tags::own;

/// The pattern of a text without control characters (Unicode's category Cc, as `char::is_control`).
/// JSON Schema takes ECMA-262's regular expressions, in Unicode mode.
pub(crate) const PRINTABLE: &str = r"^\P{Cc}*$";

/// The schema of a tag key, by the rules of [`crate::profile::validation`].
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

/// A regular expression that matches a text in any case. JSON Schema has no flag for that.
fn any_case(text: &str) -> String {
    text.chars()
        .map(|c| match (c.to_ascii_uppercase(), c.to_ascii_lowercase()) {
            (upper, lower) if upper == lower => c.to_string(),
            (upper, lower) => format!("[{upper}{lower}]"),
        })
        .collect()
}

/// The tags of one kind of resource. A value is a template; its result is checked when it is
/// rendered.
pub(crate) fn templates(schema: &mut Schema) {
    schema.insert("maxProperties".to_owned(), json!(MAX_TAGS));
    schema.insert("propertyNames".to_owned(), tag_keys().into());
}

/// The tags of an interface. Hookline adds its own to them.
pub(crate) fn interface_tags(schema: &mut Schema) {
    schema.insert("maxProperties".to_owned(), json!(MAX_TAGS - OWN_TAGS));
    schema.insert("propertyNames".to_owned(), tag_keys().into());
    schema.insert(
        "additionalProperties".to_owned(),
        json!({"type": "string", "maxLength": MAX_TAG_VALUE_LENGTH, "pattern": PRINTABLE}),
    );
}

/// A set whose items may be repeated in the profile.
pub(crate) fn repeats_allowed(schema: &mut Schema) {
    schema.remove("uniqueItems");
}

/// One object with exactly one of several properties, where schemars writes one object for each
/// property. Both mean the same. With one object, a validator reports what is wrong with a
/// property; with several, it only reports that none of them matches.
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

/// An enumeration of texts, where schemars writes one schema for each text to keep its description.
/// Here the descriptions become part of the description of the enumeration.
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

/// Joins the lines of a description, so that it does not depend on the width of the comment that it
/// comes from. Paragraphs and list items keep their lines.
pub(crate) fn join_lines(schema: &mut Schema) {
    let Some(Value::String(description)) = schema.get("description") else {
        return;
    };
    let mut joined = String::new();
    for line in description.lines() {
        let continues = !(joined.is_empty()
            || joined.ends_with('\n')
            || line.is_empty()
            || line.starts_with("- "));
        match continues {
            true => joined.push(' '),
            false if joined.is_empty() => {}
            false => joined.push('\n'),
        }
        joined.push_str(line);
    }
    schema.insert("description".to_owned(), joined.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_schema_refuses_reserved_keys_in_any_case() {
        let keys = tag_keys();
        assert_eq!(
            keys.get("not"),
            Some(&json!({"anyOf": [
                {"pattern": "^([Aa][Ww][Ss]:|[Hh][Oo][Oo][Kk][Ll][Ii][Nn][Ee]:)"},
                {"const": "node.k8s.amazonaws.com/no_manage"},
            ]}))
        );
        assert_eq!(keys.get("minLength"), Some(&json!(1)));
        assert_eq!(keys.get("maxLength"), Some(&json!(128)));
    }

    #[test]
    fn tags_of_an_interface_leave_room_for_hooklines_own() {
        let (mut of_node, mut of_interface) = (json_schema!({}), json_schema!({}));
        templates(&mut of_node);
        interface_tags(&mut of_interface);
        for (schema, most) in [(&of_node, 50), (&of_interface, 40)] {
            assert_eq!(schema.get("maxProperties"), Some(&json!(most)));
            assert_eq!(schema.get("propertyNames"), Some(tag_keys().as_value()));
        }
        // A template may be longer than its result.
        assert_eq!(of_node.get("additionalProperties"), None);
        assert_eq!(
            of_interface.get("additionalProperties"),
            Some(&json!({"type": "string", "maxLength": 256, "pattern": PRINTABLE}))
        );
    }

    #[test]
    fn repeated_items_are_allowed_in_a_set() {
        let mut schema = json_schema!({"type": "array", "uniqueItems": true});
        repeats_allowed(&mut schema);
        assert_eq!(schema, json_schema!({"type": "array"}));
    }

    #[test]
    fn variants_of_one_property_each_become_one_object() {
        let variant = |name: &str, description: &str| {
            json!({
                "type": "object",
                "description": description,
                "properties": {name: {"type": "string"}},
                "required": [name],
                "additionalProperties": false,
            })
        };
        let mut schema = json_schema!({"oneOf": [variant("a", "First."), variant("b", "Second.")]});
        one_property(&mut schema);
        assert_eq!(
            schema,
            json_schema!({
                "type": "object",
                "properties": {
                    "a": {"type": "string", "description": "First."},
                    "b": {"type": "string", "description": "Second."},
                },
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            })
        );
    }

    #[test]
    fn enumeration_of_texts_describes_each_text() {
        let mut schema = json_schema!({
            "description": "How.",
            "oneOf": [
                {"type": "string", "const": "a", "description": "First."},
                {"type": "string", "const": "b", "description": "Second."},
            ],
        });
        string_enum(&mut schema);
        assert_eq!(
            schema,
            json_schema!({
                "type": "string",
                "enum": ["a", "b"],
                "description": "How.\n- `a`: First.\n- `b`: Second.",
            })
        );
    }

    #[test]
    fn lines_of_a_description_are_joined_except_paragraphs_and_items() {
        let text = "One\nsentence.\n\nAnother\none.\n- `a`: an item\nof two lines\n- `b`";
        let mut schema = json_schema!({ "description": text });
        join_lines(&mut schema);
        assert_eq!(
            schema.get("description"),
            Some(&json!(
                "One sentence.\n\nAnother one.\n- `a`: an item of two lines\n- `b`"
            ))
        );
        let mut without = json_schema!({"type": "string"});
        join_lines(&mut without);
        assert_eq!(without.get("description"), None);
    }
}
