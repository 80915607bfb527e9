//! A stack that keeps its logs, removed and created again: its log groups exist already, and are
//! imported. On AWS the creation fails otherwise, as the names are taken; ministack creates them over
//! again. The programs of the functions do nothing, as none runs.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use hookline_local::server::Server;
use hookline_local::{LocalAws, Settings};
use hookline_testkit::deployment::Tools;
use hookline_testkit::ministack::{ACCOUNT, Ministack, REGION};
use hookline_testkit::scene::{Scene, Size};
use serde_json::{Value, json};

use crate::app::{App, packages};
use crate::stack::{every_resource_is_there, nothing_is_left};

const STACK: &str = "hookline";

#[tokio::test(flavor = "multi_thread")]
async fn stack_that_keeps_its_logs_takes_them_over_when_it_is_created_again() -> Result<()> {
    let tools = Tools::from_environment()?;
    let folder = crate::folder("kept-logs")?;
    let local = LocalAws::new(Settings::default());
    let server = Server::start(&local, 0).await?;
    let ministack = Ministack::start(&tools.python, &packages()?, &folder, &server.url()).await?;
    let scene = Scene::build(local, &Size::default()).await?;
    let functions = crate::zip_idle_functions(&tools, &folder).await?;
    let configuration = json!({
        "stackName": STACK,
        "account": ACCOUNT,
        "region": REGION,
        "profiles": [scene.profile("upf")],
        "logs": {"keep": true},
    });
    let app = App::new(&configuration, &functions, &folder)?;
    app.bootstrap(&ministack).await?;
    app.deploy(&ministack).await?;
    every_resource_is_there(&ministack, STACK).await?;
    let groups = log_groups(&ministack).await?;
    ensure!(!groups.is_empty(), "no log groups");

    app.destroy(&ministack).await?;
    ensure!(log_groups(&ministack).await? == groups);
    app.deploy_with(&ministack, &["--import-existing-resources"])
        .await?;
    ensure!(log_groups(&ministack).await? == groups);
    let imported = imported(&ministack).await?;
    ensure!(imported == groups, "{imported:?}");

    app.destroy(&ministack).await?;
    for name in &groups {
        let delete = ["logs", "delete-log-group", "--log-group-name", name];
        ministack.aws(&delete).await?;
    }
    nothing_is_left(&ministack).await?;
    ministack.shut_down().await?;
    crate::remove(&folder)
}

/// The names of the log groups that the stack has imported.
async fn imported(ministack: &Ministack) -> Result<BTreeSet<String>> {
    let call = ["cloudformation", "describe-stack-events", "--stack-name"];
    let answer = ministack.aws(&[&call[..], &[STACK]].concat()).await?;
    let events = answer["StackEvents"].as_array().context("no list")?;
    let of_import = events
        .iter()
        .filter(|event| event["ResourceStatus"] == "IMPORT_COMPLETE");
    let name = |event: &Value| event["PhysicalResourceId"].as_str().map(str::to_owned);
    Ok(of_import.filter_map(name).collect())
}

/// The names of all log groups.
async fn log_groups(ministack: &Ministack) -> Result<BTreeSet<String>> {
    let answer = ministack.aws(&["logs", "describe-log-groups"]).await?;
    let groups = answer["logGroups"].as_array().context("no list")?;
    let name = |group: &Value| group["logGroupName"].as_str().map(str::to_owned);
    Ok(groups.iter().filter_map(name).collect())
}
