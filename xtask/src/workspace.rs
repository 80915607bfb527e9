//! Where things are: every path is taken from the root of the workspace, so that a command does the
//! same from any directory.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;

use crate::folder;

/// The root of the workspace, and the places under it that the commands use.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that this crate is a member of.
    pub(crate) fn find() -> Result<Self> {
        // Cargo sets the variable for what it runs; the one of compile time serves a program that
        // was started without Cargo. The first is right even where two clones share one target
        // directory, and so perhaps one executable.
        let member = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = member
            .parent()
            .context("the xtask crate has no parent directory")?
            .to_path_buf();
        Ok(Self { root })
    }

    /// The root of the workspace.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path under the root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder).context("finding the target folder"),
            None => Ok(self.path("target")),
        }
    }

    /// The state machines, in the order of their names.
    pub(crate) fn state_machines(&self) -> Result<Vec<PathBuf>> {
        let folder = self.path("statemachine");
        let mut found = folder::list(&folder)?;
        found.retain(|path| path.to_string_lossy().ends_with(".asl.json"));
        anyhow::ensure!(
            !found.is_empty(),
            "there is no *.asl.json in {}",
            folder.display()
        );
        Ok(found)
    }

    /// Holds the tools in `.local/` for this process until the value returned is dropped, so that
    /// two commands started at once do not both set them up.
    pub(crate) fn hold_tools(&self) -> Result<File> {
        let folder = self.path(".local");
        fs::create_dir_all(&folder)?;
        let path = folder.join("lock");
        let (file, _) = fs::File::create(&path)?.into_parts();
        file.lock()
            .with_context(|| format!("waiting for {}", path.display()))?;
        Ok(file)
    }
}
