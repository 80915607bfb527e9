//! Stamps: a file in a directory of tools that says what the directory was made from.
//!
//! The stamp is written last. A directory without its stamp, or with the stamp of an older lock, is
//! made anew from nothing, so a set-up that was cut short never passes for a whole one.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;
use sha2::{Digest, Sha256};

/// A SHA-256 over all that decides what a directory of tools holds.
pub(crate) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length first, so that no two lists of parts run together into the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether the directory bears this stamp.
pub(crate) fn is_current(directory: &Path, digest: &str) -> bool {
    fs::read_to_string(path(directory)).is_ok_and(|found| found.trim_end() == digest)
}

/// Stamps the directory.
pub(crate) fn write(directory: &Path, digest: &str) -> Result<()> {
    Ok(fs::write(path(directory), format!("{digest}\n"))?)
}

fn path(directory: &Path) -> PathBuf {
    directory.join("made-from.sha256")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder;

    #[test]
    fn a_digest_is_sha_256_in_hexadecimal_and_tells_parts_apart() {
        assert_eq!(
            digest(&[]),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(digest(&[b"lock", b"path"]), digest(&[b"lock", b"path"]));
        assert_ne!(digest(&[b"lock", b"path"]), digest(&[b"lockp", b"ath"]));
    }

    #[test]
    fn a_directory_is_current_only_with_the_stamp_of_the_present_lock() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let directory = scratch.path();
        assert!(
            !is_current(directory, "new"),
            "no stamp: the set-up was cut short"
        );
        write(directory, "old")?;
        assert!(!is_current(directory, "new"), "the stamp of an older lock");
        write(directory, "new")?;
        assert!(is_current(directory, "new"));
        assert!(!is_current(&directory.join("none"), "new"), "no directory");
        Ok(())
    }

    #[test]
    fn making_a_directory_empty_removes_the_stamp_with_the_rest() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        write(scratch.path(), "digest")?;
        fs::write(scratch.path().join("half-made"), "")?;
        folder::make_empty(scratch.path())?;
        assert!(!is_current(scratch.path(), "digest"));
        Ok(())
    }
}
