use std::collections::BTreeSet;

use super::*;

#[tokio::test(start_paused = true)]
async fn type_is_offered_by_each_zone_but_those_that_do_not_and_launched_nowhere_else() {
    let mut settings = Settings::for_tests();
    let missing = BTreeSet::from(["t3.small".to_owned()]);
    let zone = "us-west-2a".to_owned();
    settings.types_not_offered.insert(zone, missing);
    let scene = Scene::with(settings);
    let action = "DescribeInstanceTypeOfferings";
    let filter = [
        ("Filter.1.Name", "instance-type"),
        ("Filter.1.Value.1", "t3.small"),
    ];
    let located = async |more: &[(&str, &str)]| {
        let xml = scene.ok(action, &[&filter[..], more].concat()).await;
        assert!(
            texts(&xml, "instanceType")
                .iter()
                .all(|name| name == "t3.small")
        );
        texts(&xml, "location")
    };
    let by_zone = ("LocationType", "availability-zone");
    assert_eq!(located(&[]).await, ["us-west-2"]);
    assert_eq!(located(&[by_zone]).await, ["us-west-2b", "us-west-2c"]);
    let by_id = ("LocationType", "availability-zone-id");
    assert_eq!(located(&[by_id]).await, ["usw2-az2", "usw2-az3"]);
    let one = [
        by_zone,
        ("Filter.2.Name", "location"),
        ("Filter.2.Value.1", "us-west-2a"),
    ];
    assert_eq!(located(&one).await, Vec::<String>::new());
    let unknown = [("LocationType", "country")];
    assert_eq!(scene.code(action, &unknown).await, "InvalidParameterValue");
    // In pages.
    let first = scene.ok(action, &[by_zone, ("MaxResults", "5")]).await;
    assert_eq!(texts(&first, "location").len(), 5);
    let next = [
        by_zone,
        ("MaxResults", "5"),
        ("NextToken", &text(&first, "nextToken")),
    ];
    let second = scene.ok(action, &next).await;
    assert_ne!(
        texts(&first, "instanceType"),
        texts(&second, "instanceType")
    );

    let launch = async |subnet: &str| {
        let image = ("ImageId", "ami-0123456789abcdef0");
        let count = [
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("InstanceType", "t3.small"),
        ];
        let params = [&count[..], &[image, ("SubnetId", subnet)]].concat();
        let answer = scene.call("RunInstances", &params).await;
        answer.err().map(|(code, _)| code)
    };
    assert_eq!(
        launch(&scene.subnet_a).await.as_deref(),
        Some("Unsupported")
    );
    assert_eq!(launch(&scene.subnet_b).await, None);
}
