//! Folders: what is in one, and one without anything of before.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;

/// The paths of a folder's files and folders, in the order of their names.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// Removes the folder with all it holds, if it is there, and makes it again, empty.
pub(crate) fn make_empty(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(fs::create_dir_all(folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_made_empty_is_there_and_holds_nothing() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let folder = scratch.path().join("deep/folder");
        make_empty(&folder)?;
        fs::write(folder.join("b"), "")?;
        fs::write(folder.join("a"), "")?;
        assert_eq!(list(&folder)?, [folder.join("a"), folder.join("b")]);
        make_empty(&folder)?;
        assert_eq!(list(&folder)?, Vec::<PathBuf>::new());
        Ok(())
    }
}
