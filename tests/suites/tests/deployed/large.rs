//! 50 profiles with hooks and 20 for naming in one stack, as `cdk deploy` deploys it: the template of
//! the quotas' limits (cdk/test/large-configuration.test.ts). The programs of the functions do nothing, as
//! none runs.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use hookline_local::server::Server;
use hookline_local::{LocalAws, Settings};
use hookline_testkit::deployment::Tools;
use hookline_testkit::ministack::Ministack;
use hookline_testkit::scene::HOOK;
use serde_json::{Value, json};

use crate::app::{App, packages};
use crate::stack::{every_resource_is_there, nothing_is_left};
use crate::templates;

const STACK: &str = "hookline-large";
const PROFILES: usize = 50;
const NAMING: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn stack_of_fifty_profiles_is_created_with_a_rule_and_a_hook_for_each_and_removed()
-> Result<()> {
    let tools = Tools::from_environment()?;
    let folder = crate::folder("large")?;
    let local = LocalAws::new(Settings::default());
    let server = Server::start(&local, 0).await?;
    let ministack = Ministack::start(&tools.python, &packages()?, &folder, &server.url()).await?;
    let functions = crate::zip_idle_functions(&tools, &folder).await?;
    let app = App::new(&configuration(), &functions, &folder)?;

    app.bootstrap(&ministack).await?;
    app.deploy(&ministack).await?;
    let resources = every_resource_is_there(&ministack, STACK).await?;
    ensure!(resources > 400, "only {resources} resources");
    templates::check(&tools, &app.assembly()).await?;
    let rules = rules_by_profile(&ministack).await?;
    // A call takes a second, so not of all.
    for n in [0, PROFILES / 2, PROFILES - 1] {
        gives_its_profile(&ministack, &rules[n], n).await?;
        has_its_hook(&ministack, &group(n)).await?;
    }

    app.destroy(&ministack).await?;
    nothing_is_left(&ministack).await?;
    ministack.shut_down().await?;
    crate::remove(&folder)
}

fn name(n: usize) -> String {
    format!("user-plane-function-{n}")
}

/// The name of a group as EKS makes it.
fn group(n: usize) -> String {
    format!("eks-{}-06c5c4f3-8ec0-78ca-429c-84bcfac2302e", name(n))
}

fn configuration() -> Value {
    let profiles: Vec<Value> = (0..PROFILES).map(profile).collect();
    let hooks = (0..PROFILES).map(|n| json!({"profile": name(n), "autoScalingGroup": group(n)}));
    let naming = (0..NAMING).map(|n| {
        json!({
            "profile": {
                "name": format!("web-{n}"),
                "selector": {"autoScalingGroupNames": [format!("web-{n}")]},
                "nodeTags": {"Name": "web-{{ private_ip | dashed }}"},
            },
            "onRunInstances": true,
        })
    });
    json!({
        "stackName": STACK,
        "profiles": profiles,
        "hooks": hooks.collect::<Vec<_>>(),
        "naming": naming.collect::<Vec<_>>(),
        "networkLimit": {"vpcIds": ["vpc-0123456789abcdef0"]},
    })
}

/// A profile of four networks in three Availability Zones, with subnets of its own.
fn profile(n: usize) -> Value {
    let slots = (0..4).map(|network| {
        let subnets = (0..3).map(|zone| format!("subnet-{:017x}", 12 * n + 3 * network + zone));
        json!({
            "network": format!("network-{network}"),
            "deviceIndex": network + 1,
            "subnetIds": subnets.collect::<Vec<_>>(),
            "securityGroupIds": [format!("sg-{:017x}", 4 * n + network)],
        })
    });
    json!({
        "name": name(n),
        "selector": {"autoScalingGroupNames": [group(n)]},
        "hook": {"name": HOOK},
        "nodeTags": {"Name": "{{ asg }}-{{ private_ip | dashed }}"},
        "slots": slots.collect::<Vec<_>>(),
    })
}

/// The rule of each profile, in their order, by the group in its pattern.
async fn rules_by_profile(ministack: &Ministack) -> Result<Vec<String>> {
    let answer = ministack.aws(&["events", "list-rules"]).await?;
    let mut by_group = BTreeMap::new();
    for rule in answer["Rules"].as_array().context("no list")? {
        let (Some(name), Some(pattern)) = (rule["Name"].as_str(), rule["EventPattern"].as_str())
        else {
            continue;
        };
        let pattern: Value = serde_json::from_str(pattern)?;
        if pattern["detail"]["LifecycleHookName"] == json!([HOOK]) {
            let group = &pattern["detail"]["AutoScalingGroupName"][0];
            by_group.insert(
                group.as_str().unwrap_or_default().to_owned(),
                name.to_owned(),
            );
        }
    }
    ensure!(by_group.len() == PROFILES, "{by_group:#?}");
    let rule = |n| by_group.remove(&group(n)).with_context(|| group(n));
    (0..PROFILES).map(rule).collect()
}

/// Checks that a rule gives the profile with this number to the execution that it starts.
async fn gives_its_profile(ministack: &Ministack, rule: &str, n: usize) -> Result<()> {
    let list = ["events", "list-targets-by-rule", "--rule", rule];
    let answer = ministack.aws(&list).await?;
    let template = answer["Targets"][0]["InputTransformer"]["InputTemplate"].as_str();
    let template = template.with_context(|| format!("no input: {answer:#}"))?;
    ensure!(template.contains(&format!("\"{}\"", name(n))), "{template}");
    Ok(())
}

async fn has_its_hook(ministack: &Ministack, group: &str) -> Result<()> {
    let call = ["autoscaling", "describe-lifecycle-hooks"];
    let name = ["--auto-scaling-group-name", group];
    let answer = ministack.aws(&[call, name].concat()).await?;
    let hooks = answer["LifecycleHooks"].as_array().context("no list")?;
    ensure!(
        hooks.len() == 1 && hooks[0]["LifecycleHookName"] == HOOK,
        "{group}: {answer:#}"
    );
    Ok(())
}
