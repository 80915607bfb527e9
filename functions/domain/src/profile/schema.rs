//! The JSON Schema of a profile, made from [`Profile`]. `cargo xtask schema` writes [`profile`] to
//! `functions/profile.schema.json`. The CDK constructs check profiles with it.
//!
//! It has the rules that one field alone can break: types, counts, lengths, patterns. It accepts
//! every profile that [`Profile::read`] accepts. [`super::validation`] has the rules that a schema
//! cannot express: rules about two fields, the syntax of templates, the order of a range's
//! addresses. `functions/fixtures/profiles` has an example of each rule, and says which rules the
//! schema does not have.
//!
//! The functions do not call this module, so the linker leaves it out of their programs.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, RestrictFormats};
use schemars::{JsonSchema, Schema};

use super::naming::NamingProfile;
use super::types::Profile;
use crate::json_schema;

/// The JSON Schema of a profile, of the draft 2020-12.
#[must_use]
pub fn profile() -> Schema {
    of::<Profile>()
}

/// The JSON Schema of a naming profile, of the same draft: `functions/naming-profile.schema.json`.
#[must_use]
pub fn naming_profile() -> Schema {
    of::<NamingProfile>()
}

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        // JSON Schema has no format `uint32`, and validators in strict mode refuse unknown formats.
        .with_transform(RestrictFormats::default())
        .with_transform(RecursiveTransform(json_schema::join_lines))
        .into_generator()
        .into_root_schema_for::<T>()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_kind_of_profile_has_its_own_schema() {
        for (schema, title, required) in [
            (profile(), "Profile", json!(["name", "selector", "hook"])),
            (
                naming_profile(),
                "NamingProfile",
                json!(["name", "selector"]),
            ),
        ] {
            let of = |pointer: &str| schema.pointer(pointer).cloned();
            let draft = "https://json-schema.org/draft/2020-12/schema";
            assert_eq!(of("/$schema"), Some(json!(draft)));
            assert_eq!(of("/title"), Some(json!(title)));
            assert_eq!(of("/required"), Some(required));
            assert_eq!(of("/additionalProperties"), Some(Value::Bool(false)));
        }
    }

    #[test]
    fn schema_has_no_format_that_json_schema_lacks() {
        let schema = profile();
        let index = schema
            .pointer("/$defs/Slot/properties/deviceIndex")
            .unwrap();
        assert_eq!(index["type"], json!(["integer", "null"]));
        assert_eq!(index.get("format"), None);
    }

    #[test]
    fn description_in_a_schema_does_not_depend_on_the_width_of_a_comment() {
        let schema = profile();
        let description = schema
            .pointer("/$defs/Slot/properties/deviceIndex/description")
            .and_then(Value::as_str)
            .unwrap();
        assert!(!description.contains('\n'), "{description}");
    }
}
