//! Rules, hooks and reconcile: who answers the launches.

use super::*;
use crate::judge::Remedy;

#[test]
fn rule_that_is_disabled_or_without_target_or_for_another_group_is_found_where_it_is() {
    let mut disabled = account();
    disabled.deployment.as_mut().unwrap().rules[0].enabled = false;
    let finding = only(&disabled, Kind::RuleDisabled);
    assert_says(
        &finding,
        &[
            "launch-upf is disabled",
            "at the hook hookline-launch",
            "enable-rule",
        ],
    );

    let mut without = account();
    without.deployment.as_mut().unwrap().rules[0]
        .targets
        .clear();
    let finding = only(&without, Kind::RuleWithoutTarget);
    assert_says(&finding, &["has no target", "put-targets"]);
    assert!(!words(&finding).contains("without the profile"));
    // A file's profile is not deployed, so it must not get into a rule by hand.
    without.deployed = false;
    let finding = only(&without, Kind::RuleWithoutTarget);
    assert_says(&finding, &["with the profile that is deployed"]);
    assert!(!words(&finding).contains("put-targets"));

    let mut other = account();
    other.deployment.as_mut().unwrap().rules[0].pattern["detail"]["AutoScalingGroupName"] =
        json!(["smf"]);
    assert_says(
        &only(&other, Kind::NoRule),
        &["wants AutoScalingGroupName smf, not upf"],
    );
    // Before its deployment, a profile has no rule yet. One that is disabled stays so.
    other.deployed = false;
    assert_eq!(kinds(&other), []);
    disabled.deployed = false;
    assert_eq!(kinds(&disabled), [Kind::RuleDisabled]);
}

#[test]
fn hook_that_continues_is_found_and_one_that_is_missing_unless_the_stack_puts_it() {
    let mut account = account();
    let hook = &mut account.hooks.get_mut("upf").unwrap()[0];
    (hook.default_result, hook.heartbeat_seconds) = ("CONTINUE".to_owned(), 60);
    account.machine.as_mut().unwrap().timeout_seconds = Some(5_999);
    let finding = only(&account, Kind::HookUnsafe);
    assert_says(
        &finding,
        &[
            "CONTINUE and a heartbeat timeout of 60 s",
            "the launch hooks of upf",
        ],
    );
    // Auto Scaling ends the wait after 100 heartbeat timeouts.
    account.machine.as_mut().unwrap().timeout_seconds = Some(6_000);
    let finding = only(&account, Kind::HookUnsafe);
    assert_says(
        &finding,
        &["after 6000 s, and an execution may take 6000 s"],
    );

    account.hooks.insert("upf".to_owned(), Vec::new());
    assert_says(&only(&account, Kind::HookMissing), &["put-lifecycle-hook"]);
    account.deployed = false;
    assert_says(&only(&account, Kind::HookMissing), &["put-lifecycle-hook"]);
    // Before the first deployment, a hook would make every launch wait for nobody.
    let deployment = account.deployment.take();
    let finding = only(&account, Kind::HookMissing);
    assert_says(&finding, &["the hook comes last"]);
    assert!(!words(&finding).contains("put-lifecycle-hook"));
    account.deployment = deployment;
    for to_be_put in [Some("upf".to_owned()), None] {
        account.to_be_put = vec![("upf".to_owned(), to_be_put)];
        assert_eq!(kinds(&account), []);
    }
    account.to_be_put = vec![("upf".to_owned(), Some("smf".to_owned()))];
    assert_eq!(kinds(&account), [Kind::HookMissing]);
    // What was not looked at is not judged.
    account.hooks.clear();
    assert_eq!(kinds(&account), []);
}

#[test]
fn hook_of_somebody_else_is_found() {
    let mut account = account();
    account.hooks.get_mut("upf").unwrap().push(Hook {
        name: "drain".to_owned(),
        default_result: "CONTINUE".to_owned(),
        heartbeat_seconds: 300,
    });
    assert_says(&only(&account, Kind::HookOfNobody), &["drain"]);
}

#[test]
fn two_profiles_of_one_hook_are_told_once() {
    let mut value = fixtures::profile();
    value["name"] = json!("other");
    value["selector"] = json!({"tag": {"key": "role", "value": "upf"}});
    let mut account = account();
    account.groups[0]
        .tags
        .insert("role".to_owned(), "upf".to_owned());
    account.profiles.push(input(value));
    account.deployed = false;
    let finding = only(&account, Kind::HookAnsweredTwice);
    assert_says(&finding, &["other and upf answer the hook hookline-launch"]);
    // One of a file, and one that is deployed.
    account.profiles.remove(0);
    assert_eq!(kinds(&account), [Kind::HookAnsweredTwice]);
    // Another hook is answered by another profile.
    account.profiles[0].profile.hook.name = "second".to_owned();
    account.hooks.get_mut("upf").unwrap()[0].name = "second".to_owned();
    assert_eq!(kinds(&account), []);
}

fn other_rule(target: &str, hook: Option<&str>) -> Rule {
    let mut pattern =
        json!({"detail-type": ["EC2 Instance-launch Lifecycle Action"], "detail": {}});
    if let Some(hook) = hook {
        pattern["detail"]["LifecycleHookName"] = json!([hook]);
    }
    Rule {
        name: "theirs".to_owned(),
        enabled: true,
        pattern,
        targets: vec![Target {
            arn: target.to_owned(),
            ..Target::default()
        }],
        ..Rule::default()
    }
}

#[test]
fn rules_that_start_something_else_for_the_hook_are_found() {
    let other_deployment = MACHINE.replace("hookline-launch", "second-launch");
    let function = "arn:aws:lambda:us-west-2:123456789012:function:mine";
    let queue = "arn:aws:sqs:us-west-2:123456789012:events";
    for (target, hook, twice) in [
        (other_deployment.as_str(), None, true),
        (function, Some("hookline-launch"), true),
        // A function that is told of every launch need not complete any hook.
        (function, None, false),
        (function, Some("another"), false),
        (queue, Some("hookline-launch"), false),
    ] {
        let mut account = account();
        account.others = vec![other_rule(target, hook)];
        match twice {
            true => assert_says(
                &only(&account, Kind::HookAnsweredTwice),
                &["theirs", target],
            ),
            false => assert_eq!(kinds(&account), [], "{target} {hook:?}"),
        }
        account.others[0].enabled = false;
        assert_eq!(kinds(&account), []);
    }
    let mut account = account();
    let deployment = account.deployment.as_mut().unwrap();
    let mut second = deployment.rules[0].clone();
    second.name = "launch-upf-old".to_owned();
    deployment.rules.push(second);
    assert_says(
        &only(&account, Kind::HookAnsweredTwice),
        &[
            "launch-upf, launch-upf-old",
            "Find out which of them belongs to the stack",
        ],
    );
    // A rule that the CDK app has made stays.
    account.deployment.as_mut().unwrap().rules[0].description =
        "Starts an execution for each launch of upf (Hookline)".to_owned();
    let finding = only(&account, Kind::HookAnsweredTwice);
    assert_says(&finding, &["Keep the rule launch-upf, which"]);
    let disable = ["aws", "events", "disable-rule", "--name", "launch-upf-old"];
    let runs = |it: &&Remedy| matches!(it, Remedy::Run(_));
    let commands: Vec<&Remedy> = finding.remedy.iter().filter(runs).collect();
    assert_eq!(commands, [&Remedy::run(disable)]);
}

#[test]
fn hooks_of_others_and_timeouts_are_those_of_the_configuration_to_be_deployed() {
    let mut account = account();
    account.deployed = false;
    account.hooks.get_mut("upf").unwrap().push(Hook {
        name: "drain".to_owned(),
        default_result: "CONTINUE".to_owned(),
        heartbeat_seconds: 300,
    });
    assert_eq!(kinds(&account), [Kind::HookOfNobody]);
    let expected = |seconds: i64| {
        let expected = json!({"heartbeatSeconds": {"upf": [seconds]}, "others": ["drain"]});
        serde_json::from_value(expected).unwrap()
    };
    account.to_be_expected = Some(expected(2_400));
    assert_eq!(kinds(&account), []);
    // The deployment does not put a timeout that it does not change.
    account.deployment.as_mut().unwrap().reconcile[0].hooks = expected(2_400);
    assert_says(
        &only(&account, Kind::HookUnsafe),
        &["1800 s, and not that of the configuration"],
    );
}

#[test]
fn profile_of_the_rule_that_is_not_reconciles_is_found_with_its_fields() {
    let rules = |profile: Value| {
        let (mut rule, rounds) = fixtures::rules();
        rule.targets[0].template = Some(format!("{{\"event\":<e>,\"profile\":{profile}}}"));
        vec![rule, rounds]
    };
    let machine = fixtures::deployment().machine;
    let mut changed = fixtures::profile();
    changed["slots"].as_array_mut().unwrap().pop();
    let mut account = account();
    account.deployment = Some(Deployment::of(machine.clone(), rules(changed)));
    let finding = only(&account, Kind::ReconcileDiffers);
    assert_says(
        &finding,
        &[
            "different versions of the profile upf: slots differ",
            "launch-upf",
        ],
    );

    let mut renamed = fixtures::profile();
    renamed["name"] = json!("upf-2");
    account.deployment = Some(Deployment::of(machine, rules(renamed)));
    assert_says(
        &only(&account, Kind::ReconcileDiffers),
        &["has the profile upf-2, and reconcile's rule"],
    );
}

#[test]
fn profiles_that_are_split_over_targets_of_reconcile_are_each_in_one() {
    let named = |name: &str| {
        let mut profile = fixtures::profile();
        profile["name"] = json!(name);
        profile["selector"]["autoScalingGroupNames"] = json!([name]);
        profile
    };
    let differs = |second: &str| {
        let (upf, mut rounds) = fixtures::rules();
        let mut smf = upf.clone();
        smf.name = "launch-smf".to_owned();
        smf.pattern["detail"]["AutoScalingGroupName"] = json!(["smf"]);
        smf.targets[0].template = Some(format!("{{\"event\":<e>,\"profile\":{}}}", named("smf")));
        let target = Target {
            input: Some(
                json!({"stateMachineArn": MACHINE, "profiles": [named(second)]}).to_string(),
            ),
            ..rounds.targets[0].clone()
        };
        rounds.targets.push(target);
        let machine = fixtures::deployment().machine;
        let mut account = account();
        account.deployment = Some(Deployment::of(machine, vec![upf, smf, rounds]));
        found(&account)
    };
    assert!(differs("smf").is_empty());
    let missing = differs("amf");
    assert_eq!(missing.len(), 1, "{missing:#?}");
    assert_says(
        &missing[0],
        &["launch-smf has the profile smf, and reconcile's rule hookline-reconcile does not."],
    );
}

#[test]
fn reconcile_that_is_not_scheduled_and_a_profile_that_cannot_be_read_are_found() {
    let mut account = account();
    account.deployment.as_mut().unwrap().reconcile[0].enabled = false;
    assert_eq!(kinds(&account), [Kind::ReconcileNotScheduled]);
    let mut account = fixtures::account();
    let unreadable = ("launch-smf".to_owned(), "no slots".to_owned());
    account.deployment.as_mut().unwrap().unreadable = vec![unreadable];
    assert_eq!(kinds(&account), [Kind::ProfileUnreadable]);
}

#[test]
fn group_that_is_missing_is_found_unless_it_could_not_be_looked_for() {
    let mut account = account();
    account.groups.clear();
    assert_says(
        &only(&account, Kind::GroupMissing),
        &["no Auto Scaling group upf"],
    );
    account.could_not_look.push(CouldNotLook {
        action: "autoscaling:DescribeAutoScalingGroups".to_owned(),
        reason: "AWS says no".to_owned(),
        what: "the groups".to_owned(),
        denied: true,
    });
    let finding = only(&account, Kind::CouldNotLook);
    assert_says(
        &finding,
        &[
            "Could not look: autoscaling:DescribeAutoScalingGroups. Not checked: the groups.",
            "AWS says no",
            "Allow autoscaling:",
        ],
    );
    // A node group that the file makes need not be there yet.
    account.could_not_look.clear();
    account.deployed = false;
    account.to_be_put = vec![("upf".to_owned(), None)];
    assert_eq!(kinds(&account), []);
    let noted = notes(&account);
    assert!(
        noted[0].contains("node group of the profile upf does not exist yet"),
        "{noted:?}"
    );
    let mut by_tag = with_profile(|value| {
        value["selector"] = json!({"tag": {"key": "role", "value": "upf"}});
    });
    by_tag.deployed = false;
    by_tag.groups.clear();
    assert_says(
        &only(&by_tag, Kind::GroupMissing),
        &["the tag role with the value upf"],
    );
}
