//! The hooks of a group, beside what its profiles need.

use serde_json::json;

use super::*;
use crate::judge::finding::command_line;

fn profile(complete: bool) -> Profile {
    Profile::read(json!({
        "name": "upf",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "hook": {"name": "hookline-launch", "complete": complete},
    }))
    .unwrap()
}

fn hook(name: &str, default_result: &str, heartbeat_seconds: i64) -> Hook {
    Hook {
        name: name.to_owned(),
        default_result: default_result.to_owned(),
        heartbeat_seconds,
    }
}

fn found(hooks: &[Hook], complete: bool) -> Vec<Finding> {
    let group = Group {
        name: "upf".to_owned(),
        ..Group::default()
    };
    let deployment = crate::fixtures::deployment();
    let expected = deployment.expected_hooks();
    findings(
        &group,
        hooks,
        &[&profile(complete)],
        Some(&deployment),
        &expected,
        &[],
    )
}

#[test]
fn hook_that_no_rule_answers_is_put_after_the_deployment() {
    let group = Group {
        name: "upf".to_owned(),
        ..Group::default()
    };
    let mut disabled = crate::fixtures::deployment();
    disabled.rules[0].enabled = false;
    let mut without_target = crate::fixtures::deployment();
    without_target.rules[0].targets.clear();
    let mut of_another = crate::fixtures::deployment();
    of_another.rules[0].pattern["detail"]["AutoScalingGroupName"] = json!(["smf"]);
    let unsafe_hook = hook("hookline-launch", "CONTINUE", 60);
    for deployment in [None, Some(disabled), Some(without_target), Some(of_another)] {
        for hooks in [&[][..], std::slice::from_ref(&unsafe_hook)] {
            let found = findings(
                &group,
                hooks,
                &[&profile(true)],
                deployment.as_ref(),
                &ExpectedHooks::default(),
                &[],
            );
            let remedy = &found[0].remedy;
            assert!(
                !remedy.iter().any(|it| matches!(it, Remedy::Run(_))),
                "{remedy:?}"
            );
            assert!(
                matches!(&remedy[0], Remedy::Do(text) if text.contains("the hook comes last")),
                "{remedy:?}"
            );
        }
    }
}

fn kinds(hooks: &[Hook], complete: bool) -> Vec<Kind> {
    found(hooks, complete)
        .iter()
        .map(|finding| finding.kind)
        .collect()
}

#[test]
fn hook_as_recommended_is_right() {
    assert_eq!(
        kinds(&[hook("hookline-launch", "ABANDON", 1_800)], true),
        []
    );
    assert_eq!(
        kinds(&[hook("hookline-launch", "ABANDON", 1_791)], true),
        []
    );
}

#[test]
fn hook_that_continues_or_is_short_is_unsafe_and_its_remedy_puts_it_right() {
    for (default_result, seconds, says) in [
        ("CONTINUE", 60, "CONTINUE and a heartbeat timeout of 60 s"),
        ("CONTINUE", 1_800, "default result CONTINUE: "),
        // A longer timeout than the recommended one stays.
        ("CONTINUE", 3_600, "default result CONTINUE: "),
        ("ABANDON", 1_490, "heartbeat timeout of 1490 s"),
    ] {
        let found = found(&[hook("hookline-launch", default_result, seconds)], true);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, Kind::HookUnsafe);
        assert!(found[0].problem.contains(says), "{}", found[0].problem);
        let Remedy::Run(words) = &found[0].remedy[0] else {
            panic!("{:?}", found[0].remedy);
        };
        let line = command_line(words);
        let put = seconds.max(1_800);
        let put = format!("--heartbeat-timeout {put} --default-result ABANDON");
        assert!(line.contains(&put), "{line}");
    }
}

#[test]
fn timeout_of_another_than_the_configuration_is_told_and_put_right() {
    let mut deployment = crate::fixtures::deployment();
    let hooks = json!({"heartbeatSeconds": {"upf": [2_400]}, "others": ["of-a-team"]});
    deployment.reconcile[0].hooks = serde_json::from_value(hooks).unwrap();
    let group = Group {
        name: "upf".to_owned(),
        ..Group::default()
    };
    let hooks = [
        hook("hookline-launch", "ABANDON", 3_600),
        hook("of-a-team", "CONTINUE", 60),
    ];
    let expected = deployment.expected_hooks();
    let found = findings(
        &group,
        &hooks,
        &[&profile(true)],
        Some(&deployment),
        &expected,
        &[],
    );
    assert_eq!(found.len(), 1);
    assert!(found[0].problem.contains("3600 s, and not that"));
    assert_eq!(
        found[0].evidence,
        ["The configuration of the profile upf says 2400 s."]
    );
    let Remedy::Run(words) = &found[0].remedy[0] else {
        panic!("{:?}", found[0].remedy);
    };
    assert!(command_line(words).contains("--heartbeat-timeout 2400"));
}

#[test]
fn hook_of_another_owner_is_not_judged() {
    assert_eq!(kinds(&[hook("hookline-launch", "CONTINUE", 60)], false), []);
}

#[test]
fn hook_of_eks_on_a_managed_node_group_is_not_of_nobody() {
    let hooks = [
        hook("hookline-launch", "ABANDON", 1_800),
        hook("Launch-LC-Hook", "CONTINUE", 1_800),
    ];
    assert_eq!(kinds(&hooks, true), []);
}

#[test]
fn missing_hook_and_a_hook_of_nobody_are_found() {
    assert_eq!(kinds(&[], true), [Kind::HookMissing]);
    assert_eq!(
        kinds(&[hook("drain", "ABANDON", 300)], true),
        [Kind::HookMissing, Kind::HookOfNobody]
    );
}

#[test]
fn hook_for_terminations_is_no_launch_hook_and_is_replaced_by_one() {
    let group = Group {
        name: "upf".to_owned(),
        ending_hooks: vec!["hookline-launch".to_owned()],
        ..Group::default()
    };
    let deployment = crate::fixtures::deployment();
    let lines = |complete: bool| {
        let profile = profile(complete);
        let expected = ExpectedHooks::default();
        let found = findings(&group, &[], &[&profile], Some(&deployment), &expected, &[]);
        assert_eq!(found[0].kind, Kind::HookMissing);
        assert!(
            found[0].evidence[1].contains("for instances that terminate"),
            "{found:#?}"
        );
        let commands = found[0].remedy.iter().filter_map(|remedy| match remedy {
            Remedy::Run(words) => Some(command_line(words)),
            _ => None,
        });
        commands.collect::<Vec<_>>()
    };
    let group = "--auto-scaling-group-name upf --lifecycle-hook-name hookline-launch";
    assert_eq!(
        lines(true),
        [
            format!("aws autoscaling delete-lifecycle-hook {group}"),
            format!(
                "aws autoscaling put-lifecycle-hook {group} --lifecycle-transition autoscaling:EC2_INSTANCE_LAUNCHING \
                 --heartbeat-timeout 1800 --default-result ABANDON"
            ),
        ]
    );
    // Its owner puts it.
    assert!(lines(false).is_empty());
}

#[test]
fn group_that_no_profile_covers_is_told_of_the_hook_of_a_profile() {
    let deployment = crate::fixtures::deployment();
    let ours = hook("hookline-launch", "ABANDON", 1_800);
    let found = of_uncovered(&deployment, "smf", &[ours, hook("drain", "CONTINUE", 60)]);
    assert_eq!(found.len(), 1, "{found:#?}");
    let problem = &found[0].problem;
    assert!(
        problem.contains("hook hookline-launch of the profile upf"),
        "{problem}"
    );
    assert!(
        problem.contains("waits 1800 s there, and then is abandoned"),
        "{problem}"
    );
    assert!(
        matches!(&found[0].remedy[2], Remedy::Run(words) if words[2] == "delete-lifecycle-hook")
    );
    let found = of_uncovered(&deployment, "smf", &[hook("drain", "CONTINUE", 60)]);
    assert!(found[0].problem.contains("no rule names it"), "{found:#?}");
}

#[test]
fn launches_whose_execution_succeeded_are_completed_before_a_hook_of_nobody_is_deleted() {
    let fleet = crate::fixtures::fleet()
        .with(1, "Pending:Wait", 60)
        .with(2, "Pending:Wait", 60);
    let of_team = hook("of-a-team", "ABANDON", 300);
    let lines = |wired: &[&InstanceId]| {
        let found = of_nobody(&fleet.groups[0], &of_team, wired);
        assert!(found.problem.contains("2 instances wait now"), "{found:?}");
        let says =
            |it: &Remedy| matches!(it, Remedy::Do(text) if text.contains("abandons the launches"));
        assert!(found.remedy.iter().any(says), "{found:?}");
        let commands = found.remedy.iter().filter_map(|remedy| match remedy {
            Remedy::Run(words) => Some(words[2].clone()),
            _ => None,
        });
        commands.collect::<Vec<_>>()
    };
    assert_eq!(lines(&[]), ["delete-lifecycle-hook"]);
    let first = crate::fixtures::id(1);
    assert_eq!(
        lines(&[&first]),
        ["complete-lifecycle-action", "delete-lifecycle-hook"]
    );
}
