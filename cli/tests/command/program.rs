//! The program itself.

use assert_cmd::Command;
use assert_cmd::assert::Assert;

/// The command, without anything of this machine's environment: no AWS settings, no credentials,
/// no wishes about colours.
pub(crate) fn hookline(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookline"));
    command
        .env_clear()
        .env("HOME", "/nonexistent")
        // Otherwise the SDK asks for credentials at the address of an instance's metadata.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .args(line.split_whitespace());
    command
}

/// What it wrote to stdout.
pub(crate) fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}
