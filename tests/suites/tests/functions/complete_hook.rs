//! `ContinueLaunch` and `AbandonLaunch`: one completion counts, and the others report its result
//! truly.

use std::time::Duration;

use hookline_domain::tags::own::{EXECUTION, VERDICT};
use hookline_local::autoscaling::LifecycleState;
use hookline_local::{Fault, FaultKind};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{GROUP, Launch, State};
use serde_json::{Value, json};

use crate::{counts, failed};

pub(crate) async fn wired() -> Launch {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    launch
}

pub(crate) fn accepted(launch: &Launch) -> Vec<String> {
    launch.local().with_world(|world| {
        let completions = world.autoscaling.completions().iter();
        completions
            .filter(|completion| completion.accepted)
            .map(|completion| completion.result.clone())
            .collect()
    })
}

/// The outcome and the lifecycle state that a completion returns.
pub(crate) async fn outcome(launch: &mut Launch, state: State) -> (String, Value) {
    let completion = launch.run(state).await.unwrap();
    (
        completion["outcome"].as_str().unwrap().to_owned(),
        completion["lifecycleState"].clone(),
    )
}

/// Runs a state now, and again when the node is InService. The outcome is the same.
async fn has_outcome_until_in_service(launch: &mut Launch, state: State, expected: &str) {
    let now = outcome(launch, state).await;
    assert_eq!(now, (expected.to_owned(), json!("Pending:Proceed")));
    let in_service = LifecycleState::InService;
    launch.until_lifecycle_state(in_service).await.unwrap();
    let later = outcome(launch, state).await;
    assert_eq!(later, (expected.to_owned(), json!("InService")));
}

#[tokio::test(start_paused = true)]
async fn continue_puts_the_node_into_service() {
    let mut launch = wired().await;
    let mark = launch.mark();
    let completion = launch.run(State::ContinueLaunch).await.unwrap();
    for (key, value) in [
        ("result", json!("CONTINUE")),
        ("outcome", json!("COMPLETED")),
        ("lifecycleState", json!(null)),
    ] {
        assert_eq!(completion[key], value, "{completion}");
    }
    assert_eq!(
        launch.actions_since(mark),
        counts([("CompleteLifecycleAction", 1), ("CreateTags", 1)])
    );
    launch
        .until_lifecycle_state(LifecycleState::InService)
        .await
        .unwrap();
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn continue_returns_what_an_operator_looks_for() {
    let mut launch = Launch::running().await.unwrap();
    launch.run(State::TagNode).await.unwrap();
    launch.run(State::PlanInterfaces).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    launch.run(State::CreateInterfaces).await.unwrap();
    let wired = launch.run(State::AttachInterfaces).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let completion = launch.run(State::ContinueLaunch).await.unwrap();
    let node = &launch.data["node"];
    assert_eq!(
        completion["node"],
        json!({
            "instanceId": launch.instance,
            "name": node["name"],
            "autoScalingGroup": GROUP,
            "availabilityZone": node["availabilityZone"],
        })
    );
    assert!(node["name"].is_string(), "{node}");
    assert_eq!(completion["interfaces"], wired["interfaces"]);
    let made = launch.made();
    assert_eq!(made.len(), 2);
    for (n, interface) in completion["interfaces"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let id = interface["networkInterfaceId"].as_str().unwrap();
        let made = made.iter().find(|made| made.network_interface_id == id);
        assert_eq!(interface["subnetId"], made.unwrap().subnet_id);
        assert_eq!(interface["deviceIndex"], n + 1);
    }
    let seconds = |name: &str| completion["seconds"][name].as_i64().unwrap();
    let (turn, wired, over) = (
        seconds("eventToTurn"),
        seconds("eventToWired"),
        seconds("eventToContinue"),
    );
    assert!(
        turn >= 0 && wired >= turn + 30 && over >= wired + 30,
        "{completion}"
    );

    // A replay completes nothing, and measures no time.
    let again = launch.run(State::ContinueLaunch).await.unwrap();
    assert_eq!(again["outcome"], "ALREADY_COMPLETED");
    assert_eq!(again["seconds"]["eventToContinue"], json!(null));
    assert_eq!(again["node"], completion["node"]);
}

#[tokio::test(start_paused = true)]
async fn continue_needs_no_results_of_earlier_states() {
    // For a profile without slots, and for a state machine that is older than this function.
    for wired in [json!(null), json!({"interfaces": []}), json!(7)] {
        let mut launch = Launch::running().await.unwrap();
        launch.run(State::TagNode).await.unwrap();
        launch.data["wired"] = wired;
        launch.data["launch"]["eventTime"] = json!("some time");
        let completion = launch.run(State::ContinueLaunch).await.unwrap();
        assert_eq!(completion["node"]["instanceId"], launch.instance);
        assert_eq!(completion["interfaces"], json!([]));
        let none = json!({"eventToTurn": null, "eventToWired": null, "eventToContinue": null});
        assert_eq!(completion["seconds"], none);
    }
}

#[tokio::test(start_paused = true)]
async fn abandon_ends_the_instance() {
    let mut launch = wired().await;
    let completion = launch.run(State::AbandonLaunch).await.unwrap();
    assert_eq!(
        completion,
        json!({"result": "ABANDON", "outcome": "COMPLETED", "next": "END", "lifecycleState": null})
    );
    launch
        .until("the instance to end", |launch| {
            launch.node().is_ok_and(|node| node.state.is_ending())
        })
        .await
        .unwrap();
    assert_eq!(accepted(&launch), ["ABANDON"]);
}

#[tokio::test(start_paused = true)]
async fn second_continue_is_already_completed_before_and_in_service() {
    let mut launch = wired().await;
    launch.run(State::ContinueLaunch).await.unwrap();
    has_outcome_until_in_service(&mut launch, State::ContinueLaunch, "ALREADY_COMPLETED").await;
    assert_eq!(accepted(&launch), ["CONTINUE"]);
}

#[tokio::test(start_paused = true)]
async fn abandon_after_a_continue_does_not_change_the_node() {
    let mut launch = wired().await;
    launch.run(State::ContinueLaunch).await.unwrap();
    has_outcome_until_in_service(&mut launch, State::AbandonLaunch, "ALREADY_CONTINUED").await;
    assert_eq!(accepted(&launch), ["CONTINUE"]);
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn continue_after_an_abandon_finds_the_launch_gone() {
    let mut launch = wired().await;
    launch.run(State::AbandonLaunch).await.unwrap();
    let says = failed(
        launch.run(State::ContinueLaunch).await,
        "Hookline.LaunchGone",
    );
    assert!(says.contains("Terminating"), "{says}");
    launch
        .until("the group to forget it", |launch| {
            let states = launch
                .local()
                .with_world(|world| world.autoscaling.states(GROUP));
            !states.contains_key(&launch.instance)
        })
        .await
        .unwrap();
    let says = failed(
        launch.run(State::ContinueLaunch).await,
        "Hookline.LaunchGone",
    );
    assert!(says.contains("unknown to Auto Scaling"), "{says}");
    assert_eq!(accepted(&launch), ["ABANDON"]);
}

#[tokio::test(start_paused = true)]
async fn second_abandon_is_already_completed() {
    let mut launch = wired().await;
    launch.run(State::AbandonLaunch).await.unwrap();
    let (first, _) = outcome(&mut launch, State::AbandonLaunch).await;
    assert_eq!(first, "ALREADY_COMPLETED");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(
        outcome(&mut launch, State::AbandonLaunch).await,
        ("ALREADY_COMPLETED".to_owned(), Value::Null)
    );
}

#[tokio::test(start_paused = true)]
async fn completion_after_the_hooks_timeout_finds_the_launch_gone() {
    let mut launch = wired().await;
    tokio::time::sleep(Duration::from_secs(1801)).await;
    has_no_launch(&mut launch).await;
}

#[tokio::test(start_paused = true)]
async fn lost_response_is_distinguished_from_another_callers_completion_by_its_result() {
    for (state, times) in [
        (State::ContinueLaunch, 1),
        (State::ContinueLaunch, 3),
        (State::AbandonLaunch, 1),
        (State::AbandonLaunch, 3),
    ] {
        let mut launch = wired().await;
        launch
            .local()
            .inject(Fault::on("CompleteLifecycleAction", FaultKind::ResetAfter).times(times));
        let completion = launch.run_until_answered(state).await.unwrap();
        assert_eq!(launch.local().faults_left(), 0);
        assert_eq!(completion["outcome"], "ALREADY_COMPLETED");
        assert_eq!(accepted(&launch).len(), 1, "{state:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn selected_launch_is_completed_although_tagging_failed() {
    for selector in [
        json!({"autoScalingGroupNames": ["upf"]}),
        json!({"tag": {"key": "multus", "value": "upf"}}),
    ] {
        let mut launch = Launch::running()
            .await
            .unwrap()
            .with_profile(|profile| profile["selector"] = selector);
        assert!(launch.data.get("node").is_none());
        let (abandoned, _) = outcome(&mut launch, State::AbandonLaunch).await;
        assert_eq!(abandoned, "COMPLETED");
    }
}

#[tokio::test(start_paused = true)]
async fn node_at_its_terminate_hook_counts_as_terminating() {
    let mut launch = wired().await;
    let autoscaling = &launch.scene.autoscaling;
    let put = autoscaling.put_lifecycle_hook();
    let put = put.auto_scaling_group_name(GROUP);
    put.lifecycle_hook_name("Terminate-LC-Hook")
        .lifecycle_transition("autoscaling:EC2_INSTANCE_TERMINATING")
        .heartbeat_timeout(1800)
        .send()
        .await
        .unwrap();
    launch.run(State::ContinueLaunch).await.unwrap();
    launch
        .until_lifecycle_state(LifecycleState::InService)
        .await
        .unwrap();
    launch.scene.scale(GROUP, 0).await.unwrap();
    launch
        .until_lifecycle_state(LifecycleState::TerminatingWait)
        .await
        .unwrap();
    // A second execution for the launch, very late.
    let says = failed(
        launch.run(State::ContinueLaunch).await,
        "Hookline.LaunchGone",
    );
    assert!(says.contains("Terminating:Wait"), "{says}");
    assert_eq!(
        outcome(&mut launch, State::AbandonLaunch).await,
        ("ALREADY_COMPLETED".to_owned(), json!("Terminating:Wait"))
    );
    assert_eq!(
        accepted(&launch),
        ["CONTINUE"],
        "the other hook is not ours"
    );
}

#[tokio::test(start_paused = true)]
async fn launch_of_a_missing_instance_is_abandoned_before_its_timeout() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["selector"] = json!({"tag": {"key": "multus", "value": "upf"}});
    });
    let terminate = launch.scene.ec2.terminate_instances();
    let terminate = terminate.instance_ids(&launch.instance);
    terminate.send().await.unwrap();
    failed(launch.run(State::TagNode).await, "Hookline.InstanceGone");
    let (abandoned, _) = outcome(&mut launch, State::AbandonLaunch).await;
    assert_eq!(abandoned, "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn launch_continued_by_another_caller_is_already_completed() {
    let mut launch = wired().await;
    let complete = launch.scene.autoscaling.complete_lifecycle_action();
    let complete = complete.auto_scaling_group_name(GROUP);
    let complete = complete.lifecycle_hook_name(hookline_testkit::scene::HOOK);
    let complete = complete.instance_id(&launch.instance);
    let complete = complete.lifecycle_action_result("CONTINUE");
    complete.send().await.unwrap();
    launch
        .until_lifecycle_state(LifecycleState::InService)
        .await
        .unwrap();
    let (continued, _) = outcome(&mut launch, State::ContinueLaunch).await;
    assert_eq!(continued, "ALREADY_COMPLETED");
    let (abandoned, _) = outcome(&mut launch, State::AbandonLaunch).await;
    assert_eq!(abandoned, "ALREADY_CONTINUED");
}

#[tokio::test(start_paused = true)]
async fn deleting_the_hook_abandons_the_launch() {
    let mut launch = wired().await;
    let delete = launch.scene.autoscaling.delete_lifecycle_hook();
    let delete = delete.auto_scaling_group_name(GROUP);
    let delete = delete.lifecycle_hook_name(hookline_testkit::scene::HOOK);
    delete.send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    has_no_launch(&mut launch).await;
}

async fn wired_in_a_deleted_group() -> Launch {
    let launch = wired().await;
    let delete = launch.scene.autoscaling.delete_auto_scaling_group();
    let delete = delete.auto_scaling_group_name(GROUP).force_delete(true);
    delete.send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    launch
}

/// Neither result counts any more, and both states say so.
async fn has_no_launch(launch: &mut Launch) {
    failed(
        launch.run(State::ContinueLaunch).await,
        "Hookline.LaunchGone",
    );
    let (abandoned, _) = outcome(launch, State::AbandonLaunch).await;
    assert_eq!(abandoned, "ALREADY_COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn deleted_group_has_no_launch() {
    let mut launch = wired_in_a_deleted_group().await;
    has_no_launch(&mut launch).await;
}

/// IAM refuses a call by the tags of the group, and a deleted group has none.
fn denied() -> Fault {
    let denied = FaultKind::Error {
        status: 403,
        code: "AccessDenied".to_owned(),
        message: "no identity-based policy allows it".to_owned(),
    };
    Fault::on("CompleteLifecycleAction", denied).always()
}

#[tokio::test(start_paused = true)]
async fn denied_completion_in_a_deleted_group_has_no_launch() {
    let mut launch = wired_in_a_deleted_group().await;
    launch.local().inject(denied());
    has_no_launch(&mut launch).await;
}

#[tokio::test(start_paused = true)]
async fn denied_completion_of_a_launch_that_waits_is_an_error() {
    let mut launch = wired().await;
    launch.local().inject(denied());
    for state in [State::ContinueLaunch, State::AbandonLaunch] {
        let says = failed(launch.run(state).await, "Hookline.AccessDenied");
        assert!(says.contains("CompleteLifecycleAction"), "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_result_is_refused() {
    let launch = wired().await;
    for result in [
        json!("continue"),
        json!("MAYBE"),
        json!(1),
        Value::Null,
        json!({}),
    ] {
        let mut payload = launch.payload(State::ContinueLaunch);
        payload["result"] = result.clone();
        let mark = launch.mark();
        let says = failed(
            launch.handle(State::ContinueLaunch, payload).await,
            "Hookline.InvalidPayload",
        );
        assert!(says.starts_with("payload.result: "), "{result}: {says}");
        assert_eq!(launch.calls_since(mark).len(), 0);
    }
}

/// The verdict that the instance tells, with the execution.
fn noted(launch: &Launch) -> Option<(String, String)> {
    let tags = launch.node().unwrap().tags;
    Some((tags.get(EXECUTION)?.clone(), tags.get(VERDICT)?.clone()))
}

#[tokio::test(start_paused = true)]
async fn instance_tells_its_execution_and_the_verdict() {
    let mut launch = wired().await;
    assert_eq!(noted(&launch), None);
    let mark = launch.mark();
    launch.run(State::ContinueLaunch).await.unwrap();
    let continued = Some(("test".to_owned(), "CONTINUE".to_owned()));
    assert_eq!(noted(&launch), continued);
    // The launch is decided first.
    let calls = launch.calls_since(mark);
    let actions: Vec<&str> = calls.iter().map(|call| call.action.as_str()).collect();
    assert_eq!(actions, ["CompleteLifecycleAction", "CreateTags"]);

    // An execution that decides nothing notes nothing.
    let (late, _) = outcome(&mut launch, State::AbandonLaunch).await;
    assert_eq!(late, "ALREADY_CONTINUED");
    assert_eq!(noted(&launch), continued);

    let mut launch = wired().await;
    launch.data["failure"] = json!({"Error": "Hookline.DeviceIndexTaken", "Cause": "{}"});
    launch.run(State::AbandonLaunch).await.unwrap();
    let abandoned = "ABANDON Hookline.DeviceIndexTaken".to_owned();
    assert_eq!(noted(&launch), Some(("test".to_owned(), abandoned)));
}

#[tokio::test(start_paused = true)]
async fn instance_tells_the_verdict_though_the_answer_to_the_completion_was_lost() {
    for (state, verdict) in [
        (State::ContinueLaunch, "CONTINUE"),
        (State::AbandonLaunch, "ABANDON Hookline.DeviceIndexTaken"),
    ] {
        // The SDK's own retry finds it completed, or the state's.
        for times in [1, 3] {
            let mut launch = wired().await;
            launch.data["failure"] = json!({"Error": "Hookline.DeviceIndexTaken", "Cause": "{}"});
            let lost = Fault::on("CompleteLifecycleAction", FaultKind::ResetAfter);
            launch.local().inject(lost.times(times));
            let completion = launch.run_until_answered(state).await.unwrap();
            assert_eq!(completion["outcome"], "ALREADY_COMPLETED");
            let told = ("test".to_owned(), verdict.to_owned());
            assert_eq!(noted(&launch), Some(told), "{times}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tags_of_the_run_that_completed_the_action_stay() {
    let mut launch = wired().await;
    launch.run(State::ContinueLaunch).await.unwrap();
    let first = noted(&launch);
    let mut payload = launch.payload(State::ContinueLaunch);
    assert_eq!(payload["execution"], "test");
    payload["execution"] = json!("second");
    let mark = launch.mark();
    let second = launch.handle(State::ContinueLaunch, payload).await;
    assert_eq!(second.unwrap()["outcome"], "ALREADY_COMPLETED");
    assert_eq!(noted(&launch), first);
    let made = launch.calls_since(mark);
    assert!(made.iter().all(|call| call.action != "CreateTags"));
}

#[tokio::test(start_paused = true)]
async fn instance_at_a_hook_of_somebody_else_tells_whether_it_is_wired() {
    for (state, verdict) in [
        (State::ContinueLaunch, "WIRED"),
        (State::AbandonLaunch, "NOT_WIRED Hookline.NoCapacity"),
    ] {
        let mut launch = wired().await;
        launch.data["profile"]["hook"]["complete"] = json!(false);
        let (outcome, _) = outcome(&mut launch, state).await;
        assert_eq!(outcome, "NOT_OURS");
        let noted = noted(&launch).unwrap();
        assert_eq!(noted, ("test".to_owned(), verdict.to_owned()));
        // Launches leave addresses for a node with this mark.
        let mark = launch.node().unwrap().tags["hookline:launched-at"].clone();
        assert_eq!(mark.is_empty(), state == State::AbandonLaunch, "{mark}");
    }
}

#[tokio::test(start_paused = true)]
async fn launch_ends_though_the_verdict_cannot_be_noted() {
    for trouble in [
        FaultKind::Error {
            status: 400,
            code: "TagLimitExceeded".to_owned(),
            message: "more than 50 tags".to_owned(),
        },
        FaultKind::Throttle,
        FaultKind::Delay(Duration::from_secs(600)),
    ] {
        let mut launch = wired().await;
        let fault = Fault::on("CreateTags", trouble.clone()).always();
        launch.local().inject(fault);
        let began = tokio::time::Instant::now();
        let (outcome, _) = outcome(&mut launch, State::ContinueLaunch).await;
        assert_eq!(outcome, "COMPLETED", "{trouble:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{trouble:?}");
        assert_eq!(noted(&launch), None, "{trouble:?}");
    }
}
