//! A deployment on the fake AWS, whose executions run in this process and do nothing.

use std::time::Duration;

use assert_cmd::assert::Assert;
use hookline_local::Settings;
use hookline_local::autoscaling::LifecycleState;
use hookline_testkit::json_api::json_call;
use hookline_testkit::rules::put_rule;
use hookline_testkit::scene::{Scene, Size};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::fake::{Fake, run};
use crate::stdout;

pub(crate) const MACHINE: &str =
    "arn:aws:states:us-west-2:123456789012:stateMachine:hookline-launch-node";

/// A deployment without functions, its group `upf`, and the schedule of reconcile.
pub(crate) struct Deployed {
    pub(crate) fake: Fake,
    pub(crate) scene: Scene,
    pub(crate) profile: Value,
}

impl Deployed {
    pub(crate) async fn start() -> Self {
        // The clock of the fake AWS is that of the command.
        let settings = Settings {
            instance_pending_for: Duration::from_millis(10),
            ..Settings::default()
        };
        let fake = Fake::start_with(settings).await;
        fake.aws.stepfunctions().on_start_execution(|_| {});
        let size = Size {
            azs: 1,
            networks: 2,
            ..Size::default()
        };
        let scene = Scene::build(fake.aws.clone(), &size).await.unwrap();
        scene.group("upf").await.unwrap();
        let profile = scene.profile("upf");
        put_rule(&fake.aws, MACHINE, "launch-upf", &profile)
            .await
            .unwrap();
        let deployed = Self {
            fake,
            scene,
            profile,
        };
        deployed.machine(MACHINE).await;
        let input = json!({"stateMachineArn": MACHINE, "profiles": [deployed.profile]});
        let target = json!({
            "Id": "r",
            "Arn": "arn:aws:lambda:us-west-2:123456789012:function:hookline-reconcile",
            "Input": input.to_string(),
        });
        let rule = json!({"Name": "hookline-reconcile", "ScheduleExpression": "rate(5 minutes)"});
        deployed.call("AWSEvents.PutRule", &rule).await;
        let targets = json!({"Rule": "hookline-reconcile", "Targets": [target]});
        deployed.call("AWSEvents.PutTargets", &targets).await;
        deployed
    }

    pub(crate) async fn call(&self, action: &str, call: &Value) -> Value {
        json_call(&self.fake.aws, action, call).await.unwrap()
    }

    /// Makes a state machine known.
    pub(crate) async fn machine(&self, arn: &str) {
        let call = json!({"stateMachineArn": arn, "input": "{}"});
        let started = self.call("AWSStepFunctions.StartExecution", &call).await;
        self.call("AWSStepFunctions.StopExecution", &started).await;
    }

    pub(crate) async fn run(&self, line: &str) -> Assert {
        run(self.fake.command(&format!("{line} --region us-west-2"))).await
    }

    /// The trouble in `status --json`.
    pub(crate) async fn trouble(&self) -> Vec<Value> {
        let assert = self.run("status --json").await.success();
        let mut status: Value = serde_json::from_str(&stdout(&assert)).unwrap();
        serde_json::from_value(status["trouble"].take()).unwrap()
    }

    /// Launches instances, and waits until all wait at the hook.
    pub(crate) async fn launch(&self, nodes: usize) {
        self.scene
            .scale("upf", nodes.try_into().unwrap())
            .await
            .unwrap();
        wait_for(
            Duration::from_secs(60),
            "the launches to wait",
            async || {
                let waiting = self.fake.aws.with_world(|world| {
                    let states = world.autoscaling.states("upf").into_values();
                    states
                        .filter(|state| *state == LifecycleState::PendingWait)
                        .count()
                });
                Ok((waiting == nodes).then_some(()))
            },
        )
        .await
        .unwrap();
    }
}
