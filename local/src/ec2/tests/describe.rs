use super::*;

const DESCRIBE: &str = "DescribeNetworkInterfaces";

fn ids(xml: &str) -> Vec<String> {
    texts(xml, "networkInterfaceId")
}

#[tokio::test(start_paused = true)]
async fn filters_select_resources() {
    let scene = Scene::new();
    let instance = scene.running("m5.large").await;
    let xml = scene
        .ok(
            "CreateNetworkInterface",
            &[
                ("SubnetId", &scene.subnet_b),
                ("PrivateIpAddress", "10.0.2.9"),
                ("Description", "hookline signaling"),
                ("TagSpecification.1.ResourceType", "network-interface"),
                ("TagSpecification.1.Tag.1.Key", "slot"),
                ("TagSpecification.1.Tag.1.Value", "a/1"),
            ],
        )
        .await;
    let loose = text(&xml, "networkInterfaceId");
    let primary = scene.local.with_world(|world| {
        world
            .ec2
            .interfaces_of(&instance)
            .next()
            .unwrap()
            .network_interface_id
            .clone()
    });
    for (name, value, expected) in [
        ("subnet-id", scene.subnet_b.as_str(), &loose),
        ("attachment.instance-id", &instance, &primary),
        ("attachment.device-index", "0", &primary),
        ("attachment.status", "attached", &primary),
        ("status", "available", &loose),
        ("tag:slot", "a/?", &loose),
        ("tag-key", "sl*", &loose),
        ("availability-zone", "us-west-2b", &loose),
        ("addresses.private-ip-address", "10.0.2.9", &loose),
        ("private-ip-address", "10.0.2.*", &loose),
        ("description", "hookline*", &loose),
        ("network-interface-id", &primary, &primary),
    ] {
        let xml = scene
            .ok(
                DESCRIBE,
                &[("Filter.1.Name", name), ("Filter.1.Value.1", value)],
            )
            .await;
        assert_eq!(ids(&xml), std::slice::from_ref(expected), "{name}");
    }
    let vpc = [
        ("Filter.1.Name", "vpc-id"),
        ("Filter.1.Value.1", scene.vpc.as_str()),
    ];
    assert_eq!(ids(&scene.ok(DESCRIBE, &vpc).await).len(), 2);
    let both = [
        &vpc[..],
        &[("Filter.2.Name", "status"), ("Filter.2.Value.1", "in-use")],
    ]
    .concat();
    assert_eq!(ids(&scene.ok(DESCRIBE, &both).await), [primary]);
    let error = scene
        .call(
            DESCRIBE,
            &[("Filter.1.Name", "colour"), ("Filter.1.Value.1", "x")],
        )
        .await;
    let expected = (
        "InvalidParameterValue".to_owned(),
        "The filter 'colour' is invalid".to_owned(),
    );
    assert_eq!(error.unwrap_err(), expected);
}

#[tokio::test(start_paused = true)]
async fn pages_contain_every_resource_once() {
    let scene = Scene::new();
    let mut made = Vec::new();
    for _ in 0..13 {
        made.push(scene.interface().await);
    }
    made.sort();
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let xml = scene
            .ok(DESCRIBE, &[("MaxResults", "5"), ("NextToken", &token)])
            .await;
        seen.extend(ids(&xml));
        match texts(&xml, "nextToken").pop() {
            Some(next) => token = next,
            None => break,
        }
    }
    assert_eq!(seen, made);
    let id = ("NetworkInterfaceId.1", made[0].as_str());
    assert_eq!(
        scene.code(DESCRIBE, &[id, ("MaxResults", "5")]).await,
        "InvalidParameterCombination"
    );
    assert_eq!(
        scene.code(DESCRIBE, &[("NextToken", "junk")]).await,
        "InvalidNextToken"
    );
    assert_eq!(
        scene.code(DESCRIBE, &[("MaxResults", "1")]).await,
        "InvalidParameterValue"
    );
}

#[tokio::test(start_paused = true)]
async fn describe_lags_behind_the_current_state() {
    let scene = Scene::with(Settings {
        describe_lag: Duration::from_secs(2),
        ..Settings::for_tests()
    });
    let id = scene.interface().await;
    let by_id = [("NetworkInterfaceId.1", id.as_str())];
    assert_eq!(
        scene.code(DESCRIBE, &by_id).await,
        "InvalidNetworkInterfaceID.NotFound"
    );
    assert!(ids(&scene.ok(DESCRIBE, &[]).await).is_empty());
    seconds(2).await;
    scene.ok(DESCRIBE, &by_id).await;
    // It is deleted, and Describe calls still show it.
    scene
        .ok("DeleteNetworkInterface", &[("NetworkInterfaceId", &id)])
        .await;
    scene.ok(DESCRIBE, &by_id).await;
    seconds(2).await;
    assert_eq!(
        scene.code(DESCRIBE, &by_id).await,
        "InvalidNetworkInterfaceID.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn a_listing_by_tag_lags_behind_the_change_of_the_tag() {
    let scene = Scene::with(Settings {
        describe_lag: Duration::from_secs(2),
        ..Settings::for_tests()
    });
    let id = scene.interface().await;
    let tag = async |value: &str| {
        let tag = [("Tag.1.Key", "of"), ("Tag.1.Value", value)];
        let params = [&[("ResourceId.1", id.as_str())][..], &tag].concat();
        scene.ok("CreateTags", &params).await;
    };
    let listed = async |value: &str| {
        let filter = [("Filter.1.Name", "tag:of"), ("Filter.1.Value.1", value)];
        ids(&scene.ok(DESCRIBE, &filter).await)
    };
    tag("before").await;
    seconds(2).await;
    tag("now").await;
    assert_eq!(listed("before").await, [id.as_str()]);
    assert!(listed("now").await.is_empty());
    assert_eq!(listed("*").await, [id.as_str()]);
    seconds(2).await;
    assert!(listed("before").await.is_empty());
    assert_eq!(listed("now").await, [id.as_str()]);
    assert_eq!(listed("n*").await, [id.as_str()]);
}

#[tokio::test(start_paused = true)]
async fn a_varying_lag_can_show_an_older_state_later() {
    let scene = Scene::with(Settings {
        describe_lag: Duration::from_secs(10),
        describe_lag_varies: true,
        ..Settings::for_tests()
    });
    scene.interface().await;
    seconds(5).await;
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(ids(&scene.ok(DESCRIBE, &[]).await).len());
    }
    assert!(answers.contains(&0) && answers.contains(&1), "{answers:?}");
    assert!(
        answers.windows(2).any(|pair| pair[0] > pair[1]),
        "{answers:?}"
    );
}
