//! `hookline replay`, against the fake AWS. The suite `operator` has replays with the real state
//! machine.

use std::time::Duration;

use hookline_domain::execution::names::execution_name;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::ec2::InstanceState;
use hookline_local::{Fault, FaultKind};
use hookline_testkit::scene::{HOOK, WarmPool};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::deployed::{Deployed, MACHINE};
use crate::explain::lost_launch;
use crate::fake::error;
use crate::scale_out::start;
use crate::{check_text, json_error, stderr, stdout, unwrapped};

#[tokio::test(flavor = "multi_thread")]
async fn lost_launch_gets_the_execution_of_reconcile_only_with_yes() {
    let (deployed, instance) = lost_launch().await;
    let text = stdout(&deployed.run(&format!("replay {instance}")).await.success());
    check_text(&text);
    for says in [
        "A replay can help.",
        "This command starts an execution.",
        &format!("name reconcile-{instance}-"),
        "It is the one that reconcile would start.",
        "To do it, add --yes.",
    ] {
        assert!(text.contains(says), "no {says:?} in\n{text}");
    }
    let said = deployed.json(&format!("replay {instance}")).await;
    assert_eq!(
        (&said["done"], &said["helps"]),
        (&json!(false), &json!(true))
    );
    assert!(deployed.changes().is_empty(), "{:?}", deployed.changes());

    let done = deployed.json(&format!("replay {instance} --yes")).await;
    assert_eq!(done["done"], true, "{done:#}");
    assert_eq!(
        (&done["repeats"], &done["stopped"]),
        (&Value::Null, &json!([]))
    );
    let changes = deployed.changes();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].action, "StartExecution");
    let name = done["name"].as_str().unwrap();
    assert!(
        name.starts_with(&format!("reconcile-{instance}-")),
        "{name}"
    );
    assert!(
        done["started"].as_str().unwrap().ends_with(name),
        "{done:#}"
    );
    let described = json!({"executionArn": done["started"]});
    let described = deployed
        .call("AWSStepFunctions.DescribeExecution", &described)
        .await;
    let input: Value = serde_json::from_str(described["input"].as_str().unwrap()).unwrap();
    assert_eq!(input["event"]["detail"]["EC2InstanceId"], instance);
    assert_eq!(input["profile"], deployed.profile);
    deployed.check_policy("operate");
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_that_cannot_help_is_refused_with_the_reason() {
    let (deployed, instance) = lost_launch().await;
    let done = deployed.scene.complete("upf", HOOK, &instance, "CONTINUE");
    done.await.unwrap();
    let line = format!("replay {instance} --yes");
    wait_for(Duration::from_secs(60), "the refusal", async || {
        let said = deployed.json(&line.replace(" --yes", "")).await;
        Ok((said["helps"] == false).then_some(()))
    })
    .await
    .unwrap();
    let text = stdout(&deployed.run(&line).await.code(12));
    check_text(&text);
    let text = unwrapped(&text);
    assert!(
        text.contains("A replay does not help. There is no execution to repeat: adopt the node"),
        "{text}"
    );
    assert!(deployed.changes().is_empty());
    // Of a group it is not known which launch is meant.
    let assert = deployed.run("replay upf --yes --json").await.code(11);
    assert!(
        json_error(&assert)
            .to_string()
            .contains("hookline explain upf")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn name_that_was_used_before_and_failed_calls_are_told() {
    let (deployed, instance) = lost_launch().await;
    let line = format!("replay {instance} --yes");
    for (fault, code, says) in [
        (
            error(400, "AccessDeniedException"),
            6,
            "Allow states:StartExecution",
        ),
        (
            error(400, "UnrecognizedClientException"),
            4,
            "Renew the credentials",
        ),
        (FaultKind::Throttle, 7, "Wait a minute"),
    ] {
        deployed.fake.aws.clear_faults();
        deployed
            .fake
            .aws
            .inject(Fault::on("StartExecution", fault).always());
        let text = unwrapped(&stderr(&deployed.run(&line).await.code(code)));
        assert!(text.contains(says), "{text}");
    }
    deployed.fake.aws.clear_faults();
    let used = error(400, "ExecutionAlreadyExists");
    deployed.fake.aws.inject(Fault::on("StartExecution", used));
    let text = stdout(&deployed.run(&line).await.code(12));
    assert!(
        unwrapped(&text).contains("was used before, and Step Functions does not show"),
        "{text}"
    );
    let listed = json!({"stateMachineArn": MACHINE, "statusFilter": "RUNNING"});
    let listed = deployed
        .call("AWSStepFunctions.ListExecutions", &listed)
        .await;
    assert_eq!(listed["executions"], json!([]));
}

/// The ARNs of the executions that run.
async fn running(deployed: &Deployed) -> Vec<Value> {
    let call = json!({"stateMachineArn": MACHINE, "statusFilter": "RUNNING"});
    let listed = deployed
        .call("AWSStepFunctions.ListExecutions", &call)
        .await;
    let listed = listed["executions"].as_array().unwrap().iter();
    listed.map(|it| it["executionArn"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn replacement_that_fails_half_way_is_told_and_finished_by_the_next_run() {
    let (deployed, instance) = lost_launch().await;
    let old = start(&deployed, "upf", &instance).await;
    let denied = error(400, "AccessDeniedException");
    deployed.fake.aws.inject(Fault::on("StopExecution", denied));
    let line = format!("replay {instance} --replace --yes");
    let assert = deployed.run(&format!("{line} --json")).await.code(6);
    let done: Value = serde_json::from_str(&stdout(&assert)).unwrap();
    let new = done["started"].clone();
    assert!(new.is_string() && new != old, "{done:#}");
    assert_eq!(
        (&done["replaces"], &done["stopped"]),
        (&json!([old]), &json!([]))
    );
    let left = done["left"].as_str().unwrap();
    assert!(left.contains("states:StopExecution"), "{left}");
    assert!(stderr(&assert).contains("states:StopExecution"));

    let text = stdout(&deployed.run(&line.replace(" --yes", "")).await.success());
    assert!(text.contains("this command starts nothing"), "{text}");
    let text = stdout(&deployed.run(&line).await.success());
    assert!(text.contains("Nothing is started."), "{text}");
    wait_for(Duration::from_secs(30), "one execution", async || {
        Ok((running(&deployed).await == [new.clone()]).then_some(()))
    })
    .await
    .unwrap();
    deployed.check_policy("repair");
}

#[tokio::test(flavor = "multi_thread")]
async fn running_execution_among_many_is_found_before_another_is_started() {
    let (deployed, instance) = lost_launch().await;
    let ended = start(&deployed, "upf", &instance).await;
    let call = json!({"executionArn": ended});
    deployed.call("AWSStepFunctions.StopExecution", &call).await;
    for n in 0..45 {
        start(&deployed, "upf", &format!("i-{n:017x}")).await;
    }
    start(&deployed, "upf", &instance).await;
    wait_for(Duration::from_secs(30), "the list", async || {
        Ok((running(&deployed).await.len() == 46).then_some(()))
    })
    .await
    .unwrap();
    let text = stdout(
        &deployed
            .run(&format!("replay {instance} --yes"))
            .await
            .code(12),
    );
    assert!(
        text.contains("An execution for the launch is running."),
        "{text}"
    );
    assert!(deployed.changes().is_empty(), "{:?}", deployed.changes());
}

#[tokio::test(flavor = "multi_thread")]
async fn execution_of_another_deployment_is_refused() {
    let (deployed, instance) = lost_launch().await;
    let arn = start(&deployed, "upf", &instance).await;
    let arn = arn.replace("hookline-launch-node", "b-launch-node");
    let assert = deployed.run(&format!("replay {arn} --yes")).await.code(11);
    let text = unwrapped(&stderr(&assert));
    assert!(
        text.contains("is of the deployment b in us-west-2"),
        "{text}"
    );
    assert!(text.contains("Add --stack b"), "{text}");
    assert!(deployed.changes().is_empty(), "{:?}", deployed.changes());
}

/// The deployment with an instance that waits on its way into a warm pool, and whose event is lost.
pub(crate) async fn lost_launch_into_pool() -> (Deployed, String) {
    let deployed = Deployed::start().await;
    let rule = json!({"Name": "launch-upf"});
    deployed.call("AWSEvents.DisableRule", &rule).await;
    let pool = WarmPool {
        state: "Stopped",
        prepared: 1,
        reuse: false,
    };
    deployed.scene.put_warm_pool("upf", pool).await.unwrap();
    let mut instance = String::new();
    wait_for(Duration::from_secs(60), "the launch to wait", async || {
        let waiting = deployed.fake.aws.with_world(|world| {
            let mut states = world.autoscaling.states("upf").into_iter();
            let (id, _) = states.find(|(_, it)| *it == LifecycleState::WarmedPendingWait)?;
            let runs = world.ec2.instance(&id)?.state == InstanceState::Running;
            runs.then_some(id)
        });
        instance = waiting.unwrap_or_default();
        Ok((!instance.is_empty()).then_some(()))
    })
    .await
    .unwrap();
    (deployed, instance)
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_launch_into_a_warm_pool_gets_the_execution_of_reconcile() {
    let (deployed, instance) = lost_launch_into_pool().await;
    let done = deployed.json(&format!("replay {instance} --yes")).await;
    assert_eq!(
        (&done["done"], &done["helps"]),
        (&json!(true), &json!(true)),
        "{done:#}"
    );
    let described = json!({"executionArn": done["started"]});
    let described = deployed
        .call("AWSStepFunctions.DescribeExecution", &described)
        .await;
    let input: Value = serde_json::from_str(described["input"].as_str().unwrap()).unwrap();
    assert_eq!(input["event"]["detail"]["Destination"], "WarmPool");
    assert_eq!(input["event"]["detail"]["Origin"], "EC2");
    let activities = deployed.scene.autoscaling.describe_scaling_activities();
    let activities = activities.auto_scaling_group_name("upf").send().await;
    let activity = activities.unwrap().activities()[0]
        .activity_id()
        .unwrap()
        .to_owned();
    let name = execution_name(
        &instance.parse().unwrap(),
        "upf",
        &format!("{HOOK} {activity}"),
    );
    assert_eq!(done["name"], name);
    deployed.check_policy("operate");
}
