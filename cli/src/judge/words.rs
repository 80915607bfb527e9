//! Numbers and times in words.

use hookline_domain::time::rfc3339;

/// A duration, as `12 s`, `4 min`, `2 h 5 min`, `3 d`.
pub(crate) fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => match seconds % 3_600 / 60 {
            0 => format!("{} h", seconds / 3_600),
            minutes => format!("{} h {minutes} min", seconds / 3_600),
        },
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long ago something was.
pub(crate) fn ago(then: i64, now: i64) -> String {
    format!("{} ago", duration(now.saturating_sub(then)))
}

/// The time of the day in UTC, as `03:04:05Z`.
pub(crate) fn clock(seconds: i64) -> String {
    let time = rfc3339(seconds);
    time.split_once('T')
        .map_or_else(String::new, |(_, clock)| clock.to_owned())
}

/// A number with what it counts: `1 launch`, `2 launches`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

/// The first items of a list, and how many more there are.
pub(crate) fn list<T: ToString>(items: impl IntoIterator<Item = T>, most: usize) -> String {
    let all: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    list_of(&all, most, all.len())
}

/// The same of `number` items, of which these are the first.
pub(crate) fn list_of(first: &[impl ToString], most: usize, number: usize) -> String {
    let shown: Vec<String> = first.iter().take(most).map(ToString::to_string).collect();
    match number.saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_people_use() {
        for (seconds, text) in [
            (-5, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (7_500, "2 h 5 min"),
            (172_800, "2 d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(ago(100, 160), "60 s ago");
        assert_eq!(clock(1_767_323_045), "03:04:05Z");
    }

    #[test]
    fn long_list_is_cut() {
        assert_eq!(list([1, 2], 3), "1, 2");
        assert_eq!(list(1..=5, 3), "1, 2, 3 and 2 more");
        assert_eq!(count(1, "launch", "launches"), "1 launch");
        assert_eq!(count(0, "launch", "launches"), "0 launches");
    }
}
