//! `hookline reconcile`, against the fake AWS: what can go wrong. The suite `operator` runs the
//! function.

use hookline_local::{Fault, FaultKind};
use serde_json::json;

use crate::deployed::Deployed;
use crate::fake::error;
use crate::{json_error, stderr, unwrapped};

#[tokio::test(flavor = "multi_thread")]
async fn function_that_does_not_exist_is_told() {
    let deployed = Deployed::start().await;
    for line in ["reconcile", "reconcile --dry-run", "reconcile --yes"] {
        let text = unwrapped(&stderr(&deployed.run(line).await.code(11)));
        assert!(
            text.contains("function:hookline-reconcile, which does not exist"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deployment_without_a_schedule_has_nothing_to_run() {
    let deployed = Deployed::start().await;
    let gone = json!({"Rule": "hookline-reconcile", "Ids": ["r"]});
    deployed.call("AWSEvents.RemoveTargets", &gone).await;
    let assert = deployed.run("reconcile --yes --json").await.code(11);
    assert!(
        json_error(&assert)
            .to_string()
            .contains("no rule of the deployment starts reconcile")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_invocation_is_told_apart() {
    let deployed = Deployed::start().await;
    for (fault, code, says) in [
        (
            error(403, "AccessDeniedException"),
            6,
            "Allow lambda:InvokeFunction",
        ),
        (error(403, "ExpiredTokenException"), 4, "Export new ones"),
        (error(429, "TooManyRequestsException"), 7, "Wait a minute"),
    ] {
        deployed.fake.aws.clear_faults();
        deployed
            .fake
            .aws
            .inject(Fault::on("Invoke", fault).always());
        for line in ["reconcile", "adopt"] {
            let text = unwrapped(&stderr(&deployed.run(line).await.code(code)));
            assert!(text.contains(says), "{text}");
        }
    }
    deployed.check_policy("repair");
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_and_yes_exclude_one_another() {
    let deployed = Deployed::start().await;
    deployed
        .fake
        .aws
        .inject(Fault::on("Invoke", FaultKind::Throttle).always());
    let text = stderr(&deployed.run("reconcile --dry-run --yes").await.code(2));
    assert!(text.contains("cannot be used with"), "{text}");
    assert!(deployed.changes().is_empty());
}
