//! What a function is given may be anything. Each answers with a typed error that names the field,
//! and nothing has been made by then.

use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use serde_json::{Value, json};

use crate::failed;

/// The typed parts of a function's payload, beside the raw event and profile.
fn reads(state: State) -> &'static [&'static str] {
    match state {
        State::TagNode | State::AbandonLaunch => &[],
        State::PlanInterfaces => &["launch", "profile", "node", "plan", "allocation"],
        State::CreateInterfaces => &["launch", "profile", "node", "plan"],
        State::AttachInterfaces => &["launch", "profile", "node", "plan", "allocation"],
        State::ContinueLaunch => &["launch"],
        State::RemoveStartupTaint => &["launch", "profile", "wired", "startupTaint"],
        State::SetDeleteOnTermination => {
            &["launch", "profile", "node", "wired", "deleteOnTermination"]
        }
        State::ReleaseInterfaces => &["plan", "allocation"],
    }
}

/// The parts that may be null or absent, because an earlier state may not have run.
fn may_lack(state: State) -> &'static [&'static str] {
    match state {
        State::PlanInterfaces | State::ReleaseInterfaces => &["plan", "allocation"],
        State::ContinueLaunch => &["launch"],
        State::RemoveStartupTaint => &["wired", "startupTaint"],
        State::SetDeleteOnTermination => &["deleteOnTermination"],
        _ => &[],
    }
}

/// Where a payload has the raw event, if it has one.
fn event_at(state: State) -> Option<&'static str> {
    match state {
        State::TagNode => Some("/input/event"),
        State::AbandonLaunch | State::ReleaseInterfaces => Some("/event"),
        _ => None,
    }
}

/// Where a payload has a profile that the function checks, if it has one.
fn profile_at(state: State) -> Option<&'static str> {
    match state {
        State::TagNode => Some("/input/profile"),
        State::AbandonLaunch | State::ContinueLaunch => Some("/profile"),
        _ => None,
    }
}

/// A launch with every part of its data, before its hook is completed.
async fn whole() -> Launch {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    launch
}

/// Changes the payload of `state`. It must be refused with this error and field, without a call.
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

/// Puts `wrong` at a place of an object, whether the place exists or not.
fn put(value: &mut Value, pointer: &str, wrong: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = wrong,
        object => object[key] = wrong,
    }
}

/// Values of every type. None is an object with the required fields.
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
async fn payload_of_another_type_is_refused() {
    let launch = whole().await;
    for state in State::ALL {
        for wrong in wrong_types() {
            let says = failed(
                launch.handle(state, wrong.clone()).await,
                "Hookline.InvalidPayload",
            );
            assert!(says.starts_with("payload: "), "{state:?} {wrong}: {says}");
        }
    }
    for wrong in wrong_types() {
        refused(
            &launch,
            State::TagNode,
            "Hookline.InvalidPayload",
            "payload.input: ",
            |payload| payload["input"] = wrong,
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn part_that_is_missing_is_named() {
    let launch = whole().await;
    for state in State::ALL {
        for part in reads(state) {
            if may_lack(state).contains(part) {
                continue;
            }
            let mut payload = launch.payload(state);
            payload.as_object_mut().unwrap().remove(*part);
            let says = failed(
                launch.handle(state, payload).await,
                "Hookline.InvalidPayload",
            );
            assert!(
                says.starts_with(&format!("payload: missing field `{part}`")),
                "{state:?}: {says}"
            );
        }
    }
    for part in ["event", "profile"] {
        let mut payload = launch.payload(State::TagNode);
        payload["input"].as_object_mut().unwrap().remove(part);
        let says = failed(
            launch.handle(State::TagNode, payload).await,
            "Hookline.InvalidPayload",
        );
        assert!(
            says.starts_with(&format!("payload.input: missing field `{part}`")),
            "{says}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn part_of_another_type_is_refused_by_its_own_name() {
    let launch = whole().await;
    for state in State::ALL {
        for wrong in wrong_types() {
            if let Some(at) = event_at(state) {
                let change = |payload: &mut Value| put(payload, at, wrong.clone());
                refused(&launch, state, "Hookline.InvalidEvent", "event: ", change).await;
            }
            if let Some(at) = profile_at(state) {
                let change = |payload: &mut Value| put(payload, at, wrong.clone());
                let name = "Hookline.InvalidProfile";
                refused(&launch, state, name, "profile: ", change).await;
            }
        }
        for part in reads(state) {
            for wrong in wrong_types() {
                if wrong.is_null() && may_lack(state).contains(part) {
                    continue;
                }
                let field = format!("payload.{part}");
                let change = |payload: &mut Value| payload[part] = wrong.clone();
                refused(&launch, state, "Hookline.InvalidPayload", &field, change).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn field_of_the_event_that_is_wrong_is_named_by_its_path() {
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
    ];
    for state in State::ALL {
        for (pointer, wrong) in &cases {
            let Some(at) = event_at(state) else {
                continue;
            };
            let field = format!("event{}", pointer.replace('/', "."));
            refused(&launch, state, "Hookline.InvalidEvent", &field, |payload| {
                put(payload, &format!("{at}{pointer}"), wrong.clone())
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn event_that_is_no_launch_is_refused_after_tag_node() {
    let launch = whole().await;
    for state in State::ALL {
        let Some(at) = event_at(state).filter(|_| state != State::TagNode) else {
            continue;
        };
        refused(
            &launch,
            state,
            "Hookline.InvalidEvent",
            "event: this is a test notification, not a launch lifecycle action",
            |payload| {
                let detail = json!({"Event": "autoscaling:TEST_NOTIFICATION"});
                put(payload, &format!("{at}/detail"), detail);
            },
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn field_of_the_profile_that_is_wrong_is_named_by_its_path() {
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
        let Some(at) = profile_at(state) else {
            continue;
        };
        for (pointer, wrong, field) in &cases {
            refused(
                &launch,
                state,
                "Hookline.InvalidProfile",
                field,
                |payload| put(payload, &format!("{at}{pointer}"), wrong.clone()),
            )
            .await;
        }
        refused(
            &launch,
            state,
            "Hookline.InvalidProfile",
            "profile.slots[0].secondaryPrivateAddresses: 4294967295 is more than",
            |payload| {
                let at = format!("{at}/slots/0/secondaryPrivateAddresses");
                put(payload, &at, json!(u32::MAX));
            },
        )
        .await;
        refused(
            &launch,
            state,
            "Hookline.InvalidProfile",
            "profile.slot: unknown field",
            |payload| put(payload, &format!("{at}/slot"), json!([])),
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn field_of_what_earlier_states_found_is_named_by_its_path() {
    let launch = whole().await;
    let cases = [
        (
            "launch",
            "/launch/instanceId",
            json!("eni-0123456789abcdef0"),
            "payload.launch.instanceId",
        ),
        (
            "launch",
            "/launch/autoScalingGroup",
            json!(7),
            "payload.launch.autoScalingGroup",
        ),
        (
            "profile",
            "/profile/slots/0/subnetIds",
            json!(["vpc-1"]),
            "payload.profile.slots[0].subnetIds[0]",
        ),
        (
            "node",
            "/node/instanceId",
            json!("eni-0123456789abcdef0"),
            "payload.node.instanceId",
        ),
        (
            "node",
            "/node/launchedAt",
            json!("yesterday"),
            "payload.node.launchedAt",
        ),
        (
            "node",
            "/node/launchedAt",
            json!(1e300),
            "payload.node.launchedAt",
        ),
        (
            "node",
            "/node/running",
            json!("yes"),
            "payload.node.running",
        ),
        (
            "plan",
            "/plan/nodeRunning",
            json!("yes"),
            "payload.plan.nodeRunning",
        ),
        ("plan", "/plan/round", json!(-1), "payload.plan.round"),
        (
            "plan",
            "/plan/step/action",
            json!("SLEEP"),
            "payload.plan.step",
        ),
        ("plan", "/plan/step/slots", json!({}), "payload.plan.step"),
        (
            "plan",
            "/plan/step/slots/0/subnetId",
            json!("vpc-1"),
            "payload.plan.step",
        ),
        (
            "plan",
            "/plan/step/slots/0/privateIpAddresses",
            json!(["10.0.0.999"]),
            "payload.plan.step",
        ),
        (
            "plan",
            "/plan/observations",
            json!([7]),
            "payload.plan.observations",
        ),
        (
            "allocation",
            "/allocation/outcome",
            json!("true"),
            "payload.allocation.outcome",
        ),
        (
            "allocation",
            "/allocation/interfaces/0/networkInterfaceId",
            json!("i-0123456789abcdef0"),
            "payload.allocation.interfaces[0].networkInterfaceId",
        ),
        (
            "allocation",
            "/allocation/refused",
            json!([{"reason": "NO_REASON"}]),
            "payload.allocation.refused[0]",
        ),
    ];
    for state in State::ALL {
        for (part, pointer, wrong, field) in &cases {
            if !reads(state).contains(part) {
                continue;
            }
            let name = "Hookline.InvalidPayload";
            refused(&launch, state, name, field, |payload| {
                put(payload, pointer, wrong.clone());
            })
            .await;
        }
    }
}
