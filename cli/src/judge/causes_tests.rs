//! Which causes are found, and which replays help.

use serde_json::json;

use super::*;
use crate::fixtures::{MACHINE, NOW, case, id, interface, profile, ready, rules};
use crate::judge::Remedy;
use crate::judge::replay::{Replay, Wanted, decide};
use crate::observed::deployment::Deployment;
use crate::observed::execution::HistoryEvent;
use crate::observed::group::{Activity, Hook};

#[path = "causes_ended_tests.rs"]
mod of_ended;

fn kinds(case: &Case) -> Vec<Kind> {
    findings(case).iter().map(|finding| finding.kind).collect()
}

/// The failure of a function.
fn failure(error: &str) -> HistoryEvent {
    HistoryEvent {
        at: 1_000 * NOW,
        kind: "LambdaFunctionFailed".to_owned(),
        state: None,
        input: None,
        output: None,
        failed: Some((
            error.to_owned(),
            r#"{"errorMessage":"not allowed"}"#.to_owned(),
        )),
    }
}

/// The command that replays the launch.
fn command() -> Remedy {
    Remedy::run(["hookline", "replay", id(1).as_str(), "--yes"])
}

#[test]
fn node_that_is_ready_has_no_finding() {
    assert_eq!(kinds(&ready()), []);
    assert!(!Replay::of(&ready()).helps);
}

#[test]
fn node_that_keeps_its_startup_taint_can_be_replayed() {
    let mut case = ready();
    case.history[0].state = Some("StartupTaintLeft".to_owned());
    assert!(Replay::of(&case).helps);
}

#[test]
fn node_on_standby_without_interfaces_is_put_back_before_it_is_adopted() {
    let on_standby = case().in_state("Standby");
    let found = findings(&on_standby);
    let lacks = found.iter().find(|it| it.kind == Kind::NodeLacksInterfaces);
    let lacks = lacks.unwrap_or_else(|| panic!("{found:#?}"));
    assert!(
        lacks
            .problem
            .contains("is on standby and has no interface of signaling")
    );
    let commands = lacks.remedy.iter().filter_map(|it| match it {
        Remedy::Run(words) => Some(words[..3].join(" ")),
        _ => None,
    });
    let commands: Vec<_> = commands.collect();
    let adopt = format!("hookline adopt {}", id(1));
    assert_eq!(commands, ["aws autoscaling exit-standby", adopt.as_str()]);
    // One that has them is as right there as in service.
    assert_eq!(kinds(&ready().in_state("Standby")), []);
}

#[test]
fn launch_that_runs_has_no_finding_and_needs_no_replay() {
    let case = case().with_execution("RUNNING", None, "AttachInterfaces");
    assert_eq!(kinds(&case), []);
    assert!(!Replay::of(&case).helps);
}

#[test]
fn launch_without_an_execution_is_started_by_the_name_that_reconcile_uses() {
    let found = findings(&case());
    assert_eq!(
        found.iter().map(|it| it.kind).collect::<Vec<_>>(),
        [Kind::NoExecution]
    );
    assert!(
        found[0].problem.contains("60 s after its launch"),
        "{found:?}"
    );
    let replay = Replay::of(&case());
    assert_eq!(replay.command, Some(command()));
    let (_, started) = decide(&case(), Wanted::default()).unwrap();
    assert!(
        started.name.starts_with(&format!("reconcile-{}-", id(1))),
        "{started:?}"
    );
    let mut without_rule = case();
    without_rule.deployment.rules[0].enabled = false;
    assert_eq!(
        kinds(&without_rule),
        [Kind::RuleDisabled, Kind::NoExecution]
    );
}

#[test]
fn launch_with_a_retired_profile_is_not_said_to_lack_a_rule_or_a_hook() {
    let (_, mut rounds) = rules();
    let input = json!({"stateMachineArn": MACHINE, "profiles": [], "retiredProfiles": [profile()]});
    rounds.targets[0].input = Some(input.to_string());
    let mut case = case();
    case.deployment = Deployment::of(case.deployment.machine.clone(), vec![rounds]);
    case.hooks.clear();
    assert_eq!(kinds(&case), [Kind::NoExecution]);
    assert!(findings(&case)[0].evidence.is_empty());
    // A node of before.
    assert_eq!(kinds(&case.in_state("InService")), []);
}

#[test]
fn launch_that_waits_after_success_is_held_by_another_hook() {
    let mut case = case().with_execution("SUCCEEDED", None, "NodeReady");
    case.interfaces = ready().interfaces;
    case.hooks.push(Hook {
        name: "drain".to_owned(),
        default_result: "ABANDON".to_owned(),
        heartbeat_seconds: 300,
    });
    let found = findings(&case);
    assert_eq!(
        found.iter().map(|it| it.kind).collect::<Vec<_>>(),
        [Kind::OtherHook]
    );
    assert!(
        found[0].problem.contains("the launch hook drain too"),
        "{found:?}"
    );
}

#[test]
fn node_that_lacks_an_interface_is_told_with_the_networks() {
    let mut case = ready();
    case.interfaces.pop();
    let found = findings(&case);
    assert_eq!(
        found.iter().map(|it| it.kind).collect::<Vec<_>>(),
        [Kind::NodeLacksInterfaces]
    );
    assert!(
        found[0].problem.contains("no interface of user-plane"),
        "{found:?}"
    );
    assert!(Replay::of(&case).helps);
    // It had it.
    assert!(
        found[0].evidence[0].contains("detached or deleted it"),
        "{found:?}"
    );
    let last = commands(&found[0]).pop().unwrap();
    assert!(last.contains("DetachNetworkInterface"), "{last}");
    // Another profile does not tell what it had.
    let own = std::mem::replace(&mut case.executions[0].input, "{}".to_owned());
    let told = format!("{:?}", findings(&case));
    assert!(told.contains("has succeeded"), "{told}");
    assert!(!told.contains("detached or deleted it"), "{told}");
    case.executions[0].input = own;
    case.executions[0].status = "FAILED".to_owned();
    case.executions[0].error = Some("Hookline.SubnetsFull".to_owned());
    let found = findings(&case);
    let mut lacks = found.iter();
    let lacks = lacks.find(|it| it.kind == Kind::NodeLacksInterfaces);
    let ended = ["Its execution ended as Hookline.SubnetsFull."];
    assert_eq!(lacks.unwrap().evidence, ended);
}

#[test]
fn interfaces_of_a_launch_that_is_over_are_left() {
    let mut case =
        case()
            .in_state("Terminated")
            .with_execution("FAILED", Some("Hookline.X"), "AbandonLaunch");
    case.interfaces = vec![interface(1, 1, "signaling", None)];
    assert_eq!(kinds(&case), [Kind::Failed, Kind::InterfacesLeft]);
    let replay = Replay::of(&case);
    assert!(
        !replay.helps && replay.why.contains("replaces"),
        "{replay:?}"
    );
}

/// The words of a finding's commands, each in a line.
fn commands(finding: &Finding) -> Vec<String> {
    let words = finding.remedy.iter().filter_map(|remedy| match remedy {
        Remedy::Run(words) => Some(words.join(" ")),
        _ => None,
    });
    words.collect()
}

/// A launch whose `TagNode` found that it is not for the profile.
fn not_for_the_profile() -> Case {
    let mut case = case().with_execution("SUCCEEDED", None, "TagNode");
    let detail = json!({"detail": {"LifecycleHookName": "of-another"}});
    case.executions[0].input = json!({"event": detail, "profile": profile()}).to_string();
    let data = json!({"next": "IGNORE", "reason": "the profile is for other groups"});
    case.history.push(HistoryEvent {
        at: 1_000 * NOW,
        kind: "TaskStateExited".to_owned(),
        state: Some("TagNode".to_owned()),
        input: None,
        output: Some(data.to_string()),
        failed: None,
    });
    case
}

#[test]
fn launch_that_its_execution_ignored_is_told_and_no_replay_helps() {
    let case = not_for_the_profile();
    let found = findings(&case);
    assert_eq!(kinds(&case), [Kind::LaunchIgnored]);
    assert_eq!(found[0].evidence, ["the profile is for other groups"]);
    let commands = commands(&found[0]);
    assert!(commands[0].contains("--lifecycle-hook-name of-another "));
    assert!(commands[0].ends_with("--lifecycle-action-result ABANDON"));
    assert!(!Replay::of(&case).helps);
}

#[test]
fn launch_that_waits_at_another_hook_is_completed_there_and_told_once_it_was_given_up() {
    let mut case = case().with_execution("SUCCEEDED", None, "NodeReady");
    case.hooks.push(Hook {
        name: "of-a-team".to_owned(),
        default_result: "ABANDON".to_owned(),
        heartbeat_seconds: 300,
    });
    let found = findings(&case);
    assert_eq!(kinds(&case), [Kind::OtherHook]);
    let commands = commands(&found[0]);
    assert!(
        commands[0].contains("--lifecycle-hook-name of-a-team"),
        "{commands:?}"
    );
    assert!(commands[0].ends_with("--lifecycle-action-result CONTINUE"));
    let mut over = case.in_state("Terminating:Wait");
    over.activities.push(Activity {
        group: "upf".to_owned(),
        instance: Some(id(1)),
        is_launch: true,
        status: "Cancelled".to_owned(),
        message: "Lifecycle Action was abandoned".to_owned(),
        ended: Some(NOW),
        ..Activity::default()
    });
    assert_eq!(kinds(&over), [Kind::LaunchAbandoned]);
    let told = findings(&over)[0].evidence.join(" ");
    assert!(told.contains("of-a-team"), "{told}");
}

#[test]
fn lost_event_is_not_told_of_a_launch_at_another_hook_or_by_a_filter_that_is_not_known() {
    let lost = |case: &Case| {
        let found = findings(case);
        let finding = found
            .iter()
            .find(|it| it.kind == Kind::NoExecution)
            .unwrap();
        finding.evidence.join(" ")
    };
    assert!(lost(&case()).contains("the event was lost"));
    let mut renamed = case();
    renamed.hooks[0].name = "hookline-launch-v2".to_owned();
    let told = lost(&renamed);
    assert!(told.contains("waits at hookline-launch-v2"), "{told}");
    assert!(!told.contains("lost"), "{told}");
    let mut filtered = case();
    let detail = &mut filtered.deployment.rules[0].pattern["detail"];
    detail["AutoScalingGroupName"] = json!([{"wildcard": "s*"}]);
    let told = lost(&filtered);
    assert!(told.contains("cannot be told here"), "{told}");
    let detail = &mut filtered.deployment.rules[0].pattern["detail"];
    detail["AutoScalingGroupName"] = json!([{"prefix": "s"}]);
    assert_eq!(kinds(&filtered), [Kind::NoRule, Kind::NoExecution]);
}

#[test]
fn event_that_could_not_be_delivered_is_looked_for_in_the_queue_of_its_own_rule() {
    let lines = |case: &Case| {
        let found = findings(case);
        assert_eq!(found[0].kind, Kind::NoExecution);
        let lines = found[0].remedy.iter().map(|remedy| match remedy {
            Remedy::Run(words) | Remedy::Shell(words) => words.join(" "),
            Remedy::Do(text) => text.clone(),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let mut case = case();
    let told = lines(&case);
    for says in [
        "--metric-name FailedInvocations --dimensions Name=RuleName,Value=launch-upf",
        "--start-time 2026-01-02T03:03:05Z --end-time 2026-01-02T03:04:05Z",
        "has no dead-letter queue",
    ] {
        assert!(told.contains(says), "no {says:?} in {told}");
    }
    // What came of it is known a day later, at the latest.
    let now = std::mem::replace(&mut case.now, NOW + 172_800);
    let told = lines(&case);
    let says = "--period 300 --start-time 2026-01-02T03:03:05Z --end-time 2026-01-03T03:08:05Z";
    assert!(told.contains(says), "no {says:?} in {told}");
    case.now = now;
    let queue = "arn:aws:sqs:us-west-2:123456789012:hookline-dead";
    case.deployment.rules[0].targets[0].dead_letter_queue = Some(queue.to_owned());
    let told = lines(&case);
    for says in [
        queue,
        "--queue-url \"$(aws sqs get-queue-url --queue-name hookline-dead ",
        "ERROR_MESSAGE",
    ] {
        assert!(told.contains(says), "no {says:?} in {told}");
    }
}

#[test]
fn profile_that_cannot_be_read_explains_a_launch_without_an_execution_and_one_that_failed() {
    let (mut rule, rounds) = rules();
    rule.targets[0].template = None;
    let deployment = Deployment::of(case().deployment.machine, vec![rule, rounds]);
    let unreadable = |case: Case| Case {
        deployment: deployment.clone(),
        ..case
    };
    assert_eq!(
        kinds(&unreadable(case())),
        [Kind::ProfileUnreadable, Kind::NoExecution]
    );
    let failed = case().with_execution("FAILED", Some("States.Runtime"), "TagNode");
    let found = findings(&unreadable(failed));
    assert_eq!(found[0].kind, Kind::ProfileUnreadable);
    let told = format!("{found:?}");
    assert!(!told.contains("may be gone"), "{told}");
}

#[test]
fn error_that_another_command_explains_is_not_said_to_be_gone() {
    let told = |error: &str, cause: &str| {
        let mut case = case().in_state("Terminating:Wait").with_execution(
            "FAILED",
            Some(error),
            "CreateInterfaces",
        );
        let mut failure = failure(error);
        failure.failed = Some((error.to_owned(), cause.to_owned()));
        case.history.push(failure);
        findings(&case).remove(0)
    };
    for (error, cause) in [
        ("Lambda.ResourceNotFoundException", "Functions not found"),
        ("Exception", "Function not found: arn:aws:lambda"),
        (
            "Lambda.AWSLambdaException",
            "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: lambda:InvokeFunction on resource: y",
        ),
        (
            "Lambda.AWSLambdaException",
            "The role defined for the function cannot be assumed by Lambda.",
        ),
        (
            "Hookline.AwsRefused",
            "NetworkInterfaceLimitExceeded: The maximum",
        ),
    ] {
        let finding = told(error, cause);
        assert_eq!(finding.kind, Kind::Failed);
        let evidence = finding.evidence.join(" ");
        assert!(!evidence.contains("may be gone"), "{evidence}");
        let asks = commands(&finding)
            .iter()
            .any(|it| it.contains("get-service-quota"));
        assert_eq!(asks, cause.contains("LimitExceeded"), "{finding:?}");
    }
    let evidence = told("Hookline.X", "something").evidence.join(" ");
    assert!(evidence.contains("may be gone"), "{evidence}");
}

#[test]
fn launch_of_a_group_that_is_gone_is_told() {
    let mut case = case().with_execution("FAILED", Some("Hookline.LaunchGone"), "AttachInterfaces");
    (case.group, case.gone_group) = (None, Some("upf".to_owned()));
    let found = findings(&case);
    assert_eq!(found[0].kind, Kind::GroupMissing);
    assert!(found[0].problem.contains("upf any more"), "{found:?}");
}

/// Everything that a finding says, but the page on how to start an execution by hand.
fn words(finding: &Finding) -> String {
    format!("{finding:?}").replace("docs/operations/replay.md", "")
}

#[test]
fn no_finding_advises_a_replay_that_does_not_help() {
    let stopped = || case().with_execution("ABORTED", None, "AttachInterfaces");
    let without_rounds = |mut case: Case| {
        case.deployment.rules.retain(|rule| rule.schedule.is_none());
        case
    };
    let without_hook = |mut case: Case| {
        case.hooks[0].name = "of-a-team".to_owned();
        case
    };
    let unknown = |mut case: Case| {
        case.running_for_unknown = 1;
        case
    };
    let taken = |mut case: Case| {
        case.interfaces = vec![interface(4, 2, "signaling", Some(1))];
        let holder = &mut case.interfaces[0].interface;
        holder.attachment.as_mut().unwrap().instance_id = Some(id(1));
        case
    };
    let over = |error: &str| {
        let case = case().in_state("Terminating:Wait");
        case.with_execution("FAILED", Some(error), "AttachInterfaces")
    };
    let helping = [stopped(), without_rounds(stopped()), taken(stopped())];
    let not_helping = [
        without_hook(stopped()),
        without_hook(without_rounds(stopped())),
        without_hook(case()),
        without_hook(without_rounds(case())),
        unknown(stopped()),
        unknown(without_rounds(stopped())),
        taken(over("Hookline.DeviceIndexTaken")),
        over("Hookline.AwsRefused"),
        not_for_the_profile(),
    ];
    for (helps, cases) in [(true, &helping[..]), (false, &not_helping[..])] {
        for case in cases {
            let found = findings(case);
            assert_eq!(Replay::of(case).helps, helps, "{found:#?}");
            assert!(!found.is_empty());
            let advised = found.iter().any(|it| words(it).contains("eplay"));
            assert_eq!(advised, helps, "{found:#?}");
        }
    }
}

#[test]
fn launch_that_waits_at_no_hook_of_its_profile_is_ended_at_the_one_that_holds_it() {
    let mut case = case().with_execution("ABORTED", None, "AttachInterfaces");
    case.deployment.rules.retain(|rule| rule.schedule.is_none());
    case.hooks[0].name = "of-a-team".to_owned();
    let found = findings(&case);
    assert_eq!(found[0].kind, Kind::ExecutionEnded);
    let commands = commands(&found[0]);
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(
        commands[0].contains("--lifecycle-hook-name of-a-team "),
        "{commands:?}"
    );
}
