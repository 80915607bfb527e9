use super::*;

/// An instance with a data volume that outlives it, both tagged at launch.
async fn launch(scene: &Scene) -> String {
    let xml = scene
        .ok(
            "RunInstances",
            &[
                ("ImageId", "ami-1"),
                ("InstanceType", "m5.large"),
                ("SubnetId", &scene.subnet_a),
                ("MinCount", "1"),
                ("MaxCount", "1"),
                ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
                ("BlockDeviceMapping.1.Ebs.VolumeSize", "8"),
                ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "false"),
                ("TagSpecification.1.ResourceType", "volume"),
                ("TagSpecification.1.Tag.1.Key", "Team"),
                ("TagSpecification.1.Tag.1.Value", "core"),
            ],
        )
        .await;
    text(&xml, "instanceId")
}

#[tokio::test(start_paused = true)]
async fn volumes_appear_after_the_launch_and_can_be_tagged() {
    let scene = Scene::with(Settings {
        volume_attach_for: Duration::from_secs(3),
        ..Settings::for_tests()
    });
    let id = launch(&scene).await;
    let by_id = [("InstanceId.1", id.as_str())];
    let xml = scene.ok("DescribeInstances", &by_id).await;
    assert_eq!(text(&xml, "rootDeviceName"), "/dev/xvda");
    assert_eq!(texts(&xml, "volumeId"), Vec::<String>::new());
    seconds(3).await;
    let xml = scene.ok("DescribeInstances", &by_id).await;
    assert_eq!(texts(&xml, "deviceName"), ["/dev/xvda", "/dev/sdf"]);
    let volumes = texts(&xml, "volumeId");
    assert_ne!(volumes[0], volumes[1]);
    let name = [
        ("ResourceId.1", volumes[0].as_str()),
        ("ResourceId.2", &id),
        ("Tag.1.Key", "Name"),
        ("Tag.1.Value", "node"),
    ];
    scene.ok("CreateTags", &name).await;
    let of_root = [
        ("Filter.1.Name", "resource-id"),
        ("Filter.1.Value.1", &volumes[0]),
    ];
    let xml = scene.ok("DescribeTags", &of_root).await;
    assert_eq!(texts(&xml, "key"), ["Name", "Team"]);
    assert_eq!(texts(&xml, "resourceType"), ["volume", "volume"]);
    let unknown = [
        ("ResourceId.1", "vol-0123456789abcdef0"),
        ("Tag.1.Key", "k"),
    ];
    assert_eq!(
        scene.code("CreateTags", &unknown).await,
        "InvalidVolume.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn a_volume_without_delete_on_termination_outlives_its_instance() {
    let scene = Scene::new();
    let id = launch(&scene).await;
    let volumes: Vec<_> = scene.local.with_world(|world| {
        let volumes = world.ec2.volumes_of(&id);
        volumes.map(|volume| volume.volume_id.clone()).collect()
    });
    seconds(2).await;
    scene
        .ok("TerminateInstances", &[("InstanceId.1", &id)])
        .await;
    seconds(2).await;
    scene.local.with_world(|world| {
        assert!(world.ec2.volume(&volumes[0]).is_none());
        assert_eq!(world.ec2.volume(&volumes[1]).unwrap().instance_id, None);
        assert_eq!(world.ec2.volumes_of(&id).count(), 0);
    });
}

#[tokio::test(start_paused = true)]
async fn create_tags_may_not_find_a_new_instance() {
    let scene = Scene::with(Settings {
        instance_not_found_for: Duration::from_secs(3),
        ..Settings::for_tests()
    });
    let id = launch(&scene).await;
    let name = [
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "Name"),
        ("Tag.1.Value", "node"),
    ];
    assert_eq!(
        scene.code("CreateTags", &name).await,
        "InvalidInstanceID.NotFound"
    );
    seconds(3).await;
    scene.ok("CreateTags", &name).await;
}

#[tokio::test(start_paused = true)]
async fn a_spot_instance_is_described_as_spot() {
    let scene = Scene::new();
    let xml = scene
        .ok(
            "RunInstances",
            &[
                ("ImageId", "ami-1"),
                ("InstanceType", "m5.large"),
                ("SubnetId", &scene.subnet_a),
                ("MinCount", "1"),
                ("MaxCount", "1"),
                ("InstanceMarketOptions.MarketType", "spot"),
            ],
        )
        .await;
    assert_eq!(texts(&xml, "instanceLifecycle"), ["spot"]);
    let id = scene.instance("m5.large");
    let xml = scene
        .ok("DescribeInstances", &[("InstanceId.1", &id)])
        .await;
    assert!(texts(&xml, "instanceLifecycle").is_empty());
}
