//! The axis of time: from the first thing that happened to the last, in thousandths.

use serde_json::{Value as Json, json};

use crate::judge::timeline::{Phase, State, Timeline};
use crate::judge::words::clock;

/// The distances between two marks, in seconds.
const STEPS: [i64; 18] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400,
    604_800,
];
/// The most marks.
const MAX_TICKS: i64 = 8;
/// The narrowest bar, so that it is seen.
const MIN_WIDTH: f64 = 1.5;
/// The length of the axis.
const LENGTH: f64 = 1_000.0;

/// The axis.
#[derive(Debug)]
pub(super) struct Axis {
    /// In milliseconds since the epoch.
    from: i64,
    /// In milliseconds since the epoch, later than `from`.
    to: i64,
}

impl Axis {
    /// From the first bar to the end of the last that is not InService: what is InService stays so.
    pub(super) fn of(timeline: &Timeline) -> Self {
        let now = timeline.at.saturating_mul(1_000);
        let bars = || timeline.nodes.iter().flat_map(|node| &node.bars);
        let from = bars().map(|bar| bar.from).min();
        let from = from.unwrap_or(timeline.since.saturating_mul(1_000));
        let stays = |phase: Phase| matches!(phase, Phase::InService | Phase::InWarmPool);
        let last = bars().map(|bar| if stays(bar.phase) { bar.from } else { bar.to });
        let calls = timeline.calls.iter().filter_map(|calls| calls.at.last());
        let is_over = |state: State| {
            matches!(
                state,
                State::Abandoned | State::InService | State::InWarmPool | State::Gone
            )
        };
        let to = match timeline.nodes.iter().all(|node| is_over(node.state)) && bars().count() > 0 {
            true => last.chain(calls.copied()).max().unwrap_or(now),
            false => now,
        };
        let to = to.max(from.saturating_add(1_000));
        // Some room, to see how it ends.
        let room = (to - from) / 20;
        Self {
            from,
            to: to.saturating_add(room).min(now.max(to)),
        }
    }

    /// Where a time is.
    #[allow(clippy::cast_precision_loss)] // stretches of milliseconds are far below 2^53
    pub(super) fn place(&self, at: i64) -> f64 {
        let of = (at.clamp(self.from, self.to) - self.from) as f64;
        LENGTH * of / (self.to - self.from) as f64
    }

    /// The place and the width of a stretch of time, as SVG has them.
    pub(super) fn stretch(&self, from: i64, to: i64) -> (String, String) {
        let start = self.place(from);
        let width = (self.place(to) - start).max(MIN_WIDTH);
        // One at the very end is seen too.
        let start = start.min(LENGTH - width);
        (number(start), number(width))
    }

    /// The marks: where each is, in percent, and its time. One at an edge has no room for it.
    pub(super) fn ticks(&self) -> Vec<Json> {
        let seconds = (self.to - self.from) / 1_000;
        let mut steps = STEPS.iter().copied();
        let step = steps.find(|step| seconds / step < MAX_TICKS);
        let step = step.unwrap_or_else(|| (seconds / MAX_TICKS).max(1));
        let first = (self.from / 1_000).div_euclid(step) + 1;
        (first..)
            .map(|n| n * step)
            .take_while(|at| at * 1_000 <= self.to)
            .map(|at| {
                let clock = clock(at);
                let clock = clock.trim_end_matches('Z');
                let label = match seconds {
                    // The hour alone would not tell the day.
                    86_400.. => super::at(at).get(5..16).unwrap_or(clock).to_owned(),
                    _ => clock.to_owned(),
                };
                let percent = self.place(at * 1_000) / 10.0;
                let label = (4.0..95.0).contains(&percent).then_some(label);
                json!({ "percent": number(percent), "label": label })
            })
            .collect()
    }

    /// The lengths of the columns of a chart: how many there are, and the milliseconds of each.
    pub(super) fn columns(&self) -> (i64, i64) {
        let seconds = (self.to - self.from) / 1_000 + 1;
        let width = (seconds / 120 + 1) * 1_000;
        ((self.to - self.from) / width + 1, width)
    }

    /// The first millisecond.
    pub(super) fn from(&self) -> i64 {
        self.from
    }

    /// The last millisecond.
    pub(super) fn to(&self) -> i64 {
        self.to
    }
}

/// A number as SVG has it, with what can be seen of its fraction.
pub(super) fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(from: i64, to: i64) -> Vec<String> {
        let ticks = Axis { from, to }.ticks();
        let labels = ticks.iter().filter_map(|tick| tick["label"].as_str());
        labels.map(str::to_owned).collect()
    }

    #[test]
    fn marks_are_at_round_times_and_few() {
        let day = 1_767_312_000_000;
        assert_eq!(
            labels(day + 1_500, day + 4_200),
            ["00:00:02", "00:00:03", "00:00:04"]
        );
        assert_eq!(
            labels(day + 50_000, day + 200_000),
            ["00:01:00", "00:01:30", "00:02:00", "00:02:30", "00:03:00"]
        );
        assert_eq!(labels(day, day + 3 * 86_400_000)[0], "01-02 12:00");
        for seconds in [1, 7, 8, 90, 3_599, 3_601, 90_000, 7_776_000] {
            let (from, to) = (day, day + seconds * 1_000);
            let ticks = Axis { from, to }.ticks();
            assert!((1..=12).contains(&ticks.len()), "{seconds}: {ticks:?}");
        }
    }

    #[test]
    fn short_bar_is_seen_and_stays_on_the_axis() {
        let axis = Axis {
            from: 0,
            to: 1_000_000,
        };
        assert_eq!(axis.stretch(0, 500_000), ("0".to_owned(), "500".to_owned()));
        assert_eq!(
            axis.stretch(1_000_000, 1_000_000),
            ("998.5".to_owned(), "1.5".to_owned())
        );
        // What is out of the axis is at its edge.
        assert_eq!(axis.place(-5), 0.0);
    }

    #[test]
    fn number_has_two_decimals_at_most() {
        for (given, text) in [(0.0, "0"), (1.0, "1"), (100.0, "100"), (2.0 / 3.0, "0.67")] {
            assert_eq!(number(given), text);
        }
    }
}
