//! The results of criterion's benchmark of the allocator (`tests/bench/benches/allocator.rs`), read
//! from its files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The group of the benchmarks.
pub const GROUP: &str = "allocator";

/// The benchmarks: the name of each in criterion's folders, and in the document.
pub const BENCHMARKS: [(&str, &str); 5] = [
    (
        "ipv4-16-pick",
        "the lowest free address of a /16 in which 60,000 are taken, all in one piece but for the last",
    ),
    (
        "ipv4-16-listing",
        "the same, from the listing of 60,000 scattered addresses on: the pool is made first",
    ),
    (
        "ipv6-64-pick",
        "the lowest free address of an IPv6 /64 in which 60,000 scattered ones are taken",
    ),
    ("ipv6-64-listing", "the same, from the listing on"),
    (
        "plan-behind-499",
        "the whole plan of a launch with four networks that 499 others in flight are before",
    ),
];

/// The mean time of a benchmark, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub nanoseconds: f64,
    /// Half the width of its 95 % confidence interval.
    pub within: f64,
}

/// The newest estimates of all benchmarks, in their order, from criterion's folder
/// (`target/criterion`).
///
/// # Errors
/// If one of them has not run.
pub fn read(criterion: &Path) -> Result<Vec<(&'static str, Estimate)>> {
    BENCHMARKS
        .into_iter()
        .map(|(id, what)| {
            let file = criterion.join(GROUP).join(id).join("new/estimates.json");
            let text = fs::read_to_string(&file)
                .with_context(|| format!("{id} has not run: could not read {}", file.display()))?;
            let estimates: Value = serde_json::from_str(&text)
                .with_context(|| format!("could not read {}", file.display()))?;
            let estimate =
                estimate(&estimates).with_context(|| format!("no mean in {}", file.display()))?;
            Ok((what, estimate))
        })
        .collect()
}

fn estimate(estimates: &Value) -> Option<Estimate> {
    let mean = estimates.get("mean")?;
    let interval = mean.get("confidence_interval")?;
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_f64);
    Some(Estimate {
        nanoseconds: number(mean, "point_estimate")?,
        within: (number(interval, "upper_bound")? - number(interval, "lower_bound")?) / 2.0,
    })
}

/// The table for docs/performance.md.
#[must_use]
pub fn table(estimates: &[(&str, Estimate)]) -> String {
    let mut table = "| | mean | ± |\n|---|---|---|\n".to_owned();
    for (what, estimate) in estimates {
        table += &format!(
            "| {what} | {} | {} |\n",
            time(estimate.nanoseconds),
            time(estimate.within)
        );
    }
    table
}

/// A time in the unit that suits it.
fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.1} µs", n / 1e3),
        n => format!("{:.1} ms", n / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mean_and_interval_are_read() {
        let estimates = json!({
            "mean": {
                "confidence_interval": {"confidence_level": 0.95, "lower_bound": 90.0, "upper_bound": 114.0},
                "point_estimate": 100.0,
                "standard_error": 6.0,
            },
            "median": {},
        });
        let estimate = estimate(&estimates).unwrap();
        assert_eq!(
            estimate,
            Estimate {
                nanoseconds: 100.0,
                within: 12.0
            }
        );
        assert!(table(&[("a pick", estimate)]).ends_with("| a pick | 100 ns | 12 ns |\n"));
    }

    #[test]
    fn times_are_written_in_their_unit() {
        assert_eq!(time(950.0), "950 ns");
        assert_eq!(time(12_340.0), "12.3 µs");
        assert_eq!(time(7_654_321.0), "7.7 ms");
    }

    #[test]
    fn missing_benchmark_is_named() {
        let error = format!("{:#}", read(Path::new("/nowhere")).unwrap_err());
        assert!(error.contains("ipv4-16-pick has not run"), "{error}");
    }
}
