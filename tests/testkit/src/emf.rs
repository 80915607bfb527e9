//! The metrics that the functions write to their logs. A document that does not follow the embedded metric
//! format gives no metric on AWS, and is an error here.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use hookline_local::cloudwatch::emf::read;
use serde_json::Value;

/// A metric's name and its dimensions, as `LaunchesWired Profile=upf`, and the unit.
pub type Values = BTreeMap<String, (f64, String)>;

/// The values in documents that were written at about `now`, in milliseconds since the epoch.
///
/// # Errors
/// If a document is not right, is of another namespace, or two have a value for one metric.
pub fn values(documents: &[Value], now: i64) -> Result<Values> {
    let mut values = Values::new();
    for document in documents {
        for datum in read(document, now).with_context(|| document.to_string())? {
            let metric = datum.metric;
            ensure!(metric.namespace == "Hookline", "{metric:?}: the namespace");
            let mut name = metric.name;
            for (key, value) in metric.dimensions {
                name.push_str(&format!(" {key}={value}"));
            }
            let [value] = datum.values[..] else {
                anyhow::bail!("{name} has several values");
            };
            let before = values.insert(name.clone(), (value, datum.unit));
            ensure!(before.is_none(), "{name} was measured twice");
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(namespace: &str) -> Value {
        json!({
            "_aws": {"Timestamp": 7, "CloudWatchMetrics": [{
                "Namespace": namespace, "Dimensions": [["Profile"]], "Metrics": [{"Name": "N", "Unit": "Count"}],
            }]},
            "Profile": "upf",
            "N": 3,
        })
    }

    #[test]
    fn valid_document_is_read() {
        let values = values(&[document("Hookline")], 7).unwrap();
        assert_eq!(values["N Profile=upf"], (3.0, "Count".to_owned()));
    }

    #[test]
    fn document_of_another_namespace_and_second_value_are_errors() {
        assert!(values(&[document("Other")], 7).is_err());
        assert!(values(&[document("Hookline"), document("Hookline")], 7).is_err());
        assert!(values(&[json!({"_aws": {"Timestamp": 7}})], 7).is_err());
    }
}
