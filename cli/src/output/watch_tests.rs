//! The frame, by what it shows.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::fixtures::NOW;
use crate::observed::throttled::Throttled;

fn launch(n: usize, state: State) -> LaunchNow {
    LaunchNow {
        group: "upf".to_owned(),
        node: format!("upf-{n}"),
        state,
        ahead: None,
        turn_in: None,
        since: NOW - 60,
        deadline: Some(NOW + 1_740),
        interfaces: Some((1, 4)),
        message: None,
    }
}

fn watched(launches: Vec<LaunchNow>) -> Watched {
    Watched {
        at: NOW,
        stack: "hookline".to_owned(),
        groups: vec![GroupNow {
            name: "upf".to_owned(),
            wanted: 10,
            in_service: 5,
            launching: 2,
            into_pool: 0,
        }],
        launches,
        trouble: Vec::new(),
    }
}

/// The lines of a frame of this size.
fn lines_of(view: &View<'_>, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(width.into());
    let line = |cells: &[ratatui::buffer::Cell]| -> String {
        cells.iter().map(ratatui::buffer::Cell::symbol).collect()
    };
    lines
        .map(|cells| line(cells).trim_end().to_owned())
        .collect()
}

fn view(watched: &Watched) -> View<'_> {
    View {
        watched,
        throttled: None,
        now: NOW,
        first: 0,
        failed: None,
    }
}

/// A line with one space for several.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_launch_has_its_state_its_place_in_the_queue_and_the_end_of_its_hook() {
    let mut waits = launch(1, State::Waiting);
    (waits.ahead, waits.turn_in) = (Some(12), Some(30));
    let mut abandoned = launch(2, State::Abandoned);
    abandoned.deadline = None;
    abandoned.interfaces = None;
    abandoned.message = Some("by the hook".to_owned());
    let mut due = launch(3, State::Attaching);
    due.deadline = Some(NOW - 1);
    let shown = watched(vec![waits, abandoned, due]);
    let lines = lines_of(&view(&shown), 120, 20);
    assert_eq!(
        lines[0], "hookline at 03:04:05Z, looked at 0 s ago",
        "{lines:#?}"
    );
    assert_eq!(
        squeezed(&lines[1]),
        format!(
            "upf {}{}{} 5 of 10 InService, 2 launching",
            "█".repeat(15),
            "▒".repeat(6),
            "·".repeat(9)
        )
    );
    let rows: Vec<String> = lines[3..7].iter().map(|line| squeezed(line)).collect();
    assert_eq!(
        rows,
        [
            "GROUP NODE STATE SINCE AHEAD TURN IN INTERFACES ENDS",
            "upf upf-1 waiting for its turn 60 s 12 30 s 1 of 4 29 min",
            "upf upf-2: by the hook abandoned 60 s ago",
            "upf upf-3 attaching interfaces 60 s 1 of 4 due",
        ]
    );
    assert!(lines[19].starts_with("q quits"), "{lines:#?}");
}

#[test]
fn launch_that_waits_to_be_tagged_is_said_to_be_right() {
    let mut waits = launch(1, State::Untagged);
    (waits.ahead, waits.turn_in) = (Some(149), Some(11));
    let shown = watched(vec![waits]);
    let lines = lines_of(&view(&shown), 100, 10);
    let row = squeezed(&lines[4]);
    assert!(
        row.starts_with("upf upf-1 waiting to be tagged 60 s 149 11 s"),
        "{row}"
    );
    assert!(
        lines[9]
            .ends_with("Waiting to be tagged is right: launches of a burst are tagged in turn."),
        "{lines:#?}"
    );
}

/// The first line, 100 columns wide, with these throttled calls.
fn head(look: &Look) -> String {
    let shown = watched(Vec::new());
    let view = View {
        throttled: Some(look),
        ..view(&shown)
    };
    lines_of(&view, 100, 10).swap_remove(0)
}

#[test]
fn throttled_calls_are_in_the_first_line_with_their_age() {
    let mut throttled = Throttled {
        at: NOW - 24,
        seconds: 300,
        calls: 37,
        of_profiles: [("upf".to_owned(), 30)].into(),
        of_reconcile_and_adopt: 7,
    };
    assert_eq!(
        head(&Ok(throttled.clone())),
        "hookline at 03:04:05Z, looked at 0 s ago; throttled: 37 calls in 5 min, as of 24 s ago (upf 30, reco"
    );
    throttled.of_profiles = [("upf\u{9b}2J".to_owned(), 37)].into();
    throttled.of_reconcile_and_adopt = 0;
    assert!(head(&Ok(throttled.clone())).ends_with(" (upf2J 37)"));
    throttled.calls = 0;
    assert!(head(&Ok(throttled)).ends_with("; throttled: no call in 5 min, as of 24 s ago"));
}

#[test]
fn throttled_calls_that_nobody_may_see_are_not_known() {
    let denied = Err("cloudwatch:GetMetricData: \u{1b}[2Jdenied".to_owned());
    assert_eq!(
        head(&denied),
        "hookline at 03:04:05Z, looked at 0 s ago; throttled: not known: cloudwatch:GetMetricData: denied"
    );
}

#[test]
fn trouble_and_a_look_that_failed_are_shown() {
    let mut shown = watched(vec![launch(1, State::Starting)]);
    shown.trouble = (0..9).map(|n| format!("trouble {n}")).collect();
    let view = View {
        now: NOW + 125,
        failed: Some("AWS throttles the calls"),
        ..view(&shown)
    };
    let lines = lines_of(&view, 100, 16);
    assert!(lines[0].ends_with("looked at 2 min ago"), "{lines:#?}");
    assert_eq!(
        lines[11..15],
        ["trouble 0", "trouble 1", "trouble 2", "trouble 3"]
    );
    assert_eq!(lines[15], "The last look failed: AWS throttles the calls");
}

#[test]
fn five_hundred_launches_scroll() {
    let shown = watched((0..500).map(|n| launch(n, State::Waiting)).collect());
    let view = View {
        first: 490,
        ..view(&shown)
    };
    let lines = lines_of(&view, 100, 30);
    assert!(
        squeezed(&lines[4]).starts_with("upf upf-490 "),
        "{lines:#?}"
    );
    assert!(
        squeezed(&lines[13]).starts_with("upf upf-499 "),
        "{lines:#?}"
    );
    assert_eq!(lines[14], "");
}

#[test]
fn text_from_outside_moves_no_cursor() {
    let mut shown = watched(vec![launch(1, State::Abandoned)]);
    shown.launches[0].node = "upf\u{1b}[2J\u{9b}2J\u{202e}-1".to_owned();
    shown.launches[0].message = Some("\u{7}bell".to_owned());
    shown.groups[0].name = "upf\u{1b}]0;title\u{7}".to_owned();
    shown.trouble = vec!["two\nlines".to_owned()];
    let text = lines_of(&view(&shown), 100, 20).join("\n");
    assert!(text.contains("upf2J-1"), "{text}");
    assert!(text.contains("-1: bell"), "{text}");
    assert!(text.contains("two lines"), "{text}");
    let harmful =
        |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
    assert!(!text.contains(harmful), "{text:?}");
}

#[test]
fn any_size_of_a_terminal_has_a_frame() {
    let mut shown = watched((0..40).map(|n| launch(n, State::Creating)).collect());
    shown.groups = vec![shown.groups[0].clone(); 30];
    shown.groups[0].wanted = 0;
    for (width, height) in [(1, 1), (10, 3), (40, 10), (300, 100)] {
        let lines = lines_of(&view(&shown), width, height);
        assert_eq!(lines.len(), usize::from(height));
    }
}

#[test]
fn without_a_launch_the_frame_says_so() {
    let lines = lines_of(&view(&watched(Vec::new())), 80, 10);
    assert_eq!(lines[3], "No launch is under way.", "{lines:#?}");
}
