//! The metrics that the functions write to their logs. A document that does not follow the embedded metric
//! format gives no metric on AWS, and is an error here.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use hookline_local::cloudwatch::emf::read;
use serde_json::Value;

use crate::roles::STACK;

/// A metric's name and its dimensions but for that of the deployment, as `LaunchesWired Profile=upf`,
/// and the unit.
pub type Values = BTreeMap<String, (f64, String)>;

/// The values in documents that were written at about `now`, in milliseconds since the epoch.
///
/// # Errors
/// If a document is not right, is of another namespace or deployment, or two have a value for one metric.
pub fn values(documents: &[Value], now: i64) -> Result<Values> {
    let mut values = Values::new();
    for document in documents {
        for datum in read(document, now).with_context(|| document.to_string())? {
            let metric = datum.metric;
            ensure!(metric.namespace == "Hookline", "{metric:?}: the namespace");
            let (mut name, mut dimensions) = (metric.name, metric.dimensions);
            let deployment = dimensions.remove("Deployment");
            // Deployments may share a subnet.
            let wanted = (!dimensions.contains_key("SubnetId")).then_some(STACK);
            ensure!(deployment.as_deref() == wanted, "{name} of {deployment:?}");
            for (key, value) in dimensions {
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

    fn document(namespace: &str, deployment: &str) -> Value {
        json!({
            "_aws": {"Timestamp": 7, "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["Deployment", "Profile"]],
                "Metrics": [{"Name": "N", "Unit": "Count"}],
            }]},
            "Deployment": deployment,
            "Profile": "upf",
            "N": 3,
        })
    }

    #[test]
    fn valid_document_is_read() {
        let values = values(&[document("Hookline", STACK)], 7).unwrap();
        assert_eq!(values["N Profile=upf"], (3.0, "Count".to_owned()));
    }

    #[test]
    fn document_of_another_namespace_or_deployment_and_second_value_are_errors() {
        assert!(values(&[document("Other", STACK)], 7).is_err());
        assert!(values(&[document("Hookline", "lab")], 7).is_err());
        let twice = [document("Hookline", STACK), document("Hookline", STACK)];
        assert!(values(&twice, 7).is_err());
        assert!(values(&[json!({"_aws": {"Timestamp": 7}})], 7).is_err());
    }
}
