//! A look at the roles of a deployment, which here is the stack of the fixture on a fake AWS.

use hookline_local::iam::{Policy, Role};
use hookline_testkit::fixture_stack;
use hookline_testkit::roles::STACK;

use crate::{Account, stderr, stdout};

/// A fake AWS with the stack of the fixture.
async fn account() -> Account {
    let account = Account::new().await;
    fixture_stack::put(&account.local).await.unwrap();
    account
}

/// The role whose name has this text.
fn role(account: &Account, part: &str) -> Role {
    let roles = account.local.iam().roles();
    let role = roles.iter().find(|role| role.arn.contains(part)).unwrap();
    Role::clone(role)
}

/// Changes the document of each policy of a role.
fn change(account: &Account, part: &str, change: impl Fn(String) -> String) {
    let mut role = role(account, part);
    let before = role.clone();
    let changed = role.policies.iter().map(|policy| {
        let text = change(policy.document().to_string());
        Policy::parse(&serde_json::from_str(&text).unwrap()).unwrap()
    });
    role.policies = changed.collect();
    assert_ne!(role, before);
    account.local.iam().put_role(role);
}

#[tokio::test(flavor = "multi_thread")]
async fn look_at_a_deployment_asks_for_each_role_and_changes_nothing() {
    let account = account().await;
    let before = account.changes();
    let output = account.run(&["--stack", STACK]).await;
    let said = stdout(&output);
    assert!(output.status.success(), "{said}{}", stderr(&output));
    let (first, _) = said.split_once('\n').unwrap();
    assert!(first.contains("only reads"), "{first}");
    assert!(
        said.ends_with("2 facts, 0 differences, 0 skipped\n"),
        "{said}"
    );
    // A simulation is no change.
    let simulated = account.local.calls_where(|call| {
        ["SimulatePrincipalPolicy", "SimulateCustomPolicy"].contains(&call.action.as_str())
    });
    assert!(simulated.len() > 300, "{}", simulated.len());
    assert_eq!(account.changes() - before, simulated.len());
    for role in account.local.iam().roles() {
        let asked = simulated.iter().any(|call| {
            let of_role = call.params.get("PolicySourceArn");
            of_role == Some(&role.arn)
        });
        assert!(asked, "{}", role.arn);
    }
    assert!(!said.contains("not asked"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn role_that_was_narrowed_by_hand_is_a_difference() {
    let account = account().await;
    change(&account, "AttachInterfacesRole", |document| {
        document.replace("ec2:AttachNetworkInterface", "ec2:DescribeVolumes")
    });
    let output = account.run(&["--stack", STACK]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.contains("DIFFERS  deployed_roles_allow_each_call"),
        "{said}"
    );
    assert!(
        said.contains("attach-interfaces attaches an own interface to a node of upf"),
        "{said}"
    );
    assert!(
        said.contains("holds    deployed_roles_deny_each_attack"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn role_that_was_widened_by_hand_is_a_difference() {
    let account = account().await;
    change(&account, "CompleteHookRole", |document| {
        document.replace("autoScalingGroupName/upf\"", "autoScalingGroupName/*\"")
    });
    let output = account.run(&["--stack", STACK]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.contains("DIFFERS  deployed_roles_deny_each_attack"),
        "{said}"
    );
    assert!(
        said.contains("complete-hook completes the hook of another cluster's node"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stack_that_is_not_there_or_not_hooklines_is_named() {
    let account = account().await;
    let output = account.run(&["--stack", "other"]).await;
    assert!(!output.status.success());
    let said = stderr(&output);
    assert!(said.contains("ListStackResources other"), "{said}");
    assert!(said.contains("does not exist"), "{said}");
    let stack = hookline_local::cloudformation::Stack {
        template: serde_json::json!({}),
        ..Default::default()
    };
    account.local.cloudformation().put("other", stack);
    let output = account.run(&["--stack", "other"]).await;
    let said = stderr(&output);
    assert!(said.contains("no state machine launch-node"), "{said}");
}
