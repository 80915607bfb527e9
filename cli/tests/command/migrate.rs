//! `hookline migrate`, against the fake AWS.

use std::time::Duration;

use hookline_domain::tags::own::{AUTO_SCALING_GROUP, DEPLOYMENT, INSTANCE_ID, PROFILE};
use hookline_local::ec2::{self, InterfaceSpec};
use hookline_local::{Fault, FaultKind};
use hookline_testkit::rules::put_rule;
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::deployed::{Deployed, MACHINE};
use crate::fake::error;
use crate::{check_text, json_error, stdout};

const INSTANCE: (&str, &str) = (INSTANCE_ID, "i-0123456789abcdef0");
const UPF: (&str, &str) = (PROFILE, "upf");
const GROUP: (&str, &str) = (AUTO_SCALING_GROUP, "upf");

fn interface(deployed: &Deployed, tags: &[(&str, &str)]) -> String {
    let spec = InterfaceSpec {
        subnet_id: deployed.scene.networks[0].subnets[0].clone(),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..InterfaceSpec::default()
    };
    deployed.fake.aws.with_world(|world| {
        ec2::create_network_interface(&mut world.ec2, &mut world.kernel, spec).unwrap()
    })
}

fn deployment_of(deployed: &Deployed, interface: &str) -> Option<String> {
    deployed.fake.aws.with_world(|world| {
        let mut interfaces = world.ec2.network_interfaces();
        let found = interfaces.find(|it| it.network_interface_id == interface);
        found.unwrap().tags.get(DEPLOYMENT).cloned()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces_of_its_groups_get_the_tag_only_with_yes() {
    let deployed = Deployed::start().await;
    let untagged = interface(&deployed, &[INSTANCE, UPF, GROUP]);
    // Another deployment has a profile of the same name, for a group of its own.
    let of_another_group = [INSTANCE, UPF, (AUTO_SCALING_GROUP, "test-upf")];
    let of_another_group = interface(&deployed, &of_another_group);
    let of_another_profile = interface(&deployed, &[INSTANCE, (PROFILE, "smf"), GROUP]);
    let theirs = interface(&deployed, &[INSTANCE, UPF, GROUP, (DEPLOYMENT, "another")]);
    let foreign = interface(&deployed, &[("owner", "somebody")]);

    let text = stdout(&deployed.run("migrate").await.success());
    check_text(&text);
    for said in [
        untagged.as_str(),
        "1 interface would get the tag hookline:deployment=hookline. To do it, add --yes.",
        of_another_profile.as_str(),
        of_another_group.as_str(),
    ] {
        assert!(text.contains(said), "no {said:?} in\n{text}");
    }
    assert!(
        !text.contains(&theirs) && !text.contains(&foreign),
        "{text}"
    );
    assert_eq!(deployment_of(&deployed, &untagged), None);

    let assert = deployed.run("migrate --yes --json").await.success();
    let done: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    assert_eq!(
        (&done["done"], &done["deployment"]),
        (&true.into(), &"hookline".into())
    );
    assert_eq!(done["interfaces"][0]["id"], untagged);
    assert_eq!(done["left"].as_array().unwrap().len(), 2);
    assert_eq!(
        deployment_of(&deployed, &untagged).as_deref(),
        Some("hookline")
    );
    assert_eq!(
        deployment_of(&deployed, &theirs).as_deref(),
        Some("another")
    );
    for left in [&of_another_profile, &of_another_group, &foreign] {
        assert_eq!(deployment_of(&deployed, left), None);
    }
    // EC2's listing lags behind.
    wait_for(Duration::from_secs(30), "the listing", async || {
        let text = stdout(&deployed.run("migrate --yes").await.success());
        let done = text.contains("No interface of its groups lacks the tag");
        Ok(done.then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces_of_profiles_that_select_by_tags_get_it_by_the_tags_of_group_or_instance() {
    let deployed = Deployed::start().await;
    // As a test group has it: multus, with its name.
    let of_smf = json!({"key": "multus", "value": "smf"});
    // Only the instances carry this tag, not their group.
    let of_amf = json!({"key": "aws:autoscaling:groupName", "value": "amf"});
    for (name, tag) in [("smf", of_smf), ("amf", of_amf)] {
        deployed.scene.group(name).await.unwrap();
        let mut profile = deployed.profile.clone();
        profile["name"] = json!(name);
        profile["selector"] = json!({"tag": tag});
        put_rule(
            &deployed.fake.aws,
            MACHINE,
            &format!("launch-{name}"),
            &profile,
        )
        .await
        .unwrap();
    }
    deployed.launch_in("amf", 1).await;
    let states = |group: &str| {
        let world = deployed
            .fake
            .aws
            .with_world(|world| world.autoscaling.states(group));
        world.into_keys().next().unwrap()
    };
    let node = states("amf");
    let tags = |instance, profile, group| {
        [
            (INSTANCE_ID, instance),
            (PROFILE, profile),
            (AUTO_SCALING_GROUP, group),
        ]
    };
    let by_group = interface(&deployed, &tags(INSTANCE.1, "smf", "smf"));
    let by_instance = interface(&deployed, &tags(&node, "amf", "amf"));
    // Another deployment's group, and an instance that has ended.
    let of_another_group = interface(&deployed, &tags(INSTANCE.1, "smf", "upf"));
    let of_no_instance = interface(&deployed, &tags(INSTANCE.1, "amf", "amf"));

    let done = deployed.json("migrate --yes").await;
    for (id, expected) in [
        (&by_group, Some("hookline")),
        (&by_instance, Some("hookline")),
        (&of_another_group, None),
        (&of_no_instance, None),
    ] {
        assert_eq!(
            deployment_of(&deployed, id).as_deref(),
            expected,
            "{done:#}"
        );
    }
    assert_eq!(done["left"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_permission_is_named() {
    let deployed = Deployed::start().await;
    interface(&deployed, &[INSTANCE, UPF, GROUP]);
    let denied: FaultKind = error(403, "UnauthorizedOperation");
    deployed.fake.aws.inject(Fault::on("CreateTags", denied));
    let assert = deployed.run("migrate --yes --json").await.code(6);
    let said = json_error(&assert).to_string();
    assert!(said.contains("ec2:CreateTags"), "{said}");
}
