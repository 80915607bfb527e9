//! The runs that the examples come from.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_credential_types::Credentials;
use hookline_local::Settings;
use hookline_local::eks::{ApiServer, Contents};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State, small};
use serde_json::{Value, json};

/// How many launches are before the one that waits.
const AHEAD: usize = 20;

/// A time for the examples, in seconds since the epoch.
const EXAMPLE_SECONDS: i64 = 1_767_323_045;

/// What states returned.
pub(crate) struct Runs {
    /// `TagNode`
    pub(crate) tagged: Value,
    /// `PlanInterfaces`: one that waits, and one that creates.
    pub(crate) plans: Value,
    /// `CreateInterfaces`, which met a taken address
    pub(crate) allocation: Value,
    /// `AttachInterfaces`
    pub(crate) wired: Value,
    /// `ContinueLaunch`
    pub(crate) completion: Value,
    /// `SetDeleteOnTermination`: one that waits, and one that ends.
    pub(crate) delete_on_termination: Value,
    /// `ReleaseInterfaces`
    pub(crate) release: Value,
    /// What a catcher stores.
    pub(crate) failure: Value,
}

impl Runs {
    /// Runs the launches.
    pub(crate) async fn new() -> Result<Self> {
        // One that all goes well for.
        let mut launch = Launch::running_in(Settings::for_tests()).await?;
        let tagged = launch.run(State::TagNode).await?;
        let create = launch.run(State::PlanInterfaces).await?;
        launch.run(State::CreateInterfaces).await?;
        let wired = launch.run(State::AttachInterfaces).await?;
        let completion = launch.run(State::ContinueLaunch).await?;

        let mut others = Launch::more(&launch.scene, AHEAD).await?;
        let mut last = others.pop().context("no launch")?;
        last.run(State::TagNode).await?;
        let wait = last.run(State::PlanInterfaces).await?;
        ensure!(wait["step"]["action"] == "WAIT", "it does not wait: {wait}");

        let (allocation, release, failure) = Self::failing().await?;
        Ok(Self {
            tagged,
            plans: json!([wait, create]),
            allocation,
            wired,
            completion,
            delete_on_termination: Self::after_continue().await?,
            release,
            failure,
        })
    }

    /// A launch that sets DeleteOnTermination after another one is ready.
    async fn after_continue() -> Result<Value> {
        let launch = Launch::running_in(Settings::for_tests()).await?;
        let mut launch = launch.with_profile(|profile| {
            profile["requestRates"] = json!({
                "modifyNetworkInterfaceAttribute": {"capacity": 1, "refillPerSecond": 5},
            });
        });
        launch.run_to(State::ContinueLaunch).await?;
        let mut other = Launch::more(&launch.scene, 1).await?;
        let other = other.first_mut().context("no launch")?;
        // On AWS each function has its own process, and so its own listing.
        tokio::time::sleep(Duration::from_secs(61)).await;
        let wait = launch.run(State::SetDeleteOnTermination).await?;
        ensure!(wait["step"]["action"] == "WAIT", "it does not wait: {wait}");
        other.run_to(State::ContinueLaunch).await?;
        tokio::time::sleep(Duration::from_secs(61)).await;
        let end = launch.run(State::SetDeleteOnTermination).await?;
        ensure!(end["step"]["action"] == "END", "it does not end: {end}");
        Ok(json!([wait, end]))
    }

    /// A launch whose address somebody else takes, and that cannot have one of its security groups
    /// then.
    async fn failing() -> Result<(Value, Value, Value)> {
        let mut launch = Launch::running_in(Settings::for_tests()).await?;
        launch.run_to(State::PlanInterfaces).await?;
        let subnet = launch.subnet(0)?.to_owned();
        let taken = launch.address(&subnet, 4).context("no address")?;
        launch.foreign_interface(&subnet, taken).await?;
        let allocation = launch.run(State::CreateInterfaces).await?;
        // After the pause.
        launch.run(State::PlanInterfaces).await?;
        launch.run(State::PlanInterfaces).await?;
        launch.data["profile"]["slots"][0]["securityGroupIds"] = json!(["sg-0123456789abcdef0"]);
        let Err(error) = launch.run(State::CreateInterfaces).await else {
            anyhow::bail!("a security group that is not there was found");
        };
        let cause = json!({"errorType": error.error_type(), "errorMessage": error.to_string()});
        let failure = json!({"Error": error.error_type(), "Cause": cause.to_string()});
        launch.run(State::AbandonLaunch).await?;
        let release = launch.run(State::ReleaseInterfaces).await?;
        Ok((allocation, release, failure))
    }
}

/// `RemoveStartupTaint`: one that waits, and one that removes the taint. The time of the first look
/// is an example: this clock is the machine's.
pub(crate) async fn startup_taint() -> Result<Value> {
    let launch = Launch::begin(Settings::for_tests(), &small()).await?;
    let mut launch = launch.with_profile(|profile| {
        profile["startupTaint"] = json!({ "cluster": "prod" });
    });
    launch.run(State::TagNode).await?;
    let caller = Credentials::from_keys("test", "test", None);
    let server = ApiServer::start("prod", vec![caller]).await?;
    launch
        .local()
        .eks()
        .add_cluster("prod", server.description());
    let mut wait = launch.run(State::RemoveStartupTaint).await?;
    let address = launch.data["node"]["privateIpAddress"].as_str();
    let address = address.context("no address")?.replace('.', "-");
    let node = json!({
        "metadata": {
            "name": format!("ip-{address}.us-west-2.compute.internal"),
            "resourceVersion": "1",
        },
        "spec": {
            "providerID": format!("aws:///us-west-2a/{}", launch.instance),
            "taints": [{ "key": "hookline.io/not-ready", "effect": "NoSchedule" }],
        },
    });
    server.set_contents(Contents {
        nodes: vec![node],
        ..Contents::default()
    });
    let mut end = launch.run(State::RemoveStartupTaint).await?;
    ensure!(end["removed"] == true, "the taint is not removed: {end}");
    let since = json!(EXAMPLE_SECONDS);
    (wait["since"], end["since"]) = (since.clone(), since);
    Ok(json!([wait, end]))
}
