//! What a function's executable needs of the system, read from its ELF file, and whether Lambda can
//! run it.
//!
//! Lambda's `provided.al2023` is Amazon Linux 2023 (AWS Lambda Developer Guide, "OS-only
//! runtimes"), with glibc 2.34. A program that was linked against a newer glibc may need a newer
//! one; then the loader refuses it at each cold start (as in awslabs/aws-lambda-rust-runtime, issue
//! 932).

use std::fmt;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use goblin::elf::Elf;
use goblin::elf::header::{EM_AARCH64, EM_X86_64};
use goblin::elf::section_header::SHT_SYMTAB;

/// The glibc of `provided.al2023`.
pub(crate) const GLIBC: Version = Version(2, 34);

/// The libraries of glibc and of the compiler, which `provided.al2023` has. (The loader's name
/// differs with the architecture.)
const LIBRARIES: [&str; 7] = [
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "ld-linux-",
];

/// The flag of a version that only weak symbols need: the loader can do without it (`VER_FLG_WEAK`
/// of `elf.h`).
const WEAK: u16 = 2;

/// An instruction set that Lambda has, by Lambda's name (CreateFunction `Architectures`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    /// 64-bit x86
    #[value(name = "x86_64")]
    X86_64,
    /// 64-bit Arm: Graviton
    Arm64,
}

impl Arch {
    /// The architecture of this machine, if Lambda has it.
    pub(crate) fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// Lambda's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Rust's name.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    fn of_machine(machine: u16) -> Option<Self> {
        match machine {
            EM_X86_64 => Some(Self::X86_64),
            EM_AARCH64 => Some(Self::Arm64),
            _ => None,
        }
    }
}

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Version {
    /// The version in a name such as `GLIBC_2.34` or `GLIBC_2.2.5`. Returns `None` if the version
    /// is not numeric, as in `GLIBC_ABI_DT_RELR`.
    fn of(name: &str) -> Option<Self> {
        let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
        let version = Self(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        Some(version)
    }
}

/// What a program needs.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// `None` if Lambda has no such architecture.
    arch: Option<Arch>,
    libraries: Vec<String>,
    /// The versions of glibc's symbols, each with its symbols.
    versions: Vec<(String, Vec<String>)>,
    /// Whether it has symbols that only a debugger reads.
    has_symbols: bool,
}

impl Needs {
    /// Reads an ELF file.
    pub(crate) fn read(file: &[u8]) -> Result<Self> {
        let elf = Elf::parse(file).context("not a Linux program (ELF)")?;
        let mut needs = Self {
            arch: elf
                .is_64
                .then_some(elf.header.e_machine)
                .and_then(Arch::of_machine),
            libraries: elf.libraries.iter().map(|&name| name.to_owned()).collect(),
            versions: Vec::new(),
            has_symbols: elf
                .section_headers
                .iter()
                .any(|section| section.sh_type == SHT_SYMTAB),
        };
        for library in elf.verneed.iter().flat_map(|needed| needed.iter()) {
            for version in library.iter() {
                let name = elf
                    .dynstrtab
                    .get_at(version.vna_name)
                    .context("a version without a name")?;
                if name.starts_with("GLIBC_") && version.vna_flags & WEAK == 0 {
                    needs
                        .versions
                        .push((name.to_owned(), symbols(&elf, version.vna_other)));
                }
            }
        }
        Ok(needs)
    }

    /// The newest glibc that it needs.
    pub(crate) fn glibc(&self) -> Option<Version> {
        self.versions
            .iter()
            .filter_map(|(name, _)| Version::of(name))
            .max()
    }

    /// Fails unless Lambda can run it on that architecture. The error names everything that is
    /// wrong.
    pub(crate) fn check(&self, arch: Arch) -> Result<()> {
        let mut problems = Vec::new();
        if self.arch != Some(arch) {
            problems.push(format!(
                "it is for {}, not for {}",
                self.arch.map_or("another machine", Arch::name),
                arch.name()
            ));
        }
        for (name, symbols) in &self.versions {
            if Version::of(name).is_none_or(|version| version > GLIBC) {
                problems.push(format!(
                    "it needs {name} ({}), and Lambda's provided.al2023 has glibc {GLIBC}; `cargo xtask package --zig` links for that",
                    symbols.join(", ")
                ));
            }
        }
        for library in &self.libraries {
            if !LIBRARIES.iter().any(|known| library.starts_with(known)) {
                problems.push(format!(
                    "it needs {library}, which provided.al2023 may not have; link it statically"
                ));
            }
        }
        if !problems.is_empty() {
            bail!("{}", problems.join("; "));
        }
        Ok(())
    }

    /// Fails if it has symbols for a debugger, which make it large.
    pub(crate) fn check_stripped(&self) -> Result<()> {
        if self.has_symbols {
            bail!("it is not stripped; build it with --release, or strip it");
        }
        Ok(())
    }
}

/// The dynamic symbols of a version, by its index.
fn symbols(elf: &Elf<'_>, index: u16) -> Vec<String> {
    let Some(versions) = &elf.versym else {
        return Vec::new();
    };
    versions
        .iter()
        .zip(elf.dynsyms.iter())
        .filter(|(version, _)| version.version() == index)
        .filter_map(|(_, symbol)| elf.dynstrtab.get_at(symbol.st_name))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_glibc(names: &[&str]) -> Needs {
        Needs {
            arch: Some(Arch::Arm64),
            libraries: vec!["libc.so.6".to_owned(), "ld-linux-aarch64.so.1".to_owned()],
            versions: names
                .iter()
                .map(|name| ((*name).to_owned(), vec!["a_symbol".to_owned()]))
                .collect(),
            has_symbols: false,
        }
    }

    fn refusal(needs: &Needs, arch: Arch) -> String {
        needs
            .check(arch)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_program_that_needs_what_provided_al2023_has_is_accepted() {
        let needs = of_glibc(&["GLIBC_2.17", "GLIBC_2.34", "GLIBC_2.2.5"]);
        assert_eq!(refusal(&needs, Arch::Arm64), "");
        assert_eq!(needs.glibc(), Some(Version(2, 34)));
    }

    #[test]
    fn a_newer_glibc_is_refused_with_the_symbols_that_need_it() {
        for name in [
            "GLIBC_2.35",
            "GLIBC_2.100",
            "GLIBC_3.0",
            "GLIBC_ABI_DT_RELR",
        ] {
            let found = refusal(&of_glibc(&["GLIBC_2.17", name]), Arch::Arm64);
            assert!(
                found.starts_with(&format!("it needs {name} (a_symbol)")),
                "{found}"
            );
        }
    }

    #[test]
    fn another_architecture_another_library_and_symbols_are_refused() {
        let mut needs = of_glibc(&[]);
        assert_eq!(
            refusal(&needs, Arch::X86_64),
            "it is for arm64, not for x86_64"
        );
        needs.libraries.push("libssl.so.3".to_owned());
        assert!(refusal(&needs, Arch::Arm64).starts_with("it needs libssl.so.3"));
        assert!(needs.check_stripped().is_ok());
        needs.has_symbols = true;
        assert!(needs.check_stripped().is_err());
        assert!(Needs::read(b"#!/bin/sh\n").is_err());
    }

    /// The test program itself is an ELF file of this machine.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_is_read() -> Result<()> {
        let needs = Needs::read(&std::fs::read(std::env::current_exe()?)?)?;
        assert_eq!(needs.arch, Arch::of_this_machine());
        assert!(
            needs.libraries.iter().any(|name| name == "libc.so.6"),
            "{needs:?}"
        );
        assert!(needs.has_symbols);
        let (_, symbols) = needs.versions.first().context("no version")?;
        assert!(!symbols.is_empty());
        assert!(needs.glibc() >= Some(Version(2, 2)), "{needs:?}");
        Ok(())
    }

    /// The functions as they were built for the tests. Rust's standard library needs no newer glibc
    /// than Lambda's, even on a machine that has one.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_functions_need_no_newer_glibc_than_lambda_has() -> Result<()> {
        let folder = std::env::var_os(crate::programs::FUNCTIONS_DIR).with_context(|| {
            format!(
                "{} is not set: run this by `cargo xtask test`",
                crate::programs::FUNCTIONS_DIR
            )
        })?;
        let workspace = crate::workspace::Workspace::find()?;
        let folder = workspace.root().join(folder);
        let arch = Arch::of_this_machine().context("Lambda has no such machine")?;
        for name in crate::package::functions(&workspace)? {
            let path = folder.join(&name);
            let file = std::fs::read(&path).with_context(|| path.display().to_string())?;
            Needs::read(&file)?.check(arch).context(name)?;
        }
        Ok(())
    }
}
