//! One sandbox: a child process with a Runtime API of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::runtime_api::{self, Invocation, Runtime};

/// The maximum length of a log line in bytes. It protects the memory from a program that never ends
/// its line.
const MAX_LINE: usize = 256 * 1024;

/// A running or just ended program and its Runtime API. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Sandbox {
    invocations: mpsc::Sender<Invocation>,
    ready: watch::Receiver<bool>,
    init_error: watch::Receiver<Option<Bytes>>,
    exit: watch::Receiver<Option<String>>,
    runtime_api: AbortHandle,
    /// Dropping it tells the task that owns the child to kill it.
    _alive: watch::Sender<()>,
}

/// Receives a sandbox's output: `(current request id, line)`.
pub(super) type LogSink = Arc<dyn Fn(Option<String>, String) + Send + Sync>;

impl Sandbox {
    /// Starts the program with this environment and `PATH`, without the other variables of this
    /// process.
    pub(super) async fn start(
        program: &Path,
        environment: &BTreeMap<String, String>,
        log: LogSink,
        programs: &watch::Sender<usize>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (invocations, waiting) = mpsc::channel(1);
        let (ready_tx, ready) = watch::channel(false);
        let (init_error_tx, init_error) = watch::channel(None);
        let (exit_tx, exit) = watch::channel(None);
        let (alive, alive_rx) = watch::channel(());

        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin")),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let programs = Counted::new(programs.clone());

        let runtime = Arc::new(Runtime::new(waiting, ready_tx, init_error_tx));
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(read_lines(stdout, Arc::clone(&runtime), Arc::clone(&log)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(read_lines(stderr, Arc::clone(&runtime), log));
        }
        let runtime_api = tokio::spawn(runtime_api::serve(listener, runtime)).abort_handle();
        tokio::spawn(own(child, alive_rx, exit_tx, programs));
        Ok(Self {
            invocations,
            ready,
            init_error,
            exit,
            runtime_api,
            _alive: alive,
        })
    }

    /// Whether the program can still take work.
    pub(super) fn is_alive(&self) -> bool {
        self.exit.borrow().is_none() && self.init_error.borrow().is_none()
    }

    /// Waits until the program asks for its first invocation.
    pub(super) async fn ready(&self) {
        let mut ready = self.ready.clone();
        if ready.wait_for(|ready| *ready).await.is_err() {
            // The Runtime API is gone. The caller also waits for the exit.
            std::future::pending::<()>().await;
        }
    }

    /// Waits for the program's report that it could not initialise.
    pub(super) async fn init_error(&self) -> Bytes {
        let mut init_error = self.init_error.clone();
        loop {
            if let Some(body) = init_error.borrow_and_update().clone() {
                return body;
            }
            if init_error.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits for the program's end, and describes it in Lambda's words (`exit status 1`, `signal:
    /// killed`).
    pub(super) async fn exited(&self) -> String {
        let mut exit = self.exit.clone();
        loop {
            if let Some(how) = exit.borrow_and_update().clone() {
                return how;
            }
            if exit.changed().await.is_err() {
                return "unknown".to_owned();
            }
        }
    }

    /// Hands the program its next invocation. If the program has ended, the invocation is dropped,
    /// and the caller notices.
    pub(super) fn dispatch(&self, invocation: Invocation) {
        let _ = self.invocations.try_send(invocation);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.runtime_api.abort();
    }
}

/// Waits for the child's end, or kills it when the sandbox is dropped.
async fn own(
    mut child: Child,
    mut alive: watch::Receiver<()>,
    exit: watch::Sender<Option<String>>,
    _counted: Counted,
) {
    let status = tokio::select! {
        status = child.wait() => status,
        _ = alive.changed() => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    exit.send_replace(Some(match status {
        Ok(status) => describe(status),
        Err(error) => error.to_string(),
    }));
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        match status.signal() {
            Some(9) => return "signal: killed".to_owned(),
            Some(6) => return "signal: aborted".to_owned(),
            Some(11) => return "signal: segmentation fault".to_owned(),
            Some(15) => return "signal: terminated".to_owned(),
            Some(other) => return format!("signal: {other}"),
            None => {}
        }
    }
    status.code().map_or_else(
        || "unknown".to_owned(),
        |code| format!("exit status {code}"),
    )
}

async fn read_lines(output: impl AsyncRead + Unpin, runtime: Arc<Runtime>, log: LogSink) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        let available = match reader.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(available) => available,
        };
        let (part, consumed, complete) = match available.iter().position(|byte| *byte == b'\n') {
            Some(end) => (available.get(..end).unwrap_or_default(), end + 1, true),
            None => (available, available.len(), false),
        };
        line.extend_from_slice(part);
        reader.consume(consumed);
        if complete || line.len() >= MAX_LINE {
            log(
                runtime.current_request_id(),
                String::from_utf8_lossy(&line).into_owned(),
            );
            line.clear();
        }
    }
    if !line.is_empty() {
        log(
            runtime.current_request_id(),
            String::from_utf8_lossy(&line).into_owned(),
        );
    }
}

/// One of the running programs.
struct Counted(watch::Sender<usize>);

impl Counted {
    fn new(programs: watch::Sender<usize>) -> Self {
        programs.send_modify(|count| *count += 1);
        Self(programs)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
