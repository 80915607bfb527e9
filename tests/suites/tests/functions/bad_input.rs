//! What a function is given may be anything. Each answers with a typed error that names the field, and nothing has been
//! made by then.

use hookline_testkit::launch::{Launch, State};
use serde_json::{Value, json};

use crate::failed;

/// The part of `launch` that a function must have, beside `event`.
fn needs(state: State) -> &'static [&'static str] {
    match state {
        State::TagNode | State::ContinueLaunch | State::AbandonLaunch => &["profile"],
        State::PlanInterfaces => &["profile", "node"],
        State::CreateInterfaces => &["profile", "node", "plan"],
        State::AttachInterfaces => &["profile", "node", "plan", "allocation"],
        State::ReleaseInterfaces => &[],
    }
}

/// What a function reads of `launch`, needed or not.
fn reads(state: State) -> &'static [&'static str] {
    match state {
        State::PlanInterfaces => &["node", "plan", "allocation"],
        State::CreateInterfaces => &["node", "plan"],
        State::AttachInterfaces => &["node", "plan", "allocation"],
        State::ReleaseInterfaces => &["plan", "allocation"],
        State::TagNode | State::ContinueLaunch | State::AbandonLaunch => &[],
    }
}

/// A launch with every part of its data, and its interfaces not attached yet.
async fn whole() -> Launch {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    launch
}

/// Changes the payload of `state`; it must be refused by this name, at this field, without a call.
async fn refused(
    launch: &Launch,
    state: State,
    name: &str,
    field: &str,
    change: impl FnOnce(&mut Value),
) {
    let mut payload = launch.payload(state);
    change(&mut payload);
    let mark = launch.mark();
    let says = failed(launch.handle(state, payload).await, name);
    assert!(
        says.starts_with(field),
        "{state:?}: wanted {field}\nfound {says}"
    );
    assert!(
        says.len() < 1500,
        "what was found is not quoted at length: {}",
        says.len()
    );
    assert_eq!(launch.calls_since(mark).len(), 0, "{state:?}: {says}");
}

/// Puts `wrong` at a place of an object, whether there is anything or not.
fn put(value: &mut Value, pointer: &str, wrong: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = wrong,
        object => object[key] = wrong,
    }
}

/// Not one of these is an object with what is needed in it.
fn wrong_types() -> [Value; 6] {
    [
        Value::Null,
        json!(true),
        json!(-7.5),
        json!("text"),
        json!([]),
        json!({}),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_payload_of_another_type_is_refused() {
    let launch = whole().await;
    for state in State::ALL {
        for wrong in wrong_types() {
            refused(
                &launch,
                state,
                "Hookline.InvalidPayload",
                "launch: ",
                |payload| payload["launch"] = wrong,
            )
            .await;
        }
        for wrong in wrong_types() {
            let says = failed(
                launch.handle(state, wrong.clone()).await,
                "Hookline.InvalidPayload",
            );
            assert!(
                says.starts_with("launch: ") || says.starts_with("result: "),
                "{wrong}: {says}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_missing_is_named() {
    let launch = whole().await;
    for state in State::ALL {
        for part in ["event"].iter().chain(needs(state)) {
            let mut payload = launch.payload(state);
            payload["launch"].as_object_mut().unwrap().remove(*part);
            let says = failed(
                launch.handle(state, payload).await,
                "Hookline.InvalidPayload",
            );
            assert!(
                says.starts_with(&format!("launch: missing field `{part}`")),
                "{state:?}: {says}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_of_another_type_is_refused_by_its_own_name() {
    let launch = whole().await;
    for state in State::ALL {
        for wrong in wrong_types() {
            let change = |payload: &mut Value| payload["launch"]["event"] = wrong.clone();
            refused(&launch, state, "Hookline.InvalidEvent", "event: ", change).await;
            if needs(state).contains(&"profile") {
                let change = |payload: &mut Value| payload["launch"]["profile"] = wrong.clone();
                let name = "Hookline.InvalidProfile";
                refused(&launch, state, name, "profile: ", change).await;
            }
        }
        for part in reads(state) {
            // What came of a state that has not been reached is null, or absent.
            let optional = !needs(state).contains(part);
            for wrong in wrong_types() {
                if optional && wrong.is_null() {
                    continue;
                }
                let field = format!("launch.{part}");
                let change = |payload: &mut Value| payload["launch"][part] = wrong.clone();
                refused(&launch, state, "Hookline.InvalidPayload", &field, change).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_of_the_event_that_is_wrong_is_named_by_its_path() {
    let launch = whole().await;
    let cases = [
        ("/detail/EC2InstanceId", json!("sg-0123456789abcdef0")),
        ("/detail/EC2InstanceId", json!("i-xyz")),
        ("/detail/EC2InstanceId", json!("i-".repeat(500_000))),
        ("/detail/EC2InstanceId", json!(7)),
        ("/detail/EC2InstanceId", Value::Null),
        ("/detail/AutoScalingGroupName", json!("")),
        ("/detail/AutoScalingGroupName", json!("g".repeat(256))),
        ("/detail/AutoScalingGroupName", json!("g".repeat(1_000_000))),
        ("/detail/AutoScalingGroupName", json!(["upf"])),
        ("/detail/LifecycleHookName", json!({})),
        ("/detail/LifecycleHookName", json!("")),
        ("/detail/LifecycleActionToken", json!(12)),
        ("/detail/LifecycleActionToken", json!("t".repeat(10_000))),
        ("/detail/NotificationMetadata", json!(12)),
        ("/detail/Origin", json!(12)),
        ("/detail/Destination", json!(["WarmPool"])),
        ("/region", json!(7)),
        ("/source", Value::Null),
        ("/resources", json!("arn")),
    ];
    for state in State::ALL {
        for (pointer, wrong) in &cases {
            let field = format!("event{}", pointer.replace('/', "."));
            refused(&launch, state, "Hookline.InvalidEvent", &field, |payload| {
                put(&mut payload["launch"]["event"], pointer, wrong.clone())
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_no_launch_is_refused_after_tag_node() {
    let launch = whole().await;
    for state in State::ALL {
        if state == State::TagNode {
            continue;
        }
        refused(
            &launch,
            state,
            "Hookline.InvalidEvent",
            "event: this is a test notification, not a launch lifecycle action",
            |payload| {
                payload["launch"]["event"]["detail"] =
                    json!({"Event": "autoscaling:TEST_NOTIFICATION"});
            },
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_of_the_profile_that_is_wrong_is_named_by_its_path() {
    let launch = whole().await;
    let many = |n: usize| json!(vec![json!("subnet-0123456789abcdef0"); n]);
    let slot = launch.data["profile"]["slots"][0].clone();
    let cases = [
        ("/name", json!(7), "profile.name"),
        ("/name", json!("n".repeat(1_000_000)), "profile.name"),
        ("/hook", json!("hook"), "profile.hook"),
        ("/hook/name", Value::Null, "profile.hook.name"),
        ("/selector", json!({}), "profile.selector"),
        ("/selector", json!({"asg": ["upf"]}), "profile.selector"),
        (
            "/selector",
            json!({"autoScalingGroupNames": []}),
            "profile.selector.autoScalingGroupNames",
        ),
        (
            "/securityGroupIds",
            json!(["eni-1"]),
            "profile.securityGroupIds[0]",
        ),
        (
            "/securityGroupIds",
            json!([]),
            "profile.slots[0].securityGroupIds",
        ),
        (
            "/nodeTags",
            json!({"Name": "{{ asg"}),
            "profile.nodeTags[\"Name\"]",
        ),
        ("/nodeTags", json!({"Name": 7}), "profile.nodeTags.Name"),
        (
            "/slots",
            json!(vec![slot; 10_000]),
            "profile.slots: 10000 slots",
        ),
        (
            "/slots/0/deviceIndex",
            json!(0),
            "profile.slots[0].deviceIndex",
        ),
        (
            "/slots/0/deviceIndex",
            json!(-1),
            "profile.slots[0].deviceIndex",
        ),
        (
            "/slots/0/deviceIndex",
            json!(1e300),
            "profile.slots[0].deviceIndex",
        ),
        (
            "/slots/0/deviceIndex",
            json!("1"),
            "profile.slots[0].deviceIndex",
        ),
        (
            "/slots/0/subnetIds",
            many(100_000),
            "profile.slots[0].subnetIds: 100000 subnets",
        ),
        ("/slots/0/subnetIds", many(2), "profile.slots[0].subnetIds"),
        (
            "/slots/0/subnetIds",
            json!(["vpc-1"]),
            "profile.slots[0].subnetIds[0]",
        ),
        (
            "/slots/0/sourceDestCheck",
            json!("no"),
            "profile.slots[0].sourceDestCheck",
        ),
    ];
    for state in State::ALL {
        if !needs(state).contains(&"profile") {
            continue;
        }
        for (pointer, wrong, field) in &cases {
            refused(
                &launch,
                state,
                "Hookline.InvalidProfile",
                field,
                |payload| put(&mut payload["launch"]["profile"], pointer, wrong.clone()),
            )
            .await;
        }
        refused(
            &launch,
            state,
            "Hookline.InvalidProfile",
            "profile.slots[0].secondaryPrivateAddresses: 4294967295 is more than",
            |payload| {
                payload["launch"]["profile"]["slots"][0]["secondaryPrivateAddresses"] =
                    json!(u32::MAX);
            },
        )
        .await;
        refused(
            &launch,
            state,
            "Hookline.InvalidProfile",
            "profile.slot: unknown field",
            |payload| payload["launch"]["profile"]["slot"] = json!([]),
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_of_what_earlier_states_found_is_named_by_its_path() {
    let launch = whole().await;
    let cases = [
        (
            "node",
            "/node/instanceId",
            json!("eni-0123456789abcdef0"),
            "launch.node.instanceId",
        ),
        (
            "node",
            "/node/launchedAt",
            json!("yesterday"),
            "launch.node.launchedAt",
        ),
        (
            "node",
            "/node/launchedAt",
            json!(1e300),
            "launch.node.launchedAt",
        ),
        ("node", "/node/running", json!("yes"), "launch.node.running"),
        ("plan", "/plan/nodeRunning", json!("yes"), "launch.plan"),
        ("plan", "/plan/round", json!(-1), "launch.plan"),
        ("plan", "/plan/slots", json!({}), "launch.plan"),
        (
            "plan",
            "/plan/slots/0/subnetId",
            json!("vpc-1"),
            "launch.plan",
        ),
        (
            "plan",
            "/plan/slots/0/privateIpAddresses",
            json!(["10.0.0.999"]),
            "launch.plan",
        ),
        ("plan", "/plan/lessons", json!([7]), "launch.plan"),
        (
            "allocation",
            "/allocation/complete",
            json!("true"),
            "launch.allocation.complete",
        ),
        (
            "allocation",
            "/allocation/interfaces/0/networkInterfaceId",
            json!("i-0123456789abcdef0"),
            "launch.allocation.interfaces[0].networkInterfaceId",
        ),
        (
            "allocation",
            "/allocation/refused",
            json!([{"reason": "NO_REASON"}]),
            "launch.allocation.refused[0]",
        ),
    ];
    for state in State::ALL {
        for (part, pointer, wrong, field) in &cases {
            if !reads(state).contains(part) {
                continue;
            }
            let name = "Hookline.InvalidPayload";
            refused(&launch, state, name, field, |payload| {
                put(&mut payload["launch"], pointer, wrong.clone());
            })
            .await;
        }
    }
}
