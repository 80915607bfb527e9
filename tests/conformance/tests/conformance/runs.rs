//! Runs in an account, which here is a fake AWS: what they say first, what they find, and what they
//! leave.

use std::collections::BTreeSet;

use hookline_conformance::stage::INSTANCE_TYPE;
use hookline_local::{Fault, FaultKind, Settings};

use crate::{Account, command, output, stderr, stdout};

#[tokio::test(flavor = "multi_thread")]
async fn run_says_what_it_makes_tries_the_facts_and_leaves_nothing() {
    let account = Account::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let output = account
        .run(&[
            "--vpc",
            &account.vpc,
            "--yes",
            "--report",
            crate::text(&file),
        ])
        .await;
    let said = stdout(&output);
    assert!(output.status.success(), "{said}{}", stderr(&output));
    let (first, _) = said.split_once("holds ").unwrap();
    for wanted in ["us-west-2", &account.vpc, "t3.small", "cents"] {
        assert!(first.contains(wanted), "{wanted} in {first}");
    }
    let last = said.lines().last().unwrap();
    assert!(last.ends_with(" facts, 0 differences, 5 skipped"), "{last}");
    assert_eq!(account.contents().await, [] as [String; 0]);
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(report["target"], "a fake AWS");
    assert_eq!(report["differences"], 0);
    let text = report.to_string();
    assert!(!text.contains("123456789012"), "the account's number");
    assert!(report["results"].as_array().unwrap().len() > 50);
}

/// A fake AWS whose first zones do not offer the instance type.
async fn account_without_the_type(zones: usize) -> Account {
    let mut settings = Settings::for_tests();
    let missing = BTreeSet::from([INSTANCE_TYPE.to_owned()]);
    let zones = settings.availability_zones.iter().take(zones);
    settings.types_not_offered = zones.map(|zone| (zone.clone(), missing.clone())).collect();
    Account::with(settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn run_uses_a_zone_that_offers_the_instance_type() {
    let account = account_without_the_type(1).await;
    let one = ["--vpc", &account.vpc, "--yes", "--only"];
    let fact = "delete_on_termination_is_false_after_an_attach";
    let output = account.run(&[&one[..], &[fact]].concat()).await;
    let said = stdout(&output);
    assert!(output.status.success(), "{said}{}", stderr(&output));
    assert!(
        said.ends_with("1 facts, 0 differences, 0 skipped\n"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn run_in_a_region_without_the_instance_type_makes_nothing_and_names_it() {
    let account = account_without_the_type(3).await;
    let output = account.run(&["--vpc", &account.vpc, "--yes"]).await;
    let said = stderr(&output);
    assert!(
        !output.status.success() && said.contains("no zone"),
        "{said}"
    );
    assert!(said.contains(INSTANCE_TYPE), "{said}");
    assert_eq!(account.contents().await, [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn run_without_a_vpc_or_a_yes_makes_nothing() {
    let account = Account::new().await;
    let output = account.run(&["--yes"]).await;
    assert!(!output.status.success());
    assert!(stderr(&output).contains("--vpc"), "{}", stderr(&output));
    let output = account.run(&["--vpc", &account.vpc]).await;
    assert!(!output.status.success());
    assert!(stderr(&output).contains("--yes"), "{}", stderr(&output));
    assert!(stdout(&output).contains("cents"), "{}", stdout(&output));
    assert_eq!(account.changes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn run_in_an_account_at_an_endpoint_of_the_environment_is_refused() {
    let account = Account::new().await;
    let url = account.server.url();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let none = "/nonexistent";
    let profiles = [
        format!("[default]\nendpoint_url = {url}\n"),
        format!("[default]\nservices = fake\n[services fake]\nec2 =\n  endpoint_url = {url}\n"),
    ];
    let mut settings = vec![
        ("AWS_ENDPOINT_URL", url.as_str(), ""),
        ("AWS_ENDPOINT_URL_EC2", url.as_str(), ""),
        ("AWS_ENDPOINT_URL_AUTO_SCALING", url.as_str(), ""),
    ];
    let of_profile = ("AWS_CONFIG_FILE", crate::text(&config));
    settings.extend(
        profiles
            .iter()
            .map(|it| (of_profile.0, of_profile.1, it.as_str())),
    );
    for (name, value, profile) in settings {
        std::fs::write(&config, profile).unwrap();
        let mut command = command(&["--aws", "--vpc", &account.vpc, "--yes"]);
        command
            .env("AWS_CONFIG_FILE", none)
            .env("AWS_SHARED_CREDENTIALS_FILE", none)
            .env("AWS_REGION", "us-west-2")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env(name, value);
        let output = output(command).await;
        assert!(!output.status.success(), "{name}");
        let said = stderr(&output);
        assert!(said.contains(&url) && said.contains("--endpoint"), "{said}");
    }
    assert_eq!(account.local.calls_where(|_| true).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_of_a_call_fails_the_run_and_leaves_nothing() {
    let account = Account::new().await;
    let refused = FaultKind::Error {
        status: 400,
        code: "InvalidParameterValue".to_owned(),
        message: "No launch template today".to_owned(),
    };
    account
        .local
        .inject(Fault::on("CreateLaunchTemplate", refused));
    let output = account.run(&["--vpc", &account.vpc, "--yes"]).await;
    assert!(!output.status.success());
    let said = stderr(&output);
    assert!(said.contains("No launch template today"), "{said}");
    assert_eq!(account.contents().await, [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_cannot_be_launched_is_tried_once() {
    let account = Account::new().await;
    let refused = FaultKind::Error {
        status: 400,
        code: "Unsupported".to_owned(),
        message: "Not in this zone".to_owned(),
    };
    account
        .local
        .inject(Fault::on("RunInstances", refused).always());
    let arguments = ["--vpc", &account.vpc, "--yes", "--only", "attach"];
    let output = account.run(&arguments).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stdout(&output);
    let with = |text: &str| said.lines().filter(|line| line.contains(text)).count();
    assert_eq!(with("refused: RunInstances: "), 1, "{said}");
    assert!(with(": not tried: RunInstances: ") > 3, "{said}");
    let calls = |action: &str| {
        account
            .local
            .calls_where(|call| call.action == action)
            .len()
    };
    assert_eq!(calls("RunInstances"), 1);
    assert_eq!(account.contents().await, [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn difference_is_named_counted_and_fails_the_run() {
    let account = Account::new().await;
    let other = FaultKind::Error {
        status: 400,
        code: "InvalidSubnet".to_owned(),
        message: "No such subnet".to_owned(),
    };
    let fault = Fault::on("CreateNetworkInterface", other);
    account
        .local
        .inject(fault.when("SubnetId", "subnet-0123456789abcdef0"));
    let arguments = [
        "--endpoint",
        &account.server.url(),
        "--only",
        "unknown_subnet",
    ];
    let output = output(command(&arguments)).await;
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    assert!(
        said.contains("DIFFERS  create_in_an_unknown_subnet_is_refused"),
        "{said}"
    );
    assert!(
        said.contains("the fake AWS differs: create_in_an_unknown_subnet"),
        "{said}"
    );
    assert!(
        said.ends_with("1 facts, 1 differences, 0 skipped\n"),
        "{said}"
    );
    // Without --vpc, it had a VPC of its own.
    assert_eq!(account.contents().await, [] as [String; 0]);
    assert_eq!(
        account.local.with_world(|world| world.ec2.vpcs().count()),
        1
    );
}

#[test]
fn command_without_a_target_tries_the_facts_on_a_fake_aws_of_its_own() {
    let output = command(&["--only", "unknown_instance"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.ends_with("4 facts, 0 differences, 0 skipped\n"),
        "{said}"
    );
}
