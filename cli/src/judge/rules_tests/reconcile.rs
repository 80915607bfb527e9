//! The rules that start the rounds of reconcile.

use super::*;

#[test]
fn reconcile_whose_rule_has_lost_its_target_gets_it_back_with_the_profiles() {
    let launch = Rule {
        targets: vec![Target {
            arn: MACHINE.to_owned(),
            template: Some(format!("{{\"event\":<e>,\"profile\":{}}}", input().value)),
            ..Target::default()
        }],
        ..rule("launch-upf", "upf", "hookline-launch", true)
    };
    let rounds = |name: &str, description: &str| Rule {
        name: name.to_owned(),
        enabled: true,
        description: description.to_owned(),
        schedule: Some("rate(5 minutes)".to_owned()),
        ..Rule::default()
    };
    let found = |rounds: Rule| {
        let rules = vec![launch.clone(), rounds];
        reconcile_findings(&Deployment::of(StateMachine::read(MACHINE).unwrap(), rules))
    };
    let of_stack = found(rounds(
        "hookline-OrchestratorRulesSchedule-1X2Y",
        "Starts the rounds of reconcile (Hookline)",
    ));
    assert_eq!(of_stack.len(), 1, "{of_stack:#?}");
    assert!(
        of_stack[0].problem.contains("has no target"),
        "{of_stack:#?}"
    );
    let Some(Remedy::Run(words)) = of_stack[0].remedy.last() else {
        panic!("{of_stack:?}");
    };
    let targets: Value = serde_json::from_str(words.last().unwrap()).unwrap();
    assert_eq!(
        targets[0]["Arn"],
        "arn:aws:lambda:us-west-2:123456789012:function:hookline-reconcile"
    );
    // What is put is reconcile's.
    let mut put_back = rounds("hookline-reconcile", "");
    put_back.targets = vec![Target {
        input: Some(targets[0]["Input"].as_str().unwrap().to_owned()),
        ..Target::default()
    }];
    assert!(found(put_back).is_empty());
    // A schedule of another stack says nothing.
    let other = found(rounds(
        "other-reconcile",
        "Starts the rounds of reconcile (Hookline)",
    ));
    assert!(
        other[0].problem.starts_with("No rule starts reconcile"),
        "{other:#?}"
    );
}

#[test]
fn target_of_reconcile_is_put_back_with_the_hooks_that_its_siblings_know() {
    let profile = |name: &str, hook: &str| {
        let mut value = input().value;
        value["name"] = json!(name);
        value["hook"]["name"] = json!(hook);
        value
    };
    let launch = |name: &str, hook: &str| Rule {
        targets: vec![Target {
            arn: MACHINE.to_owned(),
            template: Some(format!(
                "{{\"event\":<e>,\"profile\":{}}}",
                profile(name, hook)
            )),
            ..Target::default()
        }],
        ..rule(name, name, hook, true)
    };
    let rounds = |name: &str, targets: Vec<Target>| Rule {
        name: name.to_owned(),
        enabled: true,
        description: "Starts the rounds of reconcile (Hookline)".to_owned(),
        schedule: Some("rate(5 minutes)".to_owned()),
        targets,
        ..Rule::default()
    };
    let other = json!({
        "stateMachineArn": MACHINE,
        "profiles": [profile("smf", "of-smf")],
        "retiredProfiles": [profile("old", "of-old")],
        "hooks": {"others": ["drain", "of-upf"]},
        "limits": {"attributesPerRound": 200},
    });
    let other = Target {
        input: Some(other.to_string()),
        ..Target::default()
    };
    let rules = vec![
        launch("upf", "of-upf"),
        launch("smf", "of-smf"),
        rounds("hookline-Schedule", vec![other]),
        rounds("hookline-Schedule2", Vec::new()),
    ];
    let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), rules);
    let found = reconcile_findings(&deployment);
    assert_eq!(found.len(), 1, "{found:#?}");
    let commands: Vec<&Vec<String>> = found[0]
        .remedy
        .iter()
        .filter_map(|remedy| match remedy {
            Remedy::Run(words) => Some(words),
            _ => None,
        })
        .collect();
    let [template, put] = commands.as_slice() else {
        panic!("{found:#?}");
    };
    assert_eq!(
        template[1..5],
        ["cloudformation", "get-template", "--stack-name", "hookline"]
    );
    let targets: Value = serde_json::from_str(put.last().unwrap()).unwrap();
    let input: Value = serde_json::from_str(targets[0]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input["profiles"], json!([profile("upf", "of-upf")]));
    assert_eq!(
        input["hooks"],
        json!({"others": ["drain", "of-old", "of-smf"]})
    );
    assert_eq!(input["otherTargets"], true);
}

#[test]
fn each_disabled_rule_of_reconcile_is_found() {
    let rounds = |name: &str, enabled: bool, profile: &str| {
        let mut value = input().value;
        value["name"] = json!(profile);
        let target = Target {
            input: Some(json!({"stateMachineArn": MACHINE, "profiles": [value]}).to_string()),
            ..Target::default()
        };
        Rule {
            name: name.to_owned(),
            enabled,
            schedule: Some("rate(5 minutes)".to_owned()),
            targets: vec![target],
            ..Rule::default()
        }
    };
    let found = |first: bool, second: bool| {
        let rules = vec![rounds("one", first, "upf"), rounds("two", second, "smf")];
        let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), rules);
        let starts = deployment.reconcile_starts(deployment.profiles.last().unwrap());
        (reconcile_findings(&deployment), starts)
    };
    assert!(matches!(found(true, true), (found, true) if found.is_empty()));
    let (one, starts) = found(true, false);
    assert!(!starts);
    assert_eq!(one.len(), 1, "{one:#?}");
    assert!(
        one[0].problem.contains("rule two of reconcile is disabled"),
        "{one:#?}"
    );
    assert!(one[0].problem.contains("of the profiles smf"), "{one:#?}");
    let (both, _) = found(false, false);
    assert_eq!(both.len(), 2, "{both:#?}");
    assert!(both[0].problem.contains("deletes interfaces"), "{both:#?}");
}

#[test]
fn reconcile_without_a_rule_is_found() {
    let deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), Vec::new());
    assert_eq!(
        reconcile_findings(&deployment)[0].kind,
        Kind::ReconcileNotScheduled
    );
}
