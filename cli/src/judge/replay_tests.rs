use hookline_domain::execution::names::StateMachine;

use super::*;
use crate::fixtures::{MACHINE, NOW, case, execution, id, interface, profile, rules};
use crate::observed::deployment::Deployment;
use crate::observed::group::Activity;
use crate::observed::rule::Rule;

fn failed() -> Case {
    case().with_execution("FAILED", Some("Hookline.X"), "PlanInterfaces")
}

#[test]
fn replay_has_the_input_of_the_execution_and_a_name_of_its_own() {
    let case = failed();
    let replay = start(&case, None).unwrap();
    let execution = case.execution().unwrap();
    assert_eq!(replay.input, execution.input);
    assert_eq!(replay.repeats.as_ref(), Some(&execution.arn));
    assert!(
        replay.name.starts_with(&format!("replay-{}-", id(1))),
        "{replay:?}"
    );
    // Said twice, it starts one execution; after another one has ended, a new one.
    assert_eq!(start(&case, None).unwrap().name, replay.name);
    let mut later = case.clone();
    let mut second = later.executions[0].clone();
    (second.arn, second.started) = ("arn:second".to_owned(), second.started + 1);
    later.executions.push(second);
    assert_ne!(start(&later, None).unwrap().name, replay.name);
}

#[test]
fn deployed_profile_takes_the_place_of_the_executions() {
    let mut case = failed();
    assert!(!profile_has_changed(&case));
    let deployed = &mut case.deployment.profiles[0];
    deployed.value["slots"][0]["deviceIndex"] = json!(3);
    assert!(profile_has_changed(&case));
    let line = format!("hookline replay {} --deployed-profile --yes", id(1));
    assert_eq!(
        Replay::of(&case).command,
        Some(Remedy::run(line.split(' ')))
    );
    let deployed = case.deployed_profile().cloned().unwrap();
    let replay = start(&case, Some(&deployed)).unwrap();
    let input: Value = serde_json::from_str(&replay.input).unwrap();
    assert_eq!(input["profile"], deployed.value);
    assert_eq!(input["event"]["detail"]["EC2InstanceId"], id(1).as_str());
    assert_ne!(replay.name, start(&case, None).unwrap().name);
}

#[test]
fn launch_without_an_execution_gets_the_one_that_reconcile_would_start() {
    let replay = start(&case(), None).unwrap();
    assert!(
        replay.name.starts_with(&format!("reconcile-{}-", id(1))),
        "{replay:?}"
    );
    assert_eq!(replay.repeats, None);
    assert_eq!(
        (replay.profile, replay.is_reconciles),
        (ProfileSource::Deployed, true)
    );
    let input: Value = serde_json::from_str(&replay.input).unwrap();
    let account = MACHINE.split(':').nth(4).unwrap();
    assert_eq!(input["event"]["account"], account);
    assert!(input["event"]["time"].as_str().unwrap() < rfc3339(NOW).as_str());
    let mut unknown = case();
    unknown.input = None;
    let why = start(&unknown, None).unwrap_err();
    assert!(why.contains("Nothing says with which profile"), "{why}");
    assert!(!Replay::of(&unknown).helps);
}

#[test]
fn launch_whose_executions_are_not_all_known_starts_none() {
    let mut case = failed();
    case.all_executions_known = false;
    assert_eq!(not_known(&case), None);
    case.running_for_unknown = 2;
    let why = not_known(&case).unwrap();
    assert!(why.contains("2 executions run for instances"), "{why}");
    (case.running_for_unknown, case.executions) = (0, Vec::new());
    let why = not_known(&case).unwrap();
    assert!(why.contains("has had an execution"), "{why}");
    case.all_executions_known = true;
    assert_eq!(not_known(&case), None);
}

/// Launches in every combination of what decides about a replay, as `replay` sees them.
fn launches() -> Vec<Case> {
    let (_, mut rounds) = rules();
    let input = json!({"stateMachineArn": MACHINE, "profiles": [], "retiredProfiles": [profile()]});
    rounds.targets[0].input = Some(input.to_string());
    let machine = StateMachine::read(MACHINE).unwrap();
    let retired = Deployment::of(machine.clone(), vec![rounds]);
    let none = Deployment::of(machine, Vec::new());
    let mut changed = case().deployment;
    changed.profiles[0].value["slots"][0]["deviceIndex"] = json!(3);
    let mut ended = execution(1, "FAILED", Some("Hookline.X"));
    let mut newer = execution(1, "SUCCEEDED", None);
    (newer.arn, newer.started) = ("arn:newer".to_owned(), newer.started + 1);
    let mut running = execution(1, "RUNNING", None);
    (running.arn, running.started) = ("arn:running".to_owned(), running.started + 2);
    let unreadable = Execution {
        input: "no JSON".to_owned(),
        ..ended.clone()
    };
    ended.status = "ABORTED".to_owned();
    let histories = [
        Vec::new(),
        vec![ended.clone()],
        vec![unreadable],
        // The older one was asked about.
        vec![ended.clone(), newer],
        vec![ended, running],
    ];
    let attached = [
        interface(1, 1, "signaling", Some(1)),
        interface(2, 1, "user-plane", Some(2)),
    ];
    let mut found = Vec::new();
    for state in ["Pending:Wait", "InService", "Terminating:Wait"] {
        for deployment in [&case().deployment, &changed, &retired, &none] {
            for executions in &histories {
                for n in 0..64 {
                    let is = |bit: u32| n & (1 << bit) != 0;
                    let mut one = match is(0) {
                        true => case().with_execution("FAILED", Some("X"), "StartupTaintLeft"),
                        false => case(),
                    }
                    .in_state(state);
                    one.executions.clone_from(executions);
                    one.deployment = deployment.clone();
                    one.input = one
                        .deployed_profile()
                        .cloned()
                        .or(one.input)
                        .filter(|_| !is(1));
                    if is(2) {
                        one.interfaces = attached.to_vec();
                    }
                    one.group.as_mut().unwrap().has_warm_pool = is(3);
                    one.all_executions_known = !is(4);
                    one.running_for_unknown = usize::from(is(5));
                    found.push(one);
                }
            }
        }
    }
    found
}

/// What `replay` sees of a launch that is given as in this command: of an instance, the newest
/// execution comes first, and its history is read.
fn seen_by_replay(explained: &Case, words: &[String]) -> Case {
    let mut case = explained.clone();
    let what = &words[2];
    if *what == case.instance.as_str() {
        let asked = case.execution().map(|it| it.arn.clone());
        case.executions
            .sort_by_key(|it| std::cmp::Reverse(it.started));
        if asked != case.execution().map(|it| it.arn.clone()) {
            case.history.clear();
        }
    } else {
        assert_eq!(case.execution().map(|it| &it.arn), Some(what));
    }
    case
}

#[test]
fn replay_that_explain_prints_is_not_refused() {
    let (mut printed, mut refused) = (0, 0);
    for mut case in launches() {
        // `explain` looks first at fewer executions, and at all that run only where a replay would
        // help.
        let all = case.clone();
        case.all_running_known = case.all_executions_known;
        if !case.all_running_known {
            case.running_for_unknown = 0;
            case.executions.retain(|it| !it.is_running());
        }
        if must_know_running(&case) {
            case = all.clone();
        }
        let replay = Replay::of(&case);
        assert_eq!(replay.helps, replay.command.is_some(), "{replay:?}");
        let Some(Remedy::Run(words)) = replay.command else {
            refused += 1;
            continue;
        };
        printed += 1;
        // What `replay` knows beside, `explain` has not seen.
        let seen = seen_by_replay(&all, &words);
        let wanted = Wanted {
            deployed_profile: words.contains(&"--deployed-profile".to_owned()),
            replace: false,
        };
        let decided = decide(&seen, wanted);
        assert!(decided.is_ok(), "{words:?}: {decided:?} of {seen:#?}");
    }
    assert!(printed > 100 && refused > 100, "{printed} and {refused}");
}

#[test]
fn replacement_that_runs_beside_what_it_replaces_is_not_started_again() {
    let mut case = case().with_execution("RUNNING", None, "PlanInterfaces");
    let first = start(&case, None).unwrap();
    let mut second = case.executions[0].clone();
    (second.arn, second.name) = ("arn:second".to_owned(), first.name.clone());
    second.started += 1;
    case.executions.insert(0, second);
    assert_eq!(start(&case, None).unwrap().name, first.name);
    // Another input is another replay.
    let other = ProfileInput {
        value: json!({"name": "other"}),
        ..case.deployment.profiles[0].clone()
    };
    assert_ne!(start(&case, Some(&other)).unwrap().name, first.name);
    // When the old one is stopped, the replacement can be replaced.
    case.executions[1].status = "ABORTED".to_owned();
    assert_ne!(start(&case, None).unwrap().name, first.name);
}

#[test]
fn name_that_is_used_is_told_with_the_status_of_its_execution() {
    let name = format!("reconcile-{}-0", id(1));
    let told = |execution: Option<&Execution>| name_is_used(&name, execution);
    assert!(told(None).contains("was used before"));
    let running = told(Some(&execution(1, "RUNNING", None)));
    assert!(
        running.contains("runs already, with another input"),
        "{running}"
    );
    let ended = told(Some(&execution(1, "FAILED", Some("Hookline.X"))));
    assert!(
        ended.contains("has ended already (Hookline.X): reconcile"),
        "{ended}"
    );
    let replay = name_is_used("replay-x-0", Some(&execution(1, "SUCCEEDED", None)));
    assert!(replay.contains("(SUCCEEDED): another replay"), "{replay}");
}

#[test]
fn execution_that_runs_is_only_replaced() {
    let case = case().with_execution("RUNNING", None, "PlanInterfaces");
    assert!(!Replay::of(&case).helps);
    let replace = Wanted {
        replace: true,
        ..Wanted::default()
    };
    assert!(decide(&case, replace).is_ok());
}

#[test]
fn launch_without_an_execution_is_reconciles_only_if_reconcile_sees_it() {
    let mut by_others = case();
    for round in &mut by_others.deployment.reconcile {
        round.profiles.clear();
    }
    let started = start(&by_others, None).unwrap();
    assert!(!started.is_reconciles);
    // The profile of an earlier execution of the group is no deployed one.
    let mut earlier = case();
    earlier.deployment.profiles.clear();
    assert_eq!(
        start(&earlier, None).unwrap().profile,
        ProfileSource::EarlierExecution
    );
}

#[test]
fn launch_with_a_retired_profile_starts_nothing_without_an_execution() {
    let (rule, mut rounds) = rules();
    let input = json!({"stateMachineArn": MACHINE, "profiles": [], "retiredProfiles": [profile()]});
    rounds.targets[0].input = Some(input.to_string());
    let machine = StateMachine::read(MACHINE).unwrap();
    let retired = |mut case: Case, rules: Vec<Rule>| {
        case.deployment = Deployment::of(machine.clone(), rules);
        case.input = case.deployed_profile().cloned();
        case
    };
    let lost = retired(case(), vec![rounds.clone()]);
    let why = start(&lost, None).unwrap_err();
    assert!(why.contains("is retired"), "{why}");
    assert!(!Replay::of(&lost).helps);
    // What began with it can be repeated.
    assert!(start(&retired(failed(), vec![rounds.clone()]), None).is_ok());
    // A rule still has it.
    assert!(start(&retired(case(), vec![rule, rounds]), None).is_ok());
}

#[test]
fn launch_in_a_group_with_a_warm_pool_has_the_name_of_its_activity() {
    let mut pooled = case();
    pooled.group.as_mut().unwrap().has_warm_pool = true;
    let why = start(&pooled, None).unwrap_err();
    assert!(why.contains("hookline reconcile"), "{why}");
    let activity = Activity {
        id: "a-1".to_owned(),
        instance: Some(id(1)),
        is_launch: true,
        from_warm_pool: true,
        started: NOW - 30,
        ..Activity::default()
    };
    pooled.activities = vec![activity];
    let first = start(&pooled, None).unwrap();
    assert_ne!(first.name, start(&case(), None).unwrap().name);
    let input: Value = serde_json::from_str(&first.input).unwrap();
    assert_eq!(input["event"]["time"], rfc3339(NOW - 30));
    assert_eq!(input["event"]["detail"]["Origin"], "WarmPool");
    pooled.activities[0].id = "a-2".to_owned();
    assert_ne!(first.name, start(&pooled, None).unwrap().name);
    pooled.activities[0].ended = Some(NOW - 1);
    assert!(start(&pooled, None).is_err());
}

#[test]
fn launch_into_a_warm_pool_can_be_replayed() {
    let mut pooled = case();
    let group = pooled.group.as_mut().unwrap();
    (group.has_warm_pool, group.members) = (true, Vec::new());
    pooled.activities = vec![Activity {
        instance: Some(id(1)),
        is_launch: true,
        ..Activity::default()
    }];
    assert!(Replay::of(&pooled).why.contains("The launch is over"));
    pooled.in_pool = Some("Warmed:Pending:Wait".to_owned());
    assert!(Replay::of(&pooled).helps);
    let input = start(&pooled, None).unwrap().input;
    let input: Value = serde_json::from_str(&input).unwrap();
    assert_eq!(input["event"]["detail"]["Destination"], "WarmPool");
}

#[test]
fn replay_does_not_help_where_it_completes_no_hook_at_which_the_launch_waits() {
    let succeeded = case().with_execution("SUCCEEDED", None, "NodeReady");
    let why = Replay::of(&succeeded).why;
    assert!(why.contains("waits at another one"), "{why}");
    let mut renamed = failed();
    renamed.hooks[0].name = "hookline-launch-v2".to_owned();
    let why = Replay::of(&renamed).why;
    assert!(why.contains("no launch hook hookline-launch:"), "{why}");
    // An execution of before, in a group with a warm pool.
    let mut again = succeeded;
    again.activities.push(Activity {
        instance: Some(id(1)),
        is_launch: true,
        started: NOW,
        ..Activity::default()
    });
    assert!(Replay::of(&again).helps);
}

#[test]
fn over_launch_of_a_group_that_launches_nothing_is_not_said_to_be_replaced() {
    let mut over = failed().in_state("Terminating:Wait");
    assert!(Replay::of(&over).why.contains("Auto Scaling replaces"));
    let group = over.group.as_mut().unwrap();
    group.suspended.insert(LAUNCH.to_owned(), String::new());
    let why = Replay::of(&over).why;
    assert!(why.contains("nothing replaces the instance"), "{why}");
    over.group = None;
    assert!(Replay::of(&over).why.contains("group is gone"));
}
