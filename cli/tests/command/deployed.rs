//! A deployment on the fake AWS, whose executions run in this process and do nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use assert_cmd::assert::Assert;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::iam::{Policy, Role};
use hookline_local::lambda::FunctionConfig;
use hookline_local::{CallRecord, Settings};
use hookline_testkit::json_api::json_call;
use hookline_testkit::permissions::allowed;
use hookline_testkit::roles;
use hookline_testkit::rules::put_rule;
use hookline_testkit::scene::{Scene, Size};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::fake::{Fake, run};
use crate::stdout;

pub(crate) const MACHINE: &str =
    "arn:aws:states:us-west-2:123456789012:stateMachine:hookline-launch-node";

/// The release of the command.
pub(crate) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// A function of a release, as the CDK app describes it.
pub(crate) fn function(name: &str, release: &str) -> FunctionConfig {
    let mut function = FunctionConfig::new(name, format!("/nonexistent/{release}"));
    function.description =
        format!("A function (Hookline), version {release}, code at 0a1b2c3d4e5f");
    function
}

/// A deployment without functions, its group `upf`, and the schedule of reconcile.
pub(crate) struct Deployed {
    pub(crate) fake: Fake,
    pub(crate) scene: Scene,
    pub(crate) profile: Value,
}

impl Deployed {
    pub(crate) async fn start() -> Self {
        let size = Size {
            azs: 1,
            networks: 2,
            ..Size::default()
        };
        Self::start_in(&size).await
    }

    /// The same in a network of another size.
    pub(crate) async fn start_in(size: &Size) -> Self {
        // The clock of the fake AWS is that of the command.
        let settings = Settings {
            instance_pending_for: Duration::from_millis(10),
            ..Settings::default()
        };
        let fake = Fake::start_with(settings).await;
        fake.aws.stepfunctions().on_start_execution(|_| {});
        let scene = Scene::build(fake.aws.clone(), size).await.unwrap();
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

    /// Gives the state machine and reconcile what DescribeStateMachine, ListFunctions and ListRoles
    /// show of a deployment: a definition, functions, and the role of the rule.
    pub(crate) fn define(&self) {
        let lambda = self.fake.aws.lambda();
        let allowed = allowed().unwrap();
        for name in ["reconcile", "tag-node"] {
            let mut function = function(&format!("hookline-{name}"), RELEASE);
            function.role = Some(self.put_role(name, &allowed[name]));
            lambda.register(function);
        }
        // As the CDK app does.
        let version = lambda.publish("hookline-tag-node").unwrap();
        let definition = json!({
            "TimeoutSeconds": 10_800,
            "States": {"TagNode": {"Type": "Task", "Resource": version, "End": true}},
        });
        let role = self.put_role("launch-node", &allowed["launch-node"]);
        let stepfunctions = self.fake.aws.stepfunctions();
        stepfunctions.set_definition(&self.fake.aws, MACHINE, definition, &role);
        let of_rule = roles::of_rule_for(MACHINE).unwrap();
        let name = of_rule.rsplit('/').next().unwrap();
        self.put_role(name, &["states:StartExecution".to_owned()].into());
    }

    /// Makes a role that allows these actions on everything, or replaces it, and returns its ARN.
    pub(crate) fn put_role(&self, name: &str, actions: &BTreeSet<String>) -> String {
        let arn = format!("arn:aws:iam::123456789012:role/{name}");
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
        });
        self.fake.aws.iam().put_role(Role {
            arn: arn.clone(),
            policies: vec![Policy::parse(&policy).unwrap()],
        });
        arn
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

    /// The same, for its JSON.
    pub(crate) async fn json(&self, line: &str) -> Value {
        let assert = self.run(&format!("{line} --json")).await;
        serde_json::from_str(&stdout(&assert)).unwrap()
    }

    /// How many calls the command has made. EventBridge and the scene make calls too.
    pub(crate) fn calls_of_command(&self) -> usize {
        let aws = &self.fake.aws;
        aws.calls_where(|call| call.user_agent.contains("app/Hookline"))
            .len()
    }

    /// The calls of the command that change something.
    pub(crate) fn changes(&self) -> Vec<CallRecord> {
        const READS: [&str; 3] = ["Describe", "List", "Get"];
        self.fake.aws.calls_where(|call| {
            call.user_agent.contains("app/Hookline")
                && !READS.iter().any(|read| call.action.starts_with(read))
        })
    }

    /// Fails if the command has made a call that a policy for people does not allow.
    pub(crate) fn check_policy(&self, policy: &str) {
        let allowed = &allowed().unwrap()[policy];
        let calls = self
            .fake
            .aws
            .calls_where(|call| call.user_agent.contains("app/Hookline"));
        assert!(!calls.is_empty());
        for call in calls {
            let action = match call.action.as_str() {
                "Invoke" => "lambda:InvokeFunction".to_owned(),
                action => format!("{}:{action}", call.service),
            };
            assert!(allowed.contains(&action), "{policy} lacks {action}");
        }
    }

    /// The trouble in `status --json`.
    pub(crate) async fn trouble(&self) -> Vec<Value> {
        let assert = self.run("status --json").await.success();
        let mut status: Value = serde_json::from_str(&stdout(&assert)).unwrap();
        serde_json::from_value(status["trouble"].take()).unwrap()
    }

    /// Launches instances, and waits until all wait at the hook.
    pub(crate) async fn launch(&self, nodes: usize) {
        self.launch_in("upf", nodes).await;
    }

    /// [`Deployed::launch`], in another group.
    pub(crate) async fn launch_in(&self, group: &str, nodes: usize) {
        self.scene
            .scale(group, nodes.try_into().unwrap())
            .await
            .unwrap();
        wait_for(
            Duration::from_secs(60),
            "the launches to wait",
            async || {
                let waiting = self.fake.aws.with_world(|world| {
                    let states = world.autoscaling.states(group).into_values();
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
