//! `AttachInterfaces`: it waits for the instance, attaches in order, and believes only what it
//! sees.

use std::time::Duration;

use hookline_local::Settings;
use hookline_local::ec2::{self, AttachmentStatus, InterfaceSpec};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::invariants;
use hookline_testkit::launch::{Launch, State, small};
use serde_json::json;

use crate::{counts, failed};

/// Asserts I1 for the node, from the state of the fake AWS.
#[track_caller]
fn is_wired(launch: &Launch) {
    let (profile, node) = (launch.profile().unwrap(), launch.node().unwrap());
    let differences = launch
        .local()
        .with_world(|world| invariants::differences(world, &profile, &node));
    assert_eq!(differences, Vec::<String>::new());
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_interface_is_attached_as_its_slot_says() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["slots"][0]["sourceDestCheck"] = json!(true);
    });
    launch.run_to(State::AttachInterfaces).await.unwrap();
    is_wired(&launch);
    let made = launch.made();
    assert!(made[0].source_dest_check && !made[1].source_dest_check);
    for (n, interface) in made.iter().enumerate() {
        let on = interface.attachment.as_ref().unwrap();
        assert_eq!(on.status, AttachmentStatus::Attached);
        assert!(on.delete_on_termination);
        let wired = &launch.data["wired"]["interfaces"][n];
        assert_eq!(
            *wired,
            json!({
                "network": interface.tags["hookline:network"],
                "deviceIndex": n + 1,
                "networkCard": 0,
                "attachmentId": on.attachment_id,
                "deleteOnTermination": true,
                "networkInterfaceId": interface.network_interface_id,
                "subnetId": interface.subnet_id,
                "privateIpAddresses": [interface.private_ip_address],
                "ipv6Addresses": [],
            })
        );
    }
}

#[tokio::test(start_paused = true)]
async fn attribute_that_is_right_already_needs_no_call() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["slots"][0]["sourceDestCheck"] = json!(true);
    });
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let mark = launch.mark();
    launch.run(State::AttachInterfaces).await.unwrap();
    let actions = launch.actions_since(mark);
    assert_eq!(actions["AttachNetworkInterface"], 2);
    // DeleteOnTermination of both, SourceDestCheck of one. An instance known to be running is not
    // described.
    assert_eq!(actions["ModifyNetworkInterfaceAttribute"], 3);
    assert!(!actions.contains_key("DescribeInstances"), "{actions:?}");
}

#[tokio::test(start_paused = true)]
async fn interfaces_are_attached_in_the_order_of_their_device_indexes() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["slots"][0]["deviceIndex"] = json!(5);
        profile["slots"][1]["deviceIndex"] = json!(3);
    });
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let mark = launch.mark();
    let wired = launch.run(State::AttachInterfaces).await.unwrap();
    let order: Vec<String> = launch
        .calls_since(mark)
        .into_iter()
        .filter(|call| call.action == "AttachNetworkInterface")
        .map(|call| call.params["DeviceIndex"].clone())
        .collect();
    assert_eq!(order, ["3", "5"]);
    assert_eq!(wired["interfaces"][0]["deviceIndex"], 3);
    is_wired(&launch);
}

#[tokio::test(start_paused = true)]
async fn second_network_card_is_used_if_the_type_has_one() {
    let size = hookline_testkit::scene::Size {
        instance_type: "c6in.32xlarge",
        ..small()
    };
    let mut launch = Launch::begin(Settings::for_tests(), &size)
        .await
        .unwrap()
        .with_profile(|profile| {
            profile["slots"][1]["networkCard"] = json!(1);
            profile["slots"][1]["deviceIndex"] = json!(1);
        });
    launch.run_to(State::AttachInterfaces).await.unwrap();
    is_wired(&launch);
    let on = launch.made()[1].attachment.clone().unwrap();
    assert_eq!((on.network_card_index, on.device_index), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn pending_instance_is_waited_for() {
    let settings = Settings {
        instance_pending_for: Duration::from_secs(8),
        ..Settings::for_tests()
    };
    let mut launch = Launch::begin(settings, &small()).await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    is_wired(&launch);
}

#[tokio::test(start_paused = true)]
async fn launch_whose_instance_stays_pending_waits_in_the_state_machine() {
    let settings = Settings {
        instance_pending_for: Duration::from_secs(600),
        ..Settings::for_tests()
    };
    let mut launch = Launch::begin(settings, &small()).await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let before = tokio::time::Instant::now();
    failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.InstanceNotRunning",
    );
    let waited = before.elapsed();
    assert!(
        waited < Duration::from_secs(12),
        "a waiting function costs, a waiting state does not: {waited:?}"
    );
    // As the state machine does: it plans, waits, and plans again.
    let mut looks = 0;
    loop {
        let plan = launch.run(State::PlanInterfaces).await.unwrap();
        if plan["step"]["action"] == "CREATE" {
            break;
        }
        assert_eq!(plan["step"]["reason"], "PENDING", "{plan}");
        let seconds = plan["step"]["seconds"].as_u64().unwrap();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        looks += 1;
    }
    let passed = before.elapsed();
    assert!(passed < Duration::from_secs(600 + 60), "{passed:?}");
    assert!((5..20).contains(&looks), "{looks}");
    launch.run(State::CreateInterfaces).await.unwrap();
    launch.run(State::AttachInterfaces).await.unwrap();
    is_wired(&launch);
}

#[tokio::test(start_paused = true)]
async fn instance_that_has_been_pending_for_long_is_looked_at_once() {
    let settings = Settings {
        instance_pending_for: Duration::from_secs(600),
        ..Settings::for_tests()
    };
    let mut launch = Launch::begin(settings, &small()).await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    // Its turn came late.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mark = launch.mark();
    let attached = launch.run(State::AttachInterfaces).await;
    failed(attached, "Hookline.InstanceNotRunning");
    let looks = launch.actions_since(mark);
    assert_eq!(looks["DescribeInstances"], 1, "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn instance_that_ends_while_it_is_pending_is_not_waited_for() {
    let settings = Settings {
        instance_pending_for: Duration::from_secs(600),
        ..Settings::for_tests()
    };
    let mut launch = Launch::begin(settings, &small()).await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let plan = launch.run(State::PlanInterfaces).await.unwrap();
    assert_eq!(plan["step"]["reason"], "PENDING", "{plan}");
    let instance = launch.instance.clone();
    launch
        .local()
        .with_world(|world| world.terminate_instance(&instance))
        .unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    failed(
        launch.run(State::PlanInterfaces).await,
        "Hookline.InstanceGone",
    );
}

#[tokio::test(start_paused = true)]
async fn instance_that_is_pending_for_more_than_an_hour_is_given_up() {
    let settings = Settings {
        instance_pending_for: Duration::from_secs(8000),
        ..Settings::for_tests()
    };
    let mut launch = Launch::begin(settings, &small()).await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    for _ in 0..7 {
        tokio::time::sleep(Duration::from_secs(500)).await;
        launch.extend_hook().await.unwrap();
    }
    launch.run(State::PlanInterfaces).await.unwrap();
    tokio::time::sleep(Duration::from_secs(110)).await;
    failed(
        launch.run(State::PlanInterfaces).await,
        "Hookline.InstanceNotRunning",
    );
}

#[tokio::test(start_paused = true)]
async fn describe_ahead_of_the_attach_does_no_harm() {
    // TagNode saw it running. AttachNetworkInterface still sees it pending.
    let settings = Settings {
        instance_pending_for: Duration::from_secs(5),
        ..Settings::for_tests()
    };
    let mut launch = Launch::begin(settings, &small()).await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    launch.data["plan"]["nodeRunning"] = json!(true);
    launch.run(State::AttachInterfaces).await.unwrap();
    is_wired(&launch);
}

#[tokio::test(start_paused = true)]
async fn second_run_finds_everything_attached() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    let (first, made) = (launch.data["wired"].clone(), launch.made());
    let mark = launch.mark();
    assert_eq!(launch.run(State::AttachInterfaces).await.unwrap(), first);
    assert_eq!(launch.made(), made);
    let set_again = launch
        .calls_since(mark)
        .into_iter()
        .filter(|call| call.action == "ModifyNetworkInterfaceAttribute");
    assert_eq!(set_again.count(), 0, "what is right is not set again");
    is_wired(&launch);
}

#[tokio::test(start_paused = true)]
async fn run_after_an_interrupted_one_finishes_the_work() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let first = launch.made().remove(0);
    // Killed after the attach, before any attribute was set.
    launch.local().with_world(|world| {
        let id = &first.network_interface_id;
        ec2::attach_network_interface(
            &mut world.ec2,
            &mut world.kernel,
            id,
            &launch.instance,
            1,
            0,
        )
        .unwrap();
    });
    launch.run(State::AttachInterfaces).await.unwrap();
    is_wired(&launch);
}

#[tokio::test(start_paused = true)]
async fn interface_not_returned_at_first_is_attached_later() {
    let settings = Settings {
        interface_not_found_for: Duration::from_secs(5),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings).await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    is_wired(&launch);
}

#[tokio::test(start_paused = true)]
async fn lagging_describes_are_waited_for() {
    for varies in [false, true] {
        let settings = Settings {
            describe_lag: Duration::from_secs(4),
            describe_lag_varies: varies,
            attach_for: Duration::from_secs(2),
            ..Settings::for_tests()
        };
        let mut launch = Launch::running_in(settings).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        launch.run_to(State::AttachInterfaces).await.unwrap();
        is_wired(&launch);
        // A retry while the listing still shows the old state.
        launch.run(State::AttachInterfaces).await.unwrap();
        is_wired(&launch);
    }
}

#[tokio::test(start_paused = true)]
async fn slow_attachment_is_not_reported_before_it_is_attached() {
    let settings = Settings {
        attach_for: Duration::from_secs(40),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings).await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.NotYetAttached",
    );
    assert!(says.contains("attachment is attaching to"), "{says}");
    tokio::time::sleep(Duration::from_secs(30)).await;
    launch.run(State::AttachInterfaces).await.unwrap();
    is_wired(&launch);
}

#[tokio::test(start_paused = true)]
async fn interface_of_a_faster_execution_is_kept_and_the_own_one_deleted() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let own = launch.made().remove(0);
    let theirs = launch.local().with_world(|world| {
        let spec = InterfaceSpec {
            subnet_id: own.subnet_id.clone(),
            groups: own.groups.clone(),
            tags: own.tags.clone(),
            ..InterfaceSpec::default()
        };
        let id = ec2::create_network_interface(&mut world.ec2, &mut world.kernel, spec).unwrap();
        ec2::attach_network_interface(
            &mut world.ec2,
            &mut world.kernel,
            &id,
            &launch.instance,
            1,
            0,
        )
        .unwrap();
        id
    });
    let wired = launch.run(State::AttachInterfaces).await.unwrap();
    assert_eq!(
        wired["interfaces"][0]["networkInterfaceId"],
        theirs.as_str()
    );
    is_wired(&launch);
    let left: Vec<String> = launch
        .made()
        .into_iter()
        .map(|made| made.network_interface_id)
        .collect();
    assert_eq!(left.len(), 2);
    assert!(!left.contains(&own.network_interface_id));
}

#[tokio::test(start_paused = true)]
async fn profile_without_slots_attaches_nothing() {
    let mut launch = Launch::running()
        .await
        .unwrap()
        .with_profile(|profile| profile["slots"] = json!([]));
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let mark = launch.mark();
    let wired = launch.run(State::AttachInterfaces).await;
    assert_eq!(wired.unwrap()["interfaces"], json!([]));
    assert_eq!(
        launch.actions_since(mark),
        counts([("DescribeNetworkInterfaces", 1)])
    );
}
