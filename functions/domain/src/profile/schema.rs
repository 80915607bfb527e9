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
