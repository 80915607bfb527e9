//! The nodes' program, `node/tests/two_nodes.py`: what it is told and what it says, a JSON object
//! a line.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_testkit::deployment::Tools;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use super::outcome::Outcome;

/// A line of the program.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    /// Something happened on a node.
    Step {
        /// The instance.
        node: String,
        /// `real` or `simulated`.
        part: String,
        /// A sentence.
        text: String,
    },
    /// All pods have answered.
    Done(Outcome),
    /// It ends before that.
    Failed {
        /// Why.
        error: String,
    },
}

/// The running program. It ends with its standard input, and so with this process.
pub(super) struct Machines {
    child: Child,
    input: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Machines {
    /// Starts the program. It ends by itself after `limit`.
    pub(super) fn start(tools: &Tools, limit: Duration) -> Result<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node/tests/two_nodes.py");
        let mut child = Command::new(&tools.python)
            .arg("-B")
            .arg(&program)
            .args(["--limit", &limit.as_secs().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        let (sender, lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut output = BufReader::new(output).lines();
            while let Ok(Some(line)) = output.next_line().await {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    /// Tells the program something. If it has ended, the next line says why.
    pub(super) async fn send(&mut self, value: &Value) -> Result<()> {
        let line = format!("{value}\n");
        if self.input.write_all(line.as_bytes()).await.is_ok() {
            self.input.flush().await?;
        }
        Ok(())
    }

    /// The next line.
    ///
    /// # Errors
    /// If the program has ended. What was missing is on standard error.
    pub(super) async fn next(&mut self) -> Result<Line> {
        let line = self.lines.recv().await;
        let line = line.context("the nodes could not be started: see above")?;
        serde_json::from_str(&line).with_context(|| format!("a line of two_nodes.py: {line}"))
    }

    /// Waits until the program has removed what it made.
    pub(super) async fn end(mut self) -> Result<()> {
        drop(self.input);
        let status = self.child.wait().await?;
        ensure!(status.success(), "two_nodes.py ended with {status}");
        Ok(())
    }
}
