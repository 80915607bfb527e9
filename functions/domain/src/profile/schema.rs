//! The JSON Schema of a profile, made from [`Profile`] itself: `functions/profile.schema.json` is [`profile`] written
//! down by `cargo xtask schema`, and what checks a profile where there is no Rust, as in the CDK constructs.
//!
//! It says all that one field alone can break: shapes, counts, lengths, forms. It refuses no profile that
//! [`Profile::read`] takes. What it cannot say is left to [`super::validation`]: what two fields break together, the syntax
//! of templates, whether a range is one. `functions/fixtures/profiles` has an example of each rule, and says which are
//! of the second kind.
//!
//! The functions call nothing here, so the linker leaves it out of their programs.

use schemars::generate::SchemaSettings;
use schemars::transform::RestrictFormats;
use schemars::{JsonSchema, Schema};

use super::naming::NamingProfile;
use super::types::Profile;

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
        // `uint32` is no format of JSON Schema, and validators in strict mode refuse what they do not know.
        .with_transform(RestrictFormats::default())
        .into_generator()
        .into_root_schema_for::<T>()
}
