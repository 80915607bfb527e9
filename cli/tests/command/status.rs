//! `hookline status`, against the fake AWS. Executions run in this process and do nothing: the
//! suite `operator` has launches with the real state machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookline_domain::deployment::Deployment;
use hookline_functions::metrics::{Metric, Metrics, Subject};
use hookline_local::autoscaling::LifecycleState;
use hookline_local::iam::credentials_of;
use hookline_local::{Fault, FaultKind};
use hookline_testkit::permissions::allowed;
use hookline_testkit::roles;
use hookline_testkit::rules::put_rule;
use hookline_testkit::scene::HOOK;
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::deployed::{Deployed, MACHINE};
use crate::fake::{Fake, error, run};
use crate::replay::lost_launch_into_pool;
use crate::{check_lines, check_text, json_error, stderr, stdout, unwrapped};

/// What `status` says, and of it each group with its profiles.
async fn groups(deployed: &Deployed) -> (Value, Vec<(Value, Value)>) {
    let status = deployed.json("status").await;
    let rows = status["groups"].as_array().unwrap().iter();
    let rows = rows.map(|row| (row["group"].clone(), row["profiles"].clone()));
    let rows = rows.collect();
    (status, rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn deployment_at_rest_is_without_trouble() {
    let deployed = Deployed::start().await;
    let text = stdout(&deployed.run("status").await.success());
    let lines = [
        "Deployment  hookline in us-west-2",
        "Reconcile   rate(5 minutes), rule hookline-reconcile",
        "GROUP  HOOK             DEFAULT  TIMEOUT  WANTED  IN SERVICE  WAITING  LAST LAUNCH",
        "upf    hookline-launch  ABANDON  1800 s   0       0           0",
        "No trouble.",
    ];
    check_lines(&text, &lines);
    assert_eq!(deployed.trouble().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_that_was_given_up_is_seen_behind_pages_of_others_or_it_is_told_that_it_may_not_be()
{
    let deployed = Deployed::start().await;
    deployed.launch(1).await;
    let aws = &deployed.fake.aws;
    let launched = aws.with_world(|world| world.autoscaling.states("upf"));
    let instance = launched.into_keys().next().unwrap();
    let done = deployed.scene.complete("upf", HOOK, &instance, "ABANDON");
    done.await.unwrap();
    // The activities that go on come first: those of the launches fill the first two pages.
    deployed.launch(250).await;
    let status = deployed.json("status").await;
    assert_eq!(status["allLaunches"], true, "{status:#}");
    assert_eq!(status["groups"][0]["lastLaunch"]["result"], "GIVEN UP");
    assert_eq!(status["trouble"][0]["kind"], "launch-abandoned");

    deployed.launch(1_500).await;
    let before = deployed.calls_of_command();
    let text = stdout(&deployed.run("status").await.success());
    let calls = deployed.calls_of_command() - before;
    assert!(calls <= 20, "{calls} calls");
    assert!(
        text.contains("Too many launches in the last hour"),
        "{text}"
    );
    check_text(&text);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_launches_take_at_most_twenty_calls() {
    let deployed = Deployed::start().await;
    deployed.launch(500).await;
    let text = stdout(&deployed.run("status").await.success());
    let calls = deployed.calls_of_command();
    assert!(calls <= 20, "{calls} calls");
    check_text(&text);
    assert!(text.contains("500     0           500 ("), "{text}");
    assert!(text.contains("No trouble."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_into_a_warm_pool_waits_for_the_pool() {
    let (deployed, _) = lost_launch_into_pool().await;
    let status = deployed.json("status").await;
    let row = &status["groups"][0];
    assert_eq!(
        (&row["waiting"], &row["waitingForWarmPool"]),
        (&json!(1), &json!(1)),
        "{status:#}"
    );
    let text = stdout(&deployed.run("status").await.success());
    check_text(&text);
    assert!(text.contains(" s), 1 for the pool"), "{text}");
    deployed.check_policy("look");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_a_stack_whose_name_begins_with_this_one_s_are_left_to_it() {
    let deployed = Deployed::start().await;
    let other = MACHINE.replace("hookline-launch", "hookline-edge-launch");
    deployed.machine(&other).await;
    deployed.scene.group("amf").await.unwrap();
    let mut profile = deployed.profile.clone();
    profile["selector"] = json!({"autoScalingGroupNames": ["amf"]});
    let rule = "hookline-edge-Launchamf";
    put_rule(&deployed.fake.aws, &other, rule, &profile)
        .await
        .unwrap();
    let remove = json!({"Rule": rule, "Ids": ["launch-node"]});
    deployed.call("AWSEvents.RemoveTargets", &remove).await;
    deployed.launch_in("amf", 1).await;

    let text = stdout(&deployed.run("status --stack hookline").await.success());
    assert!(text.contains("No trouble."), "{text}");
    let status = deployed.json("status --stack hookline-edge").await;
    let trouble = &status["trouble"][0];
    assert_eq!(trouble["kind"], "rule-without-target", "{status:#}");
    let problem = trouble["problem"].as_str().unwrap();
    assert!(problem.starts_with("The rule hookline-edge-Launchamf has no target"));
    assert!(trouble.to_string().contains(&other), "{trouble:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stack_is_chosen_where_there_are_several() {
    let deployed = Deployed::start().await;
    let other = MACHINE.replace("hookline-launch", "other-launch");
    deployed.machine(&other).await;
    let text = unwrapped(&stderr(&deployed.run("status").await.code(11)));
    assert_eq!(
        text,
        "error: several deployments of Hookline in us-west-2 remedy: Give --stack one of: hookline, other."
    );
    let assert = deployed.run("status --json --stack nobody").await.code(11);
    assert_eq!(json_error(&assert)["kind"], "not-found");
    let text = stdout(&deployed.run("status --stack other").await.success());
    assert!(
        text.contains("other in us-west-2") && text.contains("No group."),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn region_without_a_deployment_is_told() {
    let fake = Fake::start().await;
    fake.aws.stepfunctions().on_start_execution(|_| {});
    let assert = run(fake.command("status --region us-west-2"))
        .await
        .code(11);
    let text = unwrapped(&stderr(&assert));
    assert!(
        text.starts_with("error: no deployment of Hookline in us-west-2"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_call_is_named_with_its_exit_code() {
    for (action, named, fault, code) in [
        (
            "DescribeLifecycleHooks",
            "autoscaling:DescribeLifecycleHooks",
            error(403, "AccessDenied"),
            6,
        ),
        (
            "DescribeInstances",
            "ec2:DescribeInstances",
            error(403, "UnauthorizedOperation"),
            6,
        ),
        (
            "ListTargetsByRule",
            "events:ListTargetsByRule",
            error(400, "AccessDeniedException"),
            6,
        ),
        (
            "ListExecutions",
            "states:ListExecutions",
            error(400, "UnrecognizedClientException"),
            4,
        ),
        (
            "DescribeNetworkInterfaces",
            "ec2:DescribeNetworkInterfaces",
            FaultKind::Throttle,
            7,
        ),
    ] {
        let deployed = Deployed::start().await;
        // Every filter has a value only where something was launched.
        deployed.fake.aws.inject(Fault::on(action, fault).always());
        let assert = deployed.run("status").await.code(code);
        assert_eq!(stdout(&assert), "");
        let text = unwrapped(&stderr(&assert));
        assert!(text.contains(named), "{text}");
    }
}

/// Lets a function count calls that AWS throttled, as it does: in a line of its log.
fn throttle(deployed: &Deployed, of: Subject, number: usize) {
    throttle_in(&roles::deployment(), deployed, of, number);
}

/// The same for a function of this deployment, in the same account.
fn throttle_in(deployment: &Deployment, deployed: &Deployed, of: Subject, number: usize) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let metrics = Metrics::starting_at(now.as_millis().try_into().unwrap(), deployment);
    metrics.add(Metric::ThrottledCalls, of, number);
    for document in metrics.take() {
        let cloudwatch = deployed.fake.aws.cloudwatch();
        cloudwatch.log(&document.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_calls_of_the_last_hour_are_shown_with_whose_they_are() {
    let deployed = Deployed::start().await;
    throttle(&deployed, Subject::profile("upf"), 10);
    throttle(&deployed, Subject::profile("upf"), 20);
    throttle(&deployed, Subject::All, 7);
    // Another deployment, with a profile by the same name.
    let other = Deployment::read("lab").unwrap();
    throttle_in(&other, &deployed, Subject::profile("upf"), 500);
    throttle_in(&other, &deployed, Subject::All, 900);
    let text = stdout(&deployed.run("status").await.success());
    let lines = [
        "Throttled   37 calls in 60 min (upf 30, reconcile and adopt 7)",
        "No trouble.",
    ];
    check_lines(&text, &lines);
    let reads = deployed
        .fake
        .aws
        .calls_where(|call| call.action == "GetMetricData");
    assert_eq!(reads.len(), 1);
    deployed.check_policy("look");
    let status = deployed.json("status").await;
    let throttled = &status["throttled"];
    assert_eq!(
        (&throttled["calls"], &throttled["seconds"]),
        (&json!(37), &json!(3_600))
    );
    assert_eq!(throttled["ofProfiles"], json!({"upf": 30}));
    assert_eq!(throttled["ofReconcileAndAdopt"], 7);
    assert_eq!(status["notes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_calls_that_the_identity_may_not_read_are_a_note() {
    let deployed = Deployed::start().await;
    throttle(&deployed, Subject::profile("upf"), 30);
    let mut actions = allowed().unwrap().remove("look").unwrap();
    assert!(actions.remove("cloudwatch:GetMetricData"));
    let credentials = credentials_of(&deployed.put_role("looks", &actions));
    let status = async |line: &str| {
        let mut command = deployed.fake.command(&format!("{line} --region us-west-2"));
        command
            .env("AWS_ACCESS_KEY_ID", credentials.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key());
        stdout(&run(command).await.success())
    };
    let text = status("status").await;
    check_lines(&text, &["No trouble."]);
    let told = unwrapped(&text);
    assert!(
        told.contains("Note Throttled calls are not known: cloudwatch:GetMetricData"),
        "{told}"
    );
    assert!(
        told.contains("Allow cloudwatch:GetMetricData in a policy"),
        "{told}"
    );
    let status: Value = serde_json::from_str(&status("status --json").await).unwrap();
    assert_eq!(status["throttled"], Value::Null);
    let note = status["notes"][0].as_str().unwrap();
    assert!(note.contains("cloudwatch:GetMetricData"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudwatch_that_does_not_answer_is_a_note() {
    let deployed = Deployed::start().await;
    let slow = FaultKind::Delay(Duration::from_secs(60));
    let fault = Fault::on("GetMetricData", slow);
    deployed.fake.aws.inject(fault);
    let status = deployed.json("status").await;
    assert_eq!(
        status["notes"],
        json!(["Throttled calls are not known: CloudWatch has not answered within 3 s."])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hook_that_is_unsafe_and_group_that_is_missing_are_trouble() {
    let deployed = Deployed::start().await;
    deployed
        .scene
        .autoscaling
        .put_lifecycle_hook()
        .auto_scaling_group_name("upf")
        .lifecycle_hook_name("hookline-launch")
        .heartbeat_timeout(60)
        .default_result("CONTINUE")
        .send()
        .await
        .unwrap();
    let mut other = deployed.profile.clone();
    other["name"] = json!("smf");
    other["selector"] = json!({"autoScalingGroupNames": ["smf"]});
    put_rule(&deployed.fake.aws, MACHINE, "launch-smf", &other)
        .await
        .unwrap();
    let trouble = deployed.trouble().await;
    let kinds: Vec<_> = trouble.iter().map(|finding| &finding["kind"]).collect();
    assert_eq!(kinds, ["group-missing", "hook-unsafe"]);
    assert_eq!(trouble[0]["group"], "smf");
    let text = stdout(&deployed.run("status").await.success());
    check_text(&text);
    assert!(text.contains("--heartbeat-timeout 1800"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn group_is_found_by_its_tag_and_another_one_is_not() {
    let deployed = Deployed::start().await;
    deployed.scene.group("smf").await.unwrap();
    let mut by_tag = deployed.profile.clone();
    by_tag["name"] = json!("by-tag");
    by_tag["selector"] = json!({"tag": {"key": "multus", "value": "smf"}});
    put_rule(&deployed.fake.aws, MACHINE, "by-tag", &by_tag)
        .await
        .unwrap();
    deployed.scene.group("amf").await.unwrap();
    let (status, rows) = groups(&deployed).await;
    let wanted = [("smf", "by-tag"), ("upf", "upf")];
    assert_eq!(
        rows,
        wanted.map(|(group, profile)| (json!(group), json!([profile])))
    );
    assert_eq!(status["trouble"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_two_profiles_with_one_first_tag_are_both_found() {
    let deployed = Deployed::start().await;
    for name in ["amf", "smf"] {
        deployed.scene.group(name).await.unwrap();
        let mut profile = deployed.profile.clone();
        profile["name"] = json!(name);
        // Only the instances carry the second tag, not their group.
        let of_group = json!({"key": "aws:autoscaling:groupName", "value": name});
        profile["selector"] = json!({"tags": [{"key": "multus"}, of_group]});
        put_rule(&deployed.fake.aws, MACHINE, name, &profile)
            .await
            .unwrap();
        deployed.launch_in(name, 1).await;
    }
    let (_, rows) = groups(&deployed).await;
    let wanted = ["amf", "smf", "upf"];
    assert_eq!(rows, wanted.map(|name| (json!(name), json!([name]))));
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_others_do_no_harm_to_a_terminal() {
    let deployed = Deployed::start().await;
    let tag = |key: &str, value: &str| {
        aws_sdk_ec2::types::Tag::builder()
            .key(key)
            .value(value)
            .build()
    };
    let tags = aws_sdk_ec2::types::TagSpecification::builder()
        .resource_type(aws_sdk_ec2::types::ResourceType::NetworkInterface)
        .tags(tag("hookline:instance-id", "i-0123456789abcdef0"))
        .tags(tag("hookline:network", "\u{9b}2Jred\u{202e}"))
        .build();
    let create = deployed.scene.ec2.create_network_interface();
    create
        .subnet_id(&deployed.scene.networks[0].subnets[0])
        .tag_specifications(tags)
        .send()
        .await
        .unwrap();
    let text = stdout(&deployed.run("status").await.success());
    check_text(&text);
    assert!(
        text.contains("INTERFACE LEFT") && text.contains("red "),
        "{text}"
    );
    let json = stdout(&deployed.run("status --json").await.success());
    assert!(
        !json.chars().any(|c| c == '\u{9b}' || c == '\u{202e}'),
        "{json}"
    );
    let status: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        status["leakedInterfaces"][0]["network"],
        "\u{9b}2Jred\u{202e}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_on_standby_is_shown_apart_and_does_not_count() {
    let deployed = Deployed::start().await;
    deployed.launch(2).await;
    let states = || {
        let aws = &deployed.fake.aws;
        aws.with_world(|world| world.autoscaling.states("upf"))
    };
    for instance in states().into_keys() {
        let complete = deployed.scene.autoscaling.complete_lifecycle_action();
        complete
            .auto_scaling_group_name("upf")
            .lifecycle_hook_name("hookline-launch")
            .instance_id(instance)
            .lifecycle_action_result("CONTINUE")
            .send()
            .await
            .unwrap();
    }
    let in_service = || {
        states()
            .into_values()
            .filter(|it| *it == LifecycleState::InService)
    };
    wait_for(Duration::from_secs(20), "two in service", async || {
        Ok((in_service().count() == 2).then_some(()))
    })
    .await
    .unwrap();
    let first = states().into_keys().next().unwrap();
    let enter = deployed.scene.autoscaling.enter_standby();
    enter
        .auto_scaling_group_name("upf")
        .instance_ids(first)
        .should_decrement_desired_capacity(true)
        .send()
        .await
        .unwrap();
    let text = stdout(&deployed.run("status").await.success());
    check_text(&text);
    assert!(text.contains("1, 1 on standby"), "{text}");
    let json = stdout(&deployed.run("status --json").await.success());
    let status: Value = serde_json::from_str(&json).unwrap();
    let row = &status["groups"][0];
    assert_eq!(
        (&row["wanted"], &row["inService"], &row["onStandby"]),
        (&json!(1), &json!(1), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_of_a_group_that_no_profile_covers_is_told() {
    let deployed = Deployed::start().await;
    deployed.scene.group("upf-v2").await.unwrap();
    deployed.launch_in("upf-v2", 1).await;
    let json = stdout(&deployed.run("status --json").await.success());
    let status: Value = serde_json::from_str(&json).unwrap();
    let trouble = status["trouble"].as_array().unwrap();
    let of_group = trouble.iter().find(|it| it["group"] == "upf-v2");
    let found = of_group.unwrap_or_else(|| panic!("{trouble:#?}"));
    assert_eq!(found["kind"], "no-rule");
    let problem = found["problem"].as_str().unwrap();
    assert!(
        problem.contains("has the launch hook hookline-launch of the profile upf"),
        "{problem}"
    );
    check_text(&stdout(&deployed.run("status").await.success()));
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_needs_a_terminal_and_is_no_json() {
    let deployed = Deployed::start().await;
    let text = unwrapped(&stderr(&deployed.run("status --watch").await.code(2)));
    assert!(text.contains("--watch needs a terminal"), "{text}");
    assert!(text.contains("remedy: Leave --watch out"), "{text}");
    let assert = deployed.run("status --watch --json").await.code(2);
    assert!(
        stderr(&assert).contains("cannot be used with '--json'"),
        "{}",
        stderr(&assert)
    );
}
