//! `hookline schema`: the JSON Schema of a profile, as the domain makes it from its types.

use hookline_domain::profile::schema;

use crate::error::{Code, Result};
use crate::output::Output;
use crate::settings::ProfileKind;

pub(super) fn print(kind: ProfileKind, output: &Output) -> Result<Code> {
    output.json(&match kind {
        ProfileKind::Launch => schema::profile(),
        ProfileKind::Naming => schema::naming_profile(),
    })?;
    Ok(Code::Success)
}
