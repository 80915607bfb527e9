//! `hookline release`, against the fake AWS.

use std::time::Duration;

use hookline_domain::tags::own::{AUTO_SCALING_GROUP, DEPLOYMENT, INSTANCE_ID, NETWORK};
use hookline_local::Fault;
use hookline_local::ec2::{self, InterfaceSpec};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::deployed::{Deployed, MACHINE};
use crate::explain::lost_launch;
use crate::fake::error;
use crate::replay::lost_launch_into_pool;
use crate::{check_text, json_error, stderr, stdout};

/// An instance that never existed.
const GONE: &str = "i-0123456789abcdef0";
const ANOTHER: &str = "i-0fedcba9876543210";
const OWN: (&str, &str) = (DEPLOYMENT, "hookline");

/// An unattached interface with these tags.
async fn interface(deployed: &Deployed, tags: &[(&str, &str)]) -> String {
    let spec = InterfaceSpec {
        subnet_id: deployed.scene.networks[0].subnets[0].clone(),
        tags: tags
            .iter()
            .chain(&[(NETWORK, "signaling"), (AUTO_SCALING_GROUP, "upf")])
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..InterfaceSpec::default()
    };
    let id = deployed.fake.aws.with_world(|world| {
        ec2::create_network_interface(&mut world.ec2, &mut world.kernel, spec).unwrap()
    });
    // EC2's listing lags behind.
    wait_for(Duration::from_secs(30), "the listing", async || {
        let listed = deployed.scene.ec2.describe_network_interfaces();
        let listed = listed.network_interface_ids(&id).send().await;
        Ok(listed.is_ok().then_some(()))
    })
    .await
    .unwrap();
    id
}

fn exists(deployed: &Deployed, id: &str) -> bool {
    deployed.fake.aws.with_world(|world| {
        let mut interfaces = world.ec2.network_interfaces();
        interfaces.any(|it| it.network_interface_id == id)
    })
}

fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn unattached_interfaces_of_an_instance_are_deleted_only_with_yes() {
    let deployed = Deployed::start().await;
    let own = interface(&deployed, &[(INSTANCE_ID, GONE), OWN]).await;
    let of_another = interface(&deployed, &[(INSTANCE_ID, ANOTHER), OWN]).await;
    let text = stdout(&deployed.run(&format!("release {GONE}")).await.success());
    check_text(&text);
    for says in [
        own.as_str(),
        "This command deletes 1 interface:",
        "add --yes",
    ] {
        assert!(text.contains(says), "no {says:?} in\n{text}");
    }
    assert!(!text.contains(&of_another), "{text}");
    let said = deployed.json(&format!("release {GONE}")).await;
    assert_eq!(
        (&said["done"], ids(&said["interfaces"])),
        (&json!(false), vec![own.as_str()])
    );
    assert!(deployed.changes().is_empty(), "{:?}", deployed.changes());

    let done = deployed.json(&format!("release {GONE} --yes")).await;
    assert_eq!(
        (&done["done"], ids(&done["interfaces"])),
        (&json!(true), vec![own.as_str()])
    );
    assert!(!exists(&deployed, &own) && exists(&deployed, &of_another));

    let text = stdout(
        &deployed
            .run(&format!("release {of_another} --yes"))
            .await
            .success(),
    );
    check_text(&text);
    assert!(text.ends_with("1 interface is deleted.\n"), "{text}");
    assert!(!exists(&deployed, &of_another));
    let changes = deployed.changes();
    assert!(
        changes
            .iter()
            .all(|call| call.action == "DeleteNetworkInterface"),
        "{changes:?}"
    );
    let text = stdout(
        &deployed
            .run(&format!("release {GONE} --yes"))
            .await
            .success(),
    );
    assert!(text.contains("Nothing to delete"), "{text}");
    deployed.check_policy("repair");
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces_of_others_and_of_running_executions_are_never_deleted() {
    let deployed = Deployed::start().await;
    let start = json!({
        "stateMachineArn": MACHINE,
        "input": json!({"event": {"detail": {"EC2InstanceId": ANOTHER}}}).to_string(),
    });
    deployed
        .call("AWSStepFunctions.StartExecution", &start)
        .await;
    let own = interface(&deployed, &[(INSTANCE_ID, GONE), OWN]).await;
    let left = [
        (
            interface(&deployed, &[(INSTANCE_ID, ANOTHER), OWN]).await,
            "is running",
        ),
        (
            interface(&deployed, &[(INSTANCE_ID, GONE), (DEPLOYMENT, "other")]).await,
            "the deployment other",
        ),
        (
            interface(&deployed, &[(INSTANCE_ID, GONE)]).await,
            "no tag says",
        ),
        (
            interface(&deployed, &[]).await,
            "Hookline did not create it",
        ),
        ("eni-0123456789abcdef0".to_owned(), "EC2 does not know it"),
    ];
    let asked: Vec<&str> = left.iter().map(|(id, _)| id.as_str()).collect();
    let line = format!("release {own} {} --yes", asked.join(" "));
    let assert = deployed.run(&format!("{line} --json")).await.code(12);
    let done: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    assert_eq!(ids(&done["interfaces"]), [own]);
    for (id, reason) in &left {
        let mut items = done["left"].as_array().unwrap().iter();
        let item = items.find(|item| item["id"] == id.as_str()).unwrap();
        let said = item["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{id}: {said}");
    }
    assert!(left.iter().take(4).all(|(id, _)| exists(&deployed, id)));
    assert_eq!(deployed.changes().len(), 1);

    let text = stdout(&deployed.run(&format!("release {ANOTHER}")).await.code(12));
    check_text(&text);
    assert!(text.contains("Left as they are:"), "{text}");
    assert!(!text.contains("--yes"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn interface_of_a_launch_that_waits_is_left() {
    let (deployed, instance) = lost_launch().await;
    let own = interface(&deployed, &[(INSTANCE_ID, &instance), OWN]).await;
    let text = stdout(
        &deployed
            .run(&format!("release {instance} --yes"))
            .await
            .code(12),
    );
    assert!(text.contains("goes on: finish or end it"), "{text}");
    assert!(exists(&deployed, &own) && deployed.changes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn interface_that_was_attached_meanwhile_is_left_and_a_missing_permission_named() {
    let deployed = Deployed::start().await;
    let own = interface(&deployed, &[(INSTANCE_ID, GONE), OWN]).await;
    let in_use = error(400, "InvalidNetworkInterface.InUse");
    deployed
        .fake
        .aws
        .inject(Fault::on("DeleteNetworkInterface", in_use));
    let assert = deployed.run(&format!("release {own} --yes")).await.code(12);
    assert!(stdout(&assert).contains("attached meanwhile"));
    let denied = error(403, "UnauthorizedOperation");
    deployed
        .fake
        .aws
        .inject(Fault::on("DeleteNetworkInterface", denied));
    let assert = deployed
        .run(&format!("release {own} --yes --json"))
        .await
        .code(6);
    let said = json_error(&assert).to_string();
    assert!(said.contains("ec2:DeleteNetworkInterface"), "{said}");
    assert!(exists(&deployed, &own));
}

#[tokio::test(flavor = "multi_thread")]
async fn release_that_fails_half_way_tells_what_it_deleted() {
    let deployed = Deployed::start().await;
    let tags = [(INSTANCE_ID, GONE), OWN];
    for _ in 0..3 {
        interface(&deployed, &tags).await;
    }
    let denied = error(403, "UnauthorizedOperation");
    let denied = Fault::on("DeleteNetworkInterface", denied).skip(1).always();
    deployed.fake.aws.inject(denied);
    let line = format!("release {GONE} --yes --json");
    let assert = deployed.run(&line).await.code(6);
    let done: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    let deleted = ids(&done["interfaces"]);
    assert_eq!(deleted.len(), 1, "{done:#}");
    assert!(!exists(&deployed, deleted[0]));
    let left = done["left"].as_array().unwrap().iter();
    let reasons: Vec<&str> = left.map(|it| it["reason"].as_str().unwrap()).collect();
    assert!(
        reasons.len() == 2
            && reasons[0].contains("ec2:DeleteNetworkInterface")
            && reasons[1].contains("not tried"),
        "{done:#}"
    );
    let said: Value = serde_json::from_str(&stderr(&assert)).unwrap();
    assert_eq!(said["error"]["exitCode"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn interface_of_a_launch_into_a_warm_pool_is_left() {
    let (deployed, instance) = lost_launch_into_pool().await;
    let own = interface(&deployed, &[(INSTANCE_ID, &instance), OWN]).await;
    for asked in [&instance, &own] {
        let line = format!("release {asked} --yes");
        let text = stdout(&deployed.run(&line).await.code(12));
        assert!(text.contains("goes on: finish or end it"), "{text}");
    }
    assert!(exists(&deployed, &own) && deployed.changes().is_empty());
    let status = deployed.json("status").await;
    assert_eq!(status["leakedInterfaces"], json!([]), "{status:#}");
    deployed.check_policy("repair");
}
