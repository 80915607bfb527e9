//! What EC2 tells of user data.

use super::{Scene, text, texts};

#[tokio::test(start_paused = true)]
async fn version_of_a_launch_template_has_its_user_data_and_image() {
    let scene = Scene::new();
    let create = [
        ("LaunchTemplateName", "nodes"),
        ("LaunchTemplateData.ImageId", "ami-2"),
        ("LaunchTemplateData.InstanceType", "m5.4xlarge"),
        ("LaunchTemplateData.UserData", "IyE="),
    ];
    let created = scene.ok("CreateLaunchTemplate", &create).await;
    let id = text(&created, "launchTemplateId");
    for reference in [
        ("LaunchTemplateId", id.as_str()),
        ("LaunchTemplateName", "nodes"),
    ] {
        for version in ["$Default", "1"] {
            let asked = [reference, ("LaunchTemplateVersion.1", version)];
            let xml = scene.ok("DescribeLaunchTemplateVersions", &asked).await;
            assert_eq!(texts(&xml, "userData"), ["IyE="]);
            assert_eq!(texts(&xml, "imageId"), ["ami-2"]);
            assert_eq!(texts(&xml, "launchTemplateId"), [id.as_str()]);
        }
    }
    for (asked, expected) in [
        (
            [
                ("LaunchTemplateName", "nodes"),
                ("LaunchTemplateVersion.1", "7"),
            ],
            "InvalidLaunchTemplateId.VersionNotFound",
        ),
        (
            [
                ("LaunchTemplateName", "none"),
                ("LaunchTemplateVersion.1", "1"),
            ],
            "InvalidLaunchTemplateName.NotFoundException",
        ),
        (
            [
                ("LaunchTemplateId", "lt-0123456789abcdef0"),
                ("LaunchTemplateVersion.1", "1"),
            ],
            "InvalidLaunchTemplateId.NotFound",
        ),
    ] {
        assert_eq!(
            scene.code("DescribeLaunchTemplateVersions", &asked).await,
            expected
        );
    }
}

#[tokio::test(start_paused = true)]
async fn attribute_of_an_instance_has_its_user_data_or_is_empty() {
    let scene = Scene::new();
    for (user_data, expected) in [(Some("IyE="), vec!["IyE="]), (None, vec![])] {
        let spec = crate::ec2::LaunchSpec {
            subnet_id: scene.subnet_a.clone(),
            image_id: "ami-1".to_owned(),
            instance_type: "m5.4xlarge".to_owned(),
            user_data: user_data.map(str::to_owned),
            ..crate::ec2::LaunchSpec::default()
        };
        let id = scene
            .local
            .with_world(|world| crate::ec2::launch(&mut world.ec2, &mut world.kernel, spec))
            .unwrap();
        let asked = [("InstanceId", id.as_str()), ("Attribute", "userData")];
        let xml = scene.ok("DescribeInstanceAttribute", &asked).await;
        assert_eq!(text(&xml, "instanceId"), id);
        assert_eq!(texts(&xml, "value"), expected);
    }
    for (asked, expected) in [
        (
            [
                ("InstanceId", "i-0123456789abcdef0"),
                ("Attribute", "userData"),
            ],
            "InvalidInstanceID.NotFound",
        ),
        (
            [
                ("InstanceId", "i-0123456789abcdef0"),
                ("Attribute", "kernel"),
            ],
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(
            scene.code("DescribeInstanceAttribute", &asked).await,
            expected
        );
    }
}
