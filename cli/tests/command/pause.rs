//! `hookline pause` and `hookline resume`, against the fake AWS.

use hookline_domain::reconcile::brake::brake_tags;
use hookline_domain::reconcile::loops::LaunchLoop;
use hookline_functions::aws::convert::tags_of_group;
use hookline_local::{Fault, FaultKind};
use serde_json::Value;

use crate::deployed::{Deployed, MACHINE};
use crate::fake::error;
use crate::{check_text, json_error, stderr, stdout, unwrapped};

#[tokio::test(flavor = "multi_thread")]
async fn group_is_paused_and_resumed_only_with_yes() {
    let deployed = Deployed::start().await;
    deployed.launch(1).await;
    let text = stdout(&deployed.run("pause upf").await.success());
    check_text(&text);
    for says in [
        "Launch  not suspended",
        "This command suspends the process Launch of the group.",
        "1 instance launches now, and goes on.",
        "Nothing is changed yet. To do it, add --yes.",
    ] {
        assert!(text.contains(says), "no {says:?} in\n{text}");
    }
    let said = deployed.json("pause upf").await;
    assert_eq!(
        (&said["done"], &said["isPaused"]),
        (&false.into(), &false.into())
    );
    let nothing = stdout(&deployed.run("resume upf --yes").await.success());
    assert!(
        nothing.contains("Nothing to do: Launch is not suspended."),
        "{nothing}"
    );
    assert!(deployed.changes().is_empty(), "{:?}", deployed.changes());

    let text = stdout(&deployed.run("pause upf --yes").await.success());
    check_text(&text);
    // It says what it does before it does it.
    let (before, after) = text.split_once("upf launches no instances now").unwrap();
    assert!(before.contains("This command suspends"), "{text}");
    assert!(
        after.contains("hookline resume upf --yes --region us-west-2"),
        "{text}"
    );
    let changes = deployed.changes();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].action, "SuspendProcesses");
    assert_eq!(changes[0].params["ScalingProcesses.member.1"], "Launch");

    // Who suspended it, as Auto Scaling says.
    let said = deployed.json("pause upf --yes").await;
    assert_eq!(
        (&said["done"], &said["isPaused"]),
        (&false.into(), &true.into())
    );
    let reason = said["reason"].as_str().unwrap();
    assert!(reason.starts_with("User suspended at 20"), "{reason}");
    deployed.scene.scale("upf", 3).await.unwrap();
    let trouble = deployed.trouble().await;
    assert_eq!(trouble[0]["kind"], "launches-suspended", "{trouble:?}");
    assert_eq!(
        trouble[0]["remedy"][1]["run"],
        "hookline resume upf --yes --region us-west-2"
    );

    let text = stdout(&deployed.run("resume upf").await.success());
    check_text(&text);
    for says in [
        reason,
        "aws cloudtrail lookup-events",
        "launches the 2 instances that the group lacks",
        "for everybody who suspended it",
    ] {
        assert!(unwrapped(&text).contains(says), "no {says:?} in\n{text}");
    }
    assert_eq!(deployed.changes().len(), 1);
    let done = deployed.json("resume upf --yes").await;
    assert_eq!(done["done"], true);
    let changes = deployed.changes();
    assert_eq!(changes[1].action, "CreateOrUpdateTags");
    assert_eq!(
        changes[1].params["Tags.member.1.Key"],
        "hookline:resumed-at"
    );
    assert_eq!(
        changes[1].params["Tags.member.1.PropagateAtLaunch"],
        "false"
    );
    assert_eq!(changes[2].action, "ResumeProcesses");
    assert_eq!(changes[2].params["ScalingProcesses.member.1"], "Launch");
    assert_eq!(deployed.json("resume upf").await["isPaused"], false);
    deployed.check_policy("operate");
}

/// The kinds of trouble in `status`.
async fn trouble(deployed: &Deployed) -> Vec<Value> {
    let trouble = deployed.trouble().await.into_iter();
    trouble.map(|mut finding| finding["kind"].take()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn brake_that_was_ended_by_hand_holds_no_more() {
    let deployed = Deployed::start().await;
    let autoscaling = &deployed.scene.autoscaling;
    // As reconcile brakes a group.
    let found = LaunchLoop {
        profile: "upf".to_owned(),
        group: "upf".to_owned(),
        error: "Hookline.SubnetsFull".to_owned(),
        generations: 3,
        since: 0,
        decided_from: 0,
    };
    let tags = tags_of_group("upf", &brake_tags(&found, 1_767_323_045));
    let call = autoscaling.create_or_update_tags().set_tags(Some(tags));
    call.send().await.unwrap();
    let call = autoscaling.suspend_processes();
    let call = call.auto_scaling_group_name("upf");
    call.scaling_processes("Launch").send().await.unwrap();
    assert_eq!(trouble(&deployed).await, ["group-braked"]);
    let said = deployed.json("resume upf").await;
    assert_eq!(said["braked"]["error"], "Hookline.SubnetsFull", "{said:#}");

    // As in Auto Scaling's console.
    let call = autoscaling.resume_processes();
    let call = call.auto_scaling_group_name("upf");
    call.scaling_processes("Launch").send().await.unwrap();
    assert_eq!(trouble(&deployed).await, [""; 0]);
    let said = deployed.json("resume upf").await;
    assert_eq!(
        (&said["isPaused"], &said["braked"]),
        (&false.into(), &Value::Null)
    );
    let text = stdout(&deployed.run("resume upf --yes").await.success());
    assert!(
        text.contains("Nothing to do: Launch is not suspended."),
        "{text}"
    );
    assert!(deployed.changes().is_empty(), "{:?}", deployed.changes());
}

#[tokio::test(flavor = "multi_thread")]
async fn group_is_resumed_also_by_a_person_who_may_not_tag_it() {
    let deployed = Deployed::start().await;
    stdout(&deployed.run("pause upf --yes").await.success());
    let denied = FaultKind::Error {
        status: 403,
        code: "AccessDenied".to_owned(),
        message: "User is not authorized to perform: autoscaling:CreateOrUpdateTags".to_owned(),
    };
    let fault = Fault::on("CreateOrUpdateTags", denied);
    deployed.fake.aws.inject(fault.always());
    let text = stdout(&deployed.run("resume upf --yes").await.success());
    check_text(&text);
    assert!(
        unwrapped(&text).contains("The group could not be tagged"),
        "{text}"
    );
    assert_eq!(deployed.json("resume upf").await["isPaused"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn group_that_is_not_there_is_told() {
    let deployed = Deployed::start().await;
    let assert = deployed.run("pause smf --yes --json").await.code(11);
    assert_eq!(json_error(&assert)["kind"], "not-found");
    assert!(deployed.changes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn group_that_no_profile_covers_is_left_unless_any_group_is_asked_for() {
    let deployed = Deployed::start().await;
    deployed.scene.group("smf").await.unwrap();
    for line in ["pause smf", "pause smf --yes", "resume smf --yes"] {
        let text = unwrapped(&stdout(&deployed.run(line).await.code(12)));
        let says = "No profile or rule of the deployment hookline covers the group.";
        assert!(
            text.contains(says) && text.contains("--any-group"),
            "{text}"
        );
    }
    let said = deployed.json("pause smf --yes").await;
    assert_eq!(said["done"], false);
    assert!(said["refusal"].is_string(), "{said}");
    assert!(deployed.changes().is_empty(), "{:?}", deployed.changes());

    let text = stdout(&deployed.run("pause smf --any-group --yes").await.success());
    assert!(
        text.contains("hookline resume smf --any-group --yes --region us-west-2"),
        "{text}"
    );
    assert_eq!(deployed.changes().len(), 1);
    deployed.check_policy("operate");
}

#[tokio::test(flavor = "multi_thread")]
async fn printed_commands_keep_the_stack_that_was_chosen() {
    let deployed = Deployed::start().await;
    deployed
        .machine(&MACHINE.replace("hookline-", "other-"))
        .await;
    let text = unwrapped(&stderr(&deployed.run("pause upf --yes").await.code(11)));
    assert!(text.contains("several deployments"), "{text}");
    let text = stdout(&deployed.run("pause upf --yes --stack other").await.code(12));
    assert!(text.contains("deployment other"), "{text}");
    let text = stdout(
        &deployed
            .run("pause upf --yes --stack hookline")
            .await
            .success(),
    );
    let command = "hookline resume upf --yes --stack hookline --region us-west-2";
    assert!(text.contains(command), "{text}");
    deployed.scene.scale("upf", 1).await.unwrap();
    let status = deployed.json("status --stack hookline").await;
    assert_eq!(
        status["trouble"][0]["remedy"][1]["run"], command,
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_call_is_told_apart() {
    let deployed = Deployed::start().await;
    for (fault, code, says) in [
        (
            error(403, "AccessDenied"),
            6,
            "Allow autoscaling:SuspendProcesses",
        ),
        (error(403, "ExpiredToken"), 4, "Export new ones"),
        (FaultKind::Throttle, 7, "Wait a minute"),
    ] {
        let fault = Fault::on("SuspendProcesses", fault).always();
        deployed.fake.aws.clear_faults();
        deployed.fake.aws.inject(fault);
        let text = unwrapped(&stderr(&deployed.run("pause upf --yes").await.code(code)));
        assert!(text.contains(says), "{text}");
    }
    assert_eq!(deployed.json("pause upf").await["isPaused"], false);
}
