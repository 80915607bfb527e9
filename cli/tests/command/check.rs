//! `hookline check`, against the fake AWS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookline_local::ec2::share_vpc;
use hookline_local::lambda::FunctionConfig;
use hookline_local::{Fault, FaultKind};
use hookline_testkit::roles;
use hookline_testkit::rules::put_rule;
use hookline_testkit::scene::{Scene, Size};
use hookline_testkit::templates::{launch_from, user_data_with_gate};
use serde_json::{Value, json};

use crate::deployed::{Deployed, MACHINE, RELEASE, function};
use crate::fake::{Fake, error, run};
use crate::{check_lines, check_text, fixture, json_error, stderr, stdout, unwrapped};

/// A deployment in which all fits: its group may have so many nodes.
pub(crate) async fn right(nodes: i32) -> Deployed {
    made_right(Deployed::start().await, nodes).await
}

async fn made_right(deployed: Deployed, nodes: i32) -> Deployed {
    deployed.define();
    let user_data = user_data_with_gate(&deployed.scene, 110).unwrap();
    let scene = &deployed.scene;
    launch_from(scene, "upf", "checked", "m5.4xlarge", &user_data, nodes)
        .await
        .unwrap();
    deployed
}

pub(crate) async fn checked(deployed: &Deployed, line: &str, code: i32) -> Value {
    let assert = deployed.run(&format!("{line} --json")).await.code(code);
    serde_json::from_str(&stdout(&assert)).unwrap()
}

pub(crate) fn kinds(checked: &Value) -> Vec<&str> {
    let findings = checked["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn deployment_in_which_all_fits_has_no_finding() {
    let deployed = right(100).await;
    let text = stdout(&deployed.run("check").await.code(0));
    let lines = [
        "Checked     what is deployed",
        "Deployment  hookline in us-west-2",
        "GROUP  PROFILE  ZONE        NODES  ROOM FOR  LIMITED BY",
        "upf    upf      us-west-2a  0      251 more  signaling",
        "Nothing found.",
    ];
    check_lines(&text, &lines);
    let checked = checked(&deployed, "check", 0).await;
    assert_eq!(checked["findings"], json!([]));
    assert_eq!(checked["notes"], json!([]));
    assert_eq!(checked["file"], Value::Null);
    assert_eq!(checked["profiles"], json!(["upf"]));
    let room = &checked["room"][0];
    assert_eq!(
        (&room["moreNodes"], &room["mayGrowBy"]),
        (&json!(251), &json!(100))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_nodes_are_checked_with_at_most_twenty_calls() {
    let deployed = right(500).await;
    deployed.launch(500).await;
    // The launches are in flight, and the subnets have 251 addresses.
    let checked = checked(&deployed, "check", 1).await;
    let calls = calls_of_the_command(&deployed);
    assert!(calls <= 20, "{calls} calls");
    assert_eq!(checked["calls"], json!(calls));
    assert_eq!(checked["room"][0]["nodes"], 500);
    assert_eq!(checked["findings"].as_array().map(Vec::len), Some(1));
    let full = &checked["findings"][0];
    assert_eq!(full["kind"], "subnet-full");
    let in_flight = json!("500 instances are being launched there and come first.");
    let evidence = full["evidence"].as_array().unwrap();
    assert!(evidence.contains(&in_flight), "{evidence:?}");
}

fn calls_of_the_command(deployed: &Deployed) -> usize {
    let calls = deployed.fake.aws.calls();
    let calls = calls.iter();
    calls
        .filter(|call| call.user_agent.contains("app/Hookline"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_subnets_are_checked_with_at_most_thirty_calls() {
    let size = Size {
        azs: 3,
        networks: 2,
        subnets_per_az: 2,
        ..Size::default()
    };
    let deployed = made_right(Deployed::start_in(&size).await, 100).await;
    let checked = checked(&deployed, "check", 0).await;
    let calls = calls_of_the_command(&deployed);
    assert!(calls <= 30, "{calls} calls");
    assert_eq!(checked["calls"], json!(calls));
    // EC2 tells the reservations of one subnet at a time: each is asked for once.
    let asked = deployed.fake.aws.calls();
    let asked = asked
        .iter()
        .filter(|call| call.action == "GetSubnetCidrReservations")
        .count();
    assert_eq!(asked, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_concurrency_that_is_too_small_is_found_and_looked_for_only_where_there_is_one() {
    let deployed = right(100).await;
    checked(&deployed, "check", 0).await;
    let looks = || {
        let calls = deployed.fake.aws.calls();
        let looks = calls
            .iter()
            .filter(|call| call.action == "GetFunctionConcurrency");
        looks.count()
    };
    assert_eq!(looks(), 0);
    let reserve = |name: &str, reserved| {
        let lambda = deployed.fake.aws.lambda();
        let mut there = lambda.functions().into_iter();
        let mut config = there
            .find(|it| it.name == name)
            .unwrap_or_else(|| FunctionConfig::new(name, "/nonexistent"));
        config.reserved_concurrency = Some(reserved);
        lambda.register(config);
    };
    reserve("hookline-tag-node", 19);
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["concurrency-small"]);
    let problem = found["findings"][0]["problem"].as_str().unwrap();
    assert!(
        problem.starts_with("19 invocations of tag-node"),
        "{problem}"
    );
    assert!(looks() > 0);
    check_text(&stdout(&deployed.run("check").await.code(1)));
    reserve("hookline-tag-node", 20);
    checked(&deployed, "check", 0).await;
    // Somebody else's, which leaves too few.
    reserve("else", 960);
    let found = checked(&deployed, "check", 1).await;
    let problem = found["findings"][0]["problem"].as_str().unwrap();
    assert!(
        problem.starts_with("20 invocations of Lambda functions without"),
        "{problem}"
    );
    let denied = error(403, "AccessDeniedException");
    let denied = Fault::on("GetFunctionConcurrency", denied);
    deployed.fake.aws.inject(denied.always());
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["could-not-look"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_observation_is_told_and_the_rest_is_checked() {
    let denied = |code: &str| error(403, code);
    for (action, named, fault) in [
        (
            "DescribeLifecycleHooks",
            "autoscaling:DescribeLifecycleHooks",
            denied("AccessDenied"),
        ),
        (
            "DescribeLaunchTemplateVersions",
            "ec2:DescribeLaunchTemplateVersions",
            denied("UnauthorizedOperation"),
        ),
        (
            "DescribeSecurityGroups",
            "ec2:DescribeSecurityGroups",
            denied("UnauthorizedOperation"),
        ),
        (
            "DescribeSubnets",
            "ec2:DescribeSubnets",
            denied("UnauthorizedOperation"),
        ),
        (
            "DescribeNetworkInterfaces",
            "ec2:DescribeNetworkInterfaces",
            denied("UnauthorizedOperation"),
        ),
        (
            "GetSubnetCidrReservations",
            "ec2:GetSubnetCidrReservations",
            denied("UnauthorizedOperation"),
        ),
        (
            "DescribeInstanceTypes",
            "ec2:DescribeInstanceTypes",
            denied("UnauthorizedOperation"),
        ),
        (
            "GetServiceQuota",
            "servicequotas:GetServiceQuota",
            denied("AccessDeniedException"),
        ),
        (
            "ListServiceQuotas",
            "servicequotas:ListServiceQuotas",
            denied("AccessDeniedException"),
        ),
        (
            "GetAccountSettings",
            "lambda:GetAccountSettings",
            denied("AccessDeniedException"),
        ),
        (
            "ListFunctions",
            "lambda:ListFunctions",
            denied("AccessDeniedException"),
        ),
        (
            "DescribeStateMachine",
            "states:DescribeStateMachine",
            denied("AccessDeniedException"),
        ),
        (
            "GetAccountAuthorizationDetails",
            "iam:GetAccountAuthorizationDetails",
            denied("AccessDenied"),
        ),
    ] {
        let deployed = right(100).await;
        deployed.fake.aws.inject(Fault::on(action, fault).always());
        // Something else is wrong too, and is found all the same.
        deployed
            .call("AWSEvents.DisableRule", &json!({"Name": "launch-upf"}))
            .await;
        let found = checked(&deployed, "check", 1).await;
        assert_eq!(
            kinds(&found),
            ["rule-disabled", "could-not-look"],
            "{action}"
        );
        let finding = &found["findings"][1];
        let problem = finding["problem"].as_str().unwrap();
        assert!(
            problem.starts_with(&format!("Could not look: {named}.")),
            "{problem}"
        );
        assert!(finding["remedy"][0]["do"].as_str().unwrap().contains(named));
        check_text(&stdout(&deployed.run("check").await.code(1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_call_and_a_denied_rule_end_the_check_of_what_is_deployed() {
    for (action, fault, code) in [
        ("DescribeSubnets", FaultKind::Throttle, 7),
        ("ListRules", error(400, "AccessDeniedException"), 6),
    ] {
        let deployed = right(100).await;
        deployed.fake.aws.inject(Fault::on(action, fault).always());
        let assert = deployed.run("check --json").await.code(code);
        assert!(
            json_error(&assert)["message"]
                .as_str()
                .unwrap()
                .contains(action)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_and_configuration_are_checked_before_the_deployment() {
    let deployed = right(100).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path.display().to_string()
    };
    let mut wrong = deployed.profile.clone();
    wrong["slots"][0]["subnetIds"] = json!(["subnet-0badbadbadbadbad0"]);
    let file = write("wrong.json", &wrong);
    let found = checked(&deployed, &format!("check --profile {file}"), 1).await;
    assert_eq!(kinds(&found), ["subnet-missing", "gate-differs"]);
    assert_eq!(found["file"], json!(file));
    // What is deployed is right.
    assert_eq!(kinds(&checked(&deployed, "check", 0).await), [""; 0]);

    // A second profile for the same hook, and one for a group whose hook the stack puts.
    deployed.scene.plain_group("smf", &[]).await.unwrap();
    let mut other = deployed.profile.clone();
    other["name"] = json!("upf-2");
    let mut smf = deployed.profile.clone();
    smf["name"] = json!("smf");
    smf["selector"] = json!({"autoScalingGroupNames": ["smf"]});
    let config = json!({
        "stackName": "hookline",
        "profiles": [deployed.profile, other, smf],
        "hooks": [{"profile": "smf", "autoScalingGroup": "smf"}],
    });
    let file = write("config.json", &config);
    let found = checked(&deployed, &format!("check --config {file}"), 1).await;
    let found = kinds(&found);
    assert!(found.contains(&"hook-answered-twice"), "{found:?}");
    assert!(!found.contains(&"hook-missing"), "{found:?}");

    // Another account shares the subnets.
    deployed.fake.aws.with_world(|world| {
        let vpcs: Vec<String> = world.ec2.vpcs().map(|vpc| vpc.vpc_id.clone()).collect();
        for vpc in vpcs {
            share_vpc(&mut world.ec2, &vpc, "210987654321").unwrap();
        }
    });
    let found = checked(&deployed, &format!("check --config {file}"), 1).await;
    assert!(
        kinds(&found).contains(&"subnet-of-another-account"),
        "{found:#}"
    );
    let mut listed = config.clone();
    listed["networkOwnerAccounts"] = json!(["210987654321"]);
    let file = write("listed.json", &listed);
    let found = checked(&deployed, &format!("check --config {file}"), 1).await;
    assert!(
        !kinds(&found).contains(&"subnet-of-another-account"),
        "{found:#}"
    );

    let mut broken = config.clone();
    broken["profiles"][1]["slots"][0]["deviceIndex"] = json!(0);
    let file = write("broken.json", &broken);
    let assert = deployed
        .run(&format!("check --config {file} --json"))
        .await
        .code(1);
    let problems: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    let field = problems["problems"][0]["field"].as_str().unwrap();
    assert_eq!(field, "profiles[1].slots[0].deviceIndex");
    let text = stdout(
        &deployed
            .run(&format!("check --config {file}"))
            .await
            .code(1),
    );
    check_text(&text);
    assert!(
        text.contains("1 problem, so the account was not looked at"),
        "{text}"
    );

    let mut misspelt = config.clone();
    misspelt["stackname"] = misspelt["stackName"].take();
    misspelt.as_object_mut().unwrap().remove("stackName");
    let file = write("misspelt.json", &misspelt);
    let assert = deployed
        .run(&format!("check --config {file}"))
        .await
        .code(1);
    let text = unwrapped(&stdout(&assert));
    for says in ["Did you mean `stackName`?", "stackName: is missing"] {
        assert!(text.contains(says), "no {says:?} in {text}");
    }
    let assert = deployed
        .run("check --config hookline.config.ts")
        .await
        .code(3);
    let says = "npx tsx -e 'console.log(JSON.stringify(require(\"./hookline.config.ts\").default))' | hookline check --config -";
    let text = unwrapped(&stderr(&assert));
    assert!(text.contains(says), "{text}");

    let file = fixture("profiles/none.json").display().to_string();
    let assert = deployed
        .run(&format!("check --profile {file}"))
        .await
        .code(3);
    assert!(unwrapped(&stderr(&assert)).contains("none.json"));
    deployed.run("check --profile a --config b").await.code(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_is_checked_in_a_region_without_a_deployment() {
    let fake = Fake::start().await;
    fake.aws.stepfunctions().on_start_execution(|_| {});
    let size = Size {
        azs: 1,
        networks: 1,
        ..Size::default()
    };
    let scene = Scene::build(fake.aws.clone(), &size).await.unwrap();
    scene.group("upf").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upf.json");
    std::fs::write(&path, scene.profile("upf").to_string()).unwrap();
    let line = format!("check --profile {} --region us-west-2", path.display());
    let text = stdout(&run(fake.command(&line)).await.code(1));
    check_text(&text);
    for says in [
        "none yet in us-west-2",
        "No deployment was found",
        "no gate holds kubelet back",
    ] {
        assert!(unwrapped(&text).contains(says), "no {says:?} in {text}");
    }
    assert!(!text.contains("no launch hook"), "{text}");
    // Without a file there is nothing to check.
    let assert = run(fake.command("check --region us-west-2")).await.code(11);
    assert!(stderr(&assert).contains("no deployment of Hookline"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_of_another_deployment_for_the_same_hook_is_found() {
    let deployed = right(100).await;
    let other = MACHINE.replace("hookline-launch", "other-launch");
    deployed.machine(&other).await;
    put_rule(&deployed.fake.aws, &other, "theirs", &deployed.profile)
        .await
        .unwrap();
    let found = checked(&deployed, "check --stack hookline", 1).await;
    assert_eq!(kinds(&found), ["hook-answered-twice"]);
    let problem = found["findings"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("theirs with the target"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn user_data_is_never_shown() {
    let deployed = right(100).await;
    let secret = "hunter2-TOKEN";
    let token = format!("#!/bin/bash\nTOKEN={secret}\n");
    let scene = &deployed.scene;
    let with_gate = user_data_with_gate(scene, 9_999).unwrap();
    let with_gate = with_gate.replacen("#!/bin/bash\n", &token, 1);
    for (name, user_data, found) in [
        ("without-gate", &token, "no gate holds kubelet back"),
        ("with-gate", &with_gate, "sets the number of pods to 9999"),
    ] {
        assert!(user_data.contains(secret), "{name}");
        launch_from(scene, "upf", name, "m5.4xlarge", user_data, 100)
            .await
            .unwrap();
        let assert = deployed.run("check -vv").await.code(1);
        let all = format!("{}{}", stdout(&assert), stderr(&assert));
        assert!(unwrapped(&all).contains(found), "{all}");
        // EC2 shows it in base64.
        let encoded = STANDARD.encode(user_data);
        assert!(
            !all.contains(secret) && !all.contains(&encoded[12..24]),
            "{all}"
        );
    }
}

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
