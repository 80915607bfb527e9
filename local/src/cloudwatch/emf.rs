//! The embedded metric format: what CloudWatch Logs extracts from a line of a log.
//!
//! Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format", with its JSON
//! schema; CloudWatch API Reference, *Dimension* (how many, and which characters) and
//! *MetricDatum* (which times).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The units of the specification's schema.
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];
/// CloudWatch takes values of the last two weeks and of the next two hours, in milliseconds.
const MAX_AGE: i64 = 14 * 24 * 3600 * 1000;
const MAX_AHEAD: i64 = 2 * 3600 * 1000;
const MAX_DIMENSIONS: usize = 30;
const MAX_METRICS: usize = 100;
const MAX_VALUES: usize = 100;

/// What identifies a metric: each set of dimensions is a metric of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricId {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its dimensions, by name.
    pub dimensions: BTreeMap<String, String>,
}

/// Values of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// The metric.
    pub metric: MetricId,
    /// CloudWatch's `Unit`.
    pub unit: String,
    /// In milliseconds since the epoch.
    pub at: i64,
    /// The values, in the metric's unit.
    pub values: Vec<f64>,
}

/// Why CloudWatch extracts nothing from a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct EmfError {
    /// The member of the document.
    pub field: String,
    /// What the specification wants of it.
    pub problem: String,
}

impl EmfError {
    fn new(field: &str, problem: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            problem: problem.into(),
        }
    }
}

/// The values in a document that is ingested at `now`, in milliseconds since the epoch.
///
/// # Errors
/// If the document does not follow the specification: then CloudWatch extracts nothing from it.
pub fn read(document: &Value, now: i64) -> Result<Vec<Datum>, EmfError> {
    let none = Map::new();
    let root = document.as_object().unwrap_or(&none);
    let metadata = root.get("_aws").unwrap_or(&Value::Null);
    let at = metadata.get("Timestamp").and_then(Value::as_i64);
    let at = at.ok_or_else(|| {
        EmfError::new(
            "_aws.Timestamp",
            "must be a whole number of milliseconds since the epoch",
        )
    })?;
    if !(now - MAX_AGE..=now + MAX_AHEAD).contains(&at) {
        let problem = format!("is {at}, more than two weeks before or two hours after {now}");
        return Err(EmfError::new("_aws.Timestamp", problem));
    }
    let mut found = Vec::new();
    for directive in list(metadata, "CloudWatchMetrics", 1)? {
        let namespace = text("Namespace", directive.get("Namespace"), 255)?;
        let metrics = list(directive, "Metrics", 1)?;
        if metrics.len() > MAX_METRICS {
            let problem = format!("must have at most {MAX_METRICS} members");
            return Err(EmfError::new("Metrics", problem));
        }
        for set in list(directive, "Dimensions", 1)? {
            let dimensions = dimensions(root, set)?;
            for metric in metrics {
                let name = text("Name", metric.get("Name"), 255)?;
                found.push(Datum {
                    metric: MetricId {
                        namespace: namespace.to_owned(),
                        name: name.to_owned(),
                        dimensions: dimensions.clone(),
                    },
                    unit: unit(metric)?.to_owned(),
                    at,
                    values: values(root, name)?,
                });
            }
        }
    }
    Ok(found)
}

/// A list with at least so many members.
fn list<'a>(of: &'a Value, field: &str, least: usize) -> Result<&'a [Value], EmfError> {
    let found = of.get(field).and_then(Value::as_array);
    let found = found.filter(|list| list.len() >= least);
    found.map(Vec::as_slice).ok_or_else(|| {
        EmfError::new(
            field,
            format!("must be a list with at least {least} member"),
        )
    })
}

/// The dimensions of a set: their names are in the set, their values are members of the root.
fn dimensions(
    root: &Map<String, Value>,
    set: &Value,
) -> Result<BTreeMap<String, String>, EmfError> {
    let keys = set.as_array().filter(|keys| keys.len() <= MAX_DIMENSIONS);
    let keys = keys.ok_or_else(|| {
        let problem = format!("must be lists of at most {MAX_DIMENSIONS} names");
        EmfError::new("Dimensions", problem)
    })?;
    let dimension = |key: &Value| {
        let key = text("Dimensions", Some(key), 255)?;
        let value = text(key, root.get(key), 1024)?;
        Ok((key.to_owned(), value.to_owned()))
    };
    keys.iter().map(dimension).collect()
}

fn unit(metric: &Value) -> Result<&str, EmfError> {
    let Some(unit) = metric.get("Unit") else {
        return Ok("None");
    };
    let unit = unit.as_str().unwrap_or_default();
    let known = UNITS.into_iter().find(|known| *known == unit);
    known.ok_or_else(|| EmfError::new("Unit", "must be a unit of CloudWatch"))
}

/// The values of a metric: a number, or a list of numbers.
fn values(root: &Map<String, Value>, name: &str) -> Result<Vec<f64>, EmfError> {
    let values: Option<Vec<f64>> = match root.get(name) {
        Some(Value::Array(values)) => values.iter().map(Value::as_f64).collect(),
        value => value.and_then(Value::as_f64).map(|value| vec![value]),
    };
    let values = values.filter(|values| values.len() <= MAX_VALUES);
    values.ok_or_else(|| {
        let problem = format!("must be a number, or a list of at most {MAX_VALUES} numbers");
        EmfError::new(name, problem)
    })
}

/// Printable ASCII, not blank, and not too long.
fn text<'a>(field: &str, value: Option<&'a Value>, longest: usize) -> Result<&'a str, EmfError> {
    let text = value.and_then(Value::as_str).filter(|text| {
        (1..=longest).contains(&text.len())
            && !text.trim().is_empty()
            && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    });
    text.ok_or_else(|| {
        let problem =
            format!("must be a text of 1 to {longest} printable ASCII characters, not all blank");
        EmfError::new(field, problem)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "_aws": {"Timestamp": 7, "CloudWatchMetrics": [{
                "Namespace": "Hookline",
                "Dimensions": [["Profile"], []],
                "Metrics": [{"Name": "N", "Unit": "Count"}],
            }]},
            "Profile": "upf",
            "N": 3,
        })
    }

    #[test]
    fn each_set_of_dimensions_is_a_metric() {
        let found = read(&document(), 7).unwrap();
        let metric = |dimensions: BTreeMap<String, String>| MetricId {
            namespace: "Hookline".to_owned(),
            name: "N".to_owned(),
            dimensions,
        };
        let of_profile = BTreeMap::from([("Profile".to_owned(), "upf".to_owned())]);
        let metrics: Vec<_> = found.iter().map(|datum| datum.metric.clone()).collect();
        assert_eq!(metrics, [metric(of_profile), metric(BTreeMap::new())]);
        let datum = &found[0];
        assert_eq!(
            (datum.at, datum.unit.as_str(), datum.values.as_slice()),
            (7, "Count", &[3.0][..])
        );
    }

    #[test]
    fn several_values_and_no_unit_are_read() {
        let mut several = document();
        several["N"] = json!([1, 2.5]);
        several["_aws"]["CloudWatchMetrics"][0]["Metrics"] = json!([{"Name": "N"}]);
        let found = read(&several, 7).unwrap();
        assert_eq!(
            (found[0].unit.as_str(), found[0].values.as_slice()),
            ("None", &[1.0, 2.5][..])
        );
    }

    #[test]
    fn document_that_breaks_the_specification_is_refused_with_its_field() {
        for (path, value, field) in [
            (
                "/_aws/Timestamp",
                json!("2026-01-01T00:00:00Z"),
                "_aws.Timestamp",
            ),
            ("/_aws/Timestamp", json!(MAX_AHEAD + 8), "_aws.Timestamp"),
            ("/_aws/CloudWatchMetrics", json!([]), "CloudWatchMetrics"),
            (
                "/_aws/CloudWatchMetrics/0/Namespace",
                json!(""),
                "Namespace",
            ),
            (
                "/_aws/CloudWatchMetrics/0/Dimensions",
                json!(["Profile"]),
                "Dimensions",
            ),
            (
                "/_aws/CloudWatchMetrics/0/Dimensions",
                json!([["SubnetId"]]),
                "SubnetId",
            ),
            ("/_aws/CloudWatchMetrics/0/Metrics", json!({}), "Metrics"),
            ("/_aws/CloudWatchMetrics/0/Metrics/0/Name", json!("M"), "M"),
            (
                "/_aws/CloudWatchMetrics/0/Metrics/0/Unit",
                json!("Pieces"),
                "Unit",
            ),
            ("/Profile", json!("Zürich"), "Profile"),
            ("/Profile", json!(" "), "Profile"),
            ("/N", json!("3"), "N"),
            ("/N", json!([1, "2"]), "N"),
        ] {
            let mut document = document();
            *document.pointer_mut(path).unwrap() = value;
            let error = read(&document, 7).unwrap_err();
            assert_eq!(error.field, field, "{path}: {error}");
        }
        assert!(read(&json!("text"), 7).is_err());
    }
}
