use super::*;

#[tokio::test(start_paused = true)]
async fn an_interface_is_created_as_requested() {
    let scene = Scene::new();
    let group = scene.local.with_world(|world| {
        ec2::create_security_group(
            &mut world.ec2,
            &mut world.kernel,
            &scene.vpc,
            "multus",
            "m",
            ec2::Tags::new(),
        )
        .unwrap()
    });
    let xml = scene
        .ok(
            "CreateNetworkInterface",
            &[
                ("SubnetId", &scene.subnet_a),
                ("Description", "signaling <1>"),
                ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.20"),
                ("PrivateIpAddresses.1.Primary", "true"),
                ("PrivateIpAddresses.2.PrivateIpAddress", "10.0.1.21"),
                ("Ipv6Addresses.1.Ipv6Address", "2600:1f14:1:201::20"),
                ("SecurityGroupId.1", &group),
                ("TagSpecification.1.ResourceType", "network-interface"),
                (
                    "TagSpecification.1.Tag.1.Key",
                    "node.k8s.amazonaws.com/no_manage",
                ),
                ("TagSpecification.1.Tag.1.Value", "true"),
            ],
        )
        .await;
    assert_eq!(text(&xml, "description"), "signaling &lt;1&gt;");
    assert_eq!(text(&xml, "privateIpAddress"), "10.0.1.20");
    assert_eq!(texts(&xml, "primary"), ["true", "false"]);
    assert_eq!(text(&xml, "ipv6Address"), "2600:1f14:1:201::20");
    assert_eq!(text(&xml, "groupId"), group);
    assert_eq!(text(&xml, "status"), "available");
    assert_eq!(text(&xml, "sourceDestCheck"), "true");
    let tags = scene.with_interface(&text(&xml, "networkInterfaceId"), |i| i.tags.clone());
    assert_eq!(tags["node.k8s.amazonaws.com/no_manage"], "true");
    let subnets = scene
        .ok("DescribeSubnets", &[("SubnetId.1", &scene.subnet_a)])
        .await;
    assert_eq!(text(&subnets, "availableIpAddressCount"), "249");
}

#[tokio::test(start_paused = true)]
async fn unusable_addresses_are_refused_with_ec2s_codes() {
    let scene = Scene::new();
    let create = |address: &'static str| {
        let params = [
            ("SubnetId", scene.subnet_b.as_str()),
            ("PrivateIpAddress", address),
        ];
        let scene = &scene;
        async move { scene.call("CreateNetworkInterface", &params).await }
    };
    create("10.0.2.7").await.unwrap();
    assert_eq!(
        create("10.0.2.7").await.unwrap_err().0,
        "InvalidIPAddress.InUse"
    );
    for (address, message) in [
        (
            "10.0.2.3",
            "Address 10.0.2.3 is in subnet's reserved address range",
        ),
        (
            "10.0.2.15",
            "Address 10.0.2.15 is in subnet's reserved address range",
        ),
        (
            "10.0.2.16",
            "Address 10.0.2.16 does not fall within the subnet's address range",
        ),
        ("ten", "invalid value for parameter address: ten"),
    ] {
        let error = create(address).await.unwrap_err();
        assert_eq!(
            error,
            ("InvalidParameterValue".to_owned(), message.to_owned())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_in_a_full_subnet_fails_and_takes_no_address() {
    let scene = Scene::new();
    let params = [
        ("SubnetId", scene.subnet_b.as_str()),
        ("SecondaryPrivateIpAddressCount", "11"),
    ];
    assert_eq!(
        scene.code("CreateNetworkInterface", &params).await,
        "InsufficientFreeAddressesInSubnet"
    );
    for _ in 0..11 {
        scene.ok("CreateNetworkInterface", &params[..1]).await;
    }
    assert_eq!(
        scene.code("CreateNetworkInterface", &params[..1]).await,
        "InsufficientFreeAddressesInSubnet"
    );
    let named = [
        ("SubnetId", scene.subnet_b.as_str()),
        ("PrivateIpAddress", "10.0.2.9"),
    ];
    assert_eq!(
        scene.code("CreateNetworkInterface", &named).await,
        "InvalidIPAddress.InUse"
    );
    let prefix = [
        ("SubnetId", scene.subnet_b.as_str()),
        ("Ipv4PrefixCount", "1"),
    ];
    assert_eq!(
        scene.code("CreateNetworkInterface", &prefix).await,
        "InsufficientFreeAddressesInSubnet"
    );
}

#[tokio::test(start_paused = true)]
async fn missing_resources_and_conflicting_parameters_are_refused() {
    let scene = Scene::new();
    let other_vpc_group = scene.local.with_world(|world| {
        let block = "10.9.0.0/16".parse().unwrap();
        let vpc = ec2::create_vpc(
            &mut world.ec2,
            &mut world.kernel,
            block,
            None,
            ec2::Tags::new(),
        )
        .unwrap();
        ec2::create_security_group(
            &mut world.ec2,
            &mut world.kernel,
            &vpc,
            "other",
            "o",
            ec2::Tags::new(),
        )
        .unwrap()
    });
    let subnet = ("SubnetId", scene.subnet_a.as_str());
    for (params, code) in [
        (vec![], "MissingParameter"),
        (
            vec![("SubnetId", "subnet-0123456789abcdef0")],
            "InvalidSubnetID.NotFound",
        ),
        (vec![("SubnetId", "net")], "InvalidSubnetID.Malformed"),
        (
            vec![subnet, ("SecurityGroupId.1", "sg-0123456789abcdef0")],
            "InvalidGroup.NotFound",
        ),
        (
            vec![subnet, ("SecurityGroupId.1", &other_vpc_group)],
            "InvalidParameter",
        ),
        (vec![subnet, ("Color", "red")], "UnknownParameter"),
        (vec![subnet, ("DryRun", "true")], "DryRunOperation"),
        (
            vec![subnet, ("SecondaryPrivateIpAddressCount", "4294967295")],
            "PrivateIpAddressLimitExceeded",
        ),
        (
            vec![
                subnet,
                ("SecondaryPrivateIpAddressCount", "1"),
                ("Ipv4PrefixCount", "1"),
            ],
            "InvalidParameterCombination",
        ),
        (
            vec![
                subnet,
                ("PrivateIpAddress", "10.0.1.9"),
                ("Ipv4PrefixCount", "1"),
            ],
            "InvalidParameterCombination",
        ),
        (
            vec![
                subnet,
                ("PrivateIpAddress", "10.0.1.9"),
                ("Ipv4Prefix.1.Ipv4Prefix", "10.0.1.16/28"),
            ],
            "InvalidParameterCombination",
        ),
        (
            vec![
                subnet,
                ("PrivateIpAddress", "10.0.1.9"),
                ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.10"),
                ("PrivateIpAddresses.1.Primary", "true"),
            ],
            "InvalidParameterCombination",
        ),
        (
            vec![subnet, ("TagSpecification.1.ResourceType", "volume")],
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(
            scene.code("CreateNetworkInterface", &params).await,
            code,
            "{params:?}"
        );
    }
    scene
        .local
        .with_world(|world| world.kernel.settings.network_interface_limit = 0);
    assert_eq!(
        scene.code("CreateNetworkInterface", &[subnet]).await,
        "NetworkInterfaceLimitExceeded"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_token_creates_one_interface() {
    let scene = Scene::new();
    let params = |description| {
        [
            ("SubnetId", scene.subnet_a.as_str()),
            ("Description", description),
            ("ClientToken", "token-1"),
        ]
    };
    let first = scene.ok("CreateNetworkInterface", &params("d")).await;
    assert_eq!(text(&first, "clientToken"), "token-1");
    let id = text(&first, "networkInterfaceId");
    let instance = scene.running("m5.large").await;
    scene
        .ok(
            "AttachNetworkInterface",
            &[
                ("NetworkInterfaceId", &id),
                ("InstanceId", &instance),
                ("DeviceIndex", "1"),
            ],
        )
        .await;
    let again = scene.ok("CreateNetworkInterface", &params("d")).await;
    assert_eq!(text(&again, "networkInterfaceId"), id);
    assert_eq!(text(&again, "status"), "in-use", "its current state");
    assert_eq!(
        scene.code("CreateNetworkInterface", &params("other")).await,
        "IdempotentParameterMismatch"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_token_outlives_its_interface() {
    let scene = Scene::new();
    let params = [("SubnetId", scene.subnet_a.as_str()), ("ClientToken", "t")];
    let id = text(
        &scene.ok("CreateNetworkInterface", &params).await,
        "networkInterfaceId",
    );
    scene
        .ok("DeleteNetworkInterface", &[("NetworkInterfaceId", &id)])
        .await;
    let again = scene.ok("CreateNetworkInterface", &params).await;
    assert_eq!(text(&again, "networkInterfaceId"), id);
    assert_eq!(
        scene
            .code("DeleteNetworkInterface", &[("NetworkInterfaceId", &id)])
            .await,
        "InvalidNetworkInterfaceID.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn deletion_releases_the_addresses_and_is_refused_in_use() {
    let scene = Scene::new();
    let id = scene.interface().await;
    let instance = scene.running("m5.large").await;
    let attach = [
        ("NetworkInterfaceId", id.as_str()),
        ("InstanceId", &instance),
        ("DeviceIndex", "1"),
    ];
    let attachment = text(
        &scene.ok("AttachNetworkInterface", &attach).await,
        "attachmentId",
    );
    let delete = [("NetworkInterfaceId", id.as_str())];
    let error = scene
        .call("DeleteNetworkInterface", &delete)
        .await
        .unwrap_err();
    assert_eq!(error.0, "InvalidParameterValue");
    assert_eq!(
        error.1,
        format!("Network interface '{id}' is currently in use.")
    );
    scene
        .ok("DetachNetworkInterface", &[("AttachmentId", &attachment)])
        .await;
    assert_eq!(
        scene.code("DeleteNetworkInterface", &delete).await,
        "InvalidParameterValue"
    );
    seconds(1).await;
    scene.ok("DeleteNetworkInterface", &delete).await;
    let address = scene.local.with_world(|world| {
        world
            .ec2
            .subnet(&scene.subnet_a)
            .unwrap()
            .available_ip_address_count()
    });
    assert_eq!(address, 250, "only the instance's own is left");
}

#[tokio::test(start_paused = true)]
async fn an_interface_of_a_service_is_in_use_and_not_the_accounts_to_change() {
    let scene = Scene::new();
    let spec = ec2::RequesterManagedSpec {
        network_interface_id: "eni-0a1b2c3d4e5f60718".to_owned(),
        description: "ELB net/shop/50dc6c495c0c9188".to_owned(),
        interface_type: "network_load_balancer".to_owned(),
        requester_id: "amazon-elb".to_owned(),
        private_ip_address: "10.0.1.40".parse().unwrap(),
    };
    let create = |vpc: &str, spec: &ec2::RequesterManagedSpec| {
        scene.local.with_world(|world| {
            let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
            ec2::create_requester_managed_interface(ec2, kernel, vpc, spec)
        })
    };
    let id = create(&scene.vpc, &spec).unwrap();
    assert_eq!(id, spec.network_interface_id);
    let managed = [
        ("Filter.1.Name", "requester-managed"),
        ("Filter.1.Value.1", "true"),
        ("Filter.2.Name", "status"),
        ("Filter.2.Value.1", "in-use"),
    ];
    let xml = scene.ok("DescribeNetworkInterfaces", &managed).await;
    assert_eq!(text(&xml, "networkInterfaceId"), id);
    assert_eq!(text(&xml, "subnetId"), scene.subnet_a);
    assert_eq!(text(&xml, "requesterManaged"), "true");
    assert_eq!(text(&xml, "requesterId"), "amazon-elb");
    assert_eq!(text(&xml, "instanceOwnerId"), "amazon-aws");
    assert_eq!(texts(&xml, "instanceId"), [""; 0]);
    assert_eq!(texts(&xml, "attachTime"), [""; 0]);
    let attachment = text(&xml, "attachmentId");
    let detach = [("AttachmentId", attachment.as_str())];
    let code = scene.code("DetachNetworkInterface", &detach).await;
    assert_eq!(code, "OperationNotPermitted");
    let delete = [("NetworkInterfaceId", id.as_str())];
    let code = scene.code("DeleteNetworkInterface", &delete).await;
    assert_eq!(code, "InvalidParameterValue");
    let elsewhere = ec2::RequesterManagedSpec {
        private_ip_address: "192.0.2.1".parse().unwrap(),
        ..spec
    };
    let refused = create(&scene.vpc, &elsewhere).unwrap_err();
    assert_eq!(refused.code, "InvalidParameterValue");
}
