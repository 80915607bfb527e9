use super::*;
use ec2::AttachmentStatus;

fn params<'a>(interface: &'a str, instance: &'a str, index: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("NetworkInterfaceId", interface),
        ("InstanceId", instance),
        ("DeviceIndex", index),
    ]
}

const ATTACH: &str = "AttachNetworkInterface";

#[tokio::test(start_paused = true)]
async fn attach_and_detach_take_their_time() {
    let scene = Scene::new();
    let (interface, instance) = (scene.interface().await, scene.running("m5.large").await);
    let xml = scene.ok(ATTACH, &params(&interface, &instance, "1")).await;
    let attachment = text(&xml, "attachmentId");
    let status = || scene.with_interface(&interface, |i| i.attachment.as_ref().map(|a| a.status));
    assert_eq!(status(), Some(AttachmentStatus::Attaching));
    seconds(1).await;
    assert_eq!(status(), Some(AttachmentStatus::Attached));
    scene.with_interface(&interface, |i| {
        assert_eq!(i.status(), "in-use");
        assert!(!i.attachment.as_ref().unwrap().delete_on_termination);
    });
    let detach = [("AttachmentId", attachment.as_str()), ("Force", "true")];
    scene.ok("DetachNetworkInterface", &detach).await;
    assert_eq!(status(), Some(AttachmentStatus::Detaching));
    assert_eq!(
        scene.code("DetachNetworkInterface", &detach).await,
        "IncorrectState"
    );
    seconds(1).await;
    assert_eq!(status(), None);
    assert_eq!(
        scene.code("DetachNetworkInterface", &detach).await,
        "InvalidAttachmentID.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn attach_of_a_pending_instance_is_refused() {
    let scene = Scene::new();
    let (interface, instance) = (scene.interface().await, scene.instance("m5.large"));
    assert_eq!(
        scene
            .code(ATTACH, &params(&interface, &instance, "1"))
            .await,
        "IncorrectInstanceState"
    );
    seconds(2).await;
    scene.ok(ATTACH, &params(&interface, &instance, "1")).await;
    scene
        .ok("TerminateInstances", &[("InstanceId.1", &instance)])
        .await;
    let second = scene.interface().await;
    assert_eq!(
        scene.code(ATTACH, &params(&second, &instance, "2")).await,
        "IncorrectInstanceState"
    );
}

#[tokio::test(start_paused = true)]
async fn each_refused_attach_has_its_own_code() {
    let scene = Scene::new();
    let instance = scene.running("m5.large").await;
    let (first, second) = (scene.interface().await, scene.interface().await);
    let elsewhere = text(
        &scene
            .ok("CreateNetworkInterface", &[("SubnetId", &scene.subnet_b)])
            .await,
        "networkInterfaceId",
    );
    scene.ok(ATTACH, &params(&first, &instance, "1")).await;
    let error = scene
        .call(ATTACH, &params(&second, &instance, "1"))
        .await
        .unwrap_err();
    assert_eq!(error.0, "InvalidParameterValue");
    assert_eq!(
        error.1,
        format!("Instance '{instance}' already has an interface attached at device index '1'.")
    );
    for (params, code) in [
        (
            params(&first, &instance, "2"),
            "InvalidNetworkInterface.InUse",
        ),
        (
            params(&elsewhere, &instance, "2"),
            "InvalidParameterCombination",
        ),
        (
            params("eni-0123456789abcdef0", &instance, "2"),
            "InvalidNetworkInterfaceID.NotFound",
        ),
        (
            params("x", &instance, "2"),
            "InvalidNetworkInterfaceID.Malformed",
        ),
        (
            params(&second, "i-0123456789abcdef0", "2"),
            "InvalidInstanceID.NotFound",
        ),
        (params(&second, &instance, "two"), "InvalidParameterValue"),
        (params(&second, &instance, "0"), "InvalidParameterValue"),
    ] {
        assert_eq!(scene.code(ATTACH, &params).await, code, "{params:?}");
    }
    scene.ok(ATTACH, &params(&second, &instance, "2")).await;
    let third = scene.interface().await;
    let error = scene
        .call(ATTACH, &params(&third, &instance, "3"))
        .await
        .unwrap_err();
    assert_eq!(error.0, "AttachmentLimitExceeded");
    assert_eq!(error.1, "Interface count 4 exceeds the limit for m5.large");
}

#[tokio::test(start_paused = true)]
async fn each_network_card_has_its_own_device_indexes() {
    let scene = Scene::new();
    let instance = scene.running("c6in.32xlarge").await;
    let on_card = |interface: String, index: &'static str, card: &'static str| {
        let (scene, instance) = (&scene, instance.as_str());
        async move {
            let place = params(&interface, instance, index);
            scene
                .call(
                    ATTACH,
                    &[&place[..], &[("NetworkCardIndex", card)]].concat(),
                )
                .await
        }
    };
    let xml = on_card(scene.interface().await, "1", "1").await.unwrap();
    assert_eq!(text(&xml, "networkCardIndex"), "1");
    on_card(scene.interface().await, "1", "0").await.unwrap();
    // Device index 0 of the default card is the primary interface's, that of another card is free.
    on_card(scene.interface().await, "0", "1").await.unwrap();
    for (index, card) in [("1", "1"), ("0", "1"), ("0", "0"), ("1", "2")] {
        let error = on_card(scene.interface().await, index, card)
            .await
            .unwrap_err();
        assert_eq!(error.0, "InvalidParameterValue", "{index} {card}");
    }
    for index in ["2", "3", "4", "5", "6", "7"] {
        on_card(scene.interface().await, index, "1").await.unwrap();
    }
    let full = on_card(scene.interface().await, "8", "1")
        .await
        .unwrap_err();
    assert_eq!(full.0, "AttachmentLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn attach_of_an_interface_with_too_many_addresses_is_refused() {
    let scene = Scene::new();
    let instance = scene.running("t3.medium").await;
    let many = [
        ("SubnetId", scene.subnet_a.as_str()),
        ("SecondaryPrivateIpAddressCount", "6"),
    ];
    let interface = text(
        &scene.ok("CreateNetworkInterface", &many).await,
        "networkInterfaceId",
    );
    assert_eq!(
        scene
            .code(ATTACH, &params(&interface, &instance, "1"))
            .await,
        "PrivateIpAddressLimitExceeded"
    );
}

#[tokio::test(start_paused = true)]
async fn attach_of_an_efa_needs_a_stopped_instance() {
    let scene = Scene::new();
    let instance = scene.running("c5n.18xlarge").await;
    let efa = [
        ("SubnetId", scene.subnet_a.as_str()),
        ("InterfaceType", "efa"),
    ];
    let interface = text(
        &scene.ok("CreateNetworkInterface", &efa).await,
        "networkInterfaceId",
    );
    let place = params(&interface, &instance, "1");
    assert_eq!(scene.code(ATTACH, &place).await, "IncorrectInstanceState");
    scene
        .ok("StopInstances", &[("InstanceId.1", &instance)])
        .await;
    seconds(2).await;
    scene.ok(ATTACH, &place).await;
    scene
        .ok("StartInstances", &[("InstanceId.1", &instance)])
        .await;
    seconds(2).await;
    let state = scene
        .local
        .with_world(|world| world.ec2.instance(&instance).unwrap().state);
    assert_eq!(state, ec2::InstanceState::Running);
}

#[tokio::test(start_paused = true)]
async fn detach_of_the_primary_interface_is_refused() {
    let scene = Scene::new();
    let instance = scene.running("m5.large").await;
    let primary = scene.local.with_world(|world| {
        let interface = world.ec2.interfaces_of(&instance).next().unwrap();
        interface.attachment.clone().unwrap()
    });
    assert!(primary.delete_on_termination);
    assert_eq!(
        scene
            .code(
                "DetachNetworkInterface",
                &[("AttachmentId", &primary.attachment_id)]
            )
            .await,
        "OperationNotPermitted"
    );
}

#[tokio::test(start_paused = true)]
async fn calls_may_not_find_a_new_interface() {
    let scene = Scene::with(Settings {
        interface_not_found_for: Duration::from_secs(3),
        ..Settings::for_tests()
    });
    let instance = scene.running("m5.large").await;
    let interface = scene.interface().await;
    let place = params(&interface, &instance, "1");
    assert_eq!(
        scene.code(ATTACH, &place).await,
        "InvalidNetworkInterfaceID.NotFound"
    );
    seconds(3).await;
    scene.ok(ATTACH, &place).await;
}
