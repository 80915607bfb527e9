//! The bars of a node, from the histories of its executions.

use super::{Bar, Phase};
use crate::observed::scale_out::Traced;

/// The phase of a state; `None` for one that changes none: it decides, or it comes after CONTINUE.
fn phase(state: &str) -> Option<Phase> {
    Some(match state {
        "TagNode" => Phase::Starting,
        "WaitForTagTurn" | "PlanInterfaces" | "WaitForTurn" | "ExtendHook" => Phase::Waiting,
        "CreateInterfaces" => Phase::Creating,
        "AttachInterfaces" => Phase::Attaching,
        "ContinueLaunch" => Phase::Proceeding,
        "NothingMadeYet" | "LaunchIsOver" | "AbandonLaunch" | "ReleaseInterfaces" => {
            Phase::Abandoning
        }
        _ => return None,
    })
}

/// Whether a state is the first of those that give a launch up.
pub(super) fn gives_up(state: &str) -> bool {
    phase(state) == Some(Phase::Abandoning)
}

/// The bars of an execution. It is in the last one until it ends, or until now, in milliseconds
/// since the epoch.
pub(super) fn of_execution(traced: &Traced, now: i64) -> Vec<Bar> {
    let execution = &traced.execution;
    let mut bars = Vec::new();
    push(&mut bars, Phase::Starting, execution.started);
    for event in &traced.history {
        if let Some(phase) = event.entered().and_then(phase) {
            push(&mut bars, phase, event.at);
        }
    }
    end(&mut bars, execution.stopped.unwrap_or(now));
    bars
}

/// Begins a phase, which ends the one before. Bars that would come to nothing go.
pub(super) fn push(bars: &mut Vec<Bar>, phase: Phase, at: i64) {
    while let Some(last) = bars.last()
        && last.from >= at
    {
        bars.pop();
    }
    end(bars, at);
    match bars.last() {
        Some(last) if last.phase == phase => {}
        _ => bars.push(Bar {
            phase,
            from: at,
            to: at,
        }),
    }
}

/// Ends the last phase at this time.
pub(super) fn end(bars: &mut [Bar], at: i64) {
    if let Some(last) = bars.last_mut() {
        last.to = at.max(last.from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(phase: Phase, from: i64, to: i64) -> Bar {
        Bar { phase, from, to }
    }

    #[test]
    fn phase_ends_where_the_next_begins() {
        let mut bars = Vec::new();
        push(&mut bars, Phase::Starting, 10);
        push(&mut bars, Phase::Waiting, 20);
        // The same phase again.
        push(&mut bars, Phase::Waiting, 30);
        push(&mut bars, Phase::Creating, 50);
        end(&mut bars, 60);
        assert_eq!(
            bars,
            [
                bar(Phase::Starting, 10, 20),
                bar(Phase::Waiting, 20, 50),
                bar(Phase::Creating, 50, 60),
            ]
        );
    }

    #[test]
    fn later_execution_cuts_the_bars_of_the_one_before() {
        let mut bars = vec![bar(Phase::Starting, 10, 40), bar(Phase::Waiting, 40, 90)];
        push(&mut bars, Phase::Starting, 30);
        assert_eq!(bars, [bar(Phase::Starting, 10, 30)]);
        // No bar has a negative length.
        end(&mut bars, 0);
        assert_eq!(bars, [bar(Phase::Starting, 10, 10)]);
    }
}
