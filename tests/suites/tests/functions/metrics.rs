//! What each function measures, as CloudWatch reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use hookline::runtime::invoke;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::{Fault, FaultKind, Settings};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::emf;
use hookline_testkit::launch::{GROUP, Launch, State};
use hookline_testkit::scene::Size;
use serde_json::{Value, json};

use crate::{failed, refusal, wait_seconds};

/// The metrics since the last call, by name and dimensions.
fn measured(launch: &Launch) -> BTreeMap<String, f64> {
    let now = launch.local().with_world(|world| world.kernel.timestamp());
    let values = emf::values(&launch.measured(), now.as_second() * 1000).unwrap();
    for (name, (_, unit)) in &values {
        let milliseconds = name.starts_with("EventToContinue");
        let wanted = if milliseconds {
            "Milliseconds"
        } else {
            "Count"
        };
        assert_eq!(unit, wanted, "{name}");
    }
    values
        .into_iter()
        .map(|(name, (value, _))| (name, value))
        .collect()
}

fn of_profile(name: &str) -> String {
    format!("{name} Profile={GROUP}")
}

fn only(name: &str, value: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([(of_profile(name), value)])
}

#[tokio::test(start_paused = true)]
async fn launch_without_faults_is_measured_with_its_duration() {
    let mut launch = Launch::running().await.unwrap();
    launch.run(State::TagNode).await.unwrap();
    assert_eq!(measured(&launch), BTreeMap::new());
    launch.run(State::PlanInterfaces).await.unwrap();
    // A /24 without EC2's five addresses, and the one that was planned.
    let free = |n| format!("FreeAddresses SubnetId={}", launch.subnet(n).unwrap());
    let expected = BTreeMap::from([(free(0), 250.0), (free(1), 250.0)]);
    assert_eq!(measured(&launch), expected);
    launch.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(measured(&launch), BTreeMap::new());
    launch.run(State::AttachInterfaces).await.unwrap();
    assert_eq!(measured(&launch), only("LaunchesWired", 1.0));

    launch.run(State::ContinueLaunch).await.unwrap();
    let events = launch.local().eventbridge().events();
    let event = events.iter().find(|event| **event == launch.data["event"]);
    assert!(event.is_some());
    let passed = launch.local().with_world(|world| {
        let instance = world.ec2.instance(&launch.instance).unwrap();
        let launched_at = world.kernel.timestamp_at(instance.launch_time);
        world.kernel.timestamp().duration_since(launched_at)
    });
    let values = measured(&launch);
    let took = values[&of_profile("EventToContinue")];
    assert_eq!(values.len(), 1, "{values:?}");
    // The event comes after the launch; its time is in whole seconds.
    let at_most = passed.as_secs_f64() * 1000.0 + 1000.0;
    assert!((1.0..=at_most).contains(&took), "{took} of {at_most}");
}

#[tokio::test(start_paused = true)]
async fn node_without_a_tag_is_counted_once() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["nodeTags"] = json!({"Name": "{{ tags['App'] }}", "Role": "{{ tags['App'] }}"});
    });
    launch.run(State::TagNode).await.unwrap();
    assert_eq!(measured(&launch), only("NodesWithoutTags", 1.0));
}

#[tokio::test(start_paused = true)]
async fn event_without_a_time_is_completed_and_not_measured() {
    let mut launch = Launch::running().await.unwrap();
    for time in ["soon", "2999-01-01T00:00:00Z"] {
        launch.data["event"]["time"] = json!(time);
        launch.run(State::TagNode).await.unwrap();
        // How old its hook is, is not known.
        let plan = launch.run(State::PlanInterfaces).await.unwrap();
        assert_eq!(plan["step"]["extendHook"], true, "{time}");
        for state in [
            State::PlanInterfaces,
            State::CreateInterfaces,
            State::AttachInterfaces,
        ] {
            launch.run(state).await.unwrap();
        }
        launch.measured();
    }
    launch.run(State::ContinueLaunch).await.unwrap();
    assert_eq!(measured(&launch), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn accepted_abandon_counts_once() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::TagNode).await.unwrap();
    launch.run(State::AbandonLaunch).await.unwrap();
    assert_eq!(measured(&launch), only("LaunchesAbandoned", 1.0));
    // It was abandoned, by whomever.
    launch.run(State::AbandonLaunch).await.unwrap();
    assert_eq!(measured(&launch), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn completion_is_late_if_the_launch_ended_the_other_way() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    launch.run(State::AbandonLaunch).await.unwrap();
    launch.measured();
    failed(
        launch.run(State::ContinueLaunch).await,
        "Hookline.LaunchGone",
    );
    assert_eq!(measured(&launch), only("LateVerdicts", 1.0));

    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::ContinueLaunch).await.unwrap();
    launch
        .until_lifecycle_state(LifecycleState::InService)
        .await
        .unwrap();
    launch.measured();
    launch.run(State::AbandonLaunch).await.unwrap();
    assert_eq!(measured(&launch), only("LateVerdicts", 1.0));
    // A replay of a successful launch.
    launch.run(State::ContinueLaunch).await.unwrap();
    assert_eq!(measured(&launch), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn completion_whose_response_was_lost_is_not_late() {
    for state in [State::ContinueLaunch, State::AbandonLaunch] {
        let mut launch = Launch::running().await.unwrap();
        launch.run_to(State::AttachInterfaces).await.unwrap();
        launch.measured();
        let lost = Fault::on("CompleteLifecycleAction", FaultKind::ResetAfter);
        launch.local().inject(lost);
        launch.run_until_answered(state).await.unwrap();
        assert_eq!(measured(&launch), BTreeMap::new(), "{state:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn conflicts_are_counted_and_the_pause_after_them_counts_as_a_wait() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::PlanInterfaces).await.unwrap();
    launch.measured();
    let taken = refusal("CreateNetworkInterface", "InvalidIPAddress.InUse");
    launch.local().inject(taken.times(2));
    launch.run(State::CreateInterfaces).await.unwrap();
    assert_eq!(measured(&launch), only("AddressConflicts", 2.0));
    let plan = launch.run(State::PlanInterfaces).await.unwrap();
    assert!(wait_seconds(&plan) > 0, "{plan}");
    assert_eq!(measured(&launch), only("LaunchesWaiting", 1.0));
    launch.run(State::PlanInterfaces).await.unwrap();
    // Listed as free, and still taken.
    let free = |n| format!("FreeAddresses SubnetId={}", launch.subnet(n).unwrap());
    let expected = BTreeMap::from([(free(0), 249.0), (free(1), 249.0)]);
    assert_eq!(measured(&launch), expected);
}

fn measured_of(launch: &Launch, name: &str) -> Option<f64> {
    measured(launch).get(name).copied()
}

#[tokio::test(start_paused = true)]
async fn full_subnet_is_measured_as_0_free_although_the_plan_fails() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["slots"][0]["excludedRanges"] = json!(["10.0.0.0/8"]);
    });
    launch.run(State::TagNode).await.unwrap();
    failed(
        launch.run(State::PlanInterfaces).await,
        "Hookline.SubnetsFull",
    );
    let free = format!("FreeAddresses SubnetId={}", launch.subnet(0).unwrap());
    assert_eq!(measured_of(&launch, &free), Some(0.0));

    // EC2 says so, whatever the listing shows.
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::PlanInterfaces).await.unwrap();
    let full = refusal(
        "CreateNetworkInterface",
        "InsufficientFreeAddressesInSubnet",
    );
    launch.local().inject(full.times(2));
    launch.run(State::CreateInterfaces).await.unwrap();
    launch.measured();
    failed(
        launch.run(State::PlanInterfaces).await,
        "Hookline.SubnetsFull",
    );
    let free = format!("FreeAddresses SubnetId={}", launch.subnet(0).unwrap());
    assert_eq!(measured_of(&launch, &free), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn launch_that_has_its_interfaces_reads_no_reservations_and_counts_no_free_addresses() {
    let settings = Settings {
        instance_pending_for: Duration::from_secs(320),
        ..Settings::for_tests()
    };
    let mut launch = Launch::begin(settings, &Size::default()).await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    launch.measured();
    let mark = launch.mark();
    loop {
        let plan = launch.run(State::PlanInterfaces).await.unwrap();
        let Some(seconds) = plan["step"]["seconds"].as_u64() else {
            break;
        };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        launch.measured();
    }
    let calls = launch.actions_since(mark);
    assert!(
        calls.contains_key("DescribeSubnets"),
        "the cache is old: {calls:?}"
    );
    assert!(
        !calls.contains_key("GetSubnetCidrReservations"),
        "{calls:?}"
    );
    assert_eq!(measured(&launch), BTreeMap::new());

    // One of them is gone: its slot needs an address.
    launch.data["lost"] = json!({"Error": "Hookline.InterfaceLost", "Cause": "{}"});
    let mark = launch.mark();
    launch.run(State::PlanInterfaces).await.unwrap();
    let calls = launch.actions_since(mark);
    assert!(calls.contains_key("GetSubnetCidrReservations"), "{calls:?}");
}

/// Runs a state as its binary does.
async fn as_its_binary(launch: &Launch, payload: Value) -> hookline_domain::Result<Value> {
    launch
        .invoke(async |context| {
            let handler = hookline::handlers::tag_node::handle;
            invoke("tag-node", "request", context, payload, handler).await
        })
        .await
}

#[tokio::test(start_paused = true)]
async fn handler_that_panics_is_a_fault_of_hookline_by_name() {
    let launch = Launch::running().await.unwrap();
    let answer = launch
        .invoke(async |context| {
            let handler = |_, _| async { panic!("index out of bounds") };
            invoke("tag-node", "request", context, json!({}), handler).await
        })
        .await;
    let says = crate::failed(answer, "Hookline.Internal");
    assert!(says.contains("index out of bounds"), "{says}");
}

#[tokio::test(start_paused = true)]
async fn throttled_attempts_are_counted_in_failed_and_successful_invocations() {
    let launch = Launch::running().await.unwrap();
    let payload = launch.payload(State::TagNode);
    let throttled = |times| Fault::on("CreateTags", FaultKind::Throttle).times(times);
    launch.local().inject(throttled(3));
    failed(
        as_its_binary(&launch, payload.clone()).await,
        "Hookline.Throttled",
    );
    assert_eq!(measured(&launch), only("ThrottledCalls", 3.0));
    launch.local().inject(throttled(2));
    as_its_binary(&launch, payload.clone()).await.unwrap();
    assert_eq!(measured(&launch), only("ThrottledCalls", 2.0));
    // Another failure counts as none of these.
    let denied = refusal("DescribeInstances", "UnauthorizedOperation");
    launch.local().inject(denied);
    failed(
        as_its_binary(&launch, payload).await,
        "Hookline.AccessDenied",
    );
    assert_eq!(measured(&launch), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn any_profile_name_is_a_valid_dimension() {
    let mut launch = Launch::running()
        .await
        .unwrap()
        .with_profile(|profile| profile["name"] = json!("Zürich 1"));
    launch.run_to(State::AttachInterfaces).await.unwrap();
    assert_eq!(
        measured_of(&launch, "LaunchesWired Profile=Z?rich 1"),
        Some(1.0)
    );
}
