//! Changes to a network interface: its attributes, addresses and tags.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_call_changes_one_attribute() {
    let scene = Scene::new();
    let id = scene.interface().await;
    let instance = scene.running("m5.large").await;
    let place = [
        ("NetworkInterfaceId", id.as_str()),
        ("InstanceId", &instance),
        ("DeviceIndex", "1"),
    ];
    let attachment = text(
        &scene.ok("AttachNetworkInterface", &place).await,
        "attachmentId",
    );
    let id = ("NetworkInterfaceId", id.as_str());
    let modify = "ModifyNetworkInterfaceAttribute";
    scene
        .ok(modify, &[id, ("SourceDestCheck.Value", "false")])
        .await;
    let delete = ("Attachment.DeleteOnTermination", "true");
    scene
        .ok(
            modify,
            &[id, ("Attachment.AttachmentId", &attachment), delete],
        )
        .await;
    scene.with_interface(id.1, |i| {
        assert!(!i.source_dest_check);
        assert!(i.attachment.as_ref().unwrap().delete_on_termination);
    });
    for (params, code) in [
        (vec![id], "InvalidParameterCombination"),
        (
            vec![
                id,
                ("SourceDestCheck.Value", "true"),
                ("Description.Value", "d"),
            ],
            "InvalidParameterCombination",
        ),
        (vec![id, delete], "MissingParameter"),
        (
            vec![id, ("Attachment.AttachmentId", "eni-attach-0123"), delete],
            "InvalidAttachmentID.NotFound",
        ),
        (
            vec![id, ("SecurityGroupId.1", "sg-0123")],
            "InvalidGroup.NotFound",
        ),
        (
            vec![
                ("NetworkInterfaceId", "eni-0123"),
                ("Description.Value", "d"),
            ],
            "InvalidNetworkInterfaceID.NotFound",
        ),
    ] {
        assert_eq!(scene.code(modify, &params).await, code, "{params:?}");
    }
    let xml = scene
        .ok(
            "DescribeNetworkInterfaceAttribute",
            &[id, ("Attribute", "sourceDestCheck")],
        )
        .await;
    assert_eq!(text(&xml, "value"), "false");
}

#[tokio::test(start_paused = true)]
async fn addresses_are_assigned_within_the_types_limit() {
    let scene = Scene::new();
    let instance = scene.running("t3.medium").await;
    let id = scene.local.with_world(|world| {
        world
            .ec2
            .interfaces_of(&instance)
            .next()
            .unwrap()
            .network_interface_id
            .clone()
    });
    let id = ("NetworkInterfaceId", id.as_str());
    let assign = "AssignPrivateIpAddresses";
    let xml = scene
        .ok(assign, &[id, ("SecondaryPrivateIpAddressCount", "3")])
        .await;
    assert_eq!(texts(&xml, "privateIpAddress").len(), 3);
    scene
        .ok(assign, &[id, ("PrivateIpAddress.1", "10.0.1.77")])
        .await;
    let one = ("SecondaryPrivateIpAddressCount", "1");
    scene.ok(assign, &[id, one]).await;
    assert_eq!(
        scene.code(assign, &[id, one]).await,
        "PrivateIpAddressLimitExceeded"
    );
    let address = ("PrivateIpAddress.1", "10.0.1.77");
    scene.ok("UnassignPrivateIpAddresses", &[id, address]).await;
    assert_eq!(
        scene
            .code("UnassignPrivateIpAddresses", &[id, address])
            .await,
        "InvalidParameterValue"
    );
    let xml = scene.ok(assign, &[id, ("Ipv4PrefixCount", "1")]).await;
    assert_eq!(texts(&xml, "ipv4Prefix").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tags_are_set_and_removed_on_many_resources() {
    let scene = Scene::new();
    let id = scene.interface().await;
    let resources = [
        ("ResourceId.1", id.as_str()),
        ("ResourceId.2", &scene.subnet_a),
    ];
    let tag = [("Tag.1.Key", "team"), ("Tag.1.Value", "blue")];
    scene.ok("CreateTags", &[resources, tag].concat()).await;
    let xml = scene
        .ok(
            "DescribeTags",
            &[("Filter.1.Name", "key"), ("Filter.1.Value.1", "te*")],
        )
        .await;
    assert_eq!(texts(&xml, "resourceType"), ["network-interface", "subnet"]);
    scene
        .ok(
            "DeleteTags",
            &[resources, [("Tag.1.Key", "team"), ("Tag.1.Value", "red")]].concat(),
        )
        .await;
    assert_eq!(
        scene.with_interface(&id, |i| i.tags.len()),
        1,
        "another value stays"
    );
    scene
        .ok("DeleteTags", &[&resources[..], &tag[..1]].concat())
        .await;
    assert_eq!(scene.with_interface(&id, |i| i.tags.len()), 0);
    for (params, code) in [
        (
            vec![("ResourceId.1", "i-0123"), tag[0]],
            "InvalidInstanceID.NotFound",
        ),
        (vec![("ResourceId.1", "thing"), tag[0]], "InvalidID"),
        (
            vec![resources[0], ("Tag.1.Key", "aws:x")],
            "InvalidParameterValue",
        ),
        (vec![resources[0]], "MissingParameter"),
        (vec![tag[0]], "MissingParameter"),
    ] {
        assert_eq!(scene.code("CreateTags", &params).await, code, "{params:?}");
    }
    for n in 0..50 {
        scene
            .ok("CreateTags", &[resources[0], ("Tag.1.Key", &n.to_string())])
            .await;
    }
    assert_eq!(
        scene
            .code("CreateTags", &[resources[0], ("Tag.1.Key", "more")])
            .await,
        "TagLimitExceeded"
    );
}
