//! The causes of a launch whose instance, execution or hook has ended.

use super::*;

/// The case with an instance that ended at this time.
fn ended(case: Case, at: &str) -> Case {
    let mut case = case.in_state("Terminating:Wait");
    let seen = case.seen.as_mut().unwrap();
    seen.instance.state = "terminated".to_owned();
    seen.transition_reason = format!("User initiated ({at})");
    case
}

/// The case with a launch that was given up ten seconds before 03:04:05, and what came of ABANDON.
fn given_up(outcome: &str) -> Case {
    let mut case = case().with_execution("FAILED", Some("Hookline.X"), "AbandonLaunch");
    let completion = json!({
        "group": "upf", "hook": "hookline-launch", "result": "ABANDON", "outcome": outcome, "next": "END",
        "lifecycleState": null,
    });
    let left = HistoryEvent {
        kind: "TaskStateExited".to_owned(),
        output: Some(json!({"completion": completion}).to_string()),
        ..case.history[0].clone()
    };
    case.history.insert(1, left);
    case
}

#[test]
fn instance_that_ended_before_it_was_given_up_is_the_cause_and_one_after_it_is_not() {
    for (at, outcome, expected) in [
        ("2026-01-02 03:03:54 GMT", "COMPLETED", Kind::InstanceEnded),
        ("2026-01-02T03:03:54Z", "COMPLETED", Kind::InstanceEnded),
        // In the same second, what came of ABANDON tells: it ends an instance that it reaches.
        ("2026-01-02 03:03:55 GMT", "COMPLETED", Kind::Failed),
        (
            "2026-01-02 03:03:55 GMT",
            "ALREADY_COMPLETED",
            Kind::InstanceEnded,
        ),
        ("2026-01-02 03:03:57 GMT", "COMPLETED", Kind::Failed),
        ("2026-01-02 03:03:57 GMT", "NOT_OURS", Kind::Failed),
    ] {
        let case = ended(given_up(outcome), at);
        assert_eq!(kinds(&case), [expected], "{at}, {outcome}");
    }
    // A function found it ended before ABANDON, and Auto Scaling had not noticed.
    let mut gone = ended(given_up("COMPLETED"), "2026-01-02 03:03:55 GMT");
    gone.history.insert(0, failure("Hookline.InstanceGone"));
    assert_eq!(kinds(&gone), [Kind::InstanceEnded]);
    // A node that was ready ends when its group shrinks.
    let mut later = ended(ready(), "2026-01-02 03:04:00 GMT");
    later.interfaces.clear();
    assert_eq!(kinds(&later), []);
}

#[test]
fn instance_that_ended_after_its_launch_was_over_is_not_the_cause() {
    // The execution was stopped at 03:03:35, and reconcile abandoned the launch after that.
    let stopped = |at: &str| {
        let case = case().with_execution("ABORTED", None, "AttachInterfaces");
        kinds(&ended(case, at))
    };
    assert_eq!(stopped("2026-01-02 03:04:00 GMT"), [Kind::ExecutionEnded]);
    assert_eq!(stopped("2026-01-02 03:03:35 GMT"), [Kind::ExecutionEnded]);
    assert_eq!(stopped("2026-01-02 03:03:30 GMT")[0], Kind::InstanceEnded);
    let launch = |status: &str, message: &str| {
        let mut case = ended(case(), "2026-01-02 03:04:00 GMT");
        case.activities.push(Activity {
            group: "upf".to_owned(),
            instance: Some(id(1)),
            is_launch: true,
            status: status.to_owned(),
            message: message.to_owned(),
            ..Activity::default()
        });
        findings(&case).first().map(|finding| finding.kind)
    };
    // A node of days that a scale-in ended, and a launch that a person abandoned.
    assert_eq!(launch("Successful", ""), None);
    let abandoned = "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token x was abandoned";
    assert_eq!(launch("Cancelled", abandoned), None);
    let terminated = "Instance was terminated while waiting for it to be in InService state";
    assert_eq!(launch("Cancelled", terminated), Some(Kind::InstanceEnded));
    // Without an execution and an activity, nothing is known of the launch.
    assert_eq!(kinds(&ended(case(), "2026-01-02 03:04:00 GMT")), []);
}

#[test]
fn instance_that_ec2_ended_is_told_with_its_reason_and_a_remedy_of_its_own() {
    let by = |case: Case, code: &str, transition: &str| {
        let mut case = ended(case, "2026-01-02 03:04:00 GMT");
        let seen = case.seen.as_mut().unwrap();
        seen.reason_code = code.to_owned();
        seen.state_reason = format!("{code}: as EC2 says it");
        seen.transition_reason = transition.to_owned();
        findings(&case)
    };
    for (code, problem, remedy) in [
        (
            "Server.SpotInstanceTermination",
            "EC2 ended",
            "interrupted the Spot Instance",
        ),
        ("Client.InternalError", "EC2 ended", "KMS key"),
        (
            "Client.InvalidKMSKey.InvalidState",
            "EC2 ended",
            "cannot use the KMS key",
        ),
        ("Client.VolumeLimitExceeded", "EC2 ended", "quota of EBS"),
        ("Server.InternalError", "EC2 ended", "AWS Support"),
        (
            "Client.InstanceInitiatedShutdown",
            "shut itself down",
            "What it wrote",
        ),
    ] {
        // Its ABANDON reached a launch whose instance EC2 had ended.
        for case in [
            given_up("COMPLETED"),
            case().with_execution("RUNNING", None, "AttachInterfaces"),
        ] {
            let found = by(case, code, code);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].kind, Kind::InstanceEnded);
            assert!(found[0].problem.contains(problem), "{found:?}");
            assert!(found[0].evidence[0].contains("as EC2 says it"), "{found:?}");
            let says = matches!(&found[0].remedy[0], Remedy::Do(text) if text.contains(remedy));
            assert!(says, "{found:?}");
        }
    }
    // A node that was ready, and a launch of which nothing is known.
    let spot = "Server.SpotInstanceTermination";
    assert!(
        by(ready(), spot, "")
            .iter()
            .all(|it| it.kind != Kind::InstanceEnded)
    );
    assert!(by(case(), spot, "").is_empty());
}

#[test]
fn launch_that_somebody_abandoned_at_its_hook_is_told_from_an_instance_that_ended() {
    let abandoned = Activity {
        message: "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token x was \
                  abandoned: Lifecycle Action Completed with ABANDON Result"
            .to_owned(),
        // Before the execution came to AbandonLaunch.
        ended: Some(NOW - 20),
        ..timed_out()
    };
    let mut case = ended(given_up("ALREADY_COMPLETED"), "2026-01-02 03:03:40 GMT");
    case.executions[0].error = Some("Hookline.InstanceGone".to_owned());
    case.history.insert(0, failure("Hookline.InstanceGone"));
    assert_eq!(kinds(&case), [Kind::InstanceEnded]);
    case.activities.push(abandoned);
    let found = findings(&case);
    assert_eq!(kinds(&case), [Kind::LaunchAbandoned]);
    let call = |found: &[Finding]| commands(&found[0]).concat();
    assert!(call(&found).contains("AttributeValue=CompleteLifecycleAction"));
    assert!(call(&found).contains("--start-time"));
    assert!(call(&found).contains("contains(CloudTrailEvent, 'upf')"));
    // As by deleting the hook.
    case.hooks.clear();
    let found = findings(&case);
    assert_eq!(kinds(&case), [Kind::LaunchAbandoned, Kind::HookMissing]);
    assert!(call(&found).contains("AttributeValue=DeleteLifecycleHook"));
    // The execution had been about to send its own, as by a call that was retried.
    let mut own = case.clone();
    own.activities[0].ended = Some(NOW - 5);
    assert_ne!(kinds(&own)[0], Kind::LaunchAbandoned);
    // Auto Scaling says something else.
    let mut other = case;
    other.activities[0].message =
        "Lifecycle Action with token x was abandoned: Instance was terminated".to_owned();
    assert_ne!(kinds(&other)[0], Kind::LaunchAbandoned);
    // It was the execution itself.
    let case = ended(given_up("COMPLETED"), "2026-01-02 03:03:57 GMT");
    assert_eq!(kinds(&case), [Kind::Failed]);
}

#[test]
fn launch_that_waits_after_its_execution_failed_is_told_with_what_ends_it() {
    let error = "Hookline.HookNotCompleted";
    let waits = || case().with_execution("FAILED", Some(error), "AbandonLaunch");
    let told = |case: &Case| {
        let found = findings(case);
        assert_eq!(found[0].kind, Kind::Failed);
        assert!(Replay::of(case).helps);
        format!("{:?}", found[0].remedy)
    };
    let remedy = told(&waits());
    assert!(remedy.contains("Reconcile abandons the launch"), "{remedy}");
    // Reconcile leaves one that refused its input, and a hook of others.
    let mut refused = waits();
    refused.executions[0].error = Some("Hookline.InvalidProfile".to_owned());
    let remedy = told(&refused);
    assert!(remedy.contains("complete-lifecycle-action"), "{remedy}");
    // A group that has lost the hook.
    let mut lost = waits();
    let ours = lost.hooks.remove(0);
    let with_end = |case: &Case| {
        let finding = ended::with_end(case, Finding::new(Kind::Failed, ""));
        format!("{:?}", finding.remedy)
    };
    let remedy = with_end(&lost);
    assert!(!remedy.contains("To end it now"), "{remedy}");
    for name in ["one", "two"] {
        let name = name.to_owned();
        lost.hooks.push(Hook {
            name,
            ..ours.clone()
        });
    }
    let remedy = with_end(&lost);
    assert!(remedy.contains("at the one at which it waits"), "{remedy}");
    let mut of_others = waits();
    of_others.input.as_mut().unwrap().profile.hook.complete = false;
    let remedy = told(&of_others);
    assert!(remedy.contains("hook's owner completes it"), "{remedy}");
    assert!(!remedy.contains("complete-lifecycle-action"), "{remedy}");
}

#[test]
fn launch_that_ended_as_its_group_got_smaller_is_told_in_auto_scalings_words() {
    let mut case = ended(given_up("ALREADY_COMPLETED"), "2026-01-02 03:03:40 GMT");
    let cause = "an instance was taken out of service in response to a difference between desired and actual capacity, \
                 shrinking the capacity from 1 to 0.";
    case.activities.push(Activity {
        group: "upf".to_owned(),
        instance: Some(id(1)),
        cause: cause.to_owned(),
        ..Activity::default()
    });
    let found = findings(&case);
    assert_eq!(kinds(&case), [Kind::InstanceEnded]);
    let told = format!("{:?} {:?}", found[0], Replay::of(&case));
    assert!(told.contains("shrinking the capacity"), "{told}");
    // It may be a scale-in, or the end of an instance refresh.
    for untrue in [
        "Auto Scaling replaces",
        "nothing replaces",
        "scale-in",
        "scaled in",
    ] {
        assert!(!told.contains(untrue), "{untrue:?} in {told}");
    }
}

#[test]
fn instance_that_ec2_shows_no_more_is_told_by_what_auto_scaling_says() {
    let mut case = case().in_state("Terminated").with_execution(
        "FAILED",
        Some("Hookline.InstanceGone"),
        "AbandonLaunch",
    );
    case.history.push(failure("Hookline.InstanceGone"));
    case.seen = None;
    assert_eq!(kinds(&case), [Kind::Failed]);
    case.activities.push(Activity {
        message: "Instance became unhealthy while waiting for instance to be in InService state. Termination \
                  Reason: Client.InternalError: Client error on launch"
            .to_owned(),
        ..timed_out()
    });
    let found = findings(&case);
    assert_eq!(kinds(&case), [Kind::InstanceEnded]);
    assert!(format!("{found:?}").contains("KMS key"), "{found:?}");
    assert!(found[0].problem.starts_with("EC2 ended i-"), "{found:?}");
    case.activities[0].message = case.activities[0].message.replace(
        "Client.InternalError: Client error on launch",
        "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
    );
    let found = findings(&case);
    assert!(found[0].problem.contains("shut itself down"), "{found:?}");
    // It was abandoned.
    case.activities[0] = timed_out();
    assert_eq!(kinds(&case)[0], Kind::HookUnsafe);
}

#[test]
fn stopped_execution_is_told_with_its_state_and_can_be_replayed() {
    let case = case().with_execution("ABORTED", None, "AttachInterfaces");
    let found = findings(&case);
    assert_eq!(
        found.iter().map(|it| it.kind).collect::<Vec<_>>(),
        [Kind::ExecutionEnded]
    );
    assert!(
        found[0]
            .problem
            .contains("was stopped 30 s ago, in AttachInterfaces"),
        "{found:?}"
    );
    let replay = Replay::of(&case);
    assert_eq!(replay.command, Some(command()));
    let (_, started) = decide(&case, Wanted::default()).unwrap();
    assert_eq!(started.repeats.as_ref(), Some(&case.executions[0].arn));
}

#[test]
fn execution_that_broke_off_is_told_from_one_that_reached_its_end() {
    let mut case = case().with_execution("FAILED", Some("States.Runtime"), "PlanInterfaces");
    assert_eq!(kinds(&case), [Kind::Failed]);
    case.history.pop();
    let found = findings(&case);
    assert_eq!(found[0].kind, Kind::ExecutionEnded);
    assert!(
        found[0]
            .problem
            .contains("broke off 30 s ago, in PlanInterfaces"),
        "{found:?}"
    );
    assert_eq!(
        found[0].evidence,
        ["Its error is States.Runtime.", "Its cause: the cause"]
    );
}

#[test]
fn error_that_nothing_explains_is_told_in_its_own_words() {
    let mut case =
        case().with_execution("FAILED", Some("Hookline.AccessDenied"), "AttachInterfaces");
    case.history.push(failure("Hookline.AccessDenied"));
    let found = findings(&case);
    assert_eq!(found[0].kind, Kind::Failed);
    assert_eq!(found[0].evidence[0], "not allowed");
    // A policy does not go away.
    assert!(!found[0].evidence[1].contains("may be gone"), "{found:?}");
    assert_eq!(commands(&found[0]), ["hookline check"]);
    // A cause that is observed comes instead of it.
    case.security_groups.clear();
    assert_eq!(kinds(&case), [Kind::SecurityGroupMissing]);
}

/// A launch that the hook ended by its timeout, as Auto Scaling tells it.
fn timed_out() -> Activity {
    Activity {
        group: "upf".to_owned(),
        instance: Some(id(1)),
        is_launch: true,
        status: "Cancelled".to_owned(),
        message: "Lifecycle Action with token x was abandoned: Heartbeat Timeout".to_owned(),
        started: NOW - 60,
        ended: Some(NOW - 1),
        ..Activity::default()
    }
}

#[test]
fn hook_that_ended_by_its_timeout_is_told_with_its_setting() {
    let mut case = case().in_state("Terminated").with_execution(
        "FAILED",
        Some("Hookline.LaunchGone"),
        "ReleaseInterfaces",
    );
    case.hooks[0].heartbeat_seconds = 60;
    case.activities.push(timed_out());
    let found = findings(&case);
    assert!(
        found[0].problem.contains("ended by its timeout"),
        "{found:?}"
    );
    assert!(
        found[1].problem.contains("heartbeat timeout of 60 s"),
        "{found:?}"
    );
}

#[test]
fn lost_launch_that_the_hook_ended_is_told_with_its_rule() {
    let mut case = ended(case(), "2026-01-02 03:04:00 GMT");
    case.activities.push(timed_out());
    let remedy = |case: &Case| match &findings(case)[0].remedy[0] {
        Remedy::Do(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kinds(&case), [Kind::HookUnsafe]);
    assert!(remedy(&case).contains("EventBridge could not start"));
    case.deployment.rules[0].enabled = false;
    assert_eq!(kinds(&case), [Kind::HookUnsafe, Kind::RuleDisabled]);
    assert!(remedy(&case).contains("told below"));
    // The group's hook is right, and the execution was slow: it found the instance ended, ten
    // seconds after that.
    let mut slow = case.with_execution("FAILED", Some("Hookline.LaunchGone"), "ReleaseInterfaces");
    slow.seen.as_mut().unwrap().transition_reason =
        "User initiated (2026-01-02 03:03:45 GMT)".to_owned();
    assert_eq!(kinds(&slow)[0], Kind::HookUnsafe);
    assert_eq!(remedy(&slow), "Find what is slow in the story above.");
}
