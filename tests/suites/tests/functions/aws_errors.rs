//! What AWS's own failures are called: for every call of every function, the name by which the
//! state machine retries or gives up, and that the retry then ends well.

use hookline_local::{Fault, FaultKind, Settings};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use serde_json::json;

use crate::failed;

/// Every call that a function makes.
const CALLS: [(State, &str); 15] = [
    (State::TagNode, "DescribeInstances"),
    (State::TagNode, "CreateTags"),
    (State::PlanInterfaces, "DescribeInstanceTypes"),
    (State::PlanInterfaces, "DescribeSubnets"),
    (State::PlanInterfaces, "GetSubnetCidrReservations"),
    (State::PlanInterfaces, "DescribeInstances"),
    (State::PlanInterfaces, "DescribeNetworkInterfaces"),
    (State::CreateInterfaces, "CreateNetworkInterface"),
    (State::AttachInterfaces, "AttachNetworkInterface"),
    (State::AttachInterfaces, "ModifyNetworkInterfaceAttribute"),
    (State::AttachInterfaces, "DescribeNetworkInterfaces"),
    (State::ContinueLaunch, "CompleteLifecycleAction"),
    (State::AbandonLaunch, "CompleteLifecycleAction"),
    (State::ReleaseInterfaces, "DescribeNetworkInterfaces"),
    (State::ReleaseInterfaces, "DetachNetworkInterface"),
];

/// A launch before `state`.
async fn before(state: State) -> Launch {
    let mut launch = Launch::running().await.unwrap();
    for done in State::WAY {
        if done == state || done == State::ContinueLaunch {
            break;
        }
        launch.run(done).await.unwrap();
    }
    launch
}

/// Lets every call of `action` in `state` fail. Asserts the error's name, and that the state
/// succeeds afterwards.
async fn fails(mut launch: Launch, state: State, action: &str, kind: FaultKind, name: &str) {
    launch
        .local()
        .inject(Fault::on(action, kind.clone()).always());
    let says = failed(launch.run(state).await, name);
    assert!(says.starts_with(&format!("{action}: ")), "{says}");
    if let FaultKind::Error { message, .. } = kind {
        assert!(says.contains(&message), "AWS's own words: {says}");
    }
    launch.local().clear_faults();
    launch.run(state).await.unwrap();
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn throttled_call_is_reported_as_throttled() {
    for (state, action) in CALLS {
        let launch = before(state).await;
        let throttle = FaultKind::Throttle;
        fails(launch, state, action, throttle, "Hookline.Throttled").await;
    }
}

#[tokio::test(start_paused = true)]
async fn failing_or_silent_service_is_reported_as_unavailable() {
    for (state, action) in CALLS {
        for kind in [FaultKind::InternalError, FaultKind::ResetBefore] {
            let launch = before(state).await;
            fails(launch, state, action, kind, "Hookline.AwsUnavailable").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn missing_permission_is_reported_as_access_denied() {
    for (state, action) in CALLS {
        let autoscaling = action == "CompleteLifecycleAction";
        let kind = FaultKind::Error {
            status: 403,
            code: if autoscaling {
                "AccessDenied"
            } else {
                "UnauthorizedOperation"
            }
            .to_owned(),
            message: format!("You are not authorized to perform {action}"),
        };
        fails(
            before(state).await,
            state,
            action,
            kind,
            "Hookline.AccessDenied",
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_whose_cause_passes_is_retried() {
    for (state, action, code) in [
        (State::TagNode, "CreateTags", "ConcurrentTagAccess"),
        (
            State::CreateInterfaces,
            "CreateNetworkInterface",
            "RetryableError",
        ),
        (
            State::ContinueLaunch,
            "CompleteLifecycleAction",
            "ScalingActivityInProgress",
        ),
    ] {
        let kind = FaultKind::Error {
            status: 400,
            code: code.to_owned(),
            message: "try again".to_owned(),
        };
        let launch = before(state).await;
        fails(launch, state, action, kind, "Hookline.AwsUnavailable").await;
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_refusal_has_the_words_of_aws() {
    for (state, action) in CALLS {
        let mut launch = before(state).await;
        let kind = FaultKind::Error {
            status: 400,
            code: "SomethingNew".to_owned(),
            message: "that nobody has seen before".to_owned(),
        };
        launch.local().inject(Fault::on(action, kind).always());
        let says = failed(launch.run(state).await, "Hookline.AwsRefused");
        assert!(
            says.contains(action) && says.contains("SomethingNew: that nobody has seen before"),
            "{says}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn failing_delete_is_reported_by_its_error_name() {
    for (kind, name) in [
        (FaultKind::Throttle, "Hookline.Throttled"),
        (FaultKind::InternalError, "Hookline.AwsUnavailable"),
    ] {
        // Created and not attached, so the release only deletes.
        let mut launch = Launch::running().await.unwrap();
        launch.run_to(State::CreateInterfaces).await.unwrap();
        let state = State::ReleaseInterfaces;
        fails(launch, state, "DeleteNetworkInterface", kind, name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn failing_look_at_an_ended_launch_is_reported_by_its_error_name() {
    for (kind, name) in [
        (FaultKind::Throttle, "Hookline.Throttled"),
        (FaultKind::InternalError, "Hookline.AwsUnavailable"),
    ] {
        let mut launch = before(State::ContinueLaunch).await;
        launch.run(State::ContinueLaunch).await.unwrap();
        let state = State::ContinueLaunch;
        fails(launch, state, "DescribeAutoScalingInstances", kind, name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn scaling_activity_in_progress_is_waited_for() {
    let launch = before(State::ContinueLaunch).await;
    let kind = FaultKind::Error {
        status: 400,
        code: "ResourceContention".to_owned(),
        message: "You already have a pending update to an Amazon EC2 Auto Scaling resource."
            .to_owned(),
    };
    let state = State::ContinueLaunch;
    let action = "CompleteLifecycleAction";
    fails(launch, state, action, kind, "Hookline.AwsUnavailable").await;
}

#[tokio::test(start_paused = true)]
async fn empty_token_bucket_is_waited_for() {
    // No injected faults: the token buckets are so empty that the SDK's retries do not help.
    let settings = Settings {
        throttle: true,
        buckets: [(
            "ModifyNetworkInterfaceAttribute".to_owned(),
            hookline_local::Bucket {
                capacity: 1.0,
                refill_per_second: 0.02,
            },
        )]
        .into(),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings)
        .await
        .unwrap()
        .with_profile(|profile| profile["slots"][0]["sourceDestCheck"] = json!(false));
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.Throttled",
    );
    assert!(says.contains("RequestLimitExceeded"), "{says}");
    launch
        .local()
        .with_world(|world| world.kernel.settings.throttle = false);
    launch.run(State::AttachInterfaces).await.unwrap();
    launch.nothing_is_broken().unwrap();
}
