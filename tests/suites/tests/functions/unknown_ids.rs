//! Ids that are well-formed and that AWS does not know: each function says which, and nothing has
//! been made.

use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use serde_json::{Value, json};

use crate::failed;

const INSTANCE: &str = "i-0123456789abcdef0";

#[tokio::test(start_paused = true)]
async fn unknown_ids_create_nothing() {
    type Change = fn(&mut Value);
    let cases: [(State, Change, &str, &str); 6] = [
        (
            State::TagNode,
            |payload| payload["input"]["event"]["detail"]["EC2InstanceId"] = json!(INSTANCE),
            "Hookline.InstanceNotFoundYet",
            INSTANCE,
        ),
        (
            State::PlanInterfaces,
            |payload| {
                payload["profile"]["slots"][0]["subnetIds"] = json!(["subnet-0123456789abcdef0"])
            },
            "Hookline.ResourceNotFound",
            "subnet-0123456789abcdef0",
        ),
        (
            State::PlanInterfaces,
            |payload| payload["node"]["instanceType"] = json!("z9.enormous"),
            "Hookline.AwsRefused",
            "z9.enormous",
        ),
        (
            State::CreateInterfaces,
            |payload| {
                payload["profile"]["securityGroupIds"] = json!(["sg-0123456789abcdef0"]);
            },
            "Hookline.ResourceNotFound",
            "sg-0123456789abcdef0",
        ),
        (
            State::CreateInterfaces,
            |payload| {
                for slot in payload["plan"]["step"]["slots"].as_array_mut().unwrap() {
                    slot["subnetId"] = json!("subnet-0123456789abcdef0");
                }
            },
            "Hookline.ResourceNotFound",
            "subnet-0123456789abcdef0",
        ),
        (
            State::AttachInterfaces,
            |payload| {
                payload["allocation"]["interfaces"][0]["networkInterfaceId"] =
                    json!("eni-0123456789abcdef0");
            },
            "Hookline.InterfaceLost",
            "eni-0123456789abcdef0",
        ),
    ];
    for (state, change, name, says) in cases {
        let mut launch = Launch::running().await.unwrap();
        for before in State::WAY {
            if before == state {
                break;
            }
            launch.run(before).await.unwrap();
        }
        let mut payload = launch.payload(state);
        change(&mut payload);
        let before = launch
            .local()
            .with_world(|world| world.ec2.network_interfaces().count());
        let found = failed(launch.handle(state, payload).await, name);
        assert!(found.contains(says), "{state:?}: {found}");
        let after = launch
            .local()
            .with_world(|world| world.ec2.network_interfaces().count());
        assert_eq!(after, before, "{state:?} {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_instance_is_reported_by_every_function_that_describes_it() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    // Attach: what another instance's payload would do.
    let mut payload = launch.payload(State::AttachInterfaces);
    payload["node"]["instanceId"] = json!(INSTANCE);
    let says = failed(
        launch.handle(State::AttachInterfaces, payload).await,
        "Hookline.InstanceNotFoundYet",
    );
    assert!(says.contains(INSTANCE), "{says}");
    // Continue: a token of no wait.
    let mut payload = launch.payload(State::ContinueLaunch);
    payload["launch"]["instanceId"] = json!(INSTANCE);
    payload["launch"]["lifecycleAction"]["EC2InstanceId"] = json!(INSTANCE);
    payload["launch"]["lifecycleAction"]["LifecycleActionToken"] =
        json!("00000000-0000-4000-8000-000000000000");
    let says = failed(
        launch.handle(State::ContinueLaunch, payload).await,
        "Hookline.LaunchGone",
    );
    assert!(says.contains(INSTANCE), "{says}");
    // Release: no interface was created for it.
    let mut payload = launch
        .second_execution()
        .await
        .payload(State::ReleaseInterfaces);
    payload["event"]["detail"]["EC2InstanceId"] = json!(INSTANCE);
    let release = launch.handle(State::ReleaseInterfaces, payload).await;
    assert_eq!(release.unwrap(), json!({"released": []}));
    assert_eq!(launch.made().len(), 2);
}
