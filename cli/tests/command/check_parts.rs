//! `hookline check` of what a deployment consists of: functions, versions, roles, quotas.

use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use aws_sdk_ec2::types::{InstanceType, RequestLaunchTemplateData};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookline_local::Fault;
use hookline_local::lambda::FunctionConfig;
use hookline_testkit::roles;
use hookline_testkit::rules::put_rule;
use hookline_testkit::templates::{launch_from, user_data_with_gate};
use serde_json::json;

use crate::check::{checked, kinds, right};
use crate::deployed::{MACHINE, RELEASE, function};
use crate::fake::error;
use crate::{check_text, stdout, unwrapped};

#[tokio::test(flavor = "multi_thread")]
async fn functions_behind_the_first_pages_are_looked_up_by_their_names() {
    let deployed = right(100).await;
    // Three pages of fifty come before those of the deployment.
    for n in 0..150 {
        let other = FunctionConfig::new(format!("another-{n:03}"), "/nonexistent");
        deployed.fake.aws.lambda().register(other);
    }
    let found = checked(&deployed, "check", 0).await;
    assert_eq!(kinds(&found), [""; 0]);
    let looked_up = |name: &str| {
        let calls = deployed.fake.aws.calls();
        let named = |call: &hookline_local::CallRecord| {
            call.params
                .get("FunctionName")
                .is_some_and(|of| of.starts_with(name))
        };
        calls
            .iter()
            .any(|call| call.action == "GetFunction" && named(call))
    };
    assert!(looked_up("hookline-tag-node") && looked_up("hookline-reconcile"));
    assert!(!looked_up("another"));
}

#[tokio::test(flavor = "multi_thread")]
async fn function_that_the_state_machine_calls_and_that_is_gone_is_found() {
    let deployed = right(100).await;
    let gone = deployed.fake.aws.lambda().arn("hookline-gone");
    let definition = json!({"States": {"A": {"Type": "Task", "Resource": gone}}});
    let stepfunctions = deployed.fake.aws.stepfunctions();
    let role = "arn:aws:iam::123456789012:role/gone";
    stepfunctions.set_definition(&deployed.fake.aws, MACHINE, definition, role);
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["function-missing", "role-missing"]);
    assert_eq!(found["findings"][0]["ids"], json!(["hookline-gone"]));
    assert_eq!(
        found["findings"][1]["where"],
        json!("the role of the state machine")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn version_of_a_function_that_is_gone_or_is_not_the_newest_is_found() {
    let deployed = right(100).await;
    let lambda = deployed.fake.aws.lambda();
    lambda.register(function("hookline-tag-node", "9.0.0"));
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["versions-differ"]);
    let differ = &found["findings"][0];
    assert_eq!(differ["ids"], json!(["hookline-tag-node:1"]));
    let says = "The code of hookline-tag-node:1 is not the newest of its function.";
    assert_eq!(differ["problem"], json!(says));

    // An update that stopped half-way: reconcile is of the next release.
    lambda.register(function("hookline-reconcile", "9.0.0"));
    let text = stdout(&deployed.run("check").await.code(1));
    check_text(&text);
    for says in [
        "run functions of 2 releases of Hookline",
        &format!("Of the release {RELEASE}: hookline-tag-node:1."),
        "Of the release 9.0.0: hookline-reconcile.",
        "aws cloudformation describe-stacks --stack-name hookline",
    ] {
        assert!(unwrapped(&text).contains(says), "no {says:?} in {text}");
    }

    let version = lambda.publish("hookline-tag-node").unwrap();
    let role = roles::of_rule_for(MACHINE).unwrap();
    let definition = json!({"States": {"A": {"Type": "Task", "Resource": version}}});
    let stepfunctions = deployed.fake.aws.stepfunctions();
    stepfunctions.set_definition(&deployed.fake.aws, MACHINE, definition, &role);
    assert_eq!(kinds(&checked(&deployed, "check", 0).await), [""; 0]);

    assert!(lambda.delete_version(&version));
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["function-version-missing"]);
    assert_eq!(found["findings"][0]["ids"], json!(["hookline-tag-node:2"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_that_starts_a_version_of_the_state_machine_is_found() {
    let deployed = right(100).await;
    let machine = format!("{MACHINE}:1");
    put_rule(
        &deployed.fake.aws,
        &machine,
        "launch-upf",
        &deployed.profile,
    )
    .await
    .unwrap();
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["versions-differ"]);
    let problem = found["findings"][0]["problem"].as_str().unwrap();
    assert!(
        problem.starts_with("The rule launch-upf starts 1, a version"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn role_that_lacks_a_permission_is_found_with_the_action() {
    let deployed = right(100).await;
    let reads = ["ec2:DescribeInstances", "ec2:DescribeTags"].map(str::to_owned);
    let arn = deployed.put_role("tag-node", &reads.into());
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["role-lacks-permission"]);
    assert_eq!(found["findings"][0]["ids"], json!([arn]));
    let text = stdout(&deployed.run("check").await.code(1));
    check_text(&text);
    for says in [
        "The role of the function hookline-tag-node does not allow ec2:CreateTags.",
        "why: AWS denies the call",
        "do: Deploy the stack hookline again.",
    ] {
        assert!(unwrapped(&text).contains(says), "no {says:?} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_role_is_found_without_the_permission_to_read_policies() {
    let deployed = right(100).await;
    let aws = &deployed.fake.aws;
    let denied = || error(403, "AccessDenied");
    aws.inject(Fault::on("GetAccountAuthorizationDetails", denied()).always());
    let definition = json!({"States": {}});
    let gone = "arn:aws:iam::123456789012:role/gone";
    aws.stepfunctions()
        .set_definition(&deployed.fake.aws, MACHINE, definition, gone);
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["role-missing", "could-not-look"]);
    aws.inject(Fault::on("ListRoles", denied()).always());
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["could-not-look", "could-not-look"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_without_a_quota_of_its_own_has_the_default() {
    let deployed = right(100).await;
    let none = error(400, "NoSuchResourceException");
    deployed
        .fake
        .aws
        .inject(Fault::on("GetServiceQuota", none).always());
    assert_eq!(kinds(&checked(&deployed, "check", 0).await), [""; 0]);
    // 1,300 nodes with four interfaces each are more than 5,000.
    let update = deployed.scene.autoscaling.update_auto_scaling_group();
    update
        .auto_scaling_group_name("upf")
        .max_size(1_300)
        .send()
        .await
        .unwrap();
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["subnet-small", "quota-small"]);
    let problem = found["findings"][1]["problem"].as_str().unwrap();
    assert!(
        problem.contains("may have 5000 network interfaces"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn group_that_is_behind_its_launch_template_is_told_with_the_newest_version() {
    let deployed = right(100).await;
    let scene = &deployed.scene;
    let without_gate = "#!/bin/sh\n";
    launch_from(scene, "upf", "old", "m5.4xlarge", without_gate, 100)
        .await
        .unwrap();
    let user_data = user_data_with_gate(scene, 110).unwrap();
    let data = RequestLaunchTemplateData::builder()
        .image_id("ami-0123456789abcdef0")
        .instance_type(InstanceType::M54xlarge)
        .user_data(STANDARD.encode(user_data));
    let create = scene.ec2.create_launch_template_version();
    create
        .launch_template_name("old")
        .launch_template_data(data.build())
        .send()
        .await
        .unwrap();
    for (version, code) in [("1", 1), ("$Default", 1), ("2", 0), ("$Latest", 0)] {
        let template = LaunchTemplateSpecification::builder()
            .launch_template_name("old")
            .version(version);
        let update = scene.autoscaling.update_auto_scaling_group();
        update
            .auto_scaling_group_name("upf")
            .launch_template(template.build())
            .send()
            .await
            .unwrap();
        let checked = checked(&deployed, "check", code).await;
        let findings = checked["findings"].as_array().unwrap();
        assert_eq!(findings.is_empty(), code == 0, "{version}: {findings:#?}");
        for finding in findings {
            let command = finding["remedy"][1]["run"].as_str().unwrap();
            let expected = match version {
                // The group goes on with the default version.
                "$Default" => "--default-version 2",
                _ => ",Version=2'",
            };
            assert!(command.contains(expected), "{version}: {finding:#}");
        }
    }
}
