//! Lifecycle hooks: how an instance waits for them, and how the wait ends.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_launch_hook_holds_an_instance_until_it_is_completed() {
    let metadata = "&LifecycleHookSpecificationList.member.1.NotificationMetadata=gold";
    let local = group(1, &format!("{HOOK}{metadata}")).await;
    pass(10).await;
    let (instance, state) = only(&local);
    assert_eq!(state, LifecycleState::PendingWait);
    let announced = events(&local, LAUNCH);
    let token = announced[0]["LifecycleActionToken"].as_str().unwrap();
    assert_eq!(token.len(), 36);
    assert_eq!(
        announced,
        [serde_json::json!({
            "LifecycleActionToken": token, "AutoScalingGroupName": "g", "LifecycleHookName": "ours",
            "EC2InstanceId": instance, "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "NotificationMetadata": "gold", "Origin": "EC2", "Destination": "AutoScalingGroup",
        })]
    );
    call(
        &local,
        &complete(&format!("LifecycleActionToken={token}"), "CONTINUE"),
    )
    .await
    .unwrap();
    assert_eq!(only(&local).1, LifecycleState::PendingProceed);
    pass(1).await;
    assert_eq!(only(&local).1, LifecycleState::InService);

    let refused = call(
        &local,
        &complete(&format!("LifecycleActionToken={token}"), "CONTINUE"),
    )
    .await
    .unwrap_err();
    assert_eq!(
        refused,
        (
            "ValidationError".to_owned(),
            format!("No active Lifecycle Action found with token {token}")
        )
    );
    let refused = call(
        &local,
        &complete(&format!("InstanceId={instance}"), "ABANDON"),
    )
    .await
    .unwrap_err();
    assert_eq!(
        refused.1,
        format!("No active Lifecycle Action found with instance ID {instance}")
    );
    local.with_world(|world| {
        let accepted: Vec<bool> = world
            .autoscaling
            .completions()
            .iter()
            .map(|c| c.accepted)
            .collect();
        assert_eq!(accepted, [true, false, false]);
        let history = &world.autoscaling.histories()[&instance];
        assert_eq!(history.actions[0].2, token);
        assert_eq!(
            history.reached(LifecycleState::PendingWait),
            Some(history.actions[0].0)
        );
        assert!(
            history.reached(LifecycleState::InService)
                > history.reached(LifecycleState::PendingProceed)
        );
    });
}

#[tokio::test(start_paused = true)]
async fn a_continued_instance_is_in_service_only_once_it_is_running() {
    let local = group(1, HOOK).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (instance, state) = only(&local);
    assert_eq!(state, LifecycleState::PendingWait);
    call(
        &local,
        &complete(&format!("InstanceId={instance}"), "CONTINUE"),
    )
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(only(&local).1, LifecycleState::PendingProceed);
    pass(1).await;
    assert_eq!(only(&local).1, LifecycleState::InService);
}

#[tokio::test(start_paused = true)]
async fn every_launch_hook_must_be_completed() {
    let second = "&LifecycleHookSpecificationList.member.2.LifecycleHookName=Launch-LC-Hook\
                  &LifecycleHookSpecificationList.member.2.LifecycleTransition=autoscaling:EC2_INSTANCE_LAUNCHING\
                  &LifecycleHookSpecificationList.member.2.DefaultResult=CONTINUE\
                  &LifecycleHookSpecificationList.member.2.HeartbeatTimeout=1800";
    let local = group(1, &format!("{HOOK}{second}")).await;
    pass(5).await;
    let announced = events(&local, LAUNCH);
    assert_eq!(announced.len(), 2);
    assert_ne!(
        announced[0]["LifecycleActionToken"],
        announced[1]["LifecycleActionToken"]
    );
    let instance = only(&local).0;
    call(
        &local,
        &complete(&format!("InstanceId={instance}"), "CONTINUE"),
    )
    .await
    .unwrap();
    pass(600).await;
    assert_eq!(
        only(&local).1,
        LifecycleState::PendingWait,
        "the other hook waits"
    );
    pass(1800).await;
    assert_eq!(
        only(&local),
        (instance, LifecycleState::InService),
        "its default is CONTINUE"
    );
    local.with_world(|world| {
        let last = world.autoscaling.completions().last().unwrap();
        assert_eq!(
            (last.hook.as_str(), last.by),
            ("Launch-LC-Hook", CompletedBy::Timeout)
        );
    });
}

#[tokio::test(start_paused = true)]
async fn abandon_terminates_the_instance_and_launches_another() {
    let local = group(1, HOOK).await;
    pass(5).await;
    let (first, _) = only(&local);
    call(&local, &complete(&format!("InstanceId={first}"), "ABANDON"))
        .await
        .unwrap();
    assert_eq!(only(&local), (first.clone(), LifecycleState::Terminating));
    pass(5).await;
    let (second, state) = only(&local);
    assert_ne!(first, second);
    assert_eq!(state, LifecycleState::PendingWait);
    let failed = events(&local, "EC2 Instance Launch Unsuccessful");
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (
            failed[0]["EC2InstanceId"].as_str(),
            failed[0]["StatusCode"].as_str()
        ),
        (Some(first.as_str()), Some("Cancelled"))
    );
    assert_eq!(events(&local, "EC2 Instance Terminate Successful").len(), 1);
    assert_eq!(
        local.with_world(|world| world.ec2.network_interfaces().count()),
        1,
        "the primary one of the second"
    );
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_timeout_gives_the_default_result() {
    let local = group(1, HOOK).await;
    pass(59).await;
    let (first, state) = only(&local);
    assert_eq!(state, LifecycleState::PendingWait);
    pass(5).await;
    assert_ne!(only(&local).0, first, "ABANDON is the default");
    local.with_world(|world| {
        let completion = &world.autoscaling.completions()[0];
        assert_eq!(
            (completion.by, completion.result.as_str()),
            (CompletedBy::Timeout, "ABANDON")
        );
        assert_eq!(
            completion.at,
            world.autoscaling.histories()[&first].actions[0].0 + Duration::from_secs(60)
        );
    });
}

#[tokio::test(start_paused = true)]
async fn heartbeats_prolong_an_action_up_to_its_global_timeout() {
    let local = group(1, HOOK).await;
    pass(1).await;
    let (instance, _) = only(&local);
    let beat = format!(
        "RecordLifecycleActionHeartbeat&AutoScalingGroupName=g&LifecycleHookName=ours&InstanceId={instance}"
    );
    for _ in 0..119 {
        pass(50).await;
        call(&local, &beat).await.unwrap();
        assert_eq!(
            only(&local),
            (instance.clone(), LifecycleState::PendingWait)
        );
    }
    // 5951 s have passed. The action ends after 100 times the heartbeat timeout, 6000 s.
    pass(55).await;
    let refused = call(&local, &beat).await.unwrap_err();
    assert_eq!(
        refused.1,
        format!("No active Lifecycle Action found with instance ID {instance}")
    );
}
