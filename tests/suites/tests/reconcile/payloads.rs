//! Payloads that are not right: each says what is wrong with it, or is left, and nothing is
//! changed.

use anyhow::Result;
use hookline_simulator::run::{MACHINE_ARN, Run, on_paused_clock};
use serde_json::{Value, json};

use super::{GONE, nothing_done, scenario};

#[test]
fn invalid_payload_names_the_field() -> Result<()> {
    let good = json!({"stateMachineArn": MACHINE_ARN, "profiles": []});
    let with = |key: &str, value: Value| {
        let mut payload = good.clone();
        payload[key] = value;
        payload
    };
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        for (payload, says) in [
            (Value::Null, "payload: "),
            (json!([]), "payload: "),
            (json!({}), "payload: missing field"),
            (with("profiles", json!({})), "payload.profiles: "),
            (with("profile", json!(1)), "payload.profile: unknown field"),
            (
                with("limits", json!({"deletes": 2})),
                "payload.limits.deletes: unknown field",
            ),
            (
                with("limits", json!({"deletesPerRound": -1})),
                "payload.limits.deletesPerRound: ",
            ),
            (with("dryRun", json!("yes")), "payload.dryRun: "),
            (
                with("stateMachineArn", json!("launch-node")),
                "stateMachineArn: expected arn:aws:states",
            ),
            (
                json!({"detail-type": "Step Functions Execution Status Change"}),
                "detail: ",
            ),
            (
                json!({"detail-type": "Step Functions Execution Status Change", "detail": {"executionArn": 7}}),
                "detail.executionArn: ",
            ),
        ] {
            let error = run.invoke("reconcile", payload).await.expect_err(says);
            assert_eq!(error.error, "Hookline.InvalidPayload", "{}", error.cause);
            assert!(error.cause.contains(says), "{says}: {}", error.cause);
        }
        assert!(
            !run.local
                .calls()
                .iter()
                .any(|call| call.user_agent.contains("app/Hookline"))
        );
        Ok(())
    })
}

#[test]
fn end_of_an_execution_without_a_launch_is_ignored() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        let launch = json!({
            "id": "1", "source": "aws.autoscaling", "account": "123456789012", "region": "us-west-2",
            "detail-type": "EC2 Instance-launch Lifecycle Action", "time": "2026-01-01T00:00:00Z",
            "detail": {
                "AutoScalingGroupName": "none", "LifecycleHookName": "hookline-launch",
                "EC2InstanceId": GONE, "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            },
        });
        for input in [
            Value::Null,
            json!(""),
            json!("null"),
            json!("[1]"),
            json!(json!({"event": {}}).to_string()),
            json!(json!({"event": launch}).to_string()),
        ] {
            for status in ["TIMED_OUT", "ABORTED", "FAILED", "SUCCEEDED", "RUNNING"] {
                let event = json!({
                    "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
                    "detail": {
                        "executionArn": format!("{}:none", MACHINE_ARN.replace("stateMachine", "execution")),
                        "stateMachineArn": MACHINE_ARN, "status": status, "input": input,
                    },
                });
                let report = run.invoke("reconcile", event).await.expect("a report");
                nothing_done(&report);
                assert_eq!(
                    super::count(&report, "left"),
                    1,
                    "{status} {input}: {report}"
                );
            }
        }
        Ok(())
    })
}
