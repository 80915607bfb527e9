//! Logs for people, on stderr.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::Verbosity;

/// Starts to log: each line with the seconds since the start.
pub(crate) fn start(verbosity: Verbosity) {
    // A target is a module's path: this also covers `hookline_runtime` and its like.
    let filter = Targets::new()
        .with_target("hookline", verbosity.own)
        .with_default(verbosity.libraries);
    let lines = tracing_subscriber::fmt::layer()
        .with_timer(uptime())
        .with_target(false)
        .with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
}
