//! `hookline man`: the manual pages, made from the description of the command line.

use std::path::Path;

use clap::CommandFactory;

use crate::args::Args;
use crate::error::{Code, Error, Result};
use crate::output::Output;

/// Writes every page to the folder `dir`, or prints the first one.
pub(super) fn write(dir: Option<&Path>, output: &Output) -> Result<Code> {
    match dir {
        Some(dir) => {
            clap_mangen::generate_to(Args::command(), dir).map_err(|source| Error::WritePages {
                folder: dir.display().to_string(),
                source,
            })?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Args::command()).render(&mut page)?;
            output.raw(&page)?;
        }
    }
    Ok(Code::Success)
}
