//! `hookline check`, against the fake AWS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookline_local::lambda::FunctionConfig;
use hookline_local::{Fault, FaultKind};
use hookline_testkit::scene::Size;
use hookline_testkit::templates::{launch_from, user_data_with_gate};
use serde_json::{Value, json};

use crate::deployed::Deployed;
use crate::fake::error;
use crate::{check_lines, check_text, json_error, stderr, stdout, unwrapped};

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
    // No call tells EC2's rates: what is assumed is said.
    let says = "No call tells the account's. By requestRates, 100 and 5/s creates";
    assert!(unwrapped(&text).contains(says), "{text}");
    let rates = &checked["assumedRates"][0]["requestRates"];
    assert_eq!(
        rates["attachNetworkInterface"],
        json!({"capacity": 50, "refillPerSecond": 5})
    );
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
    let calls = deployed.calls_of_command();
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
    let calls = deployed.calls_of_command();
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
