//! What one launch costs of the account's rate limits.

use hookline_local::Settings;
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use hookline_testkit::scene::Size;

/// EC2 and Auto Scaling calls of a launch with four networks, tagging and completion included, when
/// the instance already runs: 2 to tag, 2 to plan, 4 + 4 + 8 to create, attach and set attributes,
/// 1 to look, 1 to complete, 1 to tag the instance with the verdict.
const WARM: usize = 23;
/// A process that has cached nothing also describes the instance type, the subnets, and the CIDR
/// reservations of each.
const COLD: usize = WARM + 6;

#[tokio::test(start_paused = true)]
async fn launch_with_four_networks_makes_no_more_calls_than_before() {
    let size = Size {
        azs: 1,
        networks: 4,
        ..Size::default()
    };
    let mut launch = Launch::begin(Settings::for_tests(), &size).await.unwrap();
    launch.until_it_runs().await.unwrap();
    let mark = launch.mark();
    launch.run_to(State::ContinueLaunch).await.unwrap();
    let cold = launch.actions_since(mark);
    assert!(
        cold.values().sum::<usize>() <= COLD,
        "{} calls cold, at most {COLD}: {cold:#?}",
        cold.values().sum::<usize>()
    );
    launch.nothing_is_broken().unwrap();

    // The next launch in the same processes.
    let next = Launch::more(&launch.scene, 1).await.unwrap().remove(0);
    next.until_it_runs().await.unwrap();
    let mark = launch.mark();
    launch.data = next.data;
    launch.instance = next.instance;
    launch.run_to(State::ContinueLaunch).await.unwrap();
    let warm = launch.actions_since(mark);
    assert!(
        warm.values().sum::<usize>() <= WARM,
        "{} calls warm, at most {WARM}: {warm:#?}",
        warm.values().sum::<usize>()
    );
    launch.nothing_is_broken().unwrap();
}
