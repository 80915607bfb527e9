//! `cargo xtask schema`: the JSON Schema of a profile, to the standard output.

use std::io::Write as _;

use anyhow::Result;

fn main() -> Result<()> {
    let mut text = serde_json::to_string_pretty(&hookline::domain::schema::profile())?;
    text.push('\n');
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
