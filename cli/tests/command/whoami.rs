//! `hookline whoami`, against the fake AWS: the AWS settings, and the errors of calls.

use std::fs;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use hookline_local::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::fake::{Fake, error, run};
use crate::{check_text, hookline, json_error, stderr, stdout, unwrapped};

impl Fake {
    /// The result of `whoami --region us-west-2`, while every call has this fault.
    async fn whoami_under(&self, fault: FaultKind, option: &str) -> Assert {
        self.aws
            .inject(Fault::on("GetCallerIdentity", fault).always());
        run(self.command(&format!("whoami --region us-west-2 {option}"))).await
    }
}

/// An AWS profile with a Region and credentials.
const PROFILE: &str = "[profile ops]
region = ap-south-1
aws_access_key_id = of-the-profile
aws_secret_access_key = test
";

#[tokio::test(flavor = "multi_thread")]
async fn identity_region_and_endpoint_are_shown() {
    let fake = Fake::start().await;
    let endpoint = fake.server.url();
    let command = fake.command("whoami --region eu-west-1");
    let assert = run(command).await.success();
    let expected = format!(
        "Account   123456789012\n\
         ARN       arn:aws:iam::123456789012:user/local\n\
         Region    eu-west-1\n\
         Endpoint  {endpoint}\n"
    );
    assert_eq!(stdout(&assert), expected);
    assert_eq!(stderr(&assert), "");

    let command = fake.command("--json whoami --region eu-west-1");
    let found: Value = serde_json::from_str(&stdout(&run(command).await.success())).unwrap();
    let expected = json!({
        "account": "123456789012",
        "arn": "arn:aws:iam::123456789012:user/local",
        "region": "eu-west-1",
        "endpoint": endpoint,
    });
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn region_comes_from_the_option_then_the_environment_then_the_profile() {
    let fake = Fake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(&file, PROFILE).unwrap();
    let region = async |mut command: Command| {
        command.env("AWS_CONFIG_FILE", &file);
        let assert = run(command).await.success();
        let found: Value = serde_json::from_str(&stdout(&assert)).unwrap();
        found["region"].as_str().unwrap().to_owned()
    };
    let profile = fake.command("whoami --json --aws-profile ops");
    assert_eq!(region(profile).await, "ap-south-1");
    let mut from_environment = fake.command("whoami --json");
    from_environment.env("AWS_PROFILE", "ops");
    assert_eq!(region(from_environment).await, "ap-south-1");
    let mut environment = fake.command("whoami --json --aws-profile ops");
    environment.env("AWS_REGION", "eu-west-1");
    assert_eq!(region(environment).await, "eu-west-1");
    let mut option = fake.command("whoami --json --region us-east-2");
    option.env("AWS_REGION", "eu-west-1");
    assert_eq!(region(option).await, "us-east-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_and_endpoint_come_from_the_profile() {
    let fake = Fake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let profile = format!(
        "[profile ops]\nregion = us-west-2\nendpoint_url = {}\ncredential_process = echo {}\n",
        fake.server.url(),
        r#"{"Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test"}"#.replace('"', "\\\""),
    );
    fs::write(&file, profile).unwrap();
    let mut command = hookline("whoami --aws-profile ops");
    command
        .env("AWS_CONFIG_FILE", &file)
        .env("PATH", "/usr/bin:/bin");
    let text = stdout(&run(command).await.success());
    assert!(text.contains(&fake.server.url()), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_of_the_option_wins_over_keys_in_the_environment() {
    let fake = Fake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(&file, "[profile empty]\n").unwrap();
    let mut command = fake.command("whoami --region us-west-2 --aws-profile empty");
    command.env("AWS_CONFIG_FILE", &file);
    let text = unwrapped(&stderr(&run(command).await.code(4)));
    assert!(
        text.contains("the AWS profile \"empty\" has none"),
        "{text}"
    );
    assert!(text.contains("aws configure --profile empty"), "{text}");
}

#[test]
fn missing_region_is_told() {
    let mut command = hookline("whoami");
    let assert = command.assert().code(5);
    let text = unwrapped(&stderr(&assert));
    assert!(
        text.starts_with("error: no AWS Region is set remedy: Give --region"),
        "{text}"
    );
    let assert = hookline("whoami --json").assert().code(5);
    assert_eq!(json_error(&assert)["kind"], "region");
}

#[test]
fn text_that_cannot_be_a_region_is_refused() {
    let assert = hookline("whoami --region us_west_2").assert().code(5);
    let text = unwrapped(&stderr(&assert));
    assert!(
        text.contains("\"us_west_2\" is not the name of an AWS Region"),
        "{text}"
    );
}

#[test]
fn missing_credentials_are_told() {
    let assert = hookline("whoami --region us-west-2").assert().code(4);
    let text = unwrapped(&stderr(&assert));
    assert!(
        text.starts_with("error: sts:GetCallerIdentity: no AWS credentials: "),
        "{text}"
    );
    assert!(text.contains("remedy: Choose an AWS profile"), "{text}");
    let assert = hookline("whoami --json --region us-west-2")
        .assert()
        .code(4);
    assert_eq!(json_error(&assert)["kind"], "credentials");
}

#[test]
fn profile_that_is_not_there_is_named_with_the_setting_also_without_a_region() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(&file, PROFILE).unwrap();
    for (line, variable, setting) in [
        (
            "whoami --region us-west-2 --aws-profile nobody",
            None,
            "--aws-profile",
        ),
        ("whoami --aws-profile nobody", None, "--aws-profile"),
        ("whoami", Some("nobody"), "AWS_PROFILE"),
        ("status", Some("nobody"), "AWS_PROFILE"),
    ] {
        let mut command = hookline(line);
        command.env("AWS_CONFIG_FILE", &file);
        if let Some(profile) = variable {
            command.env("AWS_PROFILE", profile);
        }
        let text = unwrapped(&stderr(&command.assert().code(4)));
        let expected = format!(
            "error: {setting} names the AWS profile \"nobody\", which does not exist remedy: Correct {setting}. \
             There are: ops."
        );
        assert_eq!(text, expected);
    }
}

#[test]
fn profile_of_identity_center_says_how_to_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let profile = "[profile ops]\nregion = us-west-2\nsso_session = ours\nsso_account_id = 123456789012\n\
                   sso_role_name = Operators\n[sso-session ours]\nsso_region = us-west-2\n\
                   sso_start_url = https://example.com/start\n";
    fs::write(&file, profile).unwrap();
    let mut command = hookline("whoami --aws-profile ops");
    command.env("AWS_CONFIG_FILE", &file);
    let text = unwrapped(&stderr(&command.assert().code(4)));
    assert!(text.contains("signs in by IAM Identity Center"), "{text}");
    assert!(text.contains("aws sso login --profile ops &&"), "{text}");
    assert!(text.contains("without --aws-profile"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_credentials_name_the_setting_that_has_them() {
    let fake = Fake::start().await;
    let assert = fake
        .whoami_under(error(400, "ExpiredToken"), "")
        .await
        .code(4);
    let text = unwrapped(&stderr(&assert));
    assert!(
        text.contains("credentials of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY have expired"),
        "{text}"
    );
    assert!(text.contains("remedy: Export new ones"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_aws_has_its_exit_code_and_remedy() {
    for (fault, code, kind, remedy) in [
        (
            error(403, "InvalidClientTokenId"),
            4,
            "credentials",
            "Renew the credentials",
        ),
        (
            error(403, "SignatureDoesNotMatch"),
            4,
            "credentials",
            "Check the clock",
        ),
        (
            error(403, "RegionDisabledException"),
            5,
            "region",
            "Choose another Region",
        ),
        (
            error(403, "AccessDenied"),
            6,
            "access-denied",
            "Allow sts:GetCallerIdentity",
        ),
        (FaultKind::Throttle, 7, "throttled", "Wait a minute"),
        (
            FaultKind::InternalError,
            8,
            "aws-unavailable",
            "Check the network",
        ),
        (
            FaultKind::ResetBefore,
            8,
            "aws-unavailable",
            "Check the network",
        ),
        (
            error(400, "ValidationError"),
            9,
            "aws-refused",
            "Read AWS's message",
        ),
    ] {
        let fake = Fake::start().await;
        let assert = fake.whoami_under(fault.clone(), "").await.code(code);
        assert_eq!(stdout(&assert), "");
        check_text(&stderr(&assert));
        let text = unwrapped(&stderr(&assert));
        assert!(text.contains("sts:GetCallerIdentity"), "{text}");
        assert!(text.contains(remedy), "{text}");

        let assert = fake.whoami_under(fault, "--json").await.code(code);
        assert!(!stderr(&assert).contains('\u{9b}'));
        assert_eq!(json_error(&assert)["kind"], kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoint_that_does_not_answer_is_unavailable() {
    let fake = Fake::start().await;
    let command = fake.command("whoami --region us-west-2");
    // The port is closed from here on.
    drop(fake);
    let assert = run(command).await.code(8);
    let text = unwrapped(&stderr(&assert));
    assert!(text.contains("AWS_ENDPOINT_URL"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verbose_logs_the_call_to_stderr_and_no_secret() {
    let fake = Fake::start().await;
    let mut command = fake.command("whoami -vv --json --region us-west-2");
    command
        .env("AWS_SECRET_ACCESS_KEY", "do-not-print-this")
        .env("AWS_SESSION_TOKEN", "nor-this-token");
    let assert = run(command).await.success();
    let logs = stderr(&assert);
    assert!(logs.contains("AWS answered"), "{logs}");
    assert!(logs.contains("sts:GetCallerIdentity"), "{logs}");
    for secret in ["do-not-print-this", "nor-this-token", "Signature"] {
        assert!(!logs.contains(secret), "{logs}");
    }
    serde_json::from_str::<Value>(&stdout(&assert)).unwrap();
}
