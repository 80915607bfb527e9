//! Warm pools: their size, the states and hooks of their instances, and what the calls show.

use super::*;
use crate::ec2::InstanceState;

const TERMINATION: &str = "EC2 Instance-terminate Lifecycle Action";
const OUT: &str = "PutLifecycleHook&AutoScalingGroupName=g&LifecycleHookName=out\
                   &LifecycleTransition=autoscaling:EC2_INSTANCE_TERMINATING&HeartbeatTimeout=300";

async fn put(local: &LocalAws, more: &str) {
    call(local, &format!("PutWarmPool&AutoScalingGroupName=g{more}"))
        .await
        .unwrap();
    pass(1).await;
}

async fn scale(local: &LocalAws, desired: u32) {
    let query = format!("SetDesiredCapacity&AutoScalingGroupName=g&DesiredCapacity={desired}");
    call(local, &query).await.unwrap();
    pass(1).await;
}

/// Completes the action that an instance waits at.
async fn answer(local: &LocalAws, hook: &str, instance: &str, result: &str) {
    let query = complete(&format!("InstanceId={instance}"), result).replace("=ours", hook);
    call(local, &query).await.unwrap();
    pass(5).await;
}

fn count(local: &LocalAws, state: LifecycleState) -> usize {
    states(local).values().filter(|is| **is == state).count()
}

fn ec2_state(local: &LocalAws, instance: &str) -> InstanceState {
    local.with_world(|world| world.ec2.instance(instance).unwrap().state)
}

fn target(local: &LocalAws, instance: &str) -> String {
    let target = local.with_world(|world| world.autoscaling.target_lifecycle_state(instance));
    target.unwrap().to_string()
}

fn routes(local: &LocalAws, detail_type: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    events(local, detail_type)
        .iter()
        .map(|detail| (text(&detail["Origin"]), text(&detail["Destination"])))
        .collect()
}

fn route(origin: &str, destination: &str) -> (String, String) {
    (origin.to_owned(), destination.to_owned())
}

#[tokio::test(start_paused = true)]
async fn pool_has_the_difference_between_prepared_and_desired_capacity_and_at_least_its_minimum() {
    let local = group(4, "").await;
    pass(5).await;
    let size = async |more: &str| {
        put(&local, more).await;
        pass(10).await;
        assert_eq!(count(&local, LifecycleState::InService), 4);
        count(&local, LifecycleState::WarmedRunning)
    };
    assert_eq!(size("&PoolState=Running").await, 16, "of a maximum of 20");
    assert_eq!(size("&MaxGroupPreparedCapacity=10").await, 6);
    assert_eq!(size("&MaxGroupPreparedCapacity=3").await, 0);
    assert_eq!(size("&MinSize=2").await, 2);
    assert_eq!(size("&MaxGroupPreparedCapacity=-1").await, 16);
}

#[tokio::test(start_paused = true)]
async fn instance_waits_at_the_launch_hook_on_its_way_into_the_pool_and_out_of_it() {
    for (pool, ready, machine) in [
        (
            "Stopped",
            LifecycleState::WarmedStopped,
            InstanceState::Stopped,
        ),
        (
            "Running",
            LifecycleState::WarmedRunning,
            InstanceState::Running,
        ),
        (
            "Hibernated",
            LifecycleState::WarmedHibernated,
            InstanceState::Stopped,
        ),
    ] {
        let local = group(0, HOOK).await;
        put(
            &local,
            &format!("&MaxGroupPreparedCapacity=1&PoolState={pool}"),
        )
        .await;
        pass(5).await;
        let (id, state) = only(&local);
        assert_eq!(state, LifecycleState::WarmedPendingWait);
        assert_eq!(target(&local, &id), format!("Warmed:{pool}"));
        assert_eq!(routes(&local, LAUNCH), [route("EC2", "WarmPool")]);
        answer(&local, "=ours", &id, "CONTINUE").await;
        assert_eq!(only(&local), (id.clone(), ready));
        assert_eq!(ec2_state(&local, &id), machine);
        let hibernated = local.with_world(|world| world.ec2.instance(&id).unwrap().hibernated);
        assert_eq!(hibernated, pool == "Hibernated");

        scale(&local, 1).await;
        assert_eq!(states(&local)[&id], LifecycleState::PendingWait);
        assert_eq!(target(&local, &id), "InService");
        assert_eq!(
            routes(&local, LAUNCH)[1],
            route("WarmPool", "AutoScalingGroup")
        );
        let tokens: Vec<Value> = events(&local, LAUNCH)
            .iter()
            .map(|detail| detail["LifecycleActionToken"].clone())
            .collect();
        assert_ne!(tokens[0], tokens[1]);
        answer(&local, "=ours", &id, "CONTINUE").await;
        assert_eq!(only(&local), (id.clone(), LifecycleState::InService));
        assert_eq!(ec2_state(&local, &id), InstanceState::Running);
        let launched = events(&local, "EC2 Instance Launch Successful");
        let descriptions: Vec<&str> = launched
            .iter()
            .map(|detail| detail["Description"].as_str().unwrap())
            .collect();
        assert_eq!(
            descriptions,
            [
                format!("Launching a new EC2 instance into warm pool: {id}"),
                format!("Launching a new EC2 instance from warm pool: {id}"),
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn stop_and_start_keep_interfaces_and_change_the_launch_time() {
    let local = group(0, "").await;
    put(&local, "&MaxGroupPreparedCapacity=1").await;
    pass(10).await;
    let (id, state) = only(&local);
    assert_eq!(state, LifecycleState::WarmedStopped, "the default state");
    let facts = || {
        local.with_world(|world| {
            let interfaces: Vec<String> = world
                .ec2
                .interfaces_of(&id)
                .map(|interface| interface.network_interface_id.clone())
                .collect();
            let instance = world.ec2.instance(&id).unwrap();
            (
                interfaces,
                instance.private_ip_address,
                instance.launch_time,
            )
        })
    };
    let stopped = facts();
    assert_eq!(stopped.0.len(), 1);
    scale(&local, 1).await;
    pass(5).await;
    assert_eq!(states(&local)[&id], LifecycleState::InService);
    let started = facts();
    assert_eq!((&started.0, started.1), (&stopped.0, stopped.1));
    assert!(started.2 > stopped.2);
}

#[tokio::test(start_paused = true)]
async fn depleted_pool_is_followed_by_new_instances() {
    let local = group(0, "").await;
    put(
        &local,
        "&MinSize=2&MaxGroupPreparedCapacity=2&PoolState=Running",
    )
    .await;
    pass(5).await;
    let prepared: Vec<String> = states(&local).into_keys().collect();
    assert_eq!(prepared.len(), 2);
    scale(&local, 3).await;
    pass(5).await;
    let now = states(&local);
    assert!(
        prepared
            .iter()
            .all(|id| now[id] == LifecycleState::InService)
    );
    assert_eq!(count(&local, LifecycleState::InService), 3);
    assert_eq!(
        count(&local, LifecycleState::WarmedRunning),
        2,
        "filled again"
    );
}

#[tokio::test(start_paused = true)]
async fn reused_instance_waits_at_the_termination_hook_and_returns_to_the_pool() {
    let reuse = "&MaxGroupPreparedCapacity=1&InstanceReusePolicy.ReuseOnScaleIn=true";
    for result in ["CONTINUE", "ABANDON"] {
        let local = group(1, "").await;
        pass(5).await;
        call(&local, OUT).await.unwrap();
        put(&local, reuse).await;
        let (id, _) = only(&local);
        scale(&local, 0).await;
        assert_eq!(
            only(&local),
            (id.clone(), LifecycleState::WarmedPendingWait)
        );
        assert_eq!(target(&local, &id), "Warmed:Stopped");
        assert_eq!(
            routes(&local, TERMINATION),
            [route("AutoScalingGroup", "WarmPool")]
        );
        answer(&local, "=out", &id, result).await;
        assert_eq!(only(&local), (id.clone(), LifecycleState::WarmedStopped));
        assert_eq!(ec2_state(&local, &id), InstanceState::Stopped);
        scale(&local, 1).await;
        pass(5).await;
        assert_eq!(only(&local), (id, LifecycleState::InService));
    }
}

#[tokio::test(start_paused = true)]
async fn scale_in_terminates_without_a_reuse_policy() {
    let local = group(1, "").await;
    pass(5).await;
    let (id, _) = only(&local);
    put(&local, "&MaxGroupPreparedCapacity=1").await;
    scale(&local, 0).await;
    pass(10).await;
    assert_ne!(only(&local).0, id);
    assert_eq!(ec2_state(&local, &id), InstanceState::Terminated);
}

#[tokio::test(start_paused = true)]
async fn launch_into_the_pool_that_is_abandoned_is_replaced() {
    let local = group(0, HOOK).await;
    put(&local, "&MaxGroupPreparedCapacity=1").await;
    pass(5).await;
    let (first, _) = only(&local);
    answer(&local, "=ours", &first, "ABANDON").await;
    let (second, state) = only(&local);
    assert_ne!(first, second);
    assert_eq!(state, LifecycleState::WarmedPendingWait);
    assert_eq!(ec2_state(&local, &first), InstanceState::Terminated);
}

#[tokio::test(start_paused = true)]
async fn instance_terminated_in_the_pool_is_replaced() {
    for pool in ["Running", "Stopped"] {
        let local = group(0, "").await;
        put(
            &local,
            &format!("&MaxGroupPreparedCapacity=1&PoolState={pool}"),
        )
        .await;
        pass(10).await;
        let (first, _) = only(&local);
        let refused = call(
            &local,
            &format!(
                "TerminateInstanceInAutoScalingGroup&InstanceId={first}&ShouldDecrementDesiredCapacity=false"
            ),
        )
        .await
        .unwrap_err();
        assert_eq!(refused.0, "ValidationError", "it is in a warm pool");
        ec2(&local, &format!("TerminateInstances&InstanceId.1={first}")).await;
        pass(20).await;
        assert_ne!(only(&local).0, first);
    }
}

#[tokio::test(start_paused = true)]
async fn termination_out_of_the_pool_waits_for_its_hook() {
    let local = group(0, "").await;
    put(&local, "&MaxGroupPreparedCapacity=1&PoolState=Running").await;
    pass(5).await;
    call(&local, OUT).await.unwrap();
    let (id, _) = only(&local);
    put(&local, "&MaxGroupPreparedCapacity=0").await;
    assert_eq!(only(&local).1, LifecycleState::WarmedTerminatingWait);
    assert_eq!(target(&local, &id), "Warmed:Terminated");
    assert_eq!(routes(&local, TERMINATION), [route("WarmPool", "EC2")]);
    answer(&local, "=out", &id, "CONTINUE").await;
    assert!(states(&local).is_empty());
}

#[tokio::test(start_paused = true)]
async fn group_does_not_list_the_instances_of_its_pool() {
    let local = group(1, "").await;
    put(
        &local,
        "&MaxGroupPreparedCapacity=2&InstanceReusePolicy.ReuseOnScaleIn=true",
    )
    .await;
    pass(10).await;
    let states = states(&local);
    let warm = states
        .iter()
        .find(|(_, state)| **state == LifecycleState::WarmedStopped);
    let (warm, _) = warm.unwrap();
    let groups = call(&local, "DescribeAutoScalingGroups").await.unwrap();
    assert!(!groups.contains(warm));
    assert_eq!(inner(&groups, "WarmPoolSize"), "1");
    let pool = call(&local, "DescribeWarmPool&AutoScalingGroupName=g")
        .await
        .unwrap();
    assert_eq!(inner(&pool, "InstanceId"), *warm);
    assert_eq!(inner(&pool, "LifecycleState"), "Warmed:Stopped");
    assert_eq!(inner(&pool, "MaxGroupPreparedCapacity"), "2");
    assert_eq!(inner(&pool, "PoolState"), "Stopped");
    assert_eq!(inner(&pool, "ReuseOnScaleIn"), "true");
    assert_eq!(inner(&pool, "HealthStatus"), "Healthy");
    let all = call(&local, "DescribeAutoScalingInstances").await.unwrap();
    assert!(all.contains(warm));
}

#[tokio::test(start_paused = true)]
async fn pool_with_instances_is_deleted_by_force_only() {
    let local = group(0, "").await;
    let absent = call(&local, "DescribeWarmPool&AutoScalingGroupName=g")
        .await
        .unwrap();
    assert!(!absent.contains("WarmPoolConfiguration"), "{absent}");
    put(&local, "&MaxGroupPreparedCapacity=1").await;
    pass(10).await;
    let delete = "DeleteWarmPool&AutoScalingGroupName=g";
    let refused = call(&local, delete).await.unwrap_err();
    assert_eq!(refused.0, "ResourceInUse");
    call(&local, &format!("{delete}&ForceDelete=true"))
        .await
        .unwrap();
    let pool = call(&local, "DescribeWarmPool&AutoScalingGroupName=g")
        .await
        .unwrap();
    assert_eq!(inner(&pool, "Status"), "PendingDelete");
    pass(5).await;
    assert!(states(&local).is_empty());
    assert!(call(&local, delete).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn invalid_warm_pool_is_refused() {
    let local = group(0, "").await;
    for (more, says) in [
        ("&PoolState=Warm", "[Stopped, Running, Hibernated]"),
        ("&MinSize=-1", "minSize"),
        ("&MaxGroupPreparedCapacity=-2", "maxGroupPreparedCapacity"),
    ] {
        let query = format!("PutWarmPool&AutoScalingGroupName=g{more}");
        let refused = call(&local, &query).await.unwrap_err();
        assert_eq!(refused.0, "ValidationError");
        assert!(refused.1.contains(says), "{refused:?}");
    }
    let elsewhere = call(&local, "PutWarmPool&AutoScalingGroupName=other").await;
    assert!(elsewhere.is_err());
}

#[tokio::test(start_paused = true)]
async fn forced_deletion_of_a_group_takes_its_pool_along() {
    let local = group(1, "").await;
    put(&local, "&MaxGroupPreparedCapacity=3").await;
    pass(10).await;
    assert_eq!(states(&local).len(), 3);
    call(
        &local,
        "DeleteAutoScalingGroup&AutoScalingGroupName=g&ForceDelete=true",
    )
    .await
    .unwrap();
    pass(5).await;
    local.with_world(|world| {
        let states = world.ec2.instances().map(|instance| instance.state);
        assert!(states.into_iter().all(|state| state.is_ending()));
    });
    assert!(states(&local).is_empty());
}
