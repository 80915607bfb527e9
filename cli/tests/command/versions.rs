//! `hookline versions`, against the fake AWS.

use hookline_local::Fault;
use hookline_local::lambda::FunctionConfig;
use hookline_testkit::roles;
use serde_json::{Value, json};

use crate::deployed::{Deployed, MACHINE, function};
use crate::fake::error;
use crate::{check_text, json_error, stdout, unwrapped};

const TAG_NODE: &str = "hookline-tag-node";

/// Deploys another release: a version of the function, and a state machine that calls it.
pub(crate) fn deploy(deployed: &Deployed, release: &str) -> String {
    let lambda = deployed.fake.aws.lambda();
    lambda.register(function(TAG_NODE, release));
    let version = lambda.publish(TAG_NODE).unwrap();
    let definition =
        json!({"States": {"TagNode": {"Type": "Task", "Resource": version, "End": true}}});
    let role = roles::of_rule_for(MACHINE).unwrap();
    let stepfunctions = deployed.fake.aws.stepfunctions();
    stepfunctions.set_definition(&deployed.fake.aws, MACHINE, definition, &role);
    version
}

/// Starts an execution that goes on.
pub(crate) async fn start(deployed: &Deployed) -> Value {
    let call = json!({"stateMachineArn": MACHINE, "input": "{}"});
    deployed
        .call("AWSStepFunctions.StartExecution", &call)
        .await
}

/// The number of each version of the function that is there.
async fn published(deployed: &Deployed) -> Vec<String> {
    let versions = deployed.json("versions").await;
    let function = &versions["functions"][0];
    assert_eq!(function["function"], TAG_NODE);
    let deleted = function["delete"].as_array().unwrap().iter();
    let kept = function["keep"].as_object().unwrap().keys().cloned();
    let mut all: Vec<String> = deleted.map(Value::to_string).chain(kept).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_no_execution_can_use_go_with_yes() {
    let deployed = Deployed::start().await;
    for release in ["1.0.0", "1.1.0", "1.2.0"] {
        deploy(&deployed, release);
    }
    // It runs on while two more releases come.
    let execution = start(&deployed).await;
    for release in ["1.3.0", "1.4.0"] {
        deploy(&deployed, release);
        start(&deployed).await;
    }

    let text = stdout(&deployed.run("versions").await.success());
    check_text(&text);
    let says = "This command deletes 2 versions that no execution can use.";
    assert!(text.contains(says), "{text}");
    assert!(text.contains("To do it, add --yes."), "{text}");
    assert!(deployed.changes().is_empty());

    let proposed = deployed.json("versions").await;
    let expected = json!([{
        "function": TAG_NODE,
        "delete": [1, 2],
        "keep": {
            "3": "used-by-running-execution",
            "4": "used-by-running-execution",
            "5": "used-now",
        },
    }]);
    assert_eq!(proposed["functions"], expected);
    assert_eq!(
        (&proposed["done"], &proposed["runningExecutions"]),
        (&json!(false), &json!(3))
    );

    let done = deployed.json("versions --yes").await;
    assert_eq!(
        (&done["done"], &done["functions"][0]["delete"]),
        (&json!(true), &json!([1, 2]))
    );
    assert_eq!(published(&deployed).await, ["3", "4", "5"]);

    // Once the executions have ended, one version is left to go back to.
    let listed = deployed
        .call(
            "AWSStepFunctions.ListExecutions",
            &json!({"stateMachineArn": MACHINE}),
        )
        .await;
    for execution in listed["executions"].as_array().unwrap() {
        deployed
            .call("AWSStepFunctions.StopExecution", execution)
            .await;
    }
    deployed
        .call("AWSStepFunctions.StopExecution", &execution)
        .await;
    let text = stdout(&deployed.run("versions --yes").await.success());
    check_text(&text);
    assert!(text.contains("1 version is deleted."), "{text}");
    assert_eq!(published(&deployed).await, ["4", "5"]);
    let text = stdout(&deployed.run("versions --yes").await.success());
    assert!(text.contains("Nothing to delete."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn few_executions_tell_the_definitions_of_many() {
    let deployed = Deployed::start().await;
    for release in 1..=4 {
        deploy(&deployed, &format!("1.{release}.0"));
        for _ in 0..50 {
            start(&deployed).await;
        }
    }
    let proposed = deployed.json("versions").await;
    let keep = proposed["functions"][0]["keep"].as_object().unwrap();
    assert_eq!(keep.len(), 4, "{proposed}");
    let asked =
        |call: &hookline_local::CallRecord| call.action == "DescribeStateMachineForExecution";
    let asked = deployed.fake.aws.calls_where(asked).len();
    assert!((4..=30).contains(&asked), "{asked} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_of_other_state_machines_stay() {
    let deployed = Deployed::start().await;
    let lambda = deployed.fake.aws.lambda();
    lambda.register(FunctionConfig::new("somebody-elses", "/nonexistent"));
    for release in ["1.0.0", "1.1.0", "1.2.0"] {
        lambda.register(function("somebody-elses", release));
        lambda.publish("somebody-elses").unwrap();
        deploy(&deployed, release);
    }
    let done = deployed.json("versions --yes").await;
    assert_eq!(done["functions"].as_array().unwrap().len(), 1);
    let deleted = deployed.changes();
    assert_eq!(deleted.len(), 1, "{deleted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_tells_what_was_deleted_and_what_is_left() {
    let deployed = Deployed::start().await;
    for release in ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"] {
        deploy(&deployed, release);
    }
    let denied = || error(403, "AccessDeniedException");
    deployed
        .fake
        .aws
        .inject(Fault::on("DeleteFunction", denied()).skip(1).always());
    let assert = deployed.run("versions --yes").await.code(6);
    let text = unwrapped(&stdout(&assert));
    for says in [
        "1 version is deleted.",
        "hookline-tag-node:2:",
        "hookline-tag-node:3: it was not tried, after that error",
    ] {
        assert!(text.contains(says), "no {says:?} in {text}");
    }
    assert_eq!(published(&deployed).await, ["2", "3", "4", "5"]);

    deployed
        .fake
        .aws
        .inject(Fault::on("DeleteFunction", denied()).always());
    let assert = deployed.run("versions --yes --json").await.code(6);
    let said = json_error(&assert).to_string();
    assert!(said.contains("lambda:DeleteFunction"), "{said}");
}
