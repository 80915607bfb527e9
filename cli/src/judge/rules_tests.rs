//! Which rules are wrong, and what mends them.

use hookline_domain::execution::names::StateMachine;
use hookline_domain::profile::Profile;

use super::*;
use crate::judge::Remedy;
use crate::observed::rule::{Retry, Target};

#[path = "rules_tests/reconcile.rs"]
mod reconcile;

const MACHINE: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:hookline-launch-node";

fn rule(name: &str, group: &str, hook: &str, has_target: bool) -> Rule {
    let target = Target {
        arn: MACHINE.to_owned(),
        role_arn: Some("arn:aws:iam::123456789012:role/start".to_owned()),
        ..Target::default()
    };
    Rule {
        name: name.to_owned(),
        enabled: true,
        pattern: json!({
            "detail-type": ["EC2 Instance-launch Lifecycle Action"],
            "detail": {"AutoScalingGroupName": [group], "LifecycleHookName": [hook]},
        }),
        targets: has_target.then_some(target).into_iter().collect(),
        ..Rule::default()
    }
}

fn input() -> ProfileInput {
    let value = json!({
        "name": "upf",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "hook": {"name": "hookline-launch"},
        "nodeTags": {"Name": "a <b>"},
    });
    ProfileInput {
        profile: Profile::read(value.clone()).unwrap(),
        value,
    }
}

fn found(rules: Vec<Rule>) -> Vec<Finding> {
    let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), rules);
    findings(&deployment, "upf", "hookline-launch", Some(&input()))
}

fn kinds(rules: Vec<Rule>) -> Vec<Kind> {
    found(rules).iter().map(|finding| finding.kind).collect()
}

#[test]
fn enabled_rule_with_a_target_is_enough() {
    let right = rule("launch-upf", "upf", "hookline-launch", true);
    assert_eq!(kinds(vec![right.clone()]), []);
    let mut disabled = rule("old", "upf", "hookline-launch", true);
    disabled.enabled = false;
    assert_eq!(kinds(vec![right, disabled.clone()]), []);
    assert_eq!(kinds(vec![disabled]), [Kind::RuleDisabled]);
}

/// The words of a finding's last command, as a shell reads them.
fn last_command(found: &[Finding]) -> Vec<String> {
    match found[0].remedy.last() {
        Some(Remedy::Run(words)) => words.clone(),
        Some(Remedy::Shell(words)) => shlex::split(&words.join(" ")).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A rule with the target that a remedy puts.
fn with_targets(rule: Rule, targets: &Value) -> Rule {
    let template = targets[0]["InputTransformer"]["InputTemplate"].as_str();
    Rule {
        targets: vec![Target {
            arn: MACHINE.to_owned(),
            template: template.map(str::to_owned),
            ..Target::default()
        }],
        ..rule
    }
}

#[test]
fn target_that_is_gone_is_put_back_with_the_profile_and_the_role_of_another_rule() {
    let gone = rule("hookline-launch-upf", "upf", "hookline-launch", false);
    let other = rule("launch-smf", "smf", "hookline-launch", true);
    let found = found(vec![gone.clone(), other]);
    assert_eq!(found[0].kind, Kind::RuleWithoutTarget);
    let words = last_command(&found);
    let targets: Value = serde_json::from_str(words.last().unwrap()).unwrap();
    assert_eq!(targets[0]["Arn"], MACHINE);
    assert_eq!(
        targets[0]["RoleArn"],
        "arn:aws:iam::123456789012:role/start"
    );
    let put_back = with_targets(gone, &targets);
    let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), vec![put_back]);
    assert_eq!(deployment.profiles, [input()]);
}

#[test]
fn target_is_put_back_with_a_profile_in_a_file_where_none_is_known() {
    let gone = rule("hookline-launch-upf", "upf", "hookline-launch", false);
    let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), vec![gone.clone()]);
    let found = findings(&deployment, "upf", "hookline-launch", None);
    let Some(Remedy::Shell(words)) = found[0].remedy.last() else {
        panic!("{found:?}");
    };
    // What the command writes, by Python itself.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("profile.json"),
        input().value.to_string(),
    )
    .unwrap();
    let program = shlex::split(&words[2]).unwrap().remove(0);
    let output = std::process::Command::new("python3")
        .args(["-c", &program])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let targets: Value = serde_json::from_slice(&output.stdout).unwrap();
    let put_back = with_targets(gone, &targets);
    let template = put_back.targets[0].template.clone().unwrap();
    assert!(template.contains("a \\u003cb\\u003e"), "{template}");
    let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), vec![put_back]);
    assert_eq!(deployment.profiles, [input()]);
}

#[test]
fn rule_whose_target_is_an_old_state_machine_is_named_with_it_and_gets_the_right_one() {
    let mut old = rule("launch-upf", "upf", "hookline-launch", true);
    old.targets[0].arn = format!("{MACHINE}-of-before");
    old.targets[0].id = "Old".to_owned();
    old.description = "The launches of upf (Hookline)".to_owned();
    let found = found(vec![old.clone()]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].kind, Kind::NoRule);
    for says in ["rule launch-upf matches", "launch-node-of-before"] {
        assert!(found[0].problem.contains(says), "{found:#?}");
    }
    let words = last_command(&found);
    let targets: Value = serde_json::from_str(words.last().unwrap()).unwrap();
    assert_eq!(targets[0]["Id"], "Old");
    assert_eq!(targets[0]["Arn"], MACHINE);
    // One that writes each launch into a log, and one for any hook.
    let mut log = old.clone();
    log.targets[0].arn = "arn:aws:logs:us-west-2:123456789012:log-group:launches".to_owned();
    let mut any = old;
    any.pattern["detail"] = json!({});
    // One that somebody made for a state machine of their own.
    let mut audit = log.clone();
    audit.targets[0].arn = MACHINE.replace("launch-node", "audit");
    audit.description = String::new();
    for rule in [log, any, audit] {
        let found = self::found(vec![rule]);
        assert!(found[0].problem.contains("No rule matches"), "{found:#?}");
    }
}

#[test]
fn rule_that_wants_another_hook_says_so() {
    let found = found(vec![
        rule("launch-upf", "upf", "other", true),
        rule("launch-smf", "smf", "more", true),
    ]);
    assert_eq!(found[0].kind, Kind::NoRule);
    assert_eq!(
        found[0].evidence,
        ["The rule launch-upf wants LifecycleHookName other, not hookline-launch."]
    );
}

#[test]
fn target_is_put_back_with_the_queue_and_the_retries_of_another_rule() {
    let gone = rule("hookline-launch-upf", "upf", "hookline-launch", false);
    let mut other = rule("launch-smf", "smf", "hookline-launch", true);
    other.targets[0].dead_letter_queue = Some("arn:aws:sqs:us-west-2:123456789012:dead".to_owned());
    other.targets[0].retry = Some(Retry {
        attempts: Some(185),
        event_age: Some(1_800),
    });
    let put = |found: &[Finding]| {
        let words = last_command(found);
        serde_json::from_str::<Value>(words.last().unwrap()).unwrap()
    };
    let with_sibling = found(vec![gone.clone(), other]);
    assert_eq!(with_sibling[0].remedy.len(), 1, "{with_sibling:#?}");
    let target = put(&with_sibling)[0].clone();
    assert_eq!(
        target["DeadLetterConfig"],
        json!({"Arn": "arn:aws:sqs:us-west-2:123456789012:dead"})
    );
    let policy = json!({"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 1_800});
    assert_eq!(target["RetryPolicy"], policy);
    // Without one, a command finds the role.
    let alone = found(vec![gone]);
    let Remedy::Shell(words) = &alone[0].remedy[1] else {
        panic!("{alone:#?}");
    };
    let line = words.join(" ");
    for says in [
        "aws iam get-role",
        "list-stack-resources --stack-name hookline",
        "StartLaunchRole",
    ] {
        assert!(line.contains(says), "{line}");
    }
}

#[test]
fn pattern_that_somebody_changed_is_put_back_by_a_command() {
    let (mut rule, rounds) = crate::fixtures::rules();
    rule.description = "Starts launches (Hookline)".to_owned();
    rule.pattern["detail"]["AutoScalingGroupName"] = json!(["smf"]);
    let machine = crate::fixtures::deployment().machine;
    let deployment = Deployment::of(machine, vec![rule, rounds]);
    let input = deployment.profiles.first().cloned();
    let put = |input: Option<&ProfileInput>| {
        let found = findings(&deployment, "upf", "hookline-launch", input);
        assert_eq!(found[0].kind, Kind::NoRule);
        let mut remedy = found[0].remedy.iter();
        remedy.find_map(|remedy| match remedy {
            crate::judge::Remedy::Run(words) => Some(words.join(" ")),
            _ => None,
        })
    };
    let line = put(input.as_ref()).unwrap();
    assert!(
        line.starts_with("aws events put-rule --name launch-upf "),
        "{line}"
    );
    assert!(
        line.contains("\"AutoScalingGroupName\":[\"upf\"]"),
        "{line}"
    );
    assert!(
        line.ends_with("--state ENABLED --description Starts launches (Hookline)"),
        "{line}"
    );
    assert_eq!(put(None), None);
}

/// The deployment after its rule was deleted: only reconcile has the profile.
fn without_its_rule(change: impl FnOnce(&mut Rule)) -> Deployment {
    let (_, mut rounds) = crate::fixtures::rules();
    change(&mut rounds);
    Deployment::of(crate::fixtures::deployment().machine, vec![rounds])
}

#[test]
fn rule_that_is_gone_is_put_back_with_its_target() {
    let queue = "arn:aws:sqs:us-west-2:123456789012:dead";
    let deployment = without_its_rule(|rounds| {
        rounds.targets[0].dead_letter_queue = Some(queue.to_owned());
    });
    let input = deployment.profiles.first().unwrap();
    let found = findings(&deployment, "upf", "hookline-launch", Some(input));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].kind, Kind::NoRule);
    let lines: Vec<String> = found[0]
        .remedy
        .iter()
        .filter_map(|remedy| match remedy {
            Remedy::Shell(words) => Some(words.join(" ")),
            _ => None,
        })
        .collect();
    let [put_rule, get_role, put_targets] = lines.as_slice() else {
        panic!("{found:#?}");
    };
    // The stack knows the rule by its name, which only the stack has.
    let name = "\"$(aws cloudformation list-stack-resources --stack-name hookline --query";
    for line in [put_rule, put_targets] {
        assert!(line.contains(name), "{line}");
        assert!(line.contains("LaunchupfRule"), "{line}");
    }
    assert!(get_role.starts_with("aws iam get-role"), "{get_role}");
    // What a shell makes of them, once the names are there.
    let words = |line: &str| {
        let (before, rest) = line.split_once("\"$(").unwrap();
        let (_, after) = rest.split_once(")\"").unwrap();
        shlex::split(&format!("{before}launch-upf{after}")).unwrap()
    };
    let rule = words(put_rule);
    assert_eq!(rule[..4], ["aws", "events", "put-rule", "--name"]);
    let targets: Value = serde_json::from_str(words(put_targets).last().unwrap()).unwrap();
    assert_eq!(targets[0]["DeadLetterConfig"], json!({"Arn": queue}));
    assert_eq!(
        targets[0]["RetryPolicy"],
        json!({"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 1_800})
    );
    let back = Rule {
        name: rule[4].clone(),
        enabled: rule[8] == "ENABLED",
        pattern: serde_json::from_str(&rule[6]).unwrap(),
        ..Rule::default()
    };
    let back = with_targets(back, &targets);
    let (_, rounds) = crate::fixtures::rules();
    let deployment = Deployment::of(deployment.machine, vec![back, rounds]);
    let found = findings(
        &deployment,
        "upf",
        "hookline-launch",
        Some(&input_of(&deployment)),
    );
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(deployment.of_rules.len(), 1);
}

fn input_of(deployment: &Deployment) -> ProfileInput {
    deployment.profiles.first().cloned().unwrap()
}

#[test]
fn rule_of_a_retired_profile_is_not_put_back() {
    let deployment = without_its_rule(|rounds| {
        let profile = crate::fixtures::profile();
        let input =
            json!({"stateMachineArn": MACHINE, "profiles": [], "retiredProfiles": [profile]});
        rounds.targets[0].input = Some(input.to_string());
    });
    let found = findings(
        &deployment,
        "upf",
        "hookline-launch",
        Some(&input_of(&deployment)),
    );
    assert!(
        found[0].remedy.iter().all(|it| matches!(it, Remedy::Do(_))),
        "{found:#?}"
    );
}
