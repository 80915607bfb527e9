//! Executions that began under release 0.1 and run across the upgrade: Step Functions keeps the
//! definition that they began with, while the functions are today's.

// Helpers of tests may panic as tests do.
#![allow(clippy::expect_used, missing_docs)]

use hookline_simulator::faults::run_cell_of;
use hookline_simulator::run::{Scenario, simulate_checked};
use hookline_simulator::setting::Setting;
use hookline_testkit::scene::Size;

/// The state machine of release 0.1, as it was deployed.
const RELEASE_0_1: &str = include_str!("../fixtures/launch-node-0.1.asl.json");

#[test]
fn scale_out_with_the_definition_of_release_0_1_loses_no_node() {
    let mut scenario = Scenario::new(20, Size::default(), 5);
    scenario.definition = RELEASE_0_1;
    let (report, history) = simulate_checked(scenario).expect("a run");
    assert_eq!(report.in_service, 20, "{history}");
}

/// Each kind of fault at some of the calls of a launch. The whole matrix runs with today's
/// definition.
#[test]
fn fault_under_the_definition_of_release_0_1_breaks_no_promise() {
    let cells = Setting::Gate.cells().expect("a launch without faults");
    for cell in cells.into_iter().step_by(7) {
        let outcome = run_cell_of(RELEASE_0_1, Setting::Gate, cell, 1).expect("a run");
        assert!(
            outcome.problems.is_empty(),
            "{}: {:#?}\n{}",
            outcome.cell,
            outcome.problems,
            outcome.history.join("\n")
        );
    }
}
