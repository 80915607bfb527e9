//! The live view of a scale-out in a terminal: a pure function from what was observed to a frame.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table};

use super::printable;
use crate::judge::timeline::State;
use crate::judge::watch::{GroupNow, LaunchNow, Watched};
use crate::judge::words::{ago, clock, duration};
use crate::observed::throttled::Look;

/// The most lines of trouble.
const TROUBLE: usize = 4;
/// The width of the bar of a group, in columns.
const BAR: usize = 30;
/// The widest column of groups.
const GROUP: usize = 20;

/// What is shown.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) watched: &'a Watched,
    /// The throttled calls. The last look at them may be older still.
    pub(crate) throttled: Option<&'a Look>,
    /// The time now, in seconds since the epoch: the last look may be older.
    pub(crate) now: i64,
    /// The first launch that is shown.
    pub(crate) first: usize,
    /// Why the last look failed.
    pub(crate) failed: Option<&'a str>,
}

/// Draws the view.
pub(crate) fn draw(frame: &mut Frame<'_>, view: &View<'_>) {
    let watched = view.watched;
    let groups = lines(watched.groups.len());
    let trouble = lines(watched.trouble.len().min(TROUBLE));
    let [head, group_lines, launches, trouble_lines, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(groups + 1),
        Constraint::Min(1),
        Constraint::Length(trouble),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let stack = match watched.stack.as_str() {
        "" => "(no stack)".to_owned(),
        stack => printable::text(stack),
    };
    let title = format!(
        "{stack} at {}, looked at {}",
        clock(view.now),
        ago(watched.at, view.now)
    );
    let mut title = Line::styled(title, Style::new().add_modifier(Modifier::BOLD));
    title.extend(view.throttled.map(|look| throttled(look, view.now)));
    frame.render_widget(Paragraph::new(title), head);
    let text: Vec<Line<'_>> = watched.groups.iter().map(group).collect();
    frame.render_widget(Paragraph::new(text), group_lines);
    draw_launches(frame, view, launches);
    let red = Style::new().fg(Color::Red);
    let told = watched.trouble.iter().take(TROUBLE);
    let told: Vec<Line<'_>> = told
        .map(|text| Line::styled(printable::text(text), red))
        .collect();
    frame.render_widget(Paragraph::new(told), trouble_lines);
    let mut launches = watched.launches.iter();
    let keys = match launches.any(|it| it.state == State::Untagged) {
        false => "q quits, arrows scroll. Ends: when the hook ends, at the earliest.",
        true => {
            "q quits, arrows scroll. Waiting to be tagged is right: launches of a burst are tagged in turn."
        }
    };
    let foot_text = match view.failed {
        Some(why) => Line::styled(
            format!("The last look failed: {}", printable::text(why)),
            red,
        ),
        None => Line::styled(keys, Style::new().add_modifier(Modifier::DIM)),
    };
    frame.render_widget(Paragraph::new(foot_text), foot);
}

/// The throttled calls, after what is before them in the first line.
fn throttled(look: &Look, now: i64) -> Span<'static> {
    let dim = Style::new().add_modifier(Modifier::DIM);
    match look {
        Ok(it) => {
            let number = format!("; throttled: {}, as of {}", it.number(), ago(it.at, now));
            match it.calls {
                0 => Span::styled(number, dim),
                _ => {
                    let whose = printable::text(&it.whose());
                    Span::styled(format!("{number} ({whose})"), Style::new().fg(Color::Red))
                }
            }
        }
        Err(why) => Span::styled(
            format!("; throttled: not known: {}", printable::text(why)),
            dim,
        ),
    }
}

fn lines(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn group(group: &GroupNow) -> Line<'static> {
    let of = |number: usize| (number * BAR).checked_div(group.wanted).unwrap_or_default();
    let ready = of(group.in_service).min(BAR);
    let launching = of(group.launching).min(BAR - ready);
    let rest = BAR - ready - launching;
    Line::from(vec![
        Span::raw(format!("{:20.20} ", printable::text(&group.name))),
        Span::styled("█".repeat(ready), colour(State::InService)),
        Span::styled("▒".repeat(launching), colour(State::Waiting)),
        Span::raw("·".repeat(rest)),
        Span::raw(format!(
            " {} of {} InService, {} launching{}",
            group.in_service,
            group.wanted,
            group.launching,
            match group.into_pool {
                0 => String::new(),
                number => format!(", {number} into the warm pool"),
            }
        )),
    ])
}

fn colour(state: State) -> Style {
    Style::new().fg(match state {
        State::Abandoned | State::Stuck => Color::Red,
        State::Waiting | State::Untagged => Color::Yellow,
        State::Creating => Color::Blue,
        State::Attaching => Color::Magenta,
        State::Proceeding => Color::Cyan,
        State::InService | State::InWarmPool => Color::Green,
        State::Starting | State::Gone => Color::DarkGray,
    })
}

fn draw_launches(frame: &mut Frame<'_>, view: &View<'_>, area: Rect) {
    let launches = &view.watched.launches;
    if launches.is_empty() {
        frame.render_widget(Paragraph::new("No launch is under way."), area);
        return;
    }
    let rows = launches.iter().skip(view.first);
    let rows: Vec<Row<'_>> = rows
        .take(area.height.into())
        .map(|it| row(it, view.now))
        .collect();
    let header = [
        "GROUP",
        "NODE",
        "STATE",
        "SINCE",
        "AHEAD",
        "TURN IN",
        "INTERFACES",
        "ENDS",
    ];
    let names = launches.iter().map(|launch| launch.group.chars().count());
    let longest = names.chain(["GROUP".len()]).max();
    let widths = [
        Constraint::Length(lines(longest.unwrap_or_default().min(GROUP))),
        Constraint::Fill(1),
        Constraint::Length(21),
        Constraint::Length(12),
        Constraint::Length(5),
        Constraint::Length(8),
        Constraint::Length(10),
        Constraint::Length(9),
    ];
    let style = Style::new().fg(Color::Cyan);
    let table = Table::new(rows, widths).header(Row::new(header).style(style));
    frame.render_widget(table, area);
}

fn row(launch: &LaunchNow, now: i64) -> Row<'static> {
    let or_empty = |text: Option<String>| text.unwrap_or_default();
    let ends = launch.deadline.map(|deadline| match deadline - now {
        left @ 1.. => duration(left),
        // It waits still: its hook began later than the launch, or somebody has extended it.
        _ => "due".to_owned(),
    });
    let is_over = matches!(launch.state, State::InService | State::Abandoned);
    let since = match is_over {
        true => ago(launch.since, now),
        false => duration(now - launch.since),
    };
    // Of a launch that is over, the columns behind are empty, but these have a fixed width.
    let node = match &launch.message {
        Some(message) => format!("{}: {message}", launch.node),
        None => launch.node.clone(),
    };
    let interfaces = launch.interfaces;
    Row::new([
        printable::text(&launch.group),
        printable::text(&node),
        launch.state.words().to_owned(),
        since,
        or_empty(launch.ahead.map(|ahead| ahead.to_string())),
        or_empty(launch.turn_in.map(|seconds| duration(seconds.into()))),
        or_empty(interfaces.map(|(attached, wanted)| format!("{attached} of {wanted}"))),
        or_empty(ends),
    ])
    .style(colour(launch.state))
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
