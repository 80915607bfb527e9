use std::collections::BTreeSet;

use super::*;

#[tokio::test(start_paused = true)]
async fn subnet_assigns_an_ipv6_address_unless_the_request_says_otherwise() {
    let scene = Scene::new();
    let subnet = ("SubnetId", scene.subnet_b.as_str());
    let modify = "ModifySubnetAttribute";
    let assign = ("AssignIpv6AddressOnCreation.Value", "true");
    assert_eq!(
        scene.code(modify, &[subnet, assign]).await,
        "InvalidParameterValue"
    );
    assert_eq!(scene.code(modify, &[subnet]).await, "MissingParameter");
    let block = ("Ipv6CidrBlock", "2600:1f14:1:202::/64");
    scene.ok("AssociateSubnetCidrBlock", &[subnet, block]).await;
    let count = async |more: &[(&str, &str)]| {
        let params = [&[subnet], more].concat();
        let xml = scene.ok("CreateNetworkInterface", &params).await;
        // The interface shows its first address twice.
        let addresses: BTreeSet<String> = texts(&xml, "ipv6Address").into_iter().collect();
        addresses.len()
    };
    assert_eq!(count(&[]).await, 0);
    scene.ok(modify, &[subnet, assign]).await;
    let xml = scene.ok("DescribeSubnets", &[]).await;
    assert!(texts(&xml, "assignIpv6AddressOnCreation").contains(&"true".to_owned()));
    assert_eq!(count(&[]).await, 1);
    assert_eq!(count(&[("Ipv6AddressCount", "0")]).await, 0);
    assert_eq!(count(&[("Ipv6AddressCount", "2")]).await, 2);
    let address = ("Ipv6Addresses.1.Ipv6Address", "2600:1f14:1:202::77");
    assert_eq!(count(&[address]).await, 1);
}

#[tokio::test(start_paused = true)]
async fn vpcs_and_subnets_are_created_over_the_wire() {
    let scene = Scene::new();
    let vpc = [
        ("CidrBlock", "10.1.0.0/16"),
        ("AmazonProvidedIpv6CidrBlock", "true"),
    ];
    let xml = scene.ok("CreateVpc", &vpc).await;
    let vpc = text(&xml, "vpcId");
    let ipv6 = text(&xml, "ipv6CidrBlock").replace("/56", "/64");
    let base = [("VpcId", vpc.as_str()), ("CidrBlock", "10.1.0.0/24")];
    let more = [
        ("Ipv6CidrBlock", ipv6.as_str()),
        ("AvailabilityZoneId", "usw2-az3"),
    ];
    let xml = scene.ok("CreateSubnet", &[base, more].concat()).await;
    assert_eq!(text(&xml, "availabilityZone"), "us-west-2c");
    assert_eq!(text(&xml, "availableIpAddressCount"), "251");
    assert_eq!(text(&xml, "ipv6CidrBlock"), ipv6);
    for (params, code) in [
        (
            vec![base[0], ("CidrBlock", "10.1.0.128/25")],
            "InvalidSubnet.Conflict",
        ),
        (
            vec![base[0], ("CidrBlock", "10.2.0.0/24")],
            "InvalidSubnet.Range",
        ),
        (
            vec![base[0], ("CidrBlock", "10.1.1.0/29")],
            "InvalidSubnet.Range",
        ),
        (
            vec![base[0], ("CidrBlock", "10.1.1.1/24")],
            "InvalidParameterValue",
        ),
        (
            vec![
                base[0],
                ("CidrBlock", "10.1.1.0/24"),
                ("AvailabilityZone", "mars-1a"),
            ],
            "InvalidParameterValue",
        ),
        (
            vec![("VpcId", "vpc-0123"), base[1]],
            "InvalidVpcID.NotFound",
        ),
    ] {
        assert_eq!(
            scene.code("CreateSubnet", &params).await,
            code,
            "{params:?}"
        );
    }
    let associate = [
        ("SubnetId", scene.subnet_b.as_str()),
        ("Ipv6CidrBlock", "2600:1f14:1:202::/64"),
    ];
    scene.ok("AssociateSubnetCidrBlock", &associate).await;
    let of_vpc = [
        ("Filter.1.Name", "vpc-id"),
        ("Filter.1.Value.1", vpc.as_str()),
    ];
    assert_eq!(
        texts(&scene.ok("DescribeSubnets", &of_vpc).await, "subnetId").len(),
        1
    );
    assert_eq!(
        scene
            .code("DescribeSubnets", &[("SubnetId.1", "subnet-0")])
            .await,
        "InvalidSubnetID.NotFound"
    );
    assert_eq!(
        texts(&scene.ok("DescribeVpcs", &[]).await, "cidrBlock").len(),
        4
    );
    assert_eq!(
        texts(&scene.ok("DescribeAvailabilityZones", &[]).await, "zoneId")[1],
        "usw2-az2"
    );
}

#[tokio::test(start_paused = true)]
async fn reserved_addresses_are_not_picked_but_given_by_name() {
    let scene = Scene::new();
    let subnet = ("SubnetId", scene.subnet_b.as_str());
    let reserve = |cidr: &'static str, kind: &'static str| {
        vec![subnet, ("Cidr", cidr), ("ReservationType", kind)]
    };
    let create = "CreateSubnetCidrReservation";
    let xml = scene.ok(create, &reserve("10.0.2.8/29", "explicit")).await;
    let id = text(&xml, "subnetCidrReservationId");
    for (params, code) in [
        (reserve("10.0.2.8/30", "prefix"), "InvalidCidr.InUse"),
        (reserve("10.0.3.0/28", "prefix"), "InvalidParameterValue"),
        (reserve("10.0.2.4/30", "maybe"), "InvalidParameterValue"),
    ] {
        assert_eq!(scene.code(create, &params).await, code, "{params:?}");
    }
    for _ in 0..4 {
        scene.ok("CreateNetworkInterface", &[subnet]).await;
    }
    let full = scene.code("CreateNetworkInterface", &[subnet]).await;
    assert_eq!(full, "InsufficientFreeAddressesInSubnet");
    scene
        .ok(
            "CreateNetworkInterface",
            &[subnet, ("PrivateIpAddress", "10.0.2.8")],
        )
        .await;
    let xml = scene.ok("GetSubnetCidrReservations", &[subnet]).await;
    assert_eq!(texts(&xml, "cidr"), ["10.0.2.8/29"]);
    scene
        .ok(
            "DeleteSubnetCidrReservation",
            &[("SubnetCidrReservationId", &id)],
        )
        .await;
    scene.ok("CreateNetworkInterface", &[subnet]).await;
    assert_eq!(
        scene
            .code(
                "DeleteSubnetCidrReservation",
                &[("SubnetCidrReservationId", &id)]
            )
            .await,
        "InvalidSubnetCidrReservationID.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn a_security_group_in_use_is_not_deleted() {
    let scene = Scene::new();
    let create = [
        ("GroupName", "g"),
        ("GroupDescription", "d"),
        ("VpcId", scene.vpc.as_str()),
    ];
    let group = text(&scene.ok("CreateSecurityGroup", &create).await, "groupId");
    assert_eq!(
        scene.code("CreateSecurityGroup", &create).await,
        "InvalidGroup.Duplicate"
    );
    let interface = [
        ("SubnetId", scene.subnet_a.as_str()),
        ("SecurityGroupId.1", &group),
    ];
    let interface = text(
        &scene.ok("CreateNetworkInterface", &interface).await,
        "networkInterfaceId",
    );
    let delete = [("GroupId", group.as_str())];
    assert_eq!(
        scene.code("DeleteSecurityGroup", &delete).await,
        "DependencyViolation"
    );
    scene
        .ok(
            "DeleteNetworkInterface",
            &[("NetworkInterfaceId", &interface)],
        )
        .await;
    scene.ok("DeleteSecurityGroup", &delete).await;
    assert_eq!(
        scene
            .code("DescribeSecurityGroups", &[("GroupId.1", &group)])
            .await,
        "InvalidGroup.NotFound"
    );
    let names = texts(&scene.ok("DescribeSecurityGroups", &[]).await, "groupName");
    assert_eq!(names, ["default"]);
}

#[tokio::test(start_paused = true)]
async fn subnet_is_deleted_once_no_interface_is_in_it() {
    let scene = Scene::new();
    let subnet = [("SubnetId", scene.subnet_a.as_str())];
    let reservation = [
        subnet[0],
        ("Cidr", "10.0.1.32/28"),
        ("ReservationType", "explicit"),
    ];
    scene.ok("CreateSubnetCidrReservation", &reservation).await;
    let interface = scene.interface().await;
    assert_eq!(
        scene.code("DeleteSubnet", &subnet).await,
        "DependencyViolation"
    );
    let interface = [("NetworkInterfaceId", interface.as_str())];
    scene.ok("DeleteNetworkInterface", &interface).await;
    scene.ok("DeleteSubnet", &subnet).await;
    assert_eq!(
        scene.code("DeleteSubnet", &subnet).await,
        "InvalidSubnetID.NotFound"
    );
    let left = scene
        .local
        .with_world(|world| world.ec2.reservations().count());
    assert_eq!(left, 0);
}

#[tokio::test(start_paused = true)]
async fn launch_template_is_deleted_by_name_or_id() {
    let scene = Scene::new();
    let create = |name: &'static str| {
        [
            ("LaunchTemplateName", name),
            ("LaunchTemplateData.InstanceType", "t3.small"),
        ]
    };
    scene.ok("CreateLaunchTemplate", &create("one")).await;
    let two = scene.ok("CreateLaunchTemplate", &create("two")).await;
    scene
        .ok("DeleteLaunchTemplate", &[("LaunchTemplateName", "one")])
        .await;
    let id = text(&two, "launchTemplateId");
    scene
        .ok("DeleteLaunchTemplate", &[("LaunchTemplateId", &id)])
        .await;
    assert_eq!(
        scene
            .code("DeleteLaunchTemplate", &[("LaunchTemplateId", &id)])
            .await,
        "InvalidLaunchTemplateId.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn vpc_is_deleted_once_nothing_is_in_it() {
    let scene = Scene::new();
    let vpc = [("VpcId", scene.vpc.as_str())];
    assert_eq!(scene.code("DeleteVpc", &vpc).await, "DependencyViolation");
    for subnet in [&scene.subnet_a, &scene.subnet_b] {
        scene.ok("DeleteSubnet", &[("SubnetId", subnet)]).await;
    }
    let group = [vpc[0], ("GroupName", "g"), ("GroupDescription", "A group")];
    let group = text(&scene.ok("CreateSecurityGroup", &group).await, "groupId");
    assert_eq!(scene.code("DeleteVpc", &vpc).await, "DependencyViolation");
    scene
        .ok("DeleteSecurityGroup", &[("GroupId", &group)])
        .await;
    scene.ok("DeleteVpc", &vpc).await;
    assert_eq!(scene.code("DeleteVpc", &vpc).await, "InvalidVpcID.NotFound");
    let groups = scene.ok("DescribeSecurityGroups", &[]).await;
    assert!(texts(&groups, "groupId").is_empty(), "{groups}");
}

#[tokio::test(start_paused = true)]
async fn shared_vpc_shows_its_owner_and_none_of_the_owners_tags() {
    let scene = Scene::new();
    let subnet = scene.subnet_b.as_str();
    let tag = [
        ("ResourceId.1", subnet),
        ("Tag.1.Key", "multus"),
        ("Tag.1.Value", "yes"),
    ];
    scene.ok("CreateTags", &tag).await;
    let by_id = [("SubnetId.1", subnet)];
    let xml = scene.ok("DescribeSubnets", &by_id).await;
    let vpc = text(&xml, "vpcId");
    assert_eq!(text(&xml, "ownerId"), "123456789012");
    assert_eq!(texts(&xml, "key"), ["multus"]);

    scene.local.with_world(|world| {
        assert!(ec2::share_vpc(&mut world.ec2, "vpc-00000000", "210987654321").is_err());
        ec2::share_vpc(&mut world.ec2, &vpc, "210987654321").unwrap();
    });
    let xml = scene.ok("DescribeSubnets", &by_id).await;
    assert_eq!(text(&xml, "ownerId"), "210987654321");
    let arn = format!("arn:aws:ec2:us-west-2:210987654321:subnet/{subnet}");
    assert_eq!(text(&xml, "subnetArn"), arn);
    assert_eq!(texts(&xml, "key"), Vec::<String>::new());
    let filter = [("Filter.1.Name", "tag:multus"), ("Filter.1.Value.1", "yes")];
    let xml = scene.ok("DescribeSubnets", &filter).await;
    assert_eq!(texts(&xml, "subnetId"), Vec::<String>::new());
    let filter = [
        ("Filter.1.Name", "owner-id"),
        ("Filter.1.Value.1", "210987654321"),
    ];
    for (action, id) in [("DescribeSubnets", subnet), ("DescribeVpcs", vpc.as_str())] {
        assert!(scene.ok(action, &filter).await.contains(id), "{action}");
    }
    // The account's own interface.
    let xml = scene
        .ok("CreateNetworkInterface", &[("SubnetId", subnet)])
        .await;
    assert_eq!(text(&xml, "ownerId"), "123456789012");
}
