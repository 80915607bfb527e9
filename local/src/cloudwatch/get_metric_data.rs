//! GetMetricData (CloudWatch API Reference): the sums of metrics, minute by minute.
//!
//! It refuses what Hookline does not ask for: expressions, other statistics and other periods.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::emf::MetricId;
use super::{CloudWatch, MINUTE};
use crate::wire::error::ApiError;

/// The most queries of a call.
const MAX_QUERIES: usize = 500;

/// Times are in seconds since the epoch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Request {
    metric_data_queries: Vec<Query>,
    start_time: f64,
    end_time: f64,
    #[serde(default)]
    scan_by: ScanBy,
}

#[derive(Default, Deserialize, PartialEq)]
enum ScanBy {
    #[default]
    TimestampDescending,
    TimestampAscending,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Query {
    id: String,
    metric_stat: MetricStat,
    label: Option<String>,
    #[serde(default = "yes")]
    return_data: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricStat {
    metric: Metric,
    period: i64,
    stat: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Metric {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Dimension {
    name: String,
    value: String,
}

/// Answers with a result for each query, also for a metric that nobody has written: without data
/// points.
pub(super) fn get_metric_data(cloudwatch: &CloudWatch, call: Value) -> Result<Value, ApiError> {
    let request = Request::deserialize(call).map_err(|error| invalid(error.to_string()))?;
    let queries = request.metric_data_queries;
    if !(1..=MAX_QUERIES).contains(&queries.len()) {
        let problem = format!("MetricDataQueries must have 1 to {MAX_QUERIES} members");
        return Err(invalid(problem));
    }
    let mut ids = BTreeSet::new();
    if let Some(query) = queries
        .iter()
        .find(|query| !is_id(&query.id) || !ids.insert(&query.id))
    {
        return Err(invalid(format!(
            "The Id {:?} must begin with a lowercase letter, have letters, digits and underscores only, and be unique",
            query.id
        )));
    }
    // "CloudWatch rounds the specified time stamp": within the last 15 days, down to the minute.
    // The end is exclusive.
    let since = milliseconds(request.start_time).div_euclid(MINUTE) * MINUTE;
    let until = milliseconds(request.end_time);
    if since >= until {
        return Err(invalid("StartTime must be before EndTime".to_owned()));
    }
    let results: Vec<Value> = queries
        .into_iter()
        .filter(|query| query.return_data)
        .map(|query| {
            let stat = query.metric_stat;
            if stat.stat != "Sum" || stat.period * 1_000 != MINUTE {
                return Err(invalid(format!(
                    "{}: the fake AWS has the statistic Sum with a Period of 60, and no other",
                    query.id
                )));
            }
            let dimensions = stat.metric.dimensions.into_iter();
            let metric = MetricId {
                namespace: stat.metric.namespace,
                name: stat.metric.metric_name,
                dimensions: dimensions
                    .map(|dimension| (dimension.name, dimension.value))
                    .collect::<BTreeMap<_, _>>(),
            };
            let mut sums = cloudwatch.sums(&metric, since, until);
            if request.scan_by == ScanBy::TimestampDescending {
                sums.reverse();
            }
            let times: Vec<i64> = sums.iter().map(|(at, _)| at / 1_000).collect();
            let values: Vec<f64> = sums.iter().map(|(_, sum)| *sum).collect();
            Ok(json!({
                "Id": query.id,
                "Label": query.label.unwrap_or(metric.name),
                "Timestamps": times,
                "Values": values,
                "StatusCode": "Complete",
            }))
        })
        .collect::<Result<_, ApiError>>()?;
    Ok(json!({"MetricDataResults": results, "Messages": []}))
}

fn invalid(problem: String) -> ApiError {
    ApiError::new("InvalidParameterValue", problem)
}

/// `^[a-z]\w*` (CloudWatch API Reference, *MetricDataQuery*: `Id`).
fn is_id(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[allow(clippy::cast_possible_truncation)] // `as` stays within the bounds
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1_000.0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 00:00:00 of a day, in seconds since the epoch.
    const MIDNIGHT: i64 = 1_767_312_000;

    /// Metrics with calls of `upf` that were throttled at these seconds after midnight, and how many.
    fn throttled(at: &[(i64, f64)]) -> CloudWatch {
        let cloudwatch = CloudWatch::default();
        let data = at.iter().map(|(seconds, number)| super::super::emf::Datum {
            metric: MetricId {
                namespace: "Hookline".to_owned(),
                name: "ThrottledCalls".to_owned(),
                dimensions: BTreeMap::from([("Profile".to_owned(), "upf".to_owned())]),
            },
            unit: "Count".to_owned(),
            at: (MIDNIGHT + seconds) * 1_000,
            values: vec![*number],
        });
        cloudwatch.add(data.collect());
        cloudwatch
    }

    fn query(id: &str, dimensions: Value) -> Value {
        json!({
            "Id": id,
            "MetricStat": {
                "Metric": {
                    "Namespace": "Hookline",
                    "MetricName": "ThrottledCalls",
                    "Dimensions": dimensions,
                },
                "Period": 60,
                "Stat": "Sum",
            },
        })
    }

    fn of_upf() -> Value {
        query("upf", json!([{"Name": "Profile", "Value": "upf"}]))
    }

    /// What the call answers for these seconds after midnight.
    fn between(cloudwatch: &CloudWatch, since: i64, until: i64, queries: &[Value]) -> Value {
        let call = json!({
            "MetricDataQueries": queries,
            "StartTime": MIDNIGHT + since,
            "EndTime": MIDNIGHT + until,
        });
        let answer = get_metric_data(cloudwatch, call).unwrap();
        answer["MetricDataResults"].clone()
    }

    #[test]
    fn values_of_a_minute_are_summed_and_the_newest_minute_comes_first() {
        let cloudwatch = throttled(&[(1, 2.0), (59, 3.0), (60, 4.0), (240, 5.0)]);
        let found = between(&cloudwatch, 0, 240, &[of_upf()]);
        assert_eq!(
            found,
            json!([{
                "Id": "upf",
                "Label": "ThrottledCalls",
                "Timestamps": [MIDNIGHT + 60, MIDNIGHT],
                "Values": [4.0, 5.0],
                "StatusCode": "Complete",
            }])
        );
    }

    #[test]
    fn start_is_rounded_down_to_the_minute_and_the_end_is_exclusive() {
        let cloudwatch = throttled(&[(0, 1.0), (60, 2.0), (120, 4.0)]);
        let found = between(&cloudwatch, 119, 120, &[of_upf()]);
        assert_eq!(found[0]["Values"], json!([2.0]));
    }

    #[test]
    fn metric_with_other_dimensions_is_another_one() {
        let cloudwatch = throttled(&[(0, 1.0)]);
        let queries = [
            query("others", json!([])),
            query("smf", json!([{"Name": "Profile", "Value": "smf"}])),
            of_upf(),
        ];
        let found = between(&cloudwatch, 0, 60, &queries);
        let values = found.as_array().unwrap().iter();
        let values: Vec<_> = values.map(|result| &result["Values"]).collect();
        assert_eq!(values, [&json!([]), &json!([]), &json!([1.0])]);
    }

    #[test]
    fn call_that_cannot_be_answered_is_refused_with_the_reason() {
        let call = |queries: Value, start: i64, end: i64| json!({"MetricDataQueries": queries, "StartTime": start, "EndTime": end});
        let changed = |path: &str, value: Value| {
            let mut query = of_upf();
            *query.pointer_mut(path).unwrap() = value;
            json!([query])
        };
        let expression = json!([{"Id": "a", "Expression": "SUM(METRICS())"}]);
        for (call, reason) in [
            (call(json!([]), 0, 60), "MetricDataQueries"),
            (call(json!([of_upf(), of_upf()]), 0, 60), "unique"),
            (call(changed("/Id", json!("Upf")), 0, 60), "lowercase"),
            (call(json!([of_upf()]), 60, 60), "StartTime"),
            (
                call(changed("/MetricStat/Stat", json!("p99")), 0, 60),
                "Sum",
            ),
            (call(changed("/MetricStat/Period", json!(300)), 0, 60), "60"),
            (call(expression, 0, 60), "Expression"),
            (json!({}), "MetricDataQueries"),
        ] {
            let error = get_metric_data(&CloudWatch::default(), call).unwrap_err();
            assert_eq!(error.code, "InvalidParameterValue");
            assert!(error.message.contains(reason), "{error}");
        }
    }
}
