//! `cargo xtask package`: writes what is deployed to `dist/`. These are the functions as zips, the
//! state machines and the synthesised templates, with a checksum for each file.

use std::io::{Cursor, Write};
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use fs_err as fs;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::cargo::Programs;
use crate::elf::{Arch, Needs};
use crate::workspace::Workspace;
use crate::{cargo_lambda, folder, package_templates};

/// The output folder, from the root of the workspace.
const DIST: &str = "dist";

/// The name that Lambda's OS-only runtimes look for (AWS Lambda Developer Guide, "OS-only
/// runtimes").
const BOOTSTRAP: &str = "bootstrap";

/// How the functions are built: as `cargo xtask demo --release` builds them.
pub(crate) const SELECTION: [&str; 6] = [
    "--package",
    "hookline",
    "--package",
    "hookline-traffic",
    "--bins",
    "--release",
];

/// The folders with a file for each function's program.
const PROGRAMS: [&str; 2] = ["functions/src/bin", "traffic/extract-pods/src/bin"];

/// What to package.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The architecture of the Lambda functions; the CDK app has the same default
    #[arg(long, default_value = "arm64")]
    arch: Arch,
    /// Take the functions' executables from this folder, and build nothing
    #[arg(long, value_name = "DIR", conflicts_with = "zig")]
    from: Option<PathBuf>,
    /// Build with cargo-lambda and Zig, for Lambda's glibc, on this machine's architecture too
    ///
    /// Other architectures are always built so. Use it here if this machine's glibc is newer than
    /// Lambda's and a function needs something of it.
    #[arg(long)]
    zig: bool,
}

/// Builds, checks and packages.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let here = Arch::of_this_machine();
    let arch = options.arch;
    let programs = match &options.from {
        Some(folder) => path::absolute(folder).context("finding the folder")?,
        None if !options.zig && here == Some(arch) && cfg!(target_os = "linux") => {
            let built = Programs::build(workspace, &SELECTION)?;
            built.folder(workspace, "functions")?.to_path_buf()
        }
        None => cargo_lambda::build(workspace, arch)?,
    };

    // All are checked before any is written.
    let mut zips = Vec::new();
    for name in functions(workspace)? {
        let path = executable(&programs, &name);
        let program = fs::read(&path)?;
        let needs = Needs::read(&program).with_context(|| path.display().to_string())?;
        needs
            .check(arch)
            .and_then(|()| needs.check_stripped())
            .with_context(|| path.display().to_string())?;
        let glibc = needs
            .glibc()
            .map_or("none".to_owned(), |version| version.to_string());
        zips.push((name, glibc, zip(&program)?));
    }

    let dist = workspace.path(DIST);
    let functions = dist.join("functions").join(arch.name());
    folder::make_empty(&functions)?;
    for (name, glibc, zip) in &zips {
        fs::write(functions.join(format!("{name}.zip")), zip)?;
        println!(
            "{DIST}/functions/{}/{name}.zip  {} KiB, glibc {glibc}",
            arch.name(),
            zip.len().div_ceil(1024)
        );
    }
    let machines = dist.join("statemachine");
    folder::make_empty(&machines)?;
    for machine in workspace.state_machines()? {
        fs::copy(
            &machine,
            machines.join(machine.file_name().unwrap_or_default()),
        )?;
    }
    package_templates::add(workspace, &dist, arch.name())?;
    let sums = checksums(&dist)?;
    fs::write(dist.join(SUMS), &sums)?;
    println!("{DIST}/{SUMS}  {} files", sums.lines().count());
    Ok(ExitCode::SUCCESS)
}

/// A function's executable: `NAME` in a folder that Cargo made, `NAME/bootstrap` in one that
/// cargo-lambda made.
fn executable(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    if path.is_dir() {
        path.join(BOOTSTRAP)
    } else {
        path
    }
}

/// The functions' names: one program each.
pub(crate) fn functions(workspace: &Workspace) -> Result<Vec<String>> {
    let names: Result<Vec<_>> = PROGRAMS
        .iter()
        .map(|folder| programs_in(workspace, folder))
        .collect();
    Ok(names?.concat())
}

/// The names of the programs that have their files in a folder.
pub(crate) fn programs_in(workspace: &Workspace, folder: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in folder::list(&workspace.path(folder))? {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            names.push(name.into_owned());
        }
    }
    ensure!(!names.is_empty(), "no function in {folder}");
    Ok(names)
}

/// The deployment package of a program: the same bytes for the same program, at any time and on any
/// machine.
fn zip(program: &[u8]) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        // The earliest time that the format has: 1980-01-01.
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(BOOTSTRAP, options)?;
    zip.write_all(program)?;
    Ok(zip.finish()?.into_inner())
}

/// The file of checksums, in `dist/`; `sha256sum --check SHA256SUMS` there reads it.
const SUMS: &str = "SHA256SUMS";

/// A line for each file under `dist`, in the order of their names.
fn checksums(dist: &Path) -> Result<String> {
    let mut folders = vec![dist.to_path_buf()];
    let mut lines = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in folder::list(&folder)? {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(dist)
                .unwrap_or(&path)
                .display()
                .to_string();
            if name == SUMS {
                continue;
            }
            let file = fs::read(&path)?;
            let sum: String = Sha256::digest(&file)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            lines.push((name, sum));
        }
    }
    lines.sort();
    Ok(lines
        .iter()
        .map(|(name, sum)| format!("{sum}  {name}\n"))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_zip_is_one_executable_and_the_same_each_time() -> Result<()> {
        let program = b"\x7fELF and more".repeat(1000);
        let made = zip(&program)?;
        assert!(made.len() < program.len());
        assert_eq!(made, zip(&program)?);
        let mut archive = zip::ZipArchive::new(Cursor::new(made))?;
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_name(BOOTSTRAP)?;
        assert_eq!(file.unix_mode(), Some(0o100_755));
        assert_eq!(
            file.last_modified()
                .map(|time| (time.year(), time.month(), time.day())),
            Some((1980, 1, 1))
        );
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        assert_eq!(content, program);
        Ok(())
    }

    #[test]
    fn an_executable_is_found_where_cargo_or_cargo_lambda_puts_it() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let folder = scratch.path();
        fs::create_dir(folder.join("attach"))?;
        assert_eq!(
            executable(folder, "attach"),
            folder.join("attach/bootstrap")
        );
        assert_eq!(executable(folder, "create"), folder.join("create"));
        Ok(())
    }

    #[test]
    fn every_file_but_the_sums_themselves_has_a_checksum() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let dist = scratch.path();
        fs::create_dir_all(dist.join("functions/arm64"))?;
        for name in [
            "functions/arm64/b.zip",
            "functions/arm64/a.zip",
            "z.json",
            SUMS,
        ] {
            fs::write(dist.join(name), "")?;
        }
        let sums = checksums(dist)?;
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let wanted: String = ["functions/arm64/a.zip", "functions/arm64/b.zip", "z.json"]
            .map(|name| format!("{nothing}  {name}\n"))
            .concat();
        assert_eq!(sums, wanted);
        Ok(())
    }

    #[test]
    fn the_functions_are_the_programs_of_their_package() -> Result<()> {
        let names = functions(&Workspace::find()?)?;
        assert!(names.len() >= 7, "{names:?}");
        assert!(names.contains(&"tag-node".to_owned()));
        Ok(())
    }
}
