//! Debian's Chromium, without a window and without a network.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::Command as AsyncCommand;

/// How long one start of the browser may take. It takes a second or two.
const LIMIT: Duration = Duration::from_secs(90);
/// The browser, by the names that distributions give it.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Whether a test that cannot run fails. As for the tests of `node/`: as root, which can install
/// what it needs, and with `CI=true`.
pub(crate) fn is_required() -> bool {
    is_root() || std::env::var("CI").as_deref() == Ok("true")
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// The browser. On Debian, as root or by `sudo` with `CI=true`, it is installed if it is not there.
pub(crate) fn find() -> Option<PathBuf> {
    on_path().or_else(|| {
        if is_required() {
            install();
        }
        on_path()
    })
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// Installs Debian's package. If this fails, the tests say so.
fn install() {
    println!("Installing chromium");
    for arguments in [
        &["update"][..],
        &["install", "--yes", "--no-install-recommends", "chromium"],
    ] {
        let mut apt = match is_root() {
            true => Command::new("apt-get"),
            false => {
                let mut sudo = Command::new("sudo");
                sudo.args(["--non-interactive", "apt-get"]);
                sudo
            }
        };
        let installed = apt
            .arg("--quiet=2")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        if let Err(error) = installed {
            println!("apt-get: {error}");
        }
    }
}

/// The colours that the person prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colours {
    Light,
    Dark,
}

/// A look at a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    pub(crate) browser: &'a Path,
    pub(crate) colours: Colours,
    /// In CSS pixels.
    pub(crate) width: u32,
}

impl Look<'_> {
    /// The document of a page after its scripts have run.
    pub(crate) async fn document(&self, page: &Path) -> Result<String> {
        let output = self.run(&["--dump-dom"], page).await?;
        String::from_utf8(output.stdout).context("no UTF-8")
    }

    /// A page as it is printed, in PDF.
    pub(crate) async fn print(&self, page: &Path, file: &Path) -> Result<Vec<u8>> {
        let option = format!("--print-to-pdf={}", file.display());
        self.run(&[&option], page).await?;
        std::fs::read(file).context("nothing was printed")
    }

    async fn run(&self, options: &[&str], page: &Path) -> Result<Output> {
        // Nothing of a person's own profile, and nothing is left of this one.
        let profile = tempfile::tempdir()?;
        let mut command = AsyncCommand::new(self.browser);
        command
            .args([
                "--headless",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .args([
                "--disable-sync",
                "--disable-extensions",
                "--disable-dev-shm-usage",
            ])
            // No host has an address.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={},900", self.width))
            .arg(match self.colours {
                Colours::Light => "--blink-settings=preferredColorScheme=1",
                Colours::Dark => "--blink-settings=preferredColorScheme=0",
            })
            .args(options)
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if is_root() {
            // The sandbox does not start as root.
            command.arg("--no-sandbox");
        }
        let ended = tokio::time::timeout(LIMIT, command.output()).await;
        let Ok(output) = ended else {
            bail!("the browser took longer than {LIMIT:?}");
        };
        let output = output.context("starting the browser")?;
        ensure!(
            output.status.success(),
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output)
    }
}
