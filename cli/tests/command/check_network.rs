//! `hookline check --config` of a configuration whose ids are those of its network.

use std::collections::BTreeMap;

use hookline_local::Fault;
use hookline_local::cloudformation::Stack;
use serde_json::{Value, json};

use crate::check::{checked, kinds, right};
use crate::deployed::Deployed;
use crate::fake::error;
use crate::{check_text, stdout, unwrapped};

const ZONE: &str = "us-west-2a";

/// The deployed profile without the ids that the network tells, and the network.
fn configuration(deployed: &Deployed) -> Value {
    let mut profile = deployed.profile.clone();
    profile.as_object_mut().unwrap().remove("securityGroupIds");
    let mut names = Vec::new();
    for slot in profile["slots"].as_array_mut().unwrap() {
        names.push(json!({"name": slot["network"]}));
        let slot = slot.as_object_mut().unwrap();
        slot.remove("subnetIds");
        slot.remove("securityGroupIds");
    }
    json!({
        "stackName": "hookline",
        "network": {"zones": [ZONE, "us-west-2b"], "networks": names},
        "profiles": [profile],
        "nodeGroups": [{
            "name": "upf",
            "profile": "upf",
            "zones": [ZONE],
            "instanceTypes": ["m5.4xlarge"],
            "cluster": {"name": "core"},
            "maxSize": 2,
        }],
    })
}

/// Puts the network's stack, with what the profile of `deployed` names for these networks.
fn put_stack(deployed: &Deployed, status: &str, networks: &[usize]) {
    let profile = &deployed.profile;
    let outputs = networks.iter().map(|n| {
        let slot = &profile["slots"][*n];
        let ids = json!({
            "network": slot["network"],
            "securityGroupId": profile["securityGroupIds"][0],
            "subnetIds": {ZONE: slot["subnetIds"][0]},
        });
        (format!("NetworkIds{}", n + 1), ids.to_string())
    });
    let stack = Stack {
        status: status.to_owned(),
        outputs: outputs.collect::<BTreeMap<_, _>>(),
        ..Stack::default()
    };
    let cloudformation = deployed.fake.aws.cloudformation();
    cloudformation.put("hookline-network", stack);
}

/// A configuration in a file, and the command that checks it.
fn file(configuration: &Value) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, configuration.to_string()).unwrap();
    let line = format!("check --config {}", path.display());
    (folder, line)
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_those_of_the_networks_stack() {
    let deployed = right(100).await;
    put_stack(&deployed, "CREATE_COMPLETE", &[0, 1]);
    let (_folder, line) = file(&configuration(&deployed));
    let found = checked(&deployed, &line, 0).await;
    assert_eq!(found["notes"], json!([]));
    // As of the same profile with its ids.
    assert_eq!(
        found["room"],
        checked(&deployed, "check", 0).await["room"],
        "{found:#}"
    );
    assert_eq!(
        found["room"][0]["subnets"],
        deployed.profile["slots"][0]["subnetIds"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn network_that_is_not_deployed_is_told_and_the_rest_is_checked() {
    let deployed = right(100).await;
    let (_folder, line) = file(&configuration(&deployed));
    let found = checked(&deployed, &line, 0).await;
    assert_eq!(
        (&found["findings"], &found["room"]),
        (&json!([]), &json!([]))
    );
    let text = stdout(&deployed.run(&line).await.code(0));
    check_text(&text);
    let says = "The stack hookline-network, whose ids the profiles take, is not there yet: subnets, security groups and \
                room of signaling, user-plane are not checked. Deploy it first: npx cdk deploy hookline-network";
    assert!(unwrapped(&text).contains(says), "{text}");

    // The instance type needs no id.
    let mut large = configuration(&deployed);
    let slots = large["profiles"][0]["slots"].as_array_mut().unwrap();
    let mut slot = slots[0].clone();
    slot.as_object_mut().unwrap().remove("deviceIndex");
    for n in 0..7 {
        let mut slot = slot.clone();
        slot["network"] = json!(format!("more-{n}"));
        slots.push(slot);
    }
    for n in 0..7 {
        let name = json!({"name": format!("more-{n}")});
        large["network"]["networks"]
            .as_array_mut()
            .unwrap()
            .push(name);
    }
    let (_folder, line) = file(&large);
    let found = checked(&deployed, &line, 1).await;
    assert_eq!(kinds(&found), ["instance-type-too-small"], "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn network_that_came_after_the_deployment_is_told_and_the_others_are_checked() {
    let deployed = right(100).await;
    put_stack(&deployed, "UPDATE_COMPLETE", &[0]);
    let (_folder, line) = file(&configuration(&deployed));
    let found = checked(&deployed, &line, 0).await;
    let note = found["notes"][0].as_str().unwrap();
    let says = "The stack hookline-network (UPDATE_COMPLETE) does not tell all ids that the profiles take from it: subnets, \
                security groups and room of user-plane are not checked.";
    assert!(note.starts_with(says), "{note}");

    // A subnet that the first network's stack once had.
    let mut gone = deployed.profile.clone();
    gone["slots"][0]["subnetIds"][0] = json!("subnet-0badbadbadbadbad0");
    let gone = Deployed {
        profile: gone,
        ..deployed
    };
    put_stack(&gone, "UPDATE_COMPLETE", &[0]);
    let found = checked(&gone, &line, 1).await;
    assert_eq!(kinds(&found), ["subnet-missing"], "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stack_that_may_not_be_looked_at_is_told() {
    let deployed = right(100).await;
    let denied = Fault::on("DescribeStacks", error(403, "AccessDenied"));
    deployed.fake.aws.inject(denied.always());
    let (_folder, line) = file(&configuration(&deployed));
    let found = checked(&deployed, &line, 1).await;
    assert_eq!(kinds(&found), ["could-not-look"]);
    let problem = found["findings"][0]["problem"].as_str().unwrap();
    assert!(
        problem.contains("cloudformation:DescribeStacks"),
        "{problem}"
    );
    assert_eq!(found["notes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn network_that_is_misspelt_is_told_before_the_account_is_looked_at() {
    let deployed = right(100).await;
    let mut wrong = configuration(&deployed);
    wrong["profiles"][0]["slots"][0]["network"] = json!("signalling");
    let (_folder, line) = file(&wrong);
    let text = stdout(&deployed.run(&line).await.code(1));
    check_text(&text);
    let text = unwrapped(&text);
    for says in [
        "1 problem, so the account was not looked at",
        "profiles[0].slots[0].network: \"signalling\" is no network of network.networks",
        "Did you mean `signaling`?",
    ] {
        assert!(text.contains(says), "no {says:?} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_that_breaks_a_rule_with_the_stacks_ids_is_told_and_no_fault_of_hookline() {
    let deployed = right(100).await;
    let slot = &deployed.profile["slots"][0];
    let subnet = &slot["subnetIds"][0];
    let ids = json!({
        "network": slot["network"],
        "securityGroupId": deployed.profile["securityGroupIds"][0],
        // One subnet is in one zone.
        "subnetIds": {ZONE: subnet, "us-west-2b": subnet},
    });
    let outputs = BTreeMap::from([("NetworkIds1".to_owned(), ids.to_string())]);
    let stack = Stack {
        status: "UPDATE_COMPLETE".to_owned(),
        outputs,
        ..Stack::default()
    };
    let cloudformation = deployed.fake.aws.cloudformation();
    cloudformation.put("hookline-network", stack);
    let mut all_zones = configuration(&deployed);
    let group = all_zones["nodeGroups"][0].as_object_mut().unwrap();
    group.remove("zones");
    let (_folder, line) = file(&all_zones);
    let text = stdout(&deployed.run(&line).await.code(1));
    check_text(&text);
    let text = unwrapped(&text);
    for says in [
        "with the ids of the stack hookline-network, so nothing else was looked at",
        "profiles[0].slots[0].subnetIds",
        "correct its outputs, or give the ids in the file",
    ] {
        assert!(text.contains(says), "no {says:?} in {text}");
    }
    let found = checked(&deployed, &line, 1).await;
    assert_eq!(found["stack"], "hookline-network", "{found:#}");
}
