//! The chart of an action's calls: how many each second, beside what EC2's bucket gives, and what
//! is left in the bucket.

use serde_json::{Value as Json, json};

use super::axis::{Axis, number};
use crate::judge::timeline::calls::{Calls, levels};
use crate::judge::words::count;

/// The height of either part of a chart.
const HEIGHT: f64 = 100.0;

/// What the template shows of an action.
pub(super) fn of(calls: &Calls, axis: &Axis) -> Json {
    let bucket = calls.bucket;
    let refill = f64::from(bucket.refill_per_second);
    let (columns, top) = columns(calls, axis);
    let throttled = calls.throttled.iter();
    let words = match calls.at.len() {
        0 => "no calls".to_owned(),
        number => format!(
            "{}, at most {} in a second",
            count(number, "call", "calls"),
            calls.most_in_a_second
        ),
    };
    json!({
        "action": calls.action,
        "words": words,
        "capacity": bucket.capacity,
        "refill": bucket.refill_per_second,
        "least": number(calls.least_tokens.floor()),
        "throttled": count(calls.throttled.len(), "run", "runs"),
        "isThrottled": !calls.throttled.is_empty(),
        "columns": columns,
        "top": number(top),
        "refillY": number(HEIGHT - HEIGHT * refill / top),
        "level": level(calls, axis),
        "throttles": throttled.map(|at| number(axis.place(*at))).collect::<Vec<_>>(),
    })
}

/// The columns of the calls each second, and the rate at the top of the chart.
#[allow(clippy::cast_precision_loss)] // counts of calls are far below 2^53
fn columns(calls: &Calls, axis: &Axis) -> (Vec<Json>, f64) {
    let (number_of, width) = axis.columns();
    let mut rates = Vec::new();
    let mut rest = calls.at.as_slice();
    for n in 1..=number_of {
        let end = axis.from() + n * width;
        let here = rest.partition_point(|at| *at < end);
        rest = rest.get(here..).unwrap_or_default();
        rates.push(here as f64 * 1_000.0 / width as f64);
    }
    let refill = f64::from(calls.bucket.refill_per_second);
    let top = rates.iter().copied().fold(1.5 * refill, f64::max);
    let columns = rates.into_iter().zip(0..).filter(|(rate, _)| *rate > 0.0);
    let columns = columns.map(|(rate, n)| {
        let from = axis.from() + n * width;
        let (x, width) = axis.stretch(from, from + width);
        let height = HEIGHT * rate / top;
        json!({ "x": x, "width": width, "y": number(HEIGHT - height), "height": number(height) })
    });
    (columns.collect(), top)
}

/// The line of the tokens, as SVG's `points`: it rises while nobody calls.
fn level(calls: &Calls, axis: &Axis) -> String {
    let bucket = calls.bucket;
    let capacity = f64::from(bucket.capacity);
    let refill = f64::from(bucket.refill_per_second);
    let mut points: Vec<(f64, f64)> = vec![(0.0, 0.0)];
    let mut point = |at: i64, tokens: f64| {
        let y = HEIGHT * (1.0 - tokens / capacity);
        points.push((axis.place(at), y));
    };
    let (mut last, mut left) = (axis.from(), capacity);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // far below 2^53
    let refilled = |last: i64, left: f64, at: i64| {
        // When it is full, and how full it is by then.
        let full = last.saturating_add(((capacity - left) / refill * 1_000.0).ceil() as i64);
        let now = left + (at - last) as f64 / 1_000.0 * refill;
        (full, now.min(capacity))
    };
    for (at, tokens) in levels(&calls.at, bucket) {
        let (full, before) = refilled(last, left, at);
        if full > last && full < at {
            point(full, capacity);
        }
        point(at, before);
        point(at, tokens);
        (last, left) = (at, tokens);
    }
    let (full, now) = refilled(last, left, axis.to());
    if full > last && full < axis.to() {
        point(full, capacity);
    }
    point(axis.to(), now);
    let points = points
        .iter()
        .map(|(x, y)| format!("{},{}", number(*x), number(*y)));
    points.collect::<Vec<_>>().join(" ")
}
