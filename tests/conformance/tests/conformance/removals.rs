//! What runs remove that are stopped, and what the clean-up removes and leaves.

use std::process::{Child, Stdio};
use std::time::Duration;

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use hookline_conformance::clients::Clients;
use hookline_conformance::stage::{NAME, TAG};
use hookline_local::{Fault, FaultKind};
use hookline_testkit::wait::wait_for;

use crate::{Account, stderr, stdout};

const LIMIT: Duration = Duration::from_secs(120);

/// Starts a run, and waits until the account has what only the middle of a run has: an instance of
/// the group that waits at its hook.
async fn half_way(account: &Account) -> Child {
    // Long enough that the run is certainly not over.
    let fault = Fault::on(
        "RecordLifecycleActionHeartbeat",
        FaultKind::Delay(Duration::from_secs(600)),
    );
    account.local.inject(fault.always());
    let run = account
        .command(&["--vpc", &account.vpc, "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(LIMIT, "the heartbeat", async || {
        let calls = account
            .local
            .calls_where(|call| call.action == "RecordLifecycleActionHeartbeat");
        Ok((!calls.is_empty()).then_some(()))
    })
    .await
    .unwrap();
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn cleanup_removes_what_a_killed_run_left() {
    let account = Account::new().await;
    let mut run = half_way(&account).await;
    run.kill().unwrap();
    run.wait().unwrap();
    let left = account.contents().await;
    let of_every_kind = ["i-", "eni-", "subnet-", NAME];
    for kind in of_every_kind {
        assert!(
            left.iter().any(|it| it.starts_with(kind)),
            "{kind} in {left:?}"
        );
    }
    // The queue, the rule, the launch template, the security group and the group.
    let named = left.iter().filter(|it| it.starts_with(NAME)).count();
    assert_eq!(named, 5, "{left:?}");
    let (_, run) = left
        .iter()
        .find_map(|it| {
            it.split_at_checked(NAME.len())
                .filter(|(name, _)| *name == NAME)
        })
        .unwrap();
    // It says what is left, and removes it only if it may.
    let asked = account.run(&["--cleanup"]).await;
    assert!(!asked.status.success());
    let said = stdout(&asked);
    assert!(said.contains("\nsubnet subnet-"), "{said}");
    let of_run = format!(" of run {run}");
    assert!(said.lines().all(|line| line.ends_with(&of_run)), "{said}");
    assert_eq!(account.contents().await.len(), left.len());
    let removed = account.run(&["--cleanup", "--yes"]).await;
    assert!(removed.status.success(), "{}", stderr(&removed));
    assert_eq!(account.contents().await, [] as [String; 0]);
    let again = account.run(&["--cleanup", "--yes"]).await;
    assert_eq!(stdout(&again).trim(), "nothing is left of any run");
}

#[tokio::test(flavor = "multi_thread")]
async fn group_of_a_killed_run_launches_no_replacement() {
    let account = Account::new().await;
    let mut run = half_way(&account).await;
    run.kill().unwrap();
    run.wait().unwrap();
    let clients = account.clients().await;
    let groups = clients.autoscaling.describe_auto_scaling_groups();
    let groups = groups.send().await.unwrap();
    let [group] = groups.auto_scaling_groups() else {
        panic!("{groups:?}")
    };
    let suspended = group.suspended_processes().iter();
    let suspended: Vec<_> = suspended.filter_map(|it| it.process_name()).collect();
    assert_eq!(suspended, ["Launch"]);
}

/// Makes what somebody may have in an account: a VPC and a security group with the suite's tag, a
/// queue and a rule with a name like the suite's. Returns the security group's id.
async fn make_alike(clients: &Clients, run: &str, vpc_of: &str) -> String {
    let tags = |kind, run| {
        let tag = |key, value| Tag::builder().key(key).value(value).build();
        TagSpecification::builder()
            .resource_type(kind)
            .tags(tag(TAG, run))
            .tags(tag("Name", "of Jane"))
            .build()
    };
    let made = clients.ec2.create_vpc().cidr_block("10.1.0.0/16");
    let made = made.tag_specifications(tags(ResourceType::Vpc, vpc_of));
    let vpc = made.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let made = clients.ec2.create_security_group().group_name("of-jane");
    let made = made.description("-").vpc_id(vpc);
    let made = made.tag_specifications(tags(ResourceType::SecurityGroup, run));
    let group = made.send().await.unwrap().group_id.unwrap();
    let name = format!("{NAME}{run}");
    let queue = clients.sqs.create_queue().queue_name(&name);
    queue.send().await.unwrap();
    let rule = clients.events.put_rule().name(&name);
    let rule = rule.event_pattern(r#"{"source":["aws.autoscaling"]}"#);
    rule.send().await.unwrap();
    group
}

#[tokio::test(flavor = "multi_thread")]
async fn cleanup_leaves_what_somebody_tagged_or_named_alike() {
    let account = Account::new().await;
    let clients = account.clients().await;
    for run in ["of-jane", "0123456", "0123456789", "ABCDEF01"] {
        // In an account, no VPC is a run's, whatever its tag.
        make_alike(&clients, run, "0a1b2c3d").await;
    }
    let before = account.contents().await;
    assert_eq!(before.len(), 12, "{before:?}");
    let output = account.run(&["--cleanup", "--yes"]).await;
    assert_eq!(stdout(&output).trim(), "nothing is left of any run");
    assert_eq!(account.contents().await, before);
    let vpcs = account.local.with_world(|world| world.ec2.vpcs().count());
    assert_eq!(vpcs, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn cleanup_shows_the_run_and_the_name_of_what_it_would_remove() {
    let account = Account::new().await;
    let clients = account.clients().await;
    let group = make_alike(&clients, "0a1b2c3d", "0a1b2c3d").await;
    let output = account.run(&["--cleanup"]).await;
    let said = stdout(&output);
    let line = format!("security group {group} of run 0a1b2c3d, Name of Jane");
    assert!(said.lines().any(|it| it == line), "{said}");
    assert!(!said.contains("VPC"), "{said}");
}

/// Asks a run to end by a signal, and looks at what is left.
async fn ended_by(signal: &str) {
    let account = Account::new().await;
    let mut run = half_way(&account).await;
    let sent = std::process::Command::new("kill")
        .args([&format!("-{signal}"), &run.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let ended = tokio::task::spawn_blocking(move || run.wait().unwrap());
    assert!(!ended.await.unwrap().success());
    assert_eq!(account.contents().await, [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_run_which_removes_what_it_made() {
    ended_by("INT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_that_is_asked_to_end_removes_what_it_made() {
    ended_by("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_whose_terminal_is_closed_removes_what_it_made() {
    ended_by("HUP").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_calls_of_the_removal_are_made_again() {
    let account = Account::new().await;
    let refused = || FaultKind::Error {
        status: 400,
        code: "InvalidRequest".to_owned(),
        message: "Not now".to_owned(),
    };
    // Calls that only the removal makes.
    for action in ["DescribeSecurityGroups", "ListRules", "DeleteSubnet"] {
        account.local.inject(Fault::on(action, refused()).times(2));
    }
    let arguments = ["--vpc", &account.vpc, "--yes", "--only", "unknown_subnet"];
    let output = account.run(&arguments).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(account.contents().await, [] as [String; 0]);
}
