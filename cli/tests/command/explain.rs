//! `hookline explain`, against the fake AWS. The suite `operator` has launches with the real state
//! machine.

use std::time::Duration;

use aws_sdk_ec2::types::Tag;
use hookline_local::Fault;
use hookline_local::ec2::InstanceState;
use hookline_testkit::scene::HOOK;
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::deployed::Deployed;
use crate::fake::error;
use crate::scale_out::start;
use crate::{check_text, json_error, stderr, stdout, unwrapped};

/// The deployment with a launch whose event is lost, because the rule is disabled. Returns the
/// instance.
pub(crate) async fn lost_launch() -> (Deployed, String) {
    let deployed = Deployed::start().await;
    deployed
        .call("AWSEvents.DisableRule", &json!({"Name": "launch-upf"}))
        .await;
    deployed.launch(1).await;
    let instance = deployed
        .fake
        .aws
        .with_world(|world| world.autoscaling.states("upf").into_keys().next());
    let instance = instance.unwrap();
    wait_for(Duration::from_secs(60), "the instance to run", async || {
        let runs = deployed.fake.aws.with_world(|world| {
            let instance = world.ec2.instance(&instance);
            instance.is_some_and(|instance| instance.state == InstanceState::Running)
        });
        Ok(runs.then_some(()))
    })
    .await
    .unwrap();
    (deployed, instance)
}

async fn launch(deployed: &Deployed, what: &str) -> Value {
    let assert = deployed
        .run(&format!("explain {what} --json"))
        .await
        .success();
    let mut explained: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    explained["launch"].take()
}

fn kinds(findings: &Value) -> Vec<&str> {
    let findings = findings.as_array().unwrap().iter();
    findings
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_without_an_execution_is_explained_by_its_rule() {
    let (deployed, instance) = lost_launch().await;
    let text = stdout(&deployed.run(&format!("explain {instance}")).await.success());
    for says in [
        "State    ",
        "Pending:Wait in the group upf",
        "Execution  none is found",
        "The rule launch-upf is disabled",
        "aws events enable-rule --name launch-upf",
        "Reconcile starts it when the launch is 2 min old, within 5 min",
        "Replay A replay can help.",
    ] {
        assert!(text.contains(says), "no {says:?} in\n{text}");
    }
    let launch = launch(&deployed, &instance).await;
    assert_eq!(
        kinds(&launch["findings"]),
        ["rule-disabled", "no-execution"]
    );
    assert_eq!(
        (&launch["story"], &launch["executions"]),
        (&json!([]), &json!([]))
    );
    let replay = launch["replay"]["command"]["run"].as_str().unwrap();
    assert_eq!(
        replay,
        format!("hookline replay {instance} --yes --region us-west-2")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_is_found_by_its_address_and_by_its_group() {
    let (deployed, instance) = lost_launch().await;
    let address = deployed.fake.aws.with_world(|world| {
        world
            .ec2
            .instance(&instance)
            .map(|instance| instance.private_ip_address)
    });
    for what in [address.unwrap().to_string(), "upf".to_owned()] {
        assert_eq!(
            launch(&deployed, &what).await["instance"],
            instance,
            "{what}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_is_found_by_an_interface_of_its_instance() {
    let (deployed, instance) = lost_launch().await;
    let id = deployed.fake.aws.with_world(|world| {
        let mut interfaces = world.ec2.interfaces_of(&instance);
        interfaces.next().unwrap().network_interface_id.clone()
    });
    assert_eq!(launch(&deployed, &id).await["instance"], instance);
}

#[tokio::test(flavor = "multi_thread")]
async fn execution_is_found_by_the_tag_that_the_verdict_put_on_the_instance() {
    let (deployed, instance) = lost_launch().await;
    let own = start(&deployed, "upf", &instance).await;
    let mut another = String::new();
    for n in 0..50 {
        another = start(&deployed, "smf", &format!("i-{n:017x}")).await;
    }
    let tell = async |arn: &str| {
        let name = arn.rsplit(':').next().unwrap();
        let tags = [
            ("hookline:execution", name),
            ("hookline:verdict", "CONTINUE"),
        ];
        let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
        let call = deployed.scene.ec2.create_tags().resources(&instance);
        call.set_tags(Some(tags.into())).send().await.unwrap();
    };
    let described = || {
        let calls = deployed.fake.aws.calls_where(|call| {
            call.user_agent.contains("app/Hookline") && call.action == "DescribeExecution"
        });
        calls.len()
    };
    tell(&own).await;
    let found = launch(&deployed, &instance).await;
    assert_eq!(found["executions"][0]["arn"], json!(own), "{found:#}");
    // The fifty others are not looked at.
    assert_eq!(described(), 1);

    // Who may tag the instance can write anything.
    tell(&another).await;
    let found = launch(&deployed, &instance).await;
    assert_eq!(found["executions"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["executions"][0]["arn"], json!(own), "{found:#}");
    assert!(described() > 2, "{}", described());
    deployed.check_policy("look");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_in_service_without_interfaces_is_explained() {
    let (deployed, instance) = lost_launch().await;
    let done = deployed.scene.complete("upf", HOOK, &instance, "CONTINUE");
    done.await.unwrap();
    let launch = wait_for(Duration::from_secs(60), "the node in service", async || {
        let launch = launch(&deployed, &instance).await;
        Ok((launch["lifecycleState"] == "InService").then_some(launch))
    })
    .await
    .unwrap();
    assert_eq!(
        kinds(&launch["findings"]),
        ["rule-disabled", "node-lacks-interfaces"]
    );
    let adopt = launch["findings"][1]["remedy"][1]["run"].as_str().unwrap();
    assert_eq!(
        adopt,
        format!("hookline adopt {instance} --yes --region us-west-2")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told() {
    let deployed = Deployed::start().await;
    for what in [
        "i-0123456789abcdef0",
        "nobody",
        "10.9.9.9",
        "ip-10-9-9-9.us-west-2.compute.internal",
    ] {
        let assert = deployed.run(&format!("explain {what}")).await.code(11);
        let text = unwrapped(&stderr(&assert));
        assert!(
            text.starts_with(&format!("error: {what:?} is no instance, node,")),
            "{text}"
        );
    }
    let assert = deployed.run("explain nobody --json").await.code(11);
    assert_eq!(json_error(&assert)["kind"], "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn group_that_is_gone_and_that_a_profile_names_is_told() {
    let deployed = Deployed::start().await;
    let autoscaling = &deployed.scene.autoscaling;
    let delete = autoscaling
        .delete_auto_scaling_group()
        .auto_scaling_group_name("upf");
    delete.send().await.unwrap();
    let text = unwrapped(&stderr(&deployed.run("explain upf").await.code(11)));
    let says = "there is no Auto Scaling group \"upf\" in us-west-2, though a profile or a rule";
    assert!(text.contains(says), "{text}");
    assert!(text.contains("`hookline check` names"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn group_that_no_profile_covers_is_told() {
    let deployed = Deployed::start().await;
    deployed.scene.plain_group("smf", &[]).await.unwrap();
    let text = stdout(&deployed.run("explain smf").await.success());
    check_text(&text);
    assert!(
        text.contains("No profile of the deployment covers the group smf"),
        "{text}"
    );
    // One that has the hook of a profile would wait at it for nobody.
    deployed.scene.group("amf").await.unwrap();
    let found = deployed.json("explain amf").await;
    let finding = &found["group"]["findings"][0];
    let problem = finding["problem"].as_str().unwrap();
    assert!(
        problem.contains("of the profile upf: nobody answers it"),
        "{finding:#}"
    );
    let last = finding["remedy"].as_array().unwrap().last().unwrap();
    let line = last["run"].as_str().unwrap();
    assert!(
        line.starts_with("aws autoscaling delete-lifecycle-hook --auto-scaling-group-name amf"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_one_name_are_listed_and_the_newest_is_explained() {
    let deployed = Deployed::start().await;
    let aws = &deployed.fake.aws;
    let nodes = || aws.with_world(|world| world.autoscaling.states("upf"));
    let second = || aws.with_world(|world| world.kernel.timestamp().as_second());
    deployed.launch(1).await;
    let older = nodes().into_keys().next().unwrap();
    // EC2 tells launch times in seconds.
    let launched_in = second();
    wait_for(Duration::from_secs(60), "the next second", async || {
        Ok((second() != launched_in).then_some(()))
    })
    .await
    .unwrap();
    deployed.launch(2).await;
    let newer = nodes().into_keys().find(|node| *node != older).unwrap();
    let both = vec![older.clone(), newer.clone()];
    let name = Tag::builder().key("Name").value("upf-twin").build();
    let tag = deployed.scene.ec2.create_tags().tags(name);
    let tag = tag.set_resources(Some(both.clone()));
    tag.send().await.unwrap();
    let found = launch(&deployed, "upf-twin").await;
    assert_eq!(found["instance"], *newer);
    assert_eq!(found["namesakes"][0]["instance"], *older);
    let text = stdout(&deployed.run("explain upf-twin").await.success());
    assert!(text.contains("The newest instance of this name"), "{text}");
    let command = format!("hookline explain {older}");
    assert!(text.contains(&command), "{text}");
    // By its ARN it is the only one.
    let arn = format!("arn:aws:ec2:us-west-2:123456789012:instance/{older}");
    let found = launch(&deployed, &arn).await;
    assert_eq!(found["instance"], *older);
    assert_eq!(found["namesakes"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn execution_that_runs_is_told_before_a_newer_one_that_failed() {
    let (deployed, instance) = lost_launch().await;
    let first = start(&deployed, "upf", &instance).await;
    let second = start(&deployed, "upf", &instance).await;
    let stop = json!({"executionArn": second, "error": "Hookline.SubnetsFull"});
    deployed.call("AWSStepFunctions.StopExecution", &stop).await;
    let found = launch(&deployed, &instance).await;
    assert_eq!(found["executions"][0]["arn"], *first, "{found:#}");
    assert_eq!(found["executions"][1]["arn"], *second, "{found:#}");
    let text = stdout(&deployed.run(&format!("explain {instance}")).await.success());
    let also = text.lines().find(|line| line.starts_with("Also "));
    assert!(also.is_some_and(|it| it.contains("ABORTED")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_permission_is_named() {
    let (deployed, instance) = lost_launch().await;
    deployed
        .fake
        .aws
        .inject(Fault::on("DescribeSubnets", error(403, "UnauthorizedOperation")).always());
    let assert = deployed.run(&format!("explain {instance}")).await.code(6);
    let text = unwrapped(&stderr(&assert));
    assert!(text.contains("Allow ec2:DescribeSubnets"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn description_of_somebody_elses_interface_does_no_harm_to_a_terminal() {
    let (deployed, instance) = lost_launch().await;
    let ec2 = &deployed.scene.ec2;
    let create = ec2
        .create_network_interface()
        .subnet_id(&deployed.scene.node_subnets[0]);
    let created = create
        .description("probe \u{9b}2J\u{202e}")
        .send()
        .await
        .unwrap();
    let id = created
        .network_interface()
        .and_then(|it| it.network_interface_id())
        .unwrap();
    let attach = ec2
        .attach_network_interface()
        .network_interface_id(id)
        .instance_id(&instance);
    attach.device_index(1).send().await.unwrap();
    let text = stdout(&deployed.run(&format!("explain {instance}")).await.success());
    assert!(text.contains("probe"), "{text}");
    assert!(!text.contains(['\u{9b}', '\u{202e}']), "{text:?}");
    let launch = launch(&deployed, &instance).await;
    assert!(
        kinds(&launch["findings"]).contains(&"device-index-taken"),
        "{launch:#}"
    );
}
