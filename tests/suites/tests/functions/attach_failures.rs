//! `AttachInterfaces`: strangers, limits, lost responses, and interfaces that are not what they
//! should be.

use aws_sdk_ec2::types::Tag;
use hookline_domain::tags::own::{DEPLOYMENT, INSTANCE_ID, NETWORK};
use hookline_local::{Fault, FaultKind};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use serde_json::{Value, json};

use crate::{failed, not_allowed, refusal};

async fn created() -> Launch {
    created_with(|_| ()).await
}

async fn created_with(change: impl FnOnce(&mut Value)) -> Launch {
    let mut launch = Launch::running().await.unwrap().with_profile(change);
    launch.run_to(State::CreateInterfaces).await.unwrap();
    launch
}

/// Attaches a foreign interface to the node.
async fn attach_stranger(launch: &Launch, device_index: u32) -> String {
    let subnet = launch.subnet(1).unwrap().to_owned();
    let address = launch.address(&subnet, 100 + device_index).unwrap();
    let id = launch.foreign_interface(&subnet, address).await.unwrap();
    launch
        .scene
        .ec2
        .attach_network_interface()
        .network_interface_id(&id)
        .instance_id(&launch.instance)
        .device_index(i32::try_from(device_index).unwrap())
        .send()
        .await
        .unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn foreign_interface_at_a_slots_device_index_is_not_changed_and_is_named() {
    let mut launch = created().await;
    let stranger = attach_stranger(&launch, 2).await;
    let before = launch
        .local()
        .with_world(|world| world.ec2.network_interface(&stranger).cloned());
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.DeviceIndexTaken",
    );
    let named = format!("device index 2 of network card 0 is taken by {stranger}");
    assert!(says.contains(&named), "{says}");
    let after = launch
        .local()
        .with_world(|world| world.ec2.network_interface(&stranger).cloned());
    let tags_and_place = |found: Option<hookline_local::ec2::NetworkInterface>| {
        let found = found.unwrap();
        let on = found.attachment.unwrap();
        (found.tags, found.source_dest_check, on.attachment_id)
    };
    assert_eq!(tags_and_place(after), tags_and_place(before));
}

#[tokio::test(start_paused = true)]
async fn interface_of_another_deployment_for_the_same_slot_is_a_strangers() {
    let mut launch = created().await;
    let theirs = attach_stranger(&launch, 2).await;
    let network = launch.data["profile"]["slots"][1]["network"].as_str();
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let tags = launch.scene.ec2.create_tags().resources(&theirs);
    tags.tags(tag(INSTANCE_ID, &launch.instance))
        .tags(tag(NETWORK, network.unwrap()))
        .tags(tag(DEPLOYMENT, "another"))
        .send()
        .await
        .unwrap();
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.DeviceIndexTaken",
    );
    let named = format!("device index 2 of network card 0 is taken by {theirs}");
    assert!(says.contains(&named), "{says}");
}

/// A launch whose slots have no device index, up to its interfaces.
async fn created_without_indexes() -> Launch {
    created_with(|profile| {
        for slot in profile["slots"].as_array_mut().unwrap() {
            slot.as_object_mut().unwrap().remove("deviceIndex");
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn slot_without_a_device_index_goes_to_the_next_lower_one_when_somebody_has_its_own() {
    let mut launch = created_without_indexes().await;
    // The type has room for eight interfaces, so the slots are planned for 6 and 7.
    attach_stranger(&launch, 1).await;
    attach_stranger(&launch, 6).await;
    attach_stranger(&launch, 7).await;
    let wired = launch.run(State::AttachInterfaces).await.unwrap();
    let indexes: Vec<_> = wired["interfaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wired| (wired["network"].clone(), wired["deviceIndex"].clone()))
        .collect();
    assert_eq!(
        indexes,
        [
            (json!("signaling"), json!(5)),
            (json!("user-plane"), json!(4))
        ]
    );
    launch.run(State::ContinueLaunch).await.unwrap();
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn repeated_attach_of_a_slot_without_a_device_index_finds_its_own() {
    let mut launch = created_without_indexes().await;
    let first = launch.run(State::AttachInterfaces).await.unwrap();
    let second = launch.run(State::AttachInterfaces).await.unwrap();
    assert_eq!(first["interfaces"], second["interfaces"]);
    assert_eq!(launch.made().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn node_without_a_free_device_index_is_refused_and_the_others_are_named() {
    let mut launch = created_without_indexes().await;
    let mut strangers = Vec::new();
    for index in 1..=6 {
        strangers.push(attach_stranger(&launch, index).await);
    }
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.InstanceTypeTooSmall",
    );
    assert!(
        says.contains("no device index of network card 0 is left"),
        "{says}"
    );
    assert!(
        strangers.iter().all(|stranger| says.contains(stranger)),
        "{says}"
    );
}

#[tokio::test(start_paused = true)]
async fn node_with_too_many_foreign_interfaces_is_refused_for_lack_of_room() {
    let mut launch = created().await;
    // The primary interface and six foreign ones: there is room for one more.
    for index in 10..16 {
        attach_stranger(&launch, index).await;
    }
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.InstanceTypeTooSmall",
    );
    assert!(
        says.starts_with("profile.slots: at device index 2 of network card 0 EC2 said:"),
        "{says}"
    );
}

#[tokio::test(start_paused = true)]
async fn lost_response_of_an_attach_is_checked() {
    for lost in [FaultKind::ResetAfter, FaultKind::InternalErrorAfter] {
        for times in [1, 3] {
            let mut launch = created().await;
            launch.local().inject(
                Fault::on("AttachNetworkInterface", lost.clone())
                    .when("DeviceIndex", "2")
                    .times(times),
            );
            launch
                .run_until_answered(State::AttachInterfaces)
                .await
                .unwrap();
            assert_eq!(launch.local().faults_left(), 0);
            assert_eq!(launch.made().len(), 2);
            launch.run(State::ContinueLaunch).await.unwrap();
            launch
                .until_lifecycle_state(hookline_local::autoscaling::LifecycleState::InService)
                .await
                .unwrap();
            launch.nothing_is_broken().unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lost_response_of_an_attribute_does_no_harm() {
    let mut launch = created().await;
    launch
        .local()
        .inject(Fault::on("ModifyNetworkInterfaceAttribute", FaultKind::ResetAfter).times(4));
    launch
        .run_until_answered(State::AttachInterfaces)
        .await
        .unwrap();
    assert_eq!(launch.local().faults_left(), 0);
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn attribute_that_cannot_be_set_yet_is_set_by_the_next_run() {
    // ModifyNetworkInterfaceAttribute may see the interface, or its attachment, a moment later.
    for code in [
        "InvalidNetworkInterfaceID.NotFound",
        "InvalidAttachmentID.NotFound",
    ] {
        let mut launch = created().await;
        launch
            .local()
            .inject(refusal("ModifyNetworkInterfaceAttribute", code));
        let says = failed(
            launch.run(State::AttachInterfaces).await,
            "Hookline.NotYetAttached",
        );
        assert!(says.contains(code), "{says}");
        launch.run(State::AttachInterfaces).await.unwrap();
        launch.run(State::ContinueLaunch).await.unwrap();
        launch.nothing_is_broken().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn instance_that_terminates_during_the_attach_is_abandoned() {
    let mut launch = created().await;
    let terminate = launch.scene.ec2.terminate_instances();
    let terminate = terminate.instance_ids(&launch.instance);
    terminate.send().await.unwrap();
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.InstanceGone",
    );
    assert!(says.contains("shutting-down"), "{says}");
}

#[tokio::test(start_paused = true)]
async fn missing_interface_is_waited_for_and_then_named() {
    let mut launch = created().await;
    let gone = launch.made().remove(0).network_interface_id;
    let delete = launch.scene.ec2.delete_network_interface();
    let delete = delete.network_interface_id(&gone);
    delete.send().await.unwrap();
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.InterfaceLost",
    );
    assert!(says.contains(&gone) && says.contains("signaling"), "{says}");
}

#[tokio::test(start_paused = true)]
async fn missing_interface_that_the_role_may_not_attach_is_named_too() {
    let mut launch = created().await;
    let gone = launch.made().remove(0).network_interface_id;
    let delete = launch.scene.ec2.delete_network_interface();
    let delete = delete.network_interface_id(&gone);
    delete.send().await.unwrap();
    // A role that selects by tags: what is gone has none.
    let denied = Fault::on("AttachNetworkInterface", not_allowed());
    let denied = denied.when("NetworkInterfaceId", &gone);
    launch.local().inject(denied);
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.InterfaceLost",
    );
    assert!(says.contains(&gone) && says.contains("signaling"), "{says}");
}

#[tokio::test(start_paused = true)]
async fn attach_that_the_role_may_not_make_is_not_repeated() {
    let mut launch = created().await;
    let denied = Fault::on("AttachNetworkInterface", not_allowed());
    launch.local().inject(denied.times(100));
    let mark = launch.mark();
    failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.AccessDenied",
    );
    assert_eq!(launch.actions_since(mark)["AttachNetworkInterface"], 1);
}

#[tokio::test(start_paused = true)]
async fn slot_without_an_interface_is_an_invalid_payload() {
    let mut launch = created().await;
    launch.data["allocation"]["interfaces"]
        .as_array_mut()
        .unwrap()
        .remove(0);
    let mark = launch.mark();
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.InvalidPayload",
    );
    assert!(
        says.starts_with("allocation.interfaces: no interface for the network"),
        "{says}"
    );
    assert_eq!(launch.calls_since(mark).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn changed_interface_is_named_and_the_launch_not_continued() {
    for tampering in ["group", "tag", "no_manage", "address"] {
        let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
            profile["slots"][0]["secondaryPrivateAddresses"] = json!(1);
        });
        launch.run_to(State::CreateInterfaces).await.unwrap();
        let id = launch.made().remove(0).network_interface_id;
        let ec2 = &launch.scene.ec2;
        let wanted = match tampering {
            "group" => {
                let group = ec2.create_security_group().group_name("other");
                let group = group.description("other").vpc_id(&launch.scene.vpc);
                let group = group.send().await.unwrap().group_id.unwrap();
                let modify = ec2.modify_network_interface_attribute();
                let modify = modify.network_interface_id(&id).groups(&group);
                modify.send().await.unwrap();
                format!(
                    "security groups is {group}, wanted {}",
                    launch.scene.security_group
                )
            }
            "tag" | "no_manage" => {
                let key = if tampering == "tag" {
                    "hookline:network"
                } else {
                    "node.k8s.amazonaws.com/no_manage"
                };
                let tag = aws_sdk_ec2::types::Tag::builder().key(key).build();
                let delete = ec2.delete_tags().resources(&id).tags(tag);
                delete.send().await.unwrap();
                format!("tag {key} is absent, wanted")
            }
            _ => {
                let secondary = launch.made()[0].secondary_private_ip_addresses[0];
                let unassign = ec2.unassign_private_ip_addresses();
                let unassign = unassign.network_interface_id(&id);
                let unassign = unassign.private_ip_addresses(secondary.to_string());
                unassign.send().await.unwrap();
                "number of private IPv4 addresses is 1, wanted 2".to_owned()
            }
        };
        let says = failed(
            launch.run(State::AttachInterfaces).await,
            "Hookline.NotYetAttached",
        );
        assert!(
            says.contains(&id) && says.contains(&wanted),
            "wanted {wanted}\nfound {says}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn attributes_that_somebody_resets_are_detected() {
    let mut launch = created_with(|profile| {
        profile["slots"][0]["sourceDestCheck"] = json!(true);
    })
    .await;
    let id = launch.made().remove(0).network_interface_id;
    // Hookline does not set what EC2 sets by itself, so a change by somebody else is only detected.
    launch
        .scene
        .ec2
        .modify_network_interface_attribute()
        .network_interface_id(&id)
        .source_dest_check(
            aws_sdk_ec2::types::AttributeBooleanValue::builder()
                .value(false)
                .build(),
        )
        .send()
        .await
        .unwrap();
    let says = failed(
        launch.run(State::AttachInterfaces).await,
        "Hookline.NotYetAttached",
    );
    assert!(
        says.contains("SourceDestCheck is false, wanted true"),
        "{says}"
    );
}

#[tokio::test(start_paused = true)]
async fn failed_removal_of_a_surplus_interface_does_not_fail_the_node() {
    let mut launch = created().await;
    let own = launch.made().remove(0);
    launch.local().with_world(|world| {
        let spec = hookline_local::ec2::InterfaceSpec {
            subnet_id: own.subnet_id.clone(),
            groups: own.groups.clone(),
            tags: own.tags.clone(),
            ..hookline_local::ec2::InterfaceSpec::default()
        };
        hookline_local::ec2::create_network_interface(&mut world.ec2, &mut world.kernel, spec)
            .unwrap();
    });
    launch
        .local()
        .inject(refusal("DeleteNetworkInterface", "UnauthorizedOperation"));
    launch.run(State::AttachInterfaces).await.unwrap();
    assert_eq!(launch.local().faults_left(), 0, "it was tried");
}
