//! What the policies of roles allow.

use super::*;
use crate::fixtures::role_that_allows;
use crate::judge::Remedy;
use crate::observed::function::{Function, FunctionRef};
use crate::observed::role::{Role, SeenRole};

/// The account with a role of these statements for `launch-node`, `tag-node`, or another function,
/// which it gets.
fn with_role(name: &str, statements: &Value) -> Account {
    let mut account = account();
    let arn = format!("arn:aws:iam::123456789012:role/{name}");
    let role = Role {
        policies: vec![json!({"Version": "2012-10-17", "Statement": statements})],
        ..Role::default()
    };
    let roles = account.roles.as_mut().unwrap();
    roles.insert(arn.clone(), SeenRole::Read(role));
    if name != "launch-node" {
        let reference = FunctionRef::new(&format!("hookline-{name}"), None);
        let function = Function {
            role: arn,
            release: Some(RELEASE.to_owned()),
            code: Some("the code".to_owned()),
        };
        let functions = account.functions.as_mut().unwrap();
        functions.insert(reference, Some(function));
    }
    account
}

fn allow(actions: &[&str], resource: &Value) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

#[test]
fn role_that_lacks_an_action_is_found_with_the_function() {
    let account = with_role("tag-node", &json!([allow(&["ec2:Describe*"], &json!("*"))]));
    let finding = only(&account, Kind::RoleLacksPermission);
    assert_says(
        &finding,
        &[
            "The role of the function hookline-tag-node does not allow ec2:CreateTags.",
            "Deploy the stack hookline again.",
            "the policies of arn:aws:iam::123456789012:role/tag-node",
        ],
    );
    assert_eq!(finding.evidence, [""; 0]);
}

#[test]
fn subnet_and_security_group_that_a_role_does_not_allow_are_named() {
    let on = json!([
        "arn:aws:ec2:us-west-2:123456789012:network-interface/*",
        "arn:aws:ec2:us-west-2:123456789012:subnet/subnet-00000001",
    ]);
    let account = with_role(
        "create-interfaces",
        &json!([
            allow(&["ec2:CreateNetworkInterface"], &on),
            allow(&["ec2:CreateTags", "ec2:DeleteNetworkInterface"], &on),
        ]),
    );
    let finding = only(&account, Kind::RoleLacksPermission);
    let named = "ec2:CreateNetworkInterface on sg-00000001, subnet-00000002.";
    assert_eq!(finding.evidence, [named]);

    // A subnet that another account shares has that account in its ARN.
    let all = json!("arn:aws:ec2:us-west-2:123456789012:*");
    let actions = [
        "ec2:CreateNetworkInterface",
        "ec2:CreateTags",
        "ec2:DeleteNetworkInterface",
    ];
    let mut account = with_role("create-interfaces", &json!(allow(&actions, &all)));
    assert_eq!(kinds(&account), []);
    let subnets = account.subnets.as_mut().unwrap();
    subnets.values_mut().next().unwrap().owner = Some("210987654321".to_owned());
    let finding = only(&account, Kind::RoleLacksPermission);
    let named = "ec2:CreateNetworkInterface on subnet-00000001.";
    assert_eq!(finding.evidence, [named]);
}

#[test]
fn state_machine_whose_role_allows_no_version_of_a_function_is_found() {
    let function = json!("arn:aws:lambda:us-west-2:123456789012:function:hookline-tag-node");
    let statements = json!([
        allow(&["lambda:InvokeFunction"], &function),
        allow(&["autoscaling:*"], &json!("*")),
    ]);
    let finding = only(
        &with_role("launch-node", &statements),
        Kind::RoleLacksPermission,
    );
    assert_says(&finding, &["The role of the state machine"]);
    let named = "lambda:InvokeFunction on hookline-tag-node:7.";
    assert_eq!(finding.evidence, [named]);
}

#[test]
fn rule_whose_role_may_start_another_state_machine_only_is_found() {
    let mut account = account();
    let (mut rule, rounds) = fixtures::rules();
    let arn = "arn:aws:iam::123456789012:role/start";
    rule.targets[0].role_arn = Some(arn.to_owned());
    let machine = account.deployment.unwrap().machine;
    account.deployment = Some(Deployment::of(machine, vec![rule, rounds]));
    let other = allow(&["states:StartExecution"], &json!(format!("{MACHINE}-2")));
    let role = Role {
        policies: vec![json!({"Statement": other})],
        ..Role::default()
    };
    let roles = account.roles.as_mut().unwrap();
    roles.insert(arn.to_owned(), SeenRole::Read(role));
    let finding = only(&account, Kind::RoleLacksPermission);
    assert_says(&finding, &["the target of the rule launch-upf"]);
    assert_eq!(
        finding.evidence,
        ["states:StartExecution on the state machine."]
    );
    let roles = account.roles.as_mut().unwrap();
    roles.insert(arn.to_owned(), role_that_allows(&["states:*"]));
    assert_eq!(kinds(&account), []);
}

#[test]
fn actions_of_a_brake_and_of_a_taint_are_needed_with_them_only() {
    let actions = [
        "autoscaling:Describe*",
        "autoscaling:CompleteLifecycleAction",
    ];
    let more = [
        "autoscaling:RecordLifecycleActionHeartbeat",
        "ec2:*",
        "states:*",
    ];
    let statements = json!([allow(&actions, &json!("*")), allow(&more, &json!("*"))]);
    let mut account = with_role("reconcile", &statements);
    assert_eq!(kinds(&account), []);
    let mut profile = fixtures::profile();
    profile["brake"] = json!(true);
    account.deployment.as_mut().unwrap().profiles = vec![input(profile)];
    let finding = only(&account, Kind::RoleLacksPermission);
    assert_says(
        &finding,
        &["does not allow autoscaling:CreateOrUpdateTags, autoscaling:SuspendProcesses."],
    );
}

#[test]
fn role_is_not_judged_by_policies_that_are_not_known() {
    let mut account = with_role("tag-node", &json!([]));
    let arn = "arn:aws:iam::123456789012:role/tag-node";
    let roles = account.roles.as_mut().unwrap();
    let Some(SeenRole::Read(role)) = roles.get_mut(arn) else {
        panic!("{arn}");
    };
    role.unknown = vec!["arn:aws:iam::aws:policy/AmazonEC2FullAccess".to_owned()];
    assert_eq!(kinds(&account), []);
    let note = &notes(&account)[0];
    assert!(
        note.contains("without arn:aws:iam::aws:policy/AmazonEC2FullAccess"),
        "{note}"
    );

    account
        .roles
        .as_mut()
        .unwrap()
        .insert(arn.to_owned(), SeenRole::Unread);
    assert_eq!(kinds(&account), []);
    assert!(notes(&account)[0].contains("more roles than were read"));
    // Where none could be read, a finding tells it.
    account.could_not_look.push(CouldNotLook {
        action: "iam:GetAccountAuthorizationDetails".to_owned(),
        reason: "denied".to_owned(),
        what: "what the policies allow".to_owned(),
        denied: true,
    });
    assert_eq!(kinds(&account), [Kind::CouldNotLook]);
    assert_eq!(notes(&account), [""; 0]);
}

#[test]
fn roles_of_another_release_or_before_a_deployment_are_not_judged() {
    let mut account = with_role("tag-node", &json!([]));
    account.deployed = false;
    assert_eq!(kinds(&account), []);
    account.deployed = true;
    for function in account.functions.as_mut().unwrap().values_mut().flatten() {
        function.release = Some("9.0.0".to_owned());
    }
    assert_eq!(kinds(&account), []);
    let note = &notes(&account)[0];
    assert!(note.contains("is of the release 9.0.0"), "{note}");
}

#[test]
fn role_that_its_service_may_not_assume_is_found_with_the_policy_that_lets_it() {
    let mut account = account();
    let machine = account.machine.as_ref().unwrap().role.clone();
    let trust = |service: &str| {
        let principal = json!({"Service": format!("{service}.amazonaws.com")});
        let statement =
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal});
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    let put = |account: &mut Account, document: Value| {
        let role = account.roles.as_mut().unwrap().get_mut(&machine);
        let Some(SeenRole::Read(role)) = role else {
            panic!("{role:?}");
        };
        role.trust = Some(document);
    };
    put(&mut account, trust("states"));
    assert!(!kinds(&account).contains(&Kind::RoleLacksTrust));
    put(&mut account, trust("ecs-tasks"));
    let finding = only(&account, Kind::RoleLacksTrust);
    assert_says(&finding, &["does not let states.amazonaws.com assume it"]);
    let Some(Remedy::Run(words)) = finding.remedy.last() else {
        panic!("{finding:#?}");
    };
    assert_eq!(
        words[2..5],
        ["update-assume-role-policy", "--role-name", "launch-node"]
    );
    // With what it puts, nothing is found, and what was there stays.
    let document: Value = serde_json::from_str(&words[6]).unwrap();
    assert_eq!(document["Statement"].as_array().map(Vec::len), Some(2));
    put(&mut account, document);
    assert!(!kinds(&account).contains(&Kind::RoleLacksTrust));
}
