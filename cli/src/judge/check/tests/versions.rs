//! Versions of functions and of the state machine.

use super::*;
use crate::observed::function::{Function, FunctionRef};

/// What the account has of `hookline-tag-node`, or of a version of it.
fn function<'a>(account: &'a mut Account, version: Option<&str>) -> &'a mut Option<Function> {
    let functions = account.functions.as_mut().unwrap();
    let reference = FunctionRef::new("hookline-tag-node", version);
    functions.get_mut(&reference).unwrap()
}

#[test]
fn version_that_is_gone_is_found_by_its_number() {
    let mut account = account();
    *function(&mut account, Some("7")) = None;
    let finding = only(&account, Kind::FunctionVersionMissing);
    assert_says(
        &finding,
        &[
            "There is no version hookline-tag-node:7",
            "code at another place",
        ],
    );
    assert_eq!(finding.ids, ["hookline-tag-node:7"]);
}

#[test]
fn version_with_other_code_than_its_function_is_found() {
    let mut account = account();
    let newest = function(&mut account, None).as_mut().unwrap();
    newest.code = Some("code of somebody".to_owned());
    let finding = only(&account, Kind::VersionsDiffer);
    assert_says(
        &finding,
        &[
            "The code of hookline-tag-node:7 is not the newest of its function",
            "by hand",
            "describe-stacks --stack-name hookline",
        ],
    );
    // A function without a version is always the newest.
    let machine = account.machine.as_mut().unwrap();
    machine.functions = vec![FunctionRef::new("hookline-tag-node", None)];
    assert_eq!(kinds(&account), []);
}

#[test]
fn state_machine_and_reconcile_of_different_releases_are_found() {
    let mut account = account();
    let mut reconcile = function(&mut account, None).clone().unwrap();
    reconcile.release = Some("9.0.0".to_owned());
    let functions = account.functions.as_mut().unwrap();
    let reference = FunctionRef::new("hookline-reconcile", None);
    functions.insert(reference, Some(reconcile));
    let deployment = account.deployment.as_mut().unwrap();
    deployment.reconcile[0].target =
        "arn:aws:lambda:us-west-2:123456789012:function:hookline-reconcile".to_owned();
    let finding = only(&account, Kind::VersionsDiffer);
    assert_says(
        &finding,
        &[
            "functions of 2 releases",
            &format!("Of the release {RELEASE}: hookline-tag-node:7."),
            "Of the release 9.0.0: hookline-reconcile.",
        ],
    );
}

#[test]
fn rule_that_starts_a_version_of_the_state_machine_is_found_and_answers_all_the_same() {
    let mut account = account();
    let (mut rule, rounds) = fixtures::rules();
    rule.targets[0].arn = format!("{MACHINE}:3");
    let machine = account.deployment.unwrap().machine;
    account.deployment = Some(Deployment::of(machine, vec![rule, rounds]));
    assert_says(
        &only(&account, Kind::VersionsDiffer),
        &[
            "The rule launch-upf starts 3, a version",
            "the target of the rule launch-upf",
            &format!("Let the target be {MACHINE}."),
        ],
    );
}
