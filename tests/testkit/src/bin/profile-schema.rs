//! `cargo xtask schema`: a JSON Schema, to the standard output; of a profile, or with the argument
//! `naming` of a naming profile.

use std::io::Write as _;

use anyhow::{Result, bail};
use hookline_domain::profile::schema;

fn main() -> Result<()> {
    let schema = match std::env::args().nth(1).as_deref() {
        None => schema::profile(),
        Some("naming") => schema::naming_profile(),
        Some(other) => bail!("{other}: not a kind of profile, expected `naming` or nothing"),
    };
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
