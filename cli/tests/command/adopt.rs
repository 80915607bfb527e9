//! `hookline adopt`, against the fake AWS: what can go wrong. The suite `operator` runs the
//! function.

use serde_json::json;

use crate::deployed::Deployed;
use crate::{json_error, stderr, unwrapped};

#[tokio::test(flavor = "multi_thread")]
async fn function_that_does_not_exist_is_told() {
    let deployed = Deployed::start().await;
    let text = unwrapped(&stderr(&deployed.run("adopt --yes").await.code(11)));
    assert!(
        text.contains("no function hookline-adopt in us-west-2"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deployment_whose_rules_have_no_profile_adopts_nothing() {
    let deployed = Deployed::start().await;
    let gone = json!({"Rule": "launch-upf", "Ids": ["launch-node"]});
    deployed.call("AWSEvents.RemoveTargets", &gone).await;
    let assert = deployed.run("adopt --yes --json").await.code(11);
    assert!(
        json_error(&assert)
            .to_string()
            .contains("no rule of the deployment has a profile")
    );
    assert!(deployed.changes().is_empty());
}
