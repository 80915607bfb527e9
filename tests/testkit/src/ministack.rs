//! ministack, a second AWS on this machine: it has CloudFormation, IAM, S3 and the rest that a
//! deployment needs, and runs functions and state machines as they were deployed. The calls that
//! its functions make to EC2 and Auto Scaling go to the fake AWS of this repository: ministack has
//! no lifecycle hooks, and gives interfaces other addresses than requested.
//!
//! It runs as a child process, on a port of the loopback interface, and forgets everything when it
//! ends.

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hookline_local::ReservedPort;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::wait::wait_for;

/// How long it may take to start, and to end: a cold start of Python on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);
/// ministack, with a resource type that it does not know.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/run_ministack.py");
/// How long one call of the AWS CLI may take.
const CALL: Duration = Duration::from_secs(60);

/// The Region and the account, those of the fake AWS: ARNs of the one are good for the other.
pub const REGION: &str = "us-west-2";
/// See [`REGION`].
pub const ACCOUNT: &str = "123456789012";

/// A running ministack. [`Ministack::shut_down`] ends it. Dropping it kills it.
#[derive(Debug)]
pub struct Ministack {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    python: PathBuf,
}

impl Ministack {
    /// Starts it with this Python interpreter, and waits until it listens. Its log and its files
    /// are in `folder`. Its functions call EC2 and Auto Scaling at `fake_aws`, and all other
    /// services at ministack. Those in JavaScript find the AWS SDK, which Lambda's Node.js runtimes
    /// bring with them, in `packages`.
    ///
    /// # Errors
    /// If it ends at once, or does not listen in time.
    pub async fn start(
        python: &Path,
        packages: &Path,
        folder: &Path,
        fake_aws: &str,
    ) -> Result<Self> {
        Self::start_with_waits(python, packages, folder, fake_aws, 1.0).await
    }

    /// The same, with an engine for state machines that waits, in Wait states and between two
    /// attempts, `scale` times as long as the definition says: a number from 0 to 1.
    ///
    /// # Errors
    /// As [`Ministack::start`].
    pub async fn start_with_waits(
        python: &Path,
        packages: &Path,
        folder: &Path,
        fake_aws: &str,
        scale: f64,
    ) -> Result<Self> {
        let log = folder.join("ministack.log");
        let out = File::create(&log).with_context(|| format!("making {}", log.display()))?;
        let ReservedPort { address, stdin } = ReservedPort::bind()?;
        let endpoint = format!("http://{address}");
        let child = Command::new(python)
            .arg(PROGRAM)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("BIND_HOST", address.ip().to_string())
            .env("GATEWAY_PORT", address.port().to_string())
            .env("MINISTACK_REGION", REGION)
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
            .env("TMPDIR", folder)
            .env("HOME", folder)
            // A listener of its own, on all interfaces of the machine.
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFN_WAIT_SCALE", scale.to_string())
            // Its functions inherit these. The name of a service wins over the one for all.
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ENDPOINT_URL_EC2", fake_aws)
            .env("AWS_ENDPOINT_URL_AUTO_SCALING", fake_aws)
            // The fake AWS authorises the call, and passes it on to ministack's engine.
            .env("AWS_ENDPOINT_URL_SFN", fake_aws)
            .env("NODE_PATH", packages)
            .stdin(stdin)
            .stdout(out.try_clone()?)
            .stderr(out)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {} {PROGRAM}", python.display()))?;
        let mut ministack = Self {
            child,
            address,
            folder: folder.to_owned(),
            python: python.to_owned(),
        };
        let what = format!("ministack to listen on {address}, see {}", log.display());
        wait_for(TIMEOUT, &what, async || {
            if let Some(status) = ministack.child.try_wait()? {
                bail!("ministack ended with {status}, see {}", log.display());
            }
            Ok(TcpStream::connect(address).await.ok().map(drop))
        })
        .await?;
        Ok(ministack)
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client program, with nothing but ministack's endpoint, the Region and some credentials in
    /// its environment.
    pub fn client(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .env("TMPDIR", &self.folder)
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_PAGER", "")
            // Not the configuration of whoever runs the tests.
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Calls the AWS CLI that stands beside the Python interpreter. Returns its JSON, or null if it
    /// writes nothing.
    ///
    /// # Errors
    /// If the call is refused, with what the CLI wrote.
    pub async fn aws(&self, arguments: &[&str]) -> Result<Value> {
        let mut aws = self.client(self.python.with_file_name("aws"));
        // The endpoint is an option too: with the variable alone, version 1 of the CLI calls AWS
        // itself for SQS.
        aws.args(["--endpoint-url", &format!("http://{}", self.address)])
            .args(["--output", "json"])
            .args(arguments);
        let output = tokio::time::timeout(CALL, aws.output())
            .await
            .with_context(|| format!("aws {arguments:?} did not end within {CALL:?}"))?
            .context("could not start the AWS CLI")?;
        ensure!(
            output.status.success(),
            "aws {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        if output.stdout.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "aws {arguments:?}: {}",
                String::from_utf8_lossy(&output.stdout)
            )
        })
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    /// If it cannot be invoked, and with the function's own error when it fails.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value> {
        let file = self.folder.join("answer.json");
        let answer = self
            .aws(&[
                "lambda",
                "invoke",
                "--function-name",
                function,
                "--payload",
                &payload.to_string(),
                &file.display().to_string(),
            ])
            .await?;
        let text = tokio::fs::read_to_string(&file).await?;
        ensure!(answer["FunctionError"].is_null(), "{function}: {text}");
        serde_json::from_str(&text).with_context(|| format!("{function}: {text}"))
    }

    /// Ends it, so that it ends its functions too, and waits for it.
    ///
    /// # Errors
    /// If it does not end in time; it is killed then.
    pub async fn shut_down(mut self) -> Result<()> {
        if let Some(pid) = self.child.id() {
            let kill = Command::new("kill").arg(pid.to_string()).status().await?;
            ensure!(kill.success(), "kill {pid}: {kill}");
        }
        tokio::time::timeout(TIMEOUT, self.child.wait())
            .await
            .with_context(|| format!("ministack did not end within {TIMEOUT:?}"))??;
        Ok(())
    }
}
