//! The examples, linted and deployed as they are.

use std::path::Path;

use anyhow::{Result, ensure};
use hookline_local::server::Server;
use hookline_local::{LocalAws, Settings};
use hookline_testkit::deployment::Tools;
use hookline_testkit::ministack::Ministack;
use hookline_testkit::scene::{HOOK, Scene, Size};

use crate::app::{App, packages, source};
use crate::stack::{cluster, every_resource_is_there, hooks, node_group, nothing_is_left};
use crate::templates;

#[tokio::test(flavor = "multi_thread")]
async fn examples_have_valid_templates_and_every_resource_is_created_and_removed() -> Result<()> {
    let tools = Tools::from_environment()?;
    let folder = crate::folder("examples")?;
    let local = LocalAws::new(Settings::default());
    let server = Server::start(&local, 0).await?;
    let ministack = Ministack::start(&tools.python, &packages()?, &folder, &server.url()).await?;
    let scene = Scene::build(local, &Size::default()).await?;
    // What the examples find in the account: `one-group-per-az` has the cluster and its node
    // groups.
    cluster(&ministack, "core").await?;
    let mut managed = Vec::new();
    for az in ["us-west-2a", "us-west-2b"] {
        managed.push(node_group(&ministack, &scene, "core", &format!("upf-{az}")).await?);
    }

    let functions = crate::zip_functions(&tools, &folder).await?;
    let examples = source()?.join("examples");
    let app = |file: &str| {
        let file = examples.join(file);
        let own = folder.join(file.parent().and_then(Path::file_name).unwrap_or_default());
        std::fs::create_dir(&own)?;
        App::of_file(&file, &functions, &own)
    };
    let over_three = app("one-group-over-three-azs/hookline.config.json")?;
    let per_az = app("one-group-per-az/hookline.config.ts")?;
    over_three.bootstrap(&ministack).await?;
    over_three.deploy(&ministack).await?;
    every_resource_is_there(&ministack, "hookline-smf").await?;
    templates::check(&tools, &over_three.assembly()).await?;
    per_az.deploy(&ministack).await?;
    every_resource_is_there(&ministack, "hookline-upf").await?;
    templates::check(&tools, &per_az.assembly()).await?;
    for group in &managed {
        let hooks = hooks(&scene, group).await?;
        ensure!(hooks.len() == 1 && hooks[0].0 == HOOK, "{group}: {hooks:?}");
    }

    per_az.destroy(&ministack).await?;
    over_three.destroy(&ministack).await?;
    for group in &managed {
        ensure!(
            hooks(&scene, group).await?.is_empty(),
            "{group} kept its hook"
        );
    }
    nothing_is_left(&ministack).await?;
    ministack.shut_down().await?;
    crate::remove(&folder)
}
