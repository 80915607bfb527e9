//! Reads documents of CloudWatch's embedded metric format as CloudWatch Logs does. A document that
//! does not follow the specification gives no metric there, and is an error here.
//!
//! Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format"; CloudWatch API
//! Reference, *Dimension* and
//! *MetricDatum*.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The units of CloudWatch that Hookline's metrics use.
const UNITS: [&str; 4] = ["Count", "Milliseconds", "Seconds", "None"];
/// CloudWatch takes values of the last two weeks and of the next two hours, in milliseconds.
const MAX_AGE: i64 = 14 * 24 * 3600 * 1000;
const MAX_AHEAD: i64 = 2 * 3600 * 1000;

/// A metric's name and its dimensions, as `LaunchesWired Profile=upf`, and the unit.
pub type Values = BTreeMap<String, (f64, String)>;

/// The values in documents that were written at about `now`, in milliseconds since the epoch.
///
/// # Errors
/// If a document is not right, or two have a value for one metric.
pub fn values(documents: &[Value], now: i64) -> Result<Values> {
    let mut values = Values::new();
    for document in documents {
        for (name, value) in read(document, now).with_context(|| document.to_string())? {
            let before = values.insert(name.clone(), value);
            ensure!(before.is_none(), "{name} was measured twice");
        }
    }
    Ok(values)
}

fn read(document: &Value, now: i64) -> Result<Values> {
    let root = document.as_object().context("no object")?;
    let metadata = root.get("_aws").context("no _aws")?;
    ensure!(size(metadata) == Some(2), "_aws has more members, or less");
    let timestamp = metadata.get("Timestamp").and_then(Value::as_i64);
    let timestamp = timestamp.context("Timestamp is no whole number")?;
    ensure!(
        (now - MAX_AGE..=now + MAX_AHEAD).contains(&timestamp),
        "Timestamp {timestamp} is too far from {now}"
    );
    let directives = array(metadata, "CloudWatchMetrics")?;
    ensure!(!directives.is_empty(), "nothing is measured");
    let mut values = Values::new();
    for directive in directives {
        ensure!(
            size(directive) == Some(3),
            "a directive has more members, or less"
        );
        let namespace = text(directive.get("Namespace"), 256)?;
        ensure!(namespace == "Hookline", "the namespace {namespace}");
        let sets = array(directive, "Dimensions")?;
        ensure!(!sets.is_empty(), "no set of dimensions");
        let metrics = array(directive, "Metrics")?;
        ensure!(
            (1..=100).contains(&metrics.len()),
            "{} metrics",
            metrics.len()
        );
        for set in sets {
            let set = set.as_array().context("a set of dimensions is a list")?;
            ensure!(set.len() <= 30, "{} dimensions", set.len());
            let mut of = String::new();
            for key in set {
                let key = text(Some(key), 250)?;
                let value = text(root.get(key), 1024)?;
                of.push_str(&format!(" {key}={value}"));
            }
            for metric in metrics {
                let name = text(metric.get("Name"), 255)?;
                let unit = text(metric.get("Unit"), 255)?;
                ensure!(UNITS.contains(&unit), "{name}: the unit {unit}");
                let value = root.get(name).and_then(Value::as_f64);
                let value = value.with_context(|| format!("{name} has no number"))?;
                values.insert(format!("{name}{of}"), (value, unit.to_owned()));
            }
        }
    }
    Ok(values)
}

fn size(value: &Value) -> Option<usize> {
    value.as_object().map(serde_json::Map::len)
}

fn array<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    let found = value.get(key).and_then(Value::as_array);
    found.with_context(|| format!("{key} is no list"))
}

/// Printable ASCII, not blank, and not too long.
fn text(value: Option<&Value>, longest: usize) -> Result<&str> {
    let text = value.and_then(Value::as_str).context("no text")?;
    ensure!(
        (1..=longest).contains(&text.len()) && !text.trim().is_empty(),
        "{text:?} has a length that CloudWatch does not take"
    );
    ensure!(
        text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{text:?} has characters that CloudWatch does not take"
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "_aws": {"Timestamp": 7, "CloudWatchMetrics": [{
                "Namespace": "Hookline", "Dimensions": [["Profile"]], "Metrics": [{"Name": "N", "Unit": "Count"}],
            }]},
            "Profile": "upf",
            "N": 3,
        })
    }

    #[test]
    fn valid_document_is_read() {
        let values = values(&[document()], 7).unwrap();
        assert_eq!(values["N Profile=upf"], (3.0, "Count".to_owned()));
    }

    #[test]
    fn invalid_document_is_an_error() {
        for (path, value) in [
            ("/_aws/Timestamp", json!("2026-01-01T00:00:00Z")),
            ("/_aws/Timestamp", json!(MAX_AHEAD + 8)),
            ("/_aws/CloudWatchMetrics/0/Namespace", json!("")),
            ("/_aws/CloudWatchMetrics/0/Dimensions", json!(["Profile"])),
            (
                "/_aws/CloudWatchMetrics/0/Dimensions",
                json!([["SubnetId"]]),
            ),
            ("/_aws/CloudWatchMetrics/0/Metrics/0/Name", json!("M")),
            ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Pieces")),
            ("/Profile", json!("Zürich")),
            ("/Profile", json!(" ")),
            ("/N", json!("3")),
        ] {
            let mut document = document();
            *document.pointer_mut(path).unwrap() = value;
            assert!(values(&[document], 7).is_err(), "{path}");
        }
        assert!(values(&[document(), document()], 7).is_err());
    }
}
