//! Logs as JSON lines. Each line has the fields of its event and of the spans around it side by side,
//! so that an id has one name in all lines (docs/operations/logs.md).

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::{Event, Level, Metadata, Subscriber, error, info};
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt;

/// Writes logs as JSON lines to stdout. Lambda sets the level in `AWS_LAMBDA_LOG_LEVEL`.
pub fn init() {
    let level = level(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    // This fails if a test has set a subscriber of its own, which then stays.
    let _ = json_lines(level, std::io::stdout).try_init();
}

/// A subscriber that writes events up to `level` as JSON lines.
pub fn json_lines<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    lines(level, writer, Timestamp::now)
}

/// Logs the end of an invocation that began at `started`: `done`, or `failed` with the error's name.
/// `api_calls` are the calls to AWS, if they are counted.
pub fn log_end<T, E: fmt::Display>(
    started: Instant,
    api_calls: Option<u64>,
    result: &Result<T, E>,
    error_type: impl FnOnce(&E) -> &'static str,
) {
    // 64 bits, so that the log has a number: JSON has none of 128 bits.
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(_) => info!(milliseconds, api_calls, "done"),
        Err(error) => error!(
            milliseconds,
            api_calls,
            error_type = error_type(error),
            %error,
            "failed"
        ),
    }
}

fn lines<W>(level: LevelFilter, writer: W, now: fn() -> Timestamp) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(JsonLine { now })
        .with_writer(writer);
    let filter = FilterFn::new(move |it| is_written(level, it));
    // Without the hint, every callsite of the SDK is asked about, up to TRACE.
    let hint = level.max(LevelFilter::INFO);
    Registry::default().with(lines.with_filter(filter.with_max_level_hint(hint)))
}

/// Lambda's levels (Lambda Developer Guide, "Log-level filtering") are those of tracing, and FATAL.
/// Case does not matter. Returns INFO if the level is unknown or not set.
fn level(name: Option<&str>) -> LevelFilter {
    match name {
        Some(name) if name.eq_ignore_ascii_case("fatal") => LevelFilter::ERROR,
        Some(name) => name.parse().unwrap_or(LevelFilter::INFO),
        None => LevelFilter::INFO,
    }
}

/// The spans with the ids are of level INFO. Lines of a higher level have them, too.
fn is_written(level: LevelFilter, it: &Metadata<'_>) -> bool {
    if it.is_span() {
        return *it.level() <= level.max(LevelFilter::INFO);
    }
    *it.level() <= level && !repeats_a_failure(it)
}

/// Whether this is the line in which `lambda_runtime` writes the error that a handler returned. The
/// handler has logged it, with its name and ids. A panic is logged at the same place, with a field
/// `error`.
fn repeats_a_failure(it: &Metadata<'_>) -> bool {
    *it.level() == Level::ERROR
        && it.target() == "lambda_runtime::layers::panic"
        && it.fields().field("error").is_none()
}

/// Writes an event as one line: `timestamp`, `level` and `message`, as Lambda and Powertools for AWS
/// Lambda name them, then the other fields by name.
struct JsonLine {
    now: fn() -> Timestamp,
}

impl<S> FormatEvent<S, JsonFields> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        context.format_fields(Writer::new(&mut text), event)?;
        let mut fields = read(&text);
        // From the innermost span: what is said closer to the event holds.
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            let Some(of_span) = extensions.get::<FormattedFields<JsonFields>>() else {
                continue;
            };
            let is_of_runtime = span.metadata().target().starts_with("lambda_runtime");
            for (name, value) in read(of_span) {
                match (is_of_runtime, name.as_str()) {
                    (false, _) => drop(fields.entry(name).or_insert(value)),
                    (true, "requestId") => drop(fields.entry("request_id").or_insert(value)),
                    // The header of X-Ray, which every invocation has.
                    (true, _) => {}
                }
            }
        }
        // RFC 3339 with milliseconds, in UTC.
        let head = [
            ("timestamp", Some(format!("{:.3}", (self.now)()).into())),
            ("level", Some(event.metadata().level().as_str().into())),
            ("message", fields.remove("message")),
        ];
        let head = head
            .into_iter()
            .filter_map(|(name, it)| Some((name.to_owned(), it?)));
        let mut before = '{';
        for (name, value) in head.chain(fields) {
            write!(writer, "{before}{}:{value}", Value::String(name))?;
            before = ',';
        }
        writeln!(writer, "}}")
    }
}

/// The fields that [`JsonFields`] has written.
fn read(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
