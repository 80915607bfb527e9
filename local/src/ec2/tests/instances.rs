use super::*;
use crate::ec2::EndReason;

const DESCRIBE: &str = "DescribeInstances";

fn run<'a>(scene: &'a Scene, count: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("ImageId", "ami-1"),
        ("InstanceType", "m5.large"),
        ("SubnetId", &scene.subnet_a),
        ("MinCount", count),
        ("MaxCount", count),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_launched_instance_becomes_running_with_its_primary_interface() {
    let scene = Scene::new();
    let tag = [
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "node"),
    ];
    let xml = scene
        .ok("RunInstances", &[&run(&scene, "2")[..], &tag].concat())
        .await;
    let ids = texts(&xml, "instanceId");
    assert_eq!(ids.len(), 2);
    assert_eq!(texts(&xml, "name"), ["pending", "pending"]);
    seconds(2).await;
    let by_tag = [("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "node")];
    let xml = scene.ok(DESCRIBE, &by_tag).await;
    assert_eq!(texts(&xml, "name"), ["running", "running"]);
    assert_eq!(texts(&xml, "deviceIndex"), ["0", "0"]);
    // The root volume and the primary interface of each.
    assert_eq!(texts(&xml, "deleteOnTermination"), ["true"; 4]);
    assert_eq!(texts(&xml, "reservationId").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn describe_instances_may_not_find_a_new_instance() {
    let scene = Scene::with(Settings {
        instance_not_found_for: Duration::from_secs(3),
        ..Settings::for_tests()
    });
    let id = scene.instance("m5.large");
    let by_id = [("InstanceId.1", id.as_str())];
    assert_eq!(
        scene.code(DESCRIBE, &by_id).await,
        "InvalidInstanceID.NotFound"
    );
    seconds(3).await;
    scene.ok(DESCRIBE, &by_id).await;
    assert_eq!(
        scene.code(DESCRIBE, &[("InstanceId.1", "x")]).await,
        "InvalidInstanceID.Malformed"
    );
}

#[tokio::test(start_paused = true)]
async fn ended_instance_says_who_ended_it() {
    let scene = Scene::new();
    for (reason, code, is_timed) in [
        (EndReason::Call, "Client.UserInitiatedShutdown", true),
        (
            EndReason::SpotTermination,
            "Server.SpotInstanceTermination",
            false,
        ),
        (EndReason::ClientError, "Client.InternalError", false),
    ] {
        let instance = scene.running("m5.large").await;
        let ended = scene
            .local
            .with_world(|world| world.end_instance(&instance, reason));
        ended.unwrap();
        let xml = scene
            .ok(DESCRIBE, &[("InstanceId.1", instance.as_str())])
            .await;
        assert!(texts(&xml, "code").contains(&code.to_owned()), "{xml}");
        assert!(
            text(&xml, "message").starts_with(&format!("{code}: ")),
            "{xml}"
        );
        assert_eq!(text(&xml, "reason").contains('('), is_timed, "{xml}");
    }
}

#[tokio::test(start_paused = true)]
async fn termination_deletes_or_detaches_the_interfaces() {
    let scene = Scene::new();
    let instance = scene.running("m5.large").await;
    let (goes, stays) = (scene.interface().await, scene.interface().await);
    for (id, index) in [(&goes, "1"), (&stays, "2")] {
        let place = [
            ("NetworkInterfaceId", id.as_str()),
            ("InstanceId", &instance),
            ("DeviceIndex", index),
        ];
        let attachment = text(
            &scene.ok("AttachNetworkInterface", &place).await,
            "attachmentId",
        );
        if id == &goes {
            let change = [
                ("NetworkInterfaceId", id.as_str()),
                ("Attachment.AttachmentId", &attachment),
                ("Attachment.DeleteOnTermination", "true"),
            ];
            scene.ok("ModifyNetworkInterfaceAttribute", &change).await;
        }
    }
    let xml = scene
        .ok("TerminateInstances", &[("InstanceId.1", &instance)])
        .await;
    assert_eq!(texts(&xml, "name"), ["shutting-down", "running"]);
    seconds(2).await;
    scene.local.with_world(|world| {
        let left: Vec<_> = world.ec2.network_interfaces().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].network_interface_id, stays);
        assert_eq!(left[0].status(), "available");
    });
    let by_id = [("InstanceId.1", instance.as_str())];
    assert_eq!(
        text(&scene.ok(DESCRIBE, &by_id).await, "name"),
        "terminated"
    );
    scene.ok("TerminateInstances", &by_id).await;
    seconds(3601).await;
    assert_eq!(
        scene.code(DESCRIBE, &by_id).await,
        "InvalidInstanceID.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_launch_creates_nothing() {
    let scene = Scene::new();
    let with = |more: &[(&'static str, &'static str)], drop: &str| {
        let mut params = run(&scene, "1");
        params.retain(|(name, _)| *name != drop);
        [&params[..], more].concat()
    };
    for (params, code) in [
        (with(&[], "ImageId"), "MissingParameter"),
        (with(&[], "SubnetId"), "VPCIdNotSpecified"),
        (
            with(&[("InstanceType", "x9.huge")], "InstanceType"),
            "InvalidParameterValue",
        ),
        (
            with(&[("MinCount", "2")], "MinCount"),
            "InvalidParameterValue",
        ),
        (
            with(&[("PrivateIpAddress", "10.0.1.1")], ""),
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(
            scene.code("RunInstances", &params).await,
            code,
            "{params:?}"
        );
    }
    let mut many = run(&scene, "12");
    many[2].1 = &scene.subnet_b;
    assert_eq!(
        scene.code("RunInstances", &many).await,
        "InsufficientFreeAddressesInSubnet"
    );
    assert_eq!(
        scene
            .local
            .with_world(|world| world.ec2.instances().count()),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_token_launches_once() {
    let scene = Scene::new();
    let params = [&run(&scene, "1")[..], &[("ClientToken", "t")]].concat();
    let first = scene.ok("RunInstances", &params).await;
    let again = scene.ok("RunInstances", &params).await;
    assert_eq!(text(&first, "instanceId"), text(&again, "instanceId"));
}

/// A launch template `nodes`, of an instance type with several network cards.
const TEMPLATE: [(&str, &str); 6] = [
    ("LaunchTemplateName", "nodes"),
    ("LaunchTemplateData.InstanceType", "p4d.24xlarge"),
    ("LaunchTemplateData.UserData", "IyE="),
    ("LaunchTemplateData.NetworkInterface.1.DeviceIndex", "0"),
    ("LaunchTemplateData.NetworkInterface.2.DeviceIndex", "1"),
    (
        "LaunchTemplateData.NetworkInterface.2.NetworkCardIndex",
        "1",
    ),
];

#[tokio::test(start_paused = true)]
async fn a_launch_template_provides_what_the_launch_leaves_out() {
    let scene = Scene::new();
    let mut create = TEMPLATE.to_vec();
    create.extend([
        ("LaunchTemplateData.ImageId", "ami-2"),
        (
            "LaunchTemplateData.TagSpecification.1.ResourceType",
            "instance",
        ),
        ("LaunchTemplateData.TagSpecification.1.Tag.1.Key", "k"),
    ]);
    scene.ok("CreateLaunchTemplate", &create).await;
    assert_eq!(
        scene.code("CreateLaunchTemplate", &create).await,
        "InvalidLaunchTemplateName.AlreadyExistsException"
    );
    let reference = |name: &str, version: &str| ec2::LaunchTemplateRef {
        launch_template_name: Some(name.to_owned()),
        version: Some(version.to_owned()),
        ..ec2::LaunchTemplateRef::default()
    };
    let launch = |name: &str, version: &str| {
        scene.local.with_world(|world| {
            let spec = ec2::LaunchSpec {
                subnet_id: scene.subnet_a.clone(),
                launch_template: Some(reference(name, version)),
                ..ec2::LaunchSpec::default()
            };
            ec2::launch(&mut world.ec2, &mut world.kernel, spec)
        })
    };
    let id = launch("nodes", "$Latest").unwrap();
    scene.local.with_world(|world| {
        let instance = world.ec2.instance(&id).unwrap();
        assert_eq!(instance.image_id, "ami-2");
        assert!(instance.tags.contains_key("k"));
        assert_eq!(instance.user_data.as_deref(), Some("IyE="));
        assert_eq!(world.ec2.interfaces_of(&id).count(), 2);
    });
    let code = |name: &str, version: &str| launch(name, version).unwrap_err().code.into_owned();
    assert_eq!(
        code("none", "1"),
        "InvalidLaunchTemplateName.NotFoundException"
    );
    assert_eq!(
        code("nodes", "7"),
        "InvalidLaunchTemplateId.VersionNotFound"
    );
    let by_name = [("LaunchTemplateName.1", "nodes")];
    assert_eq!(
        text(
            &scene.ok("DescribeLaunchTemplates", &by_name).await,
            "latestVersionNumber"
        ),
        "1"
    );
}

#[tokio::test(start_paused = true)]
async fn launch_template_has_the_versions_that_were_created_and_the_first_is_the_default() {
    let scene = Scene::new();
    scene.ok("CreateLaunchTemplate", &TEMPLATE).await;
    let mut second = TEMPLATE.to_vec();
    second[1].1 = "m5.large";
    let xml = scene.ok("CreateLaunchTemplateVersion", &second).await;
    assert_eq!(text(&xml, "versionNumber"), "2");
    let describe = async |asked: &[(&str, &str)]| {
        let asked = [&[("LaunchTemplateName", "nodes")], asked].concat();
        let xml = scene.ok("DescribeLaunchTemplateVersions", &asked).await;
        texts(&xml, "instanceType")
    };
    let both = ["m5.large", "p4d.24xlarge"];
    assert_eq!(describe(&[]).await, both);
    let named = [
        ("LaunchTemplateVersion.1", "$Default"),
        ("LaunchTemplateVersion.2", "$Latest"),
    ];
    assert_eq!(describe(&named).await, both);
    // Each once.
    let same = [
        ("LaunchTemplateVersion.1", "2"),
        ("LaunchTemplateVersion.2", "$Latest"),
    ];
    assert_eq!(describe(&same).await, ["m5.large"]);
}

#[tokio::test(start_paused = true)]
async fn version_of_a_launch_template_is_described_with_its_data() {
    let scene = Scene::new();
    scene.ok("CreateLaunchTemplate", &TEMPLATE).await;
    let named = ("LaunchTemplateName", "nodes");
    for version in ["1", "$Latest", "$Default"] {
        let asked = [named, ("LaunchTemplateVersion.1", version)];
        let xml = scene.ok("DescribeLaunchTemplateVersions", &asked).await;
        assert_eq!(text(&xml, "instanceType"), "p4d.24xlarge");
        assert_eq!(text(&xml, "userData"), "IyE=");
        assert_eq!(texts(&xml, "networkCardIndex"), ["0", "1"]);
        assert!(!xml.contains("imageId"), "{xml}");
    }
    let code =
        async |asked: &[(&str, &str)]| scene.code("DescribeLaunchTemplateVersions", asked).await;
    assert_eq!(
        code(&[named, ("LaunchTemplateVersion.1", "2")]).await,
        "InvalidLaunchTemplateId.VersionNotFound"
    );
    assert_eq!(
        code(&[("LaunchTemplateName", "none")]).await,
        "InvalidLaunchTemplateName.NotFoundException"
    );
    assert_eq!(code(&[]).await, "MissingParameter");
}

#[tokio::test(start_paused = true)]
async fn instance_types_have_the_limits_that_ec2_publishes() {
    let scene = Scene::new();
    let asked = [
        ("InstanceType.1", "m5.4xlarge"),
        ("InstanceType.2", "p4d.24xlarge"),
    ];
    let xml = scene.ok("DescribeInstanceTypes", &asked).await;
    assert_eq!(texts(&xml, "ipv4AddressesPerInterface"), ["30", "50"]);
    assert_eq!(
        texts(&xml, "maximumNetworkInterfaces"),
        ["8", "8", "60", "15", "15", "15", "15"]
    );
    assert_eq!(
        scene
            .code("DescribeInstanceTypes", &[("InstanceType.1", "x")])
            .await,
        "InvalidInstanceType"
    );
}

#[tokio::test(start_paused = true)]
async fn instance_types_of_the_whole_table_are_described() {
    let scene = Scene::new();
    let describe = |name: &'static str| {
        let scene = &scene;
        async move {
            scene
                .ok("DescribeInstanceTypes", &[("InstanceType.1", name)])
                .await
        }
    };
    let xml = describe("p5.48xlarge").await;
    assert_eq!(text(&xml, "maximumNetworkCards"), "32");
    assert_eq!(text(&xml, "defaultNetworkCardIndex"), "0");
    assert_eq!(texts(&xml, "networkCardIndex").len(), 32);
    assert_eq!(text(&xml, "hypervisor"), "nitro");
    let xml = describe("m5n.metal").await;
    assert_eq!(text(&xml, "bareMetal"), "true");
    assert_eq!(text(&xml, "ipv6AddressesPerInterface"), "50");
    assert_eq!(texts(&xml, "hypervisor"), [""; 0]);
    let xml = describe("m1.small").await;
    assert_eq!(text(&xml, "hypervisor"), "xen");
    assert_eq!(texts(&xml, "ipv6AddressesPerInterface"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn pages_of_instance_types_have_each_type_once() {
    let scene = Scene::new();
    for size in [None, Some("100")] {
        let mut names = Vec::new();
        let mut token = String::new();
        loop {
            let mut params = vec![("NextToken", token.as_str())];
            params.extend(size.map(|size| ("MaxResults", size)));
            let xml = scene.ok("DescribeInstanceTypes", &params).await;
            names.extend(texts(&xml, "instanceType"));
            match texts(&xml, "nextToken").pop() {
                Some(next) => token = next,
                None => break,
            }
        }
        assert!(names.len() > 1300, "{} types", names.len());
        assert!(names.is_sorted_by(|a, b| a < b));
    }
}

#[tokio::test(start_paused = true)]
async fn filter_for_bare_metal_passes_only_those_types() {
    let scene = Scene::new();
    let filter = [
        ("Filter.1.Name", "bare-metal"),
        ("Filter.1.Value.1", "true"),
    ];
    let xml = scene.ok("DescribeInstanceTypes", &filter).await;
    let names = texts(&xml, "instanceType");
    assert!(
        names.iter().all(|name| name.contains(".metal")),
        "{names:?}"
    );
    assert!(names.len() > 100, "{} types", names.len());
}

#[tokio::test(start_paused = true)]
async fn launch_with_an_interface_at_device_index_0_of_a_second_card_succeeds() {
    let scene = Scene::new();
    let params = [
        ("ImageId", "ami-1"),
        ("InstanceType", "p6-b200.48xlarge"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.NetworkCardIndex", "1"),
        ("NetworkInterface.1.SubnetId", &scene.subnet_a),
        ("NetworkInterface.2.DeviceIndex", "0"),
        ("NetworkInterface.2.SubnetId", &scene.subnet_a),
    ];
    let xml = scene.ok("RunInstances", &params).await;
    let id = text(&xml, "instanceId");
    let places: Vec<(u32, u32)> = scene.local.with_world(|world| {
        let on = |i: &ec2::NetworkInterface| i.attachment.clone().unwrap();
        let mut places: Vec<_> = world
            .ec2
            .interfaces_of(&id)
            .map(|i| (on(i).network_card_index, on(i).device_index))
            .collect();
        places.sort_unstable();
        places
    });
    assert_eq!(places, [(0, 0), (1, 0)]);
    assert_eq!(
        scene.code("RunInstances", &params[..7]).await,
        "InvalidParameterValue",
        "a launch needs a primary interface"
    );
}
