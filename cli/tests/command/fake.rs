//! The command with the fake AWS.

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use hookline_local::server::Server;
use hookline_local::{FaultKind, LocalAws, Settings};

use crate::hookline;

/// The fake AWS, and its endpoint.
pub(crate) struct Fake {
    pub(crate) aws: LocalAws,
    pub(crate) server: Server,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::for_tests()).await
    }

    /// The same with other settings.
    pub(crate) async fn start_with(settings: Settings) -> Self {
        let aws = LocalAws::new(settings);
        let server = Server::start(&aws, 0).await.unwrap();
        Self { aws, server }
    }

    /// The command with credentials and this endpoint, and no Region.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = hookline(line);
        command
            .env("AWS_ENDPOINT_URL", self.server.url())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }
}

/// Runs the command while the fake AWS answers.
pub(crate) async fn run(mut command: Command) -> Assert {
    tokio::task::spawn_blocking(move || command.assert())
        .await
        .unwrap()
}

pub(crate) fn error(status: u16, code: &str) -> FaultKind {
    FaultKind::Error {
        status,
        code: code.to_owned(),
        message: "the message \u{9b}2J of AWS".to_owned(),
    }
}
