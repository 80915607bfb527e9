//! `ContinueLaunch` and `AbandonLaunch` beside other hooks, other waits, and hooks that somebody
//! else completes.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookline_local::{LocalAws, Settings};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{GROUP, Launch, State, small};
use hookline_testkit::scene::Scene;
use serde_json::{Value, json};

use crate::complete_hook::{accepted, outcome, wired};
use crate::counts;

/// Another launch hook of the same group, as a managed node group has.
async fn with_a_second_hook() -> Launch {
    let scene = Scene::build(LocalAws::new(Settings::for_tests()), &small())
        .await
        .unwrap();
    scene.group(GROUP).await.unwrap();
    scene
        .autoscaling
        .put_lifecycle_hook()
        .auto_scaling_group_name(GROUP)
        .lifecycle_hook_name("Launch-LC-Hook")
        .lifecycle_transition("autoscaling:EC2_INSTANCE_LAUNCHING")
        .heartbeat_timeout(1800)
        .send()
        .await
        .unwrap();
    let launch = Launch::more(&Arc::new(scene), 1).await.unwrap().remove(0);
    launch.until_it_runs().await.unwrap();
    launch
}

#[tokio::test(start_paused = true)]
async fn launch_held_by_another_hook_is_continued_for_hookline() {
    let mut launch = with_a_second_hook().await;
    launch.run_to(State::ContinueLaunch).await.unwrap();
    assert_eq!(
        outcome(&mut launch, State::ContinueLaunch).await,
        ("ALREADY_COMPLETED".to_owned(), json!("Pending:Wait"))
    );
    assert_eq!(
        outcome(&mut launch, State::AbandonLaunch).await,
        ("ALREADY_CONTINUED".to_owned(), json!("Pending:Wait"))
    );
    launch.nothing_is_broken().unwrap();
}

/// A token of another wait, while another hook holds the launch too: Hookline's hook is still
/// completed.
#[tokio::test(start_paused = true)]
async fn token_of_another_wait_does_not_prevent_the_completion() {
    for (state, result) in [
        (State::ContinueLaunch, "CONTINUE"),
        (State::AbandonLaunch, "ABANDON"),
    ] {
        let mut launch = with_a_second_hook().await;
        launch.run_to(State::AttachInterfaces).await.unwrap();
        for action in ["/event/detail", "/launch/lifecycleAction"] {
            let action = launch.data.pointer_mut(action).unwrap();
            action["LifecycleActionToken"] = json!("12345678-1234-1234-1234-123456789012");
        }
        let (found, _) = outcome(&mut launch, state).await;
        assert_eq!(found, "COMPLETED");
        assert_eq!(accepted(&launch), [result]);
    }
}

/// On the way into a warm pool the next wait is another launch, which is checked again.
#[tokio::test(start_paused = true)]
async fn token_of_another_wait_completes_nothing_on_the_way_into_a_warm_pool() {
    let mut launch = wired().await;
    let action = &mut launch.data["launch"]["lifecycleAction"];
    action["LifecycleActionToken"] = json!("12345678-1234-1234-1234-123456789012");
    action["Destination"] = json!("WarmPool");
    let (found, _) = outcome(&mut launch, State::ContinueLaunch).await;
    assert_eq!(found, "ALREADY_COMPLETED");
    assert_eq!(accepted(&launch), [""; 0]);
}

/// Changes the lifecycle action in a payload of `ContinueLaunch` or `AbandonLaunch`.
fn action(payload: &mut Value, field: &str, value: &str) {
    for at in ["/event/detail", "/launch/lifecycleAction"] {
        if let Some(action) = payload.pointer_mut(at) {
            action[field] = json!(value);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hook_of_another_owner_is_never_completed() {
    type Change = fn(&mut Value);
    // (I3) Each with the number of calls that decide it.
    let noted = || counts([("CreateTags", 1)]);
    let looked = || counts([("DescribeInstances", 1)]);
    let cases: [(Change, BTreeMap<String, usize>); 5] = [
        (
            |payload| action(payload, "LifecycleHookName", "Launch-LC-Hook"),
            noted(),
        ),
        (
            |payload| payload["profile"]["hook"]["complete"] = json!(false),
            noted(),
        ),
        (
            // TagNode failed before it knew whether the profile selects the instance.
            |payload| {
                action(payload, "AutoScalingGroupName", "smf");
                payload["node"] = Value::Null;
            },
            counts([]),
        ),
        (
            |payload| {
                payload["profile"]["selector"] = json!({"tag": {"key": "multus", "value": "smf"}});
                payload["node"] = Value::Null;
            },
            looked(),
        ),
        (
            |payload| {
                payload["profile"]["selector"] = json!({"tag": {"key": "nobody-has-this"}});
                payload.as_object_mut().unwrap().remove("node");
            },
            looked(),
        ),
    ];
    let launch = wired().await;
    for state in [State::ContinueLaunch, State::AbandonLaunch] {
        for (n, (change, calls)) in cases.iter().enumerate() {
            let mut payload = launch.payload(state);
            change(&mut payload);
            let mark = launch.mark();
            let completion = launch.handle(state, payload).await.unwrap();
            assert_eq!(completion["outcome"], "NOT_OURS", "{state:?}, case {n}");
            assert_eq!(launch.actions_since(mark), *calls, "case {n}");
        }
    }
    assert_eq!(accepted(&launch), Vec::<String>::new());
}

/// Without a token, the call would complete the action on the way out of the pool.
#[tokio::test(start_paused = true)]
async fn launch_into_a_warm_pool_without_a_token_completes_nothing_elsewhere() {
    for state in [State::ContinueLaunch, State::AbandonLaunch] {
        let mut launch = wired().await;
        for at in ["/event/detail", "/launch/lifecycleAction"] {
            let action = launch.data.pointer_mut(at).unwrap();
            action["LifecycleActionToken"] = Value::Null;
            action["Destination"] = json!("WarmPool");
        }
        // It waits in its group: at the hook, but not on its way into the pool.
        let (found, state_seen) = outcome(&mut launch, state).await;
        let wanted = match state {
            State::ContinueLaunch => "ALREADY_COMPLETED",
            _ => "ALREADY_CONTINUED",
        };
        assert_eq!(
            (found.as_str(), state_seen),
            (wanted, json!("Pending:Wait"))
        );
        assert_eq!(accepted(&launch), [""; 0]);
    }
}
