use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::{debug, error, info, info_span, subscriber};

use super::*;

/// What is written, in memory.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `code` logs, at 2026-11-28T08:15:29.05Z.
fn logged_at(level: LevelFilter, code: impl FnOnce()) -> Vec<String> {
    let written = Written::default();
    let writer = written.clone();
    let now = || Timestamp::from_millisecond(1_795_853_729_050).unwrap();
    let lines = lines(level, move || writer.clone(), now);
    subscriber::with_default(lines, code);
    let written = written.0.lock().unwrap().clone();
    let written = String::from_utf8(written).unwrap();
    written.lines().map(ToOwned::to_owned).collect()
}

fn logged(code: impl FnOnce()) -> Vec<Value> {
    let lines = logged_at(LevelFilter::INFO, code);
    let lines = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn a_line_begins_with_its_time_in_milliseconds_its_level_and_its_message() {
    let lines = logged_at(LevelFilter::INFO, || {
        info!(api_calls = 3, "said \"so\"");
    });
    assert_eq!(
        lines,
        [
            r#"{"timestamp":"2026-11-28T08:15:29.050Z","level":"INFO","message":"said \"so\"","api_calls":3}"#
        ]
    );
}

#[test]
fn fields_of_all_spans_are_beside_those_of_the_event() {
    let lines = logged(|| {
        let _invocation = info_span!(
            "invocation",
            function = "reconcile",
            instance_id = None::<&str>
        )
        .entered();
        info!("round");
        let _launch = info_span!("launch", instance_id = "i-1", profile = "upf").entered();
        info!(profile = "amf", "started");
    });
    let rest = |line: &Value| {
        let mut line = line.as_object().unwrap().clone();
        line.retain(|name, _| !matches!(name.as_str(), "timestamp" | "level"));
        Value::from(line)
    };
    assert_eq!(
        lines.iter().map(rest).collect::<Vec<_>>(),
        [
            json!({"message": "round", "function": "reconcile"}),
            json!({"message": "started", "function": "reconcile", "instance_id": "i-1", "profile": "amf"}),
        ]
    );
}

#[test]
fn the_span_of_lambda_runtime_gives_the_request_id_only() {
    // As in lambda_runtime's src/layers/trace.rs.
    let lines = logged(|| {
        let _invoke = info_span!(
            target: "lambda_runtime::layers::trace",
            "Lambda runtime invoke",
            requestId = "request-1",
            xrayTraceId = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
        )
        .entered();
        info!("hello");
    });
    assert_eq!(lines[0]["request_id"], "request-1");
    assert_eq!(lines[0].as_object().unwrap().len(), 4, "{}", lines[0]);
}

#[test]
fn a_line_above_the_level_info_has_the_ids_too() {
    let lines = logged_at(LevelFilter::ERROR, || {
        let _launch = info_span!("launch", instance_id = "i-1").entered();
        info!("not written");
        error!("failed");
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(r#""instance_id":"i-1""#), "{}", lines[0]);
}

#[test]
fn the_level_debug_writes_debug_lines() {
    for (level, count) in [(LevelFilter::INFO, 0), (LevelFilter::DEBUG, 1)] {
        let lines = logged_at(level, || debug!("retry"));
        assert_eq!(lines.len(), count, "{level}");
    }
}

// Both events as in lambda_runtime's src/layers/panic.rs.
#[test]
fn a_panic_outside_of_a_handler_is_written_and_a_returned_error_is_not() {
    let lines = logged(|| {
        error!(target: "lambda_runtime::layers::panic", "Failure(…)");
        error!(target: "lambda_runtime::layers::panic", error = "Any { .. }", "user handler panicked");
        error!(target: "lambda_runtime::layers::api_client", "request failed");
    });
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["user handler panicked", "request failed"]);
}

#[test]
fn levels_of_lambda_map_to_levels_of_tracing() {
    for (name, expected) in [
        ("TRACE", LevelFilter::TRACE),
        ("debug", LevelFilter::DEBUG),
        ("WARN", LevelFilter::WARN),
        ("FATAL", LevelFilter::ERROR),
        ("loud", LevelFilter::INFO),
    ] {
        assert_eq!(level(Some(name)), expected, "{name}");
    }
    assert_eq!(level(None), LevelFilter::INFO);
}
