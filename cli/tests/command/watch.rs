//! `hookline status --watch` in a terminal.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use crate::deployed::Deployed;
use crate::fake::run;
use crate::stdout;

/// What `status --watch` shows until `q` is pressed.
pub(crate) async fn watched(deployed: &Deployed) -> Value {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/terminal.py");
    let mut python = Command::new("python3");
    python
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TERM", "xterm")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", deployed.fake.server.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .arg(program)
        // The last line of a frame is drawn last.
        .args(["earliest.", "q", env!("CARGO_BIN_EXE_hookline")])
        .args(["status", "--watch", "--region", "us-west-2"]);
    serde_json::from_str(&stdout(&run(python).await.success())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_shows_a_frame_until_q_and_leaves_the_terminal_as_it_was() {
    let deployed = Deployed::start().await;
    let seen = watched(&deployed).await;
    assert_eq!(seen["code"], 0, "{seen:#}");
    assert_eq!(seen["errors"], "", "{seen:#}");
    assert_eq!(seen["isRaw"], true, "{seen:#}");
    assert_eq!(seen["isRestored"], true, "{seen:#}");
    let written = seen["written"].as_str().unwrap();
    for says in ["hookline", "upf"] {
        assert!(written.contains(says), "no {says:?} in {seen:#}");
    }
    // The alternate screen is left, and the cursor is there again (xterm, "Control Sequences":
    // DECSET and DECRST).
    for (set, reset) in [
        ("\u{1b}[?1049h", "\u{1b}[?1049l"),
        ("\u{1b}[?25l", "\u{1b}[?25h"),
    ] {
        let last = |sequence| written.rfind(sequence);
        assert!(last(set).is_some() && last(reset) > last(set), "{seen:#}");
    }
}
