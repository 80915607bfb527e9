//! Hookline deployed on one machine. The state machine file, the engine that runs it, the function
//! binaries and the Runtime API are the real ones. EC2, Auto Scaling and EventBridge are the fake
//! AWS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hookline::runtime::DEPLOYMENT;
use hookline_local::LocalAws;
use hookline_local::lambda::FunctionConfig;
use hookline_local::server::Server;
use hookline_statemachine::LAUNCH_NODE;
use serde_json::{Value, json};

use crate::json_api::json_call;
use crate::roles;
use crate::rules::{put_rule, put_rule_with_pattern};
use crate::wait::wait_for;

/// The functions, and the placeholders of their ARNs in the state machines' files.
pub const FUNCTIONS: [(&str, &str); 9] = [
    ("tag-node", "TagNodeFunctionArn"),
    ("plan-interfaces", "PlanInterfacesFunctionArn"),
    ("create-interfaces", "CreateInterfacesFunctionArn"),
    ("attach-interfaces", "AttachInterfacesFunctionArn"),
    ("complete-hook", "CompleteHookFunctionArn"),
    ("remove-startup-taint", "RemoveStartupTaintFunctionArn"),
    (
        "set-delete-on-termination",
        "SetDeleteOnTerminationFunctionArn",
    ),
    ("release-interfaces", "ReleaseInterfacesFunctionArn"),
    ("name-nodes", "NameNodesFunctionArn"),
];

/// The names of the functions of the state machine `launch-node`.
pub fn functions_of_launches() -> impl Iterator<Item = &'static str> {
    let names = FUNCTIONS.iter().map(|(name, _)| *name);
    names.filter(|name| *name != "name-nodes")
}

/// The timeout of every function. It is below the 90 s that the state machine gives a task.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(60);

/// The paths of the tools that `cargo xtask` sets up.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The folder of the function binaries.
    pub functions: PathBuf,
    /// The interpreter of the Python environment.
    pub python: PathBuf,
}

impl Tools {
    /// From `HOOKLINE_FUNCTIONS_DIR` and `HOOKLINE_PYTHON`. A relative path is relative to the root
    /// of the workspace, although cargo runs a test in the folder of its package.
    ///
    /// # Errors
    /// If either is not set: `cargo xtask test` and `cargo xtask demo` set them.
    pub fn from_environment() -> Result<Self> {
        let path = |name: &str| {
            let path = std::env::var_os(name).with_context(|| {
                format!("{name} is not set: run this by `cargo xtask test` or `cargo xtask demo`")
            })?;
            anyhow::Ok(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("../..")
                    .join(path),
            )
        };
        Ok(Self {
            functions: path("HOOKLINE_FUNCTIONS_DIR")?,
            python: path("HOOKLINE_PYTHON")?,
        })
    }
}

/// A function as it is deployed, with its role.
///
/// # Errors
/// If its program is not built.
pub fn function(tools: &Tools, name: &str) -> Result<FunctionConfig> {
    let program = tools.functions.join(name);
    ensure!(
        program.is_file(),
        "{} is not there: `cargo xtask test` and `cargo xtask demo` build it",
        program.display()
    );
    let mut config = FunctionConfig::new(name, program);
    config.timeout = FUNCTION_TIMEOUT;
    config.role = roles::of_function(name);
    let deployment = roles::deployment().to_string();
    config.environment.insert(DEPLOYMENT.to_owned(), deployment);
    Ok(config)
}

/// A running deployment. [`Deployment::shut_down`] ends its processes. Dropping it kills them.
pub struct Deployment {
    /// The fake AWS.
    pub local: LocalAws,
    /// The endpoint of all services.
    pub endpoint: String,
    /// The ARN of the state machine in use: `launch-node`, until [`Deployment::turn_to`] changes
    /// it.
    pub state_machine_arn: String,
    /// The placeholders in the state machines' files, and their ARNs.
    functions: Vec<(String, String)>,
    _server: Server,
}

/// An execution, as DescribeExecution returns it.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub status: String,
    /// Its input.
    pub input: Value,
    /// Its output, if it succeeded.
    pub output: Option<Value>,
    /// Its error, if it failed.
    pub error: Option<String>,
    /// Its cause, if it failed.
    pub cause: Option<String>,
}

impl Deployment {
    /// Deploys the functions, the engine and the state machine.
    ///
    /// # Errors
    /// If a part does not start.
    pub async fn start(local: LocalAws, tools: &Tools, logs: Option<&Path>) -> Result<Self> {
        Self::start_with(local, tools, logs, LAUNCH_NODE).await
    }

    /// The same with another state machine definition, such as one whose waits are shorter.
    ///
    /// # Errors
    /// If a part does not start.
    pub async fn start_with(
        local: LocalAws,
        tools: &Tools,
        logs: Option<&Path>,
        definition: &str,
    ) -> Result<Self> {
        let server = Server::start(&local, 0)
            .await
            .context("could not listen on loopback")?;
        let endpoint = server.url();
        if let Some(logs) = logs {
            std::fs::create_dir_all(logs)
                .with_context(|| format!("could not make {}", logs.display()))?;
            local.lambda().set_log_directory(logs);
        }
        let mut functions = Vec::new();
        for (name, placeholder) in FUNCTIONS {
            let arn = local.lambda().register(function(tools, name)?);
            functions.push((format!("${{{placeholder}}}"), arn));
        }
        let log = logs.map(|logs| logs.join("moto.log"));
        local
            .stepfunctions()
            .start_moto(&tools.python, server.address().port(), log.as_deref())
            .await?;
        let mut deployment = Self {
            local,
            endpoint,
            state_machine_arn: String::new(),
            functions,
            _server: server,
        };
        deployment.turn_to("launch-node", definition).await?;
        Ok(deployment)
    }

    /// Creates another state machine, and uses it from now on. The ones before it stay, with their
    /// rules.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn turn_to(&mut self, name: &str, definition: &str) -> Result<()> {
        // The fake AWS has one partition.
        let mut definition = definition.replace("${Partition}", "aws");
        for (placeholder, arn) in &self.functions {
            definition = definition.replace(placeholder, arn);
        }
        let answer = json_call(
            &self.local,
            "AWSStepFunctions.CreateStateMachine",
            &json!({
                "name": name,
                "definition": definition,
                "roleArn": roles::of_state_machine(name).context("no role")?,
            }),
        )
        .await?;
        self.state_machine_arn = text(&answer, "stateMachineArn")?;
        Ok(())
    }

    /// A deployment whose functions and state machine run in another engine. Calls of Step
    /// Functions to `local` go to that engine; its functions call `local` through `server`.
    #[must_use]
    pub fn made_elsewhere(
        local: LocalAws,
        server: Server,
        engine: SocketAddr,
        state_machine_arn: String,
    ) -> Self {
        local.stepfunctions().use_engine(engine);
        Self {
            local,
            endpoint: server.url(),
            state_machine_arn,
            functions: Vec::new(),
            _server: server,
        }
    }

    /// Puts the rule of a profile; see [`put_rule`].
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn rule(&self, name: &str, profile: &Value) -> Result<()> {
        put_rule(&self.local, &self.state_machine_arn, name, profile).await
    }

    /// The same with another event pattern.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn rule_with_pattern(
        &self,
        name: &str,
        pattern: &Value,
        profile: &Value,
    ) -> Result<()> {
        put_rule_with_pattern(&self.local, &self.state_machine_arn, name, pattern, profile).await
    }

    /// Starts an execution. Returns its ARN.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn execute(&self, input: &Value) -> Result<String> {
        let answer = json_call(
            &self.local,
            "AWSStepFunctions.StartExecution",
            &json!({"stateMachineArn": self.state_machine_arn, "input": input.to_string()}),
        )
        .await?;
        text(&answer, "executionArn")
    }

    /// All executions, newest first.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn executions(&self) -> Result<Vec<Execution>> {
        self.executions_of(&self.state_machine_arn).await
    }

    /// The same of another state machine in the same engine.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn executions_of(&self, state_machine_arn: &str) -> Result<Vec<Execution>> {
        let mut executions = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut call = json!({"stateMachineArn": state_machine_arn, "maxResults": 100});
            if !token.is_null() {
                call["nextToken"] = token;
            }
            let mut page = json_call(&self.local, "AWSStepFunctions.ListExecutions", &call).await?;
            for execution in page["executions"].as_array().into_iter().flatten() {
                executions.push(self.describe(&text(execution, "executionArn")?).await?);
            }
            token = page["nextToken"].take();
            if token.is_null() {
                return Ok(executions);
            }
        }
    }

    /// One execution.
    ///
    /// # Errors
    /// If the engine does not know it.
    pub async fn describe(&self, arn: &str) -> Result<Execution> {
        let answer = json_call(
            &self.local,
            "AWSStepFunctions.DescribeExecution",
            &json!({"executionArn": arn}),
        )
        .await?;
        let parsed = |key: &str| {
            answer[key]
                .as_str()
                .map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
        };
        Ok(Execution {
            arn: arn.to_owned(),
            status: text(&answer, "status")?,
            input: parsed("input").unwrap_or_default(),
            output: parsed("output"),
            error: answer["error"].as_str().map(str::to_owned),
            cause: answer["cause"].as_str().map(str::to_owned),
        })
    }

    /// Waits until an execution has ended.
    ///
    /// # Errors
    /// If it does not end within `limit`.
    pub async fn ended(&self, arn: &str, limit: Duration) -> Result<Execution> {
        wait_for(limit, "the execution to end", async || {
            let execution = self.describe(arn).await?;
            Ok((execution.status != "RUNNING").then_some(execution))
        })
        .await
    }

    /// The events of an execution's history, in order.
    ///
    /// # Errors
    /// If the engine does not know it.
    pub async fn history(&self, arn: &str) -> Result<Vec<Value>> {
        let mut history = json_call(
            &self.local,
            "AWSStepFunctions.GetExecutionHistory",
            &json!({"executionArn": arn, "maxResults": 1000}),
        )
        .await?;
        ensure!(
            history["nextToken"].is_null(),
            "{arn}: a history of more than a page"
        );
        match history["events"].take() {
            Value::Array(events) => Ok(events),
            other => bail!("{arn}: no events but {other}"),
        }
    }

    /// The names of the states that an execution has entered, in order.
    ///
    /// # Errors
    /// If the engine does not know it.
    pub async fn states(&self, arn: &str) -> Result<Vec<String>> {
        Ok(self
            .history(arn)
            .await?
            .iter()
            .filter_map(|event| event.pointer("/stateEnteredEventDetails/name")?.as_str())
            .map(str::to_owned)
            .collect())
    }

    /// Changes the configuration of a function for later invocations, as a person does in the
    /// console.
    ///
    /// # Errors
    /// If there is no such function.
    pub fn reconfigure(
        &self,
        function: &str,
        change: impl FnOnce(&mut FunctionConfig),
    ) -> Result<()> {
        let mut config = self
            .local
            .lambda()
            .functions()
            .into_iter()
            .find(|config| config.name == function)
            .with_context(|| format!("no function {function}"))?;
        change(&mut config);
        self.local.lambda().register(config);
        Ok(())
    }

    /// The number of executions by status.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn statuses(&self) -> Result<BTreeMap<String, usize>> {
        let mut statuses = BTreeMap::new();
        for execution in self.executions().await? {
            *statuses.entry(execution.status).or_default() += 1;
        }
        Ok(statuses)
    }

    /// Ends the functions and the engine.
    pub async fn shut_down(self) {
        self.local.lambda().shutdown().await;
        self.local.stepfunctions().shutdown().await;
    }
}

fn text(value: &Value, key: &str) -> Result<String> {
    value[key]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("no {key} in {value}"))
}
