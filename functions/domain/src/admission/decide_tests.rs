//! Wait or go, as arithmetic.

use super::heartbeat::Extension;
use super::*;
use crate::fixtures::{NOW, four_slots, launches, me};

fn first() -> Previous {
    Previous::of(None, None, None)
}

/// The launch of just now, behind `others`.
fn queue(others: Vec<ObservedLaunch>) -> Queue {
    Queue {
        me: me(NOW),
        me_is_wired: false,
        me_is_listed: true,
        me_is_running: true,
        others,
    }
}

fn wait(decision: Decision) -> (u32, WaitReason) {
    match decision {
        Decision::Wait(wait) => (wait.seconds + wait.then_seconds, wait.reason),
        Decision::Go => panic!("it goes"),
    }
}

#[test]
fn launch_with_nobody_ahead_goes() {
    let decision = decide(
        &four_slots(),
        &queue(Vec::new()),
        &first(),
        &Heartbeat::NotOurs,
        NOW,
    );
    assert_eq!(decision, Decision::Go);
}

#[test]
fn launch_behind_fifty_waits_for_its_turn() {
    let queue = queue(launches(50, NOW, false));
    // 44 launches beyond the burst of seven, at 0.817 s each, from five seconds on.
    let decision = decide(&four_slots(), &queue, &first(), &Heartbeat::NotOurs, NOW);
    assert_eq!(wait(decision), (41, WaitReason::Turn));
}

#[test]
fn launch_that_has_its_interfaces_waits_until_its_instance_runs() {
    let previous = Previous {
        round: 2,
        has_interfaces: true,
        ..first()
    };
    let mut queue = queue(Vec::new());
    queue.me_is_running = false;
    for (age, seconds) in [(0, 5), (16, 5), (20, 6), (100, 30), (600, 60), (3000, 60)] {
        let decision = decide(
            &four_slots(),
            &queue,
            &previous,
            &Heartbeat::NotOurs,
            NOW + age,
        );
        assert_eq!(wait(decision), (seconds, WaitReason::Pending), "{age}");
    }
    queue.me_is_running = true;
    assert_eq!(
        decide(&four_slots(), &queue, &previous, &Heartbeat::NotOurs, NOW),
        Decision::Go
    );
    // Interfaces are created while the instance is pending.
    queue.me_is_running = false;
    assert_eq!(
        decide(&four_slots(), &queue, &first(), &Heartbeat::NotOurs, NOW),
        Decision::Go
    );
}

#[test]
fn wired_launch_goes_whoever_is_ahead() {
    let mut queue = queue(launches(500, NOW - 60, false));
    queue.me_is_wired = true;
    assert_eq!(
        decide(&four_slots(), &queue, &first(), &Heartbeat::NotOurs, NOW),
        Decision::Go
    );
}

#[test]
fn cut_wait_goes_on_and_is_not_computed_again() {
    let previous = Previous {
        wait: Some((120, WaitReason::Turn)),
        ..first()
    };
    let decision = decide(
        &four_slots(),
        &queue(Vec::new()),
        &previous,
        &Heartbeat::NotOurs,
        NOW,
    );
    assert_eq!(wait(decision), (120, WaitReason::Turn));
}

#[test]
fn launch_that_has_waited_goes_though_others_are_ahead() {
    let previous = Previous {
        wait: Some((0, WaitReason::Turn)),
        ahead: 9,
        ..first()
    };
    let queue = queue(launches(9, NOW, false));
    assert_eq!(
        decide(&four_slots(), &queue, &previous, &Heartbeat::NotOurs, NOW),
        Decision::Go
    );
}

#[test]
fn launch_whose_turn_has_come_lets_a_backlog_go_as_long_as_it_shrinks() {
    let previous = |ahead| Previous {
        wait: Some((0, WaitReason::Turn)),
        ahead,
        ..first()
    };
    let queue = queue(launches(40, NOW - 60, false));
    let decision = decide(
        &four_slots(),
        &queue,
        &previous(41),
        &Heartbeat::NotOurs,
        NOW,
    );
    assert_eq!(wait(decision), (25, WaitReason::Backlog));
    let stuck = decide(
        &four_slots(),
        &queue,
        &previous(40),
        &Heartbeat::NotOurs,
        NOW,
    );
    assert_eq!(stuck, Decision::Go);
}

#[test]
fn launch_pauses_after_a_conflict_even_if_nobody_is_ahead() {
    let previous = Previous {
        round: 2,
        address_was_taken: true,
        ..first()
    };
    let (seconds, reason) = wait(decide(
        &four_slots(),
        &queue(Vec::new()),
        &previous,
        &Heartbeat::NotOurs,
        NOW,
    ));
    assert!((2..6).contains(&seconds), "{seconds}");
    assert_eq!(reason, WaitReason::AddressConflict);
}

#[test]
fn second_round_without_a_conflict_goes() {
    let previous = Previous {
        round: 2,
        ahead: 50,
        ..first()
    };
    let queue = queue(launches(50, NOW, false));
    assert_eq!(
        decide(&four_slots(), &queue, &previous, &Heartbeat::NotOurs, NOW),
        Decision::Go
    );
}

#[test]
fn hook_that_is_old_is_extended_once_before_the_launch_goes() {
    let hook = |now, just_now| Heartbeat::Ours {
        extended_after: None,
        now,
        just_now,
    };
    let decided = |hook| decide(&four_slots(), &queue(Vec::new()), &first(), &hook, NOW);
    assert_eq!(decided(hook(Some(210), None)), Decision::Go);
    for old in [hook(Some(211), None), hook(None, None)] {
        let Decision::Wait(wait) = decided(old) else {
            panic!("it goes");
        };
        let found = (wait.seconds, wait.then_seconds, wait.extend_hook);
        assert_eq!(found, (1, 0, true));
    }
    // Whatever came of it, the launch goes on.
    for just_now in [Extension::Done, Extension::Failed] {
        assert_eq!(decided(hook(Some(900), Some(just_now))), Decision::Go);
        assert_eq!(decided(hook(None, Some(just_now))), Decision::Go);
    }
}
