//! CloudWatch: the metrics that functions write to their logs, and GetMetricData.
//!
//! - `emf`: what CloudWatch Logs extracts from a line of a log;
//! - `get_metric_data`: the call.
//!
//! A metric can be read as soon as the line is written. On AWS, that takes a minute or two. Nothing
//! else of CloudWatch is here: requests for it can go to another server, with the same calls that
//! are here ([`crate::forward`]).

pub mod emf;
mod get_metric_data;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;

use crate::local_aws::lock;
use crate::wire::error::ApiError;
use emf::MetricId;

/// The length of a data point in milliseconds. Metrics of the embedded metric format have the
/// standard resolution, unless a document asks for another one (CloudWatch API Reference,
/// *MetricDatum*, `StorageResolution`), and Hookline's do not.
const MINUTE: i64 = 60_000;

/// The metrics of the account. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct CloudWatch {
    metrics: Arc<Mutex<Metrics>>,
}

/// The sum of the values of each metric in each minute, by the minute's number since the epoch.
type Metrics = BTreeMap<MetricId, BTreeMap<i64, f64>>;

impl CloudWatch {
    /// Takes a line of a log, as CloudWatch Logs does: a document of the embedded metric format has
    /// metrics, and any other line has none.
    pub fn log(&self, line: &str) {
        // Nearly all lines are others.
        if !line.contains("\"_aws\"") {
            return;
        }
        let Ok(document) = serde_json::from_str(line) else {
            return;
        };
        // Functions are programs, whose clock is the machine's.
        match emf::read(&document, Timestamp::now().as_millisecond()) {
            Ok(data) => self.add(data),
            Err(error) => tracing::warn!(%error, "no metric is extracted from this line: {line}"),
        }
    }

    fn add(&self, data: Vec<emf::Datum>) {
        let mut metrics = lock(&self.metrics);
        for datum in data {
            let minutes = metrics.entry(datum.metric).or_default();
            let sum = minutes.entry(datum.at.div_euclid(MINUTE)).or_default();
            *sum += datum.values.iter().sum::<f64>();
        }
    }

    /// The sums of a metric in the minutes that begin from `since` on and before `until`, in
    /// milliseconds since the epoch, oldest first.
    fn sums(&self, metric: &MetricId, since: i64, until: i64) -> Vec<(i64, f64)> {
        let metrics = lock(&self.metrics);
        let minutes = metrics.get(metric).into_iter().flatten();
        let begun = minutes.map(|(minute, sum)| (minute * MINUTE, *sum));
        begun
            .filter(|(begins, _)| (since..until).contains(begins))
            .collect()
    }
}

/// Answers one call. Times in the answer are in seconds since the epoch.
pub(crate) fn act(cloudwatch: &CloudWatch, action: &str, call: Value) -> Result<Value, ApiError> {
    match action {
        "GetMetricData" => get_metric_data::get_metric_data(cloudwatch, call),
        _ => Err(ApiError::invalid_action(action)),
    }
}

/// The members of answers that are times. CBOR marks them.
pub(crate) const TIMES: &[&str] = &["Timestamps"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_document_of_the_format_has_metrics() {
        let now = Timestamp::now().as_millisecond();
        let document = json!({
            "_aws": {"Timestamp": now, "CloudWatchMetrics": [{
                "Namespace": "N", "Dimensions": [[]], "Metrics": [{"Name": "M"}],
            }]},
            "M": [1, 2],
        });
        let cloudwatch = CloudWatch::default();
        let line = document.to_string();
        for line in [
            line.as_str(),
            &line,
            "{\"message\": \"of a log\"}",
            "{\"_aws\": 1}",
            &line[1..],
        ] {
            cloudwatch.log(line);
        }
        let metric = MetricId {
            namespace: "N".to_owned(),
            name: "M".to_owned(),
            dimensions: BTreeMap::new(),
        };
        let sums = cloudwatch.sums(&metric, now - MINUTE, now + 1);
        let minute = now.div_euclid(MINUTE) * MINUTE;
        assert_eq!(sums, [(minute, 6.0)]);
    }
}
