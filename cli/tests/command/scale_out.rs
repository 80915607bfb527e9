//! Executions with histories as Step Functions has them, on a deployment whose executions do
//! nothing by themselves.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookline_local::stepfunctions::ExecutionEnd;
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::deployed::{Deployed, MACHINE};

/// Starts an execution for an instance of a group. Returns its ARN.
pub(crate) async fn start(deployed: &Deployed, group: &str, instance: &str) -> String {
    let input = json!({
        "event": {"detail": {"AutoScalingGroupName": group, "EC2InstanceId": instance}},
        "profile": deployed.profile,
    });
    let call = json!({"stateMachineArn": MACHINE, "input": input.to_string()});
    let started = deployed
        .call("AWSStepFunctions.StartExecution", &call)
        .await;
    started["executionArn"].as_str().unwrap().to_owned()
}

/// The ARN of the execution that the event of a launch starts.
pub(crate) async fn execution_of(deployed: &Deployed, instance: &str) -> String {
    let call = json!({"stateMachineArn": MACHINE});
    wait_for(Duration::from_secs(60), "the execution", async || {
        let listed = deployed
            .call("AWSStepFunctions.ListExecutions", &call)
            .await;
        for execution in listed["executions"].as_array().into_iter().flatten() {
            let call = json!({"executionArn": execution["executionArn"]});
            let action = "AWSStepFunctions.DescribeExecution";
            let described = deployed.call(action, &call).await;
            if described["input"]
                .as_str()
                .is_some_and(|input| input.contains(instance))
            {
                return Ok(execution["executionArn"].as_str().map(str::to_owned));
            }
        }
        Ok(None)
    })
    .await
    .unwrap()
}

/// The history of a launch. Times are in seconds after it began.
pub(crate) struct Launch {
    began: f64,
    events: Vec<Value>,
}

impl Launch {
    /// One that began so many seconds ago.
    pub(crate) fn begun(seconds_ago: f64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self {
            began: now.as_secs_f64() - seconds_ago,
            events: Vec::new(),
        }
    }

    fn enter(&mut self, at: f64, kind: &str, state: &str) {
        self.events.push(json!({
            "timestamp": self.began + at,
            "type": format!("{kind}StateEntered"),
            "stateEnteredEventDetails": {"name": state},
        }));
    }

    fn pass(&mut self, from: f64, to: f64, state: &str, output: &Value) {
        self.enter(from, "Task", state);
        self.events.push(json!({
            "timestamp": self.began + to,
            "type": "TaskStateExited",
            "stateExitedEventDetails": {"name": state, "output": output.to_string()},
        }));
    }

    /// It got its tags, and waits for its turn from then on.
    pub(crate) fn waiting(mut self, instance: &str, name: &str) -> Self {
        let node = json!({"next": "WIRE", "node": {
            "instanceId": instance, "name": name, "instanceType": "m5.4xlarge",
            "availabilityZone": "us-west-2a", "privateIpAddress": null, "launchedAt": 0, "running": true,
        }});
        self.pass(0.0, 0.4, "TagNode", &node);
        self.enter(0.4, "Task", "PlanInterfaces");
        self
    }

    /// It had its turn by then, and is InService two seconds later. `n` makes its addresses.
    pub(crate) fn wired(mut self, at: f64, instance: &str, n: usize) -> Self {
        let interface = |network: &str, index: usize| {
            json!({
                "network": network, "deviceIndex": index, "networkCard": 0,
                "networkInterfaceId": format!("eni-{:08x}", 16 * n + index),
                "attachmentId": "eni-attach-1", "subnetId": format!("subnet-{index:08x}"),
                "privateIpAddresses": [format!("10.0.{index}.{}", n + 3)], "ipv6Addresses": [],
            })
        };
        let slot = |network: &str, index: usize| {
            json!({
                "network": network, "existing": null, "subnetId": format!("subnet-{index:08x}"),
                "privateIpAddresses": [format!("10.0.{index}.{}", n + 3)], "ipv6Addresses": [],
                "deviceIndex": index, "attempt": 1,
            })
        };
        let plan = json!({"plan": {
            "step": {
                "action": "CREATE", "surplus": [],
                "slots": [slot("signaling", 1), slot("user-plane", 2)],
            },
            "round": 1, "ahead": 0, "observations": {}, "nodeRunning": true,
            "secondsSinceEvent": 3,
        }});
        let wired = json!({"wired": {
            "node": {
                "instanceId": instance, "name": null, "autoScalingGroup": "upf",
                "availabilityZone": "us-west-2a",
            },
            "interfaces": [interface("signaling", 1), interface("user-plane", 2)],
            "seconds": {"eventToTurn": null, "eventToWired": null, "eventToContinue": null},
        }});
        let completion = json!({"completion": {
            "result": "CONTINUE", "outcome": "COMPLETED", "next": "END", "lifecycleState": null,
        }});
        self.pass(0.4, at, "PlanInterfaces", &plan);
        self.pass(at, at + 0.5, "CreateInterfaces", &json!({}));
        self.pass(at + 0.5, at + 1.8, "AttachInterfaces", &wired);
        self.pass(at + 1.8, at + 2.0, "ContinueLaunch", &completion);
        self
    }

    /// It is the history of this execution, which goes on.
    pub(crate) fn goes_on(self, deployed: &Deployed, arn: &str) {
        let engine = deployed.fake.aws.stepfunctions();
        engine.set_history(arn, self.events);
    }

    /// It is the history of this execution, which succeeded.
    pub(crate) fn succeeded(self, deployed: &Deployed, arn: &str) {
        self.ended(deployed, arn, "SUCCEEDED");
    }

    /// A function fails two seconds after it began, with this message, and the launch is given up.
    pub(crate) fn abandoned(mut self, deployed: &Deployed, arn: &str, message: &str) {
        let cause = json!({"errorMessage": message}).to_string();
        let sent = json!({"completion": {
            "result": "ABANDON", "outcome": "COMPLETED", "next": "END", "lifecycleState": null,
        }});
        self.enter(0.5, "Task", "PlanInterfaces");
        self.events.push(json!({
            "timestamp": self.began + 2.0,
            "type": "LambdaFunctionFailed",
            "lambdaFunctionFailedEventDetails": {"error": "Hookline.SubnetsFull", "cause": cause},
        }));
        self.pass(2.0, 2.5, "AbandonLaunch", &sent);
        self.enter(3.0, "Fail", "LaunchAbandoned");
        self.ended(deployed, arn, "FAILED");
    }

    fn ended(self, deployed: &Deployed, arn: &str, status: &str) {
        let engine = deployed.fake.aws.stepfunctions();
        engine.set_history(arn, self.events);
        let end = ExecutionEnd {
            status: status.to_owned(),
            ..ExecutionEnd::default()
        };
        engine.end_execution(&deployed.fake.aws, arn, end);
    }
}
