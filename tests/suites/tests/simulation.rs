//! Scale-outs and faults in virtual time. `cargo xtask sim` and `cargo xtask faults` run larger
//! ones.

// Helpers of tests may panic as tests do.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use hookline_domain::admission::Concurrency;
use hookline_domain::profile::TokenBucket;
use hookline_local::Bucket;
use hookline_simulator::faults::{Background, Outcome, calls_of_a_launch, run_cell, run_random};
use hookline_simulator::report::Report;
use hookline_simulator::run::{
    Run, Scenario, on_paused_clock, simulate, simulate_beside_one_launch, simulate_checked,
};
use hookline_simulator::setting::Setting;
use hookline_simulator::strategy::Strategy;
use hookline_testkit::permissions::{allowed, difference, needed};
use hookline_testkit::scene::Size;

/// Random histories in every test run; `cargo xtask faults -- --random 10000` runs more.
const HISTORIES: u64 = 500;

fn must_pass(outcomes: impl IntoIterator<Item = Outcome>) -> usize {
    let allowed = allowed().expect("permissions");
    let mut count = 0;
    for outcome in outcomes {
        count += 1;
        assert_eq!(
            difference(&needed(outcome.actions), &allowed),
            Vec::<String>::new(),
            "{} (seed {}): not in functions/permissions.json",
            outcome.cell,
            outcome.seed
        );
        assert!(
            outcome.problems.is_empty(),
            "{} (seed {}): {:#?}\n{}",
            outcome.cell,
            outcome.seed,
            outcome.problems,
            outcome.history.join("\n")
        );
    }
    count
}

#[test]
fn every_fault_at_every_call_ends_with_no_invariant_violated() {
    let calls = calls_of_a_launch(Setting::Gate).expect("a launch without faults");
    assert!(
        calls > 20,
        "a launch with four networks makes more than {calls} calls"
    );
    every_cell_passes(Setting::Gate, 1);
}

/// Every fifth of them here; `cargo xtask faults` runs all.
#[test]
fn every_fault_ends_with_no_invariant_violated_where_the_nodes_have_no_gate() {
    every_cell_passes(Setting::NoGate, 5);
}

#[test]
fn every_fault_after_continue_ends_with_no_invariant_violated() {
    every_cell_passes(Setting::ScarceAttributes, 1);
}

/// Every fifth of them here; `cargo xtask faults` runs all.
#[test]
fn every_fault_on_the_way_into_a_warm_pool_ends_with_no_invariant_violated() {
    every_cell_passes(Setting::IntoWarmPool, 5);
}

#[test]
fn every_fault_on_the_way_out_of_a_warm_pool_ends_with_no_invariant_violated() {
    every_cell_passes(Setting::OutOfWarmPool, 1);
}

/// Runs every `step`-th cell. With a step that no number of cells of a call is a multiple of, each kind of
/// fault is among them.
fn every_cell_passes(setting: Setting, step: usize) {
    let cells = setting.cells().expect("a launch without faults");
    let chosen = || cells.iter().step_by(step);
    for kind in cells
        .iter()
        .filter(|cell| cell.is_at_a_call())
        .map(|cell| cell.row())
    {
        assert!(
            chosen().any(|cell| cell.row() == kind),
            "{kind} is left out"
        );
    }
    let cells = chosen();
    let count = cells.len();
    let run = must_pass(cells.map(|cell| run_cell(setting, *cell, 1).expect("a run")));
    assert!(count > 60, "{count} cells");
    assert_eq!(run, count);
}

#[test]
fn random_histories_with_several_faults_violate_no_invariant() {
    must_pass((1..=HISTORIES).map(|seed| run_random(seed).expect("a run")));
}

#[test]
fn one_seed_always_gives_the_same_history() {
    // Enough for throttled calls, whose repetitions are at random times.
    let history = |seed| {
        let size = Size {
            networks: 1,
            ..Size::default()
        };
        let mut scenario = Scenario::new(80, size, seed);
        scenario.settings.node = None;
        simulate(scenario).expect("a run").1
    };
    let first = history(7);
    assert!(first.len() > 100, "a history of {} lines", first.len());
    assert_eq!(first, history(7));
    assert_ne!(first, history(8));
}

#[test]
fn scale_out_in_waves_over_three_azs_takes_the_lowest_addresses_and_loses_no_node() {
    let mut scenario = Scenario::new(30, Size::default(), 3);
    scenario.waves = 3;
    let (report, _) = simulate_checked(scenario).expect("a run");
    assert_eq!((report.in_service, report.abandoned), (30, 0));
    assert_eq!(
        (report.conflicts, report.holes, report.hooks_timed_out),
        (0, 0, 0)
    );
}

#[test]
fn launch_in_a_quiet_account_does_not_wait() {
    let (report, history) = simulate(Scenario::new(1, Size::default(), 5)).expect("a run");
    assert_eq!(report.in_service, 1);
    assert!(
        !history.iter().any(|line| line.contains("WaitForTurn")),
        "{}",
        history.join("\n")
    );
}

#[test]
fn random_faults_lose_no_node_and_violate_no_invariant() {
    let mut scenario = Scenario::new(10, Size::default(), 11);
    scenario.background = Background::Heavy;
    let (report, all) = simulate_checked(scenario).expect("a run");
    assert_eq!(report.in_service, 10, "{all}");
}

#[test]
fn other_callers_cost_time_and_no_repeated_create() {
    let mut scenario = Scenario::new(10, Size::default(), 6);
    // So narrow that the launches, which know only EC2's own rates, find it empty again and again.
    let narrow = Bucket {
        capacity: 4.0,
        refill_per_second: 1.0,
    };
    let action = "CreateNetworkInterface";
    scenario.settings.buckets.insert(action.to_owned(), narrow);
    let (report, history, made) = on_paused_clock(async move {
        let mut run = Run::new(scenario).await?;
        let report = run.to_rest().await?;
        let calls = run.local.calls().into_iter();
        let made = calls
            .filter(|call| call.action == action && call.is_ok())
            .filter(|call| call.user_agent.contains("app/Hookline"));
        Ok((report, run.history(), made.count()))
    })
    .expect("a run");
    let all = history.join("\n");
    assert_eq!(report.violations, Vec::<String>::new(), "{all}");
    assert_eq!((report.in_service, report.abandoned), (10, 0), "{all}");
    assert!(report.throttles > 40, "{} throttled", report.throttles);
    assert_eq!(made, report.interfaces, "a repeated create takes a token");
}

#[test]
fn hooks_of_many_that_wait_are_extended_within_the_rate_of_auto_scaling() {
    let mut scenario = Scenario::new(120, Size::default(), 9);
    // Each launch takes six seconds of this, so that the last ones wait for twelve minutes.
    scenario.attributes = Some(TokenBucket {
        capacity: 10,
        refill_per_second: 1,
    });
    let action = "RecordLifecycleActionHeartbeat";
    let narrow = Bucket {
        capacity: 10.0,
        refill_per_second: 0.5,
    };
    scenario.settings.buckets.insert(action.to_owned(), narrow);
    let (report, all) = simulate_checked(scenario).expect("a run");
    assert_eq!((report.in_service, report.abandoned), (120, 0), "{all}");
    assert!(report.in_service_s > 700.0, "{report:?}");
    let lines = || all.lines();
    let extended = lines().filter(|line| line.ends_with(" ExtendHook")).count();
    let failed = lines()
        .filter(|line| line.contains("ExtendHook failed"))
        .count();
    assert!(extended > 60, "{extended} extensions");
    assert_eq!(failed, 0, "of {extended} extensions");
}

#[test]
fn gate_keeps_the_vpc_cni_from_the_indexes_of_the_slots() {
    let scenario = Scenario::new(60, Size::default(), 1);
    let (report, all) = simulate_checked(scenario).expect("a run");
    assert_eq!((report.in_service, report.abandoned), (60, 0), "{all}");
    assert!(report.joined_s > report.in_service_s, "{report:?}");
    assert!(report.settled_s > 0.0, "{report:?}");
}

#[test]
fn nodes_without_a_gate_are_not_lost_to_the_vpc_cni() {
    let size = Size {
        device_indexes: false,
        ..Size::default()
    };
    let mut scenario = Scenario::new(60, size, 1);
    scenario.gate = false;
    let (report, all) = simulate_checked(scenario).expect("a run");
    assert_eq!((report.in_service, report.abandoned), (60, 0), "{all}");
}

#[test]
fn report_compares_a_scale_out_with_its_bound_and_one_launch() {
    let scenario = Scenario::new(20, Size::default(), 1);
    let (report, _) = simulate_beside_one_launch(scenario, |_| ()).expect("a run");
    // 80 interfaces of 20 nodes, and one of the VPC CNI on each of the other 19. The bucket of
    // AttachNetworkInterface holds 50 tokens and gets five a second.
    let bound = f64::from(20 * 4 + 19 - 50) / 5.0;
    assert!((report.bound_s - bound).abs() < 1e-9, "{report:?}");
    assert!(report.one_launch_s > 5.0, "{report:?}");
    let sum = report.bound_s + report.one_launch_s;
    let ratio = report.in_service_s / sum;
    assert!((report.ratio - ratio).abs() < 1e-9, "{report:?}");
    assert!((20.0..60.0).contains(&report.calls_per_node), "{report:?}");
}

#[test]
fn ranks_have_no_conflicts_where_other_strategies_do() {
    let conflicts = |strategy| {
        let mut scenario = Scenario::new(
            12,
            Size {
                azs: 1,
                ..Size::default()
            },
            2,
        );
        scenario.lambda.strategy = strategy;
        let (report, _) = simulate_checked(scenario).expect("a run");
        (report.conflicts, report.holes)
    };
    assert_eq!(conflicts(Strategy::Rank), (0, 0));
    assert!(conflicts(Strategy::LowestFree).0 > 0);
    let (met, holes) = conflicts(Strategy::RandomWindow);
    assert!(met > 0 && holes > 0, "{met} conflicts, {holes} holes");
    assert!(conflicts(Strategy::NextOnConflict).0 > 0);
}

#[test]
fn subnets_that_fill_up_serve_the_nodes_that_fit_and_leave_nothing_behind() {
    // A /27 has 27 addresses to give.
    let size = Size {
        azs: 1,
        prefix: 27,
        ..Size::default()
    };
    let mut scenario = Scenario::new(30, size, 4);
    // The three that do not fit are replaced again and again.
    scenario.limit = Duration::from_secs(1800);
    let (report, all) = simulate_checked(scenario).expect("a run");
    assert_eq!(
        (report.in_service, report.holes, report.conflicts),
        (27, 0, 0),
        "{all}"
    );
    assert!(report.abandoned >= 3, "{} were given up", report.abandoned);
    assert!(all.contains("no free address left in subnet-"), "{all}");
}

/// A scale-out in one AZ with the VPC CNI, with so many invocations at once of each function that is
/// named, and of the others as many as come. With what was computed for it.
fn with_concurrency(nodes: usize, reserved: &[(&'static str, usize)]) -> (Report, Concurrency) {
    let size = Size {
        azs: 1,
        prefix: 20,
        ..Size::default()
    };
    let mut scenario = Scenario::new(nodes, size, 1);
    scenario.lambda.concurrency = usize::MAX;
    let reserved = reserved.iter();
    scenario.lambda.reserved = reserved
        .map(|(function, reserved)| ((*function).to_owned(), *reserved))
        .collect();
    on_paused_clock(async move {
        let mut run = Run::new(scenario).await?;
        let report = run.to_rest().await?;
        Ok((report, Concurrency::of(&run.profile, nodes)))
    })
    .expect("a run")
}

#[test]
fn computed_concurrency_covers_that_of_scale_outs() {
    for nodes in [10, 60, 200] {
        let (report, computed) = with_concurrency(nodes, &[]);
        for (function, peak) in report.peak_concurrency {
            let mut functions = computed.functions.iter();
            match functions.find(|it| it.function == function) {
                Some(it) => assert!(it.at_most >= peak, "{nodes}: {peak} at once, {it:?}"),
                // Its schedule invokes it, not a launch.
                None => assert_eq!(function, "reconcile"),
            }
        }
    }
}

#[test]
fn scale_out_takes_at_most_5_percent_longer_with_the_concurrency_that_is_needed() {
    for nodes in [10, 60] {
        let (unlimited, computed) = with_concurrency(nodes, &[]);
        let needed = computed.functions.iter().map(|it| (it.function, it.needed));
        let (limited, _) = with_concurrency(nodes, &needed.collect::<Vec<_>>());
        let peaks = &limited.peak_concurrency;
        assert_eq!(
            (limited.in_service, limited.abandoned),
            (nodes, 0),
            "{peaks:?}"
        );
        let ratio = limited.in_service_s / unlimited.in_service_s;
        assert!(
            ratio < 1.05,
            "{nodes} nodes take {ratio} times as long: {computed:?}"
        );
    }
}
