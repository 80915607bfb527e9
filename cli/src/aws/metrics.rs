//! The metrics that the functions write.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric as SdkMetric, MetricDataQuery, MetricStat, StatusCode,
};
use hookline_domain::deployment::Deployment;
use hookline_functions::metrics::{Metric, NAMESPACE, Subject};

use super::{Aws, Error};

/// The most metrics of a call (CloudWatch API Reference, GetMetricData).
const MAX_METRICS: usize = 500;
/// The period of a data point, in seconds: the shortest of a metric of standard resolution.
const PERIOD: i32 = 60;

impl Aws {
    /// How many calls of a deployment AWS throttled from `since` on and before `until`, in seconds
    /// since the epoch: for each of these subjects, in their order (GetMetricData).
    ///
    /// # Errors
    /// Returns why a call failed, or that CloudWatch has not read all data.
    pub(crate) async fn throttled_calls(
        &self,
        deployment: &Deployment,
        of: &[Subject],
        since: i64,
        until: i64,
    ) -> Result<Vec<u64>, Error> {
        const ACTION: &str = "cloudwatch:GetMetricData";
        let mut found = Vec::new();
        for of in of.chunks(MAX_METRICS) {
            let queries = of.iter().enumerate();
            let queries = queries.map(|(n, of)| query(n, of.dimensions(deployment)));
            let call = self
                .cloudwatch
                .get_metric_data()
                .set_metric_data_queries(Some(queries.collect()))
                .start_time(DateTime::from_secs(since))
                .end_time(DateTime::from_secs(until));
            let answer = self.answer(ACTION, call.send().await)?;
            let results = answer.metric_data_results.unwrap_or_default();
            for n in 0..of.len() {
                let id = id(n);
                let mut results = results.iter();
                let result = results.find(|result| result.id.as_deref() == Some(&id));
                let complete =
                    result.filter(|result| result.status_code == Some(StatusCode::Complete));
                let result = complete.ok_or_else(|| {
                    Error::incomplete(ACTION, &self.region, "a metric is not complete")
                })?;
                found.push(whole(result.values().iter().sum()));
            }
        }
        Ok(found)
    }
}

/// The name of a query in the call: `^[a-z]\w*` (CloudWatch API Reference, *MetricDataQuery*).
fn id(n: usize) -> String {
    format!("q{n}")
}

fn query(n: usize, dimensions: Vec<(&'static str, String)>) -> MetricDataQuery {
    let dimensions = dimensions.into_iter().map(|(name, value)| {
        let dimension = Dimension::builder().name(name).value(value);
        dimension.build()
    });
    let metric = SdkMetric::builder()
        .namespace(NAMESPACE)
        .metric_name(Metric::ThrottledCalls.to_string())
        .set_dimensions(Some(dimensions.collect()));
    let stat = MetricStat::builder()
        .metric(metric.build())
        .period(PERIOD)
        .stat("Sum");
    MetricDataQuery::builder()
        .id(id(n))
        .metric_stat(stat.build())
        .build()
}

/// A sum of counts.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` stays within the bounds
fn whole(sum: f64) -> u64 {
    sum.max(0.0).round() as u64
}
