//! The calls for groups, hooks and tags: what they accept, return and refuse.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_group_with_instances_is_deleted_only_by_force() {
    let local = group(2, "").await;
    pass(2).await;
    let refused = call(&local, "DeleteAutoScalingGroup&AutoScalingGroupName=g")
        .await
        .unwrap_err();
    assert_eq!(refused.0, "ResourceInUse");
    call(
        &local,
        "DeleteAutoScalingGroup&AutoScalingGroupName=g&ForceDelete=true",
    )
    .await
    .unwrap();
    let described = call(&local, "DescribeAutoScalingGroups").await.unwrap();
    assert_eq!(inner(&described, "Status"), "Delete in progress");
    pass(5).await;
    let described = call(&local, "DescribeAutoScalingGroups").await.unwrap();
    assert!(
        described.contains("<AutoScalingGroups></AutoScalingGroups>"),
        "{described}"
    );
    assert!(local.with_world(|world| {
        world
            .ec2
            .instances()
            .all(|instance| instance.state.is_ending())
    }));
}

#[tokio::test(start_paused = true)]
async fn an_instance_can_be_terminated_with_and_without_replacement() {
    let local = group(2, "").await;
    pass(2).await;
    let terminate = |instance: String, decrement: bool| {
        let local = local.clone();
        async move {
            let query = format!(
                "TerminateInstanceInAutoScalingGroup&InstanceId={instance}&ShouldDecrementDesiredCapacity={decrement}"
            );
            call(&local, &query).await
        }
    };
    let first = states(&local).keys().next().unwrap().clone();
    let answer = terminate(first.clone(), true).await.unwrap();
    assert_eq!(
        inner(&answer, "Description"),
        format!("Terminating EC2 instance: {first}")
    );
    pass(5).await;
    let (second, _) = only(&local);
    terminate(second.clone(), false).await.unwrap();
    pass(5).await;
    assert_ne!(only(&local).0, second);
    assert_eq!(
        terminate("i-none".to_owned(), false).await.unwrap_err().0,
        "ValidationError"
    );
}

#[tokio::test(start_paused = true)]
async fn hooks_are_put_described_and_deleted() {
    let local = group(1, HOOK).await;
    pass(2).await;
    let described = call(&local, "DescribeLifecycleHooks&AutoScalingGroupName=g")
        .await
        .unwrap();
    assert_eq!(
        (
            inner(&described, "GlobalTimeout"),
            inner(&described, "DefaultResult")
        ),
        ("6000".into(), "ABANDON".into())
    );
    call(
        &local,
        "PutLifecycleHook&AutoScalingGroupName=g&LifecycleHookName=ours&HeartbeatTimeout=7200",
    )
    .await
    .unwrap();
    let described = call(&local, "DescribeLifecycleHooks&AutoScalingGroupName=g")
        .await
        .unwrap();
    assert_eq!(inner(&described, "GlobalTimeout"), (48 * 3600).to_string());
    let (waiting, _) = only(&local);
    call(
        &local,
        "DeleteLifecycleHook&AutoScalingGroupName=g&LifecycleHookName=ours",
    )
    .await
    .unwrap();
    // The launch that waited is abandoned, and the instance that replaces it meets no hook.
    pass(4).await;
    let (replacement, state) = only(&local);
    assert_ne!(replacement, waiting);
    assert_eq!(state, LifecycleState::InService);
    let completed = local.with_world(|world| world.autoscaling.completions().to_vec());
    assert_eq!(completed.len(), 1, "{completed:?}");
    assert_eq!(completed[0].instance.as_ref(), Some(&waiting));
    assert_eq!(completed[0].result, "ABANDON");
}

#[tokio::test(start_paused = true)]
async fn deleting_a_termination_hook_continues_the_termination() {
    let hook = HOOK.replace("EC2_INSTANCE_LAUNCHING", "EC2_INSTANCE_TERMINATING");
    let local = group(1, &hook).await;
    pass(2).await;
    call(
        &local,
        "SetDesiredCapacity&AutoScalingGroupName=g&DesiredCapacity=0",
    )
    .await
    .unwrap();
    pass(1).await;
    assert_eq!(only(&local).1, LifecycleState::TerminatingWait);
    call(
        &local,
        "DeleteLifecycleHook&AutoScalingGroupName=g&LifecycleHookName=ours",
    )
    .await
    .unwrap();
    pass(2).await;
    assert!(states(&local).is_empty());
    let completed = local.with_world(|world| world.autoscaling.completions().to_vec());
    assert_eq!(completed[0].result, "CONTINUE");
}

#[tokio::test(start_paused = true)]
async fn groups_are_filtered_by_tag_and_paged() {
    let local = group(3, "").await;
    pass(2).await;
    call(&local, "CreateOrUpdateTags&Tags.member.1.ResourceId=g&Tags.member.1.ResourceType=auto-scaling-group&Tags.member.1.Key=hookline&Tags.member.1.Value=gold&Tags.member.1.PropagateAtLaunch=false").await.unwrap();
    let by_tag = |value: &'static str| {
        let local = local.clone();
        async move {
            let query = format!(
                "DescribeAutoScalingGroups&Filters.member.1.Name=tag:hookline&Filters.member.1.Values.member.1={value}"
            );
            call(&local, &query)
                .await
                .unwrap()
                .contains("<AutoScalingGroupName>g<")
        }
    };
    assert!(by_tag("gold").await);
    assert!(!by_tag("tin").await);
    let tags = call(
        &local,
        "DescribeTags&Filters.member.1.Name=key&Filters.member.1.Values.member.1=hookline",
    )
    .await
    .unwrap();
    assert_eq!(
        (inner(&tags, "Value"), inner(&tags, "PropagateAtLaunch")),
        ("gold".into(), "false".into())
    );
    call(
        &local,
        "DeleteTags&Tags.member.1.ResourceId=g&Tags.member.1.Key=hookline",
    )
    .await
    .unwrap();
    assert!(!by_tag("gold").await);

    let page = call(&local, "DescribeAutoScalingInstances&MaxRecords=2")
        .await
        .unwrap();
    assert_eq!(page.matches("<InstanceId>").count(), 2);
    let token = inner(&page, "NextToken");
    let page = call(
        &local,
        &format!("DescribeAutoScalingInstances&MaxRecords=2&NextToken={token}"),
    )
    .await
    .unwrap();
    assert_eq!(page.matches("<InstanceId>").count(), 1);
    assert!(!page.contains("NextToken"));
    let activities = call(&local, "DescribeScalingActivities&AutoScalingGroupName=g")
        .await
        .unwrap();
    assert_eq!(activities.matches("<StatusCode>Successful<").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn bad_calls_are_refused() {
    let local = group(1, HOOK).await;
    pass(2).await;
    let instance = only(&local).0;
    for (query, code, message) in [
        ("Dance".to_owned(), "InvalidAction", "Dance"),
        (
            "DescribeAutoScalingGroups&Oops=1".to_owned(),
            "UnknownParameter",
            "Oops",
        ),
        (
            "CreateAutoScalingGroup&AutoScalingGroupName=g&MinSize=0&MaxSize=1".to_owned(),
            "AlreadyExists",
            "already exists",
        ),
        (
            "CreateAutoScalingGroup&AutoScalingGroupName=h&MinSize=0&MaxSize=1".to_owned(),
            "ValidationError",
            "LaunchTemplate",
        ),
        (
            "SetDesiredCapacity&AutoScalingGroupName=none&DesiredCapacity=1".to_owned(),
            "ValidationError",
            "not found",
        ),
        (
            "SetDesiredCapacity&AutoScalingGroupName=g&DesiredCapacity=21".to_owned(),
            "ValidationError",
            "above max value 20",
        ),
        (
            "SetDesiredCapacity&AutoScalingGroupName=g&DesiredCapacity=x".to_owned(),
            "ValidationError",
            "DesiredCapacity",
        ),
        (
            "UpdateAutoScalingGroup&AutoScalingGroupName=g&MinSize=30".to_owned(),
            "ValidationError",
            "Max bound",
        ),
        (
            "UpdateAutoScalingGroup&AutoScalingGroupName=g&VPCZoneIdentifier=subnet-1".to_owned(),
            "ValidationError",
            "does not exist",
        ),
        (
            "PutLifecycleHook&AutoScalingGroupName=g&LifecycleHookName=n".to_owned(),
            "ValidationError",
            "LifecycleTransition",
        ),
        (
            "PutLifecycleHook&AutoScalingGroupName=g&LifecycleHookName=ours&HeartbeatTimeout=29"
                .to_owned(),
            "ValidationError",
            "between 30 and 7200",
        ),
        (
            "PutLifecycleHook&AutoScalingGroupName=g&LifecycleHookName=ours&DefaultResult=MAYBE"
                .to_owned(),
            "ValidationError",
            "CONTINUE or ABANDON",
        ),
        (
            "DeleteLifecycleHook&AutoScalingGroupName=g&LifecycleHookName=none".to_owned(),
            "ValidationError",
            "none",
        ),
        (
            complete(&format!("InstanceId={instance}"), "MAYBE"),
            "ValidationError",
            "CONTINUE or ABANDON",
        ),
        (
            complete("LifecycleActionToken=short", "CONTINUE"),
            "ValidationError",
            "length equal to 36",
        ),
        (
            complete(&format!("InstanceId={instance}"), "CONTINUE").replace("=ours", "=none"),
            "ValidationError",
            "none",
        ),
        (complete("", "CONTINUE"), "ValidationError", "InstanceId"),
    ] {
        let refused = call(&local, &query).await.unwrap_err();
        assert_eq!(refused.0, code, "{query}: {}", refused.1);
        assert!(refused.1.contains(message), "{query}: {}", refused.1);
    }
    assert_eq!(
        only(&local),
        (instance, LifecycleState::PendingWait),
        "none had an effect"
    );
}

#[tokio::test(start_paused = true)]
async fn suspended_process_is_shown_since_when_until_it_is_resumed() {
    let local = group(0, HOOK).await;
    let suspend = "SuspendProcesses&AutoScalingGroupName=g&ScalingProcesses.member.1=Launch";
    call(&local, suspend).await.unwrap();
    let described = || call(&local, "DescribeAutoScalingGroups");
    let reason = inner(&described().await.unwrap(), "SuspensionReason");
    let since = reason.strip_prefix("User suspended at ").unwrap();
    since.parse::<jiff::Timestamp>().unwrap();
    pass(10).await;
    call(&local, suspend).await.unwrap();
    assert_eq!(
        inner(&described().await.unwrap(), "SuspensionReason"),
        reason
    );
    let resume = suspend.replace("Suspend", "Resume");
    call(&local, &resume).await.unwrap();
    assert!(!described().await.unwrap().contains("SuspensionReason"));
}

#[tokio::test(start_paused = true)]
async fn an_instance_on_standby_stays_in_the_group_and_does_not_count() {
    let local = group(2, "").await;
    pass(2).await;
    let first = states(&local).keys().next().unwrap().clone();
    let enter = |decrement: bool| {
        format!(
            "EnterStandby&AutoScalingGroupName=g&InstanceIds.member.1={first}&ShouldDecrementDesiredCapacity={decrement}"
        )
    };
    let exit = format!("ExitStandby&AutoScalingGroupName=g&InstanceIds.member.1={first}");
    assert_eq!(call(&local, &exit).await.unwrap_err().0, "ValidationError");
    let answer = call(&local, &enter(true)).await.unwrap();
    assert_eq!(
        inner(&answer, "Description"),
        format!("Moving EC2 instance to Standby: {first}")
    );
    pass(5).await;
    // None takes its place, and none is terminated for it.
    assert_eq!(states(&local).len(), 2);
    assert_eq!(states(&local)[&first], LifecycleState::Standby);
    let described = call(&local, "DescribeAutoScalingGroups").await.unwrap();
    assert_eq!(inner(&described, "DesiredCapacity"), "1");
    assert_eq!(
        call(&local, &enter(true)).await.unwrap_err().0,
        "ValidationError"
    );
    call(&local, &exit).await.unwrap();
    pass(5).await;
    assert_eq!(states(&local)[&first], LifecycleState::InService);
    let described = call(&local, "DescribeAutoScalingGroups").await.unwrap();
    assert_eq!(inner(&described, "DesiredCapacity"), "2");

    // Without the decrement, another one takes its place.
    call(&local, &enter(false)).await.unwrap();
    pass(5).await;
    assert_eq!(states(&local).len(), 3);
}
