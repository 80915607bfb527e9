//! What the functions log: lines captured in process, and what holds of every line
//! (docs/operations/logs.md).

use std::cell::RefCell;
use std::io;
use std::marker::PhantomData;
use std::sync::Once;

use hookline_domain::time::epoch_milliseconds;
use hookline_local::LocalAws;
use hookline_runtime::logs::json_lines;
use serde_json::Value;
use tracing::subscriber::set_global_default;
use tracing_subscriber::filter::LevelFilter;

use crate::deployment::FUNCTIONS;

/// The lists in these lines name many instances.
const SUMMARIES: [&str; 2] = ["reconciled", "adopted"];

/// Captures what this thread logs, until it is dropped.
///
/// One subscriber serves all threads, and each thread has its own lines. With a subscriber for each
/// thread, `tracing` may remember of an event that no one wants it, when a thread without a subscriber
/// is the first to reach it.
#[derive(Debug)]
pub struct Captured {
    /// It belongs to its thread.
    _not_send: PhantomData<*const ()>,
}

thread_local! {
    static WRITTEN: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

impl Captured {
    /// Captures from now on.
    #[must_use]
    pub fn begin() -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            // A subscriber of the process that is there already captures nothing, which the test sees.
            let _ = set_global_default(json_lines(LevelFilter::INFO, || OfThisThread));
        });
        WRITTEN.set(Some(Vec::new()));
        Self {
            _not_send: PhantomData,
        }
    }

    /// The lines since the last call.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let written = WRITTEN.replace(Some(Vec::new())).unwrap_or_default();
        let text = String::from_utf8_lossy(&written);
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or(Value::Null))
            .collect()
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        WRITTEN.set(None);
    }
}

struct OfThisThread;

impl io::Write for OfThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| {
            if let Some(written) = written {
                written.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines in the log of each function of a deployment, without metrics.
#[must_use]
pub fn of_deployment(local: &LocalAws) -> Vec<Value> {
    let functions = FUNCTIONS.iter().map(|(name, _)| *name);
    let functions = functions.chain(["reconcile", "adopt"]);
    functions
        .flat_map(|name| local.lambda().logs(name))
        .map(|line| serde_json::from_str(&line.text).unwrap_or(Value::String(line.text)))
        .filter(|line| line.get("_aws").is_none())
        .collect()
}

/// What is wrong with the lines of some invocations.
#[must_use]
pub fn broken(lines: &[Value]) -> Vec<String> {
    let single = lines.iter().filter_map(|line| {
        let why = wrong_with(line)?;
        Some(format!("{why}: {line}"))
    });
    let repeated = lines.iter().enumerate().filter_map(|(n, line)| {
        let error = line.get("error")?.as_str()?;
        let again = lines.iter().skip(n + 1).find(|other| {
            other["request_id"] == line["request_id"]
                && !is_summary(other)
                && other.to_string().contains(&Value::from(error).to_string())
        });
        Some(format!("{error:?} is logged again: {}", again?))
    });
    single.chain(repeated).collect()
}

fn wrong_with(line: &Value) -> Option<String> {
    let fields = match line.as_object() {
        Some(fields) => fields,
        None => return Some("no JSON object".to_owned()),
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = text("timestamp");
    if time.len() != "2026-11-28T08:15:29.050Z".len() || epoch_milliseconds(time).is_none() {
        return Some(format!("timestamp {time:?}"));
    }
    if !matches!(text("level"), "INFO" | "WARN" | "ERROR") {
        return Some("another level".to_owned());
    }
    for name in ["message", "function", "request_id"] {
        if text(name).is_empty() {
            return Some(format!("{name} is missing"));
        }
    }
    for (name, value) in fields {
        let Some(value) = value.as_str() else {
            continue;
        };
        // So begin Rust's Debug of a list and of an Option.
        if value.is_empty() || value.starts_with('[') || value.starts_with("Some(") {
            return Some(format!("{name} is {value:?}"));
        }
    }
    let names_an_instance = fields.values().any(|value| {
        let words = value.as_str().unwrap_or_default();
        let mut words = words.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '-');
        words.any(|word| word.len() == 19 && word.starts_with("i-"))
    });
    (names_an_instance && text("instance_id").is_empty() && !is_summary(line))
        .then(|| "instance_id is missing".to_owned())
}

fn is_summary(line: &Value) -> bool {
    SUMMARIES.iter().any(|summary| line["message"] == *summary)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(fields: &Value) -> Value {
        let mut line = json!({
            "timestamp": "2026-11-28T08:15:29.050Z", "level": "INFO", "message": "attached",
            "function": "attach-interfaces", "request_id": "1", "instance_id": "i-0123456789abcdef0",
        });
        for (name, value) in fields.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        line
    }

    #[test]
    fn a_line_as_it_is_to_be_is_not_broken() {
        let summary = json!({
            "message": "reconciled", "instance_id": null, "left_because": "i-0123456789abcdef0: it is …",
        });
        let mut summary = line(&summary);
        summary
            .as_object_mut()
            .map(|fields| fields.remove("instance_id"));
        let failed = line(&json!({"level": "ERROR", "message": "failed", "error": "it is …"}));
        assert_eq!(
            broken(&[line(&json!({"seconds": 3})), summary, failed]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn each_fault_of_a_line_is_found() {
        for (fields, why) in [
            (json!({"timestamp": "2026-11-28T08:15:29Z"}), "timestamp"),
            (json!({"level": "Error"}), "another level"),
            (json!({"request_id": ""}), "request_id is missing"),
            (json!({"addresses": "[10.0.48.4]"}), "addresses is"),
            (
                json!({"instance_id": 7, "instance": "i-0123456789abcdef0"}),
                "instance_id is missing",
            ),
        ] {
            let broken = broken(&[line(&fields)]);
            assert!(
                broken.iter().any(|it| it.starts_with(why)),
                "{why}: {broken:?}"
            );
        }
        assert_eq!(broken(&[json!("thread panicked")]).len(), 1);
    }

    #[test]
    fn a_failure_that_one_invocation_logs_twice_is_found() {
        let failed = |request: &str| line(&json!({"request_id": request, "error": "denied"}));
        assert_eq!(broken(&[failed("1"), failed("2")]), Vec::<String>::new());
        assert_eq!(broken(&[failed("1"), failed("2"), failed("1")]).len(), 1);
    }
}
