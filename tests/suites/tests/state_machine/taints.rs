//! Scenes with a startup taint: the node registers late, the API server has its troubles, or it
//! refuses. The node runs no kubelet: the scene registers it.

use anyhow::{Context as _, Result, ensure};
use hookline_domain::profile::Profile;
use hookline_local::eks::{ApiServer, Contents, Fault, Resource};
use hookline_local::iam::credentials_of;
use hookline_testkit::roles;
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::launches::scarce;
use crate::scenes::GROUP;

const CLUSTER: &str = "prod";
const KEY: &str = "hookline.io/not-ready";

/// The cluster of the roles' fixture. It knows the role of `remove-startup-taint`.
async fn cluster(stage: &Stage) -> Result<ApiServer> {
    let role = roles::of_function("remove-startup-taint").context("no role")?;
    let server = ApiServer::start(CLUSTER, vec![credentials_of(&role)]).await?;
    stage.local.eks().add_cluster(CLUSTER, server.description());
    Ok(server)
}

/// A node of the instance, with the startup taint and one of somebody else.
fn register(server: &ApiServer, name: &str, instance: &str) {
    let node = json!({
        "metadata": { "name": name, "resourceVersion": "1" },
        "spec": {
            "providerID": format!("aws:///us-west-2a/{instance}"),
            "taints": [
                { "key": KEY, "effect": "NoSchedule" },
                { "key": "example.com/own", "effect": "NoSchedule" },
            ],
        },
    });
    server.set_contents(Contents {
        nodes: vec![node],
        ..Contents::default()
    });
}

fn keys(server: &ApiServer, node: &str) -> Vec<Value> {
    let node = server.node(node).unwrap_or_default();
    let taints = node["spec"]["taints"].as_array().cloned();
    let taints = taints.unwrap_or_default().into_iter();
    taints.map(|taint| taint["key"].clone()).collect()
}

/// The only instance of the group, when it is in service.
async fn launched(stage: &Stage) -> Result<String> {
    stage.scene.scale(GROUP, 1).await?;
    stage.in_service(GROUP, 1).await?;
    let states = stage
        .local
        .with_world(|world| world.autoscaling.states(GROUP));
    states.into_keys().next().context("no instance")
}

/// The node registers after the first look. The API server throttles the first change of it, and
/// fails at the second.
pub(crate) async fn removed_despite_faults(stage: &Stage) -> Result<()> {
    let server = cluster(stage).await?;
    server.fail(|request| match (request.resource, request.nth) {
        (Resource::NodePatch, 1) => Some(Fault::Status(429, None)),
        (Resource::NodePatch, 2) => Some(Fault::Status(500, None)),
        _ => None,
    });
    let mut profile = scarce(stage);
    profile["startupTaint"] = json!({ "cluster": CLUSTER });
    let profile = stage.group_with(GROUP, profile).await?;
    let instance = launched(stage).await?;
    wait_for(LIMIT, "a look for the node", async || {
        Ok((server.requests().len() >= 2).then_some(()))
    })
    .await?;
    register(&server, &instance, &instance);
    let executions = stage.ended(1).await?;
    let execution = executions.first().context("no execution")?;
    stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
    let states = stage.deployment.states(&execution.arn).await?;
    for name in ["WaitForTheNode", "SetDeleteOnTermination"] {
        ensure!(
            states.iter().any(|state| state == name),
            "{name}: {states:?}"
        );
    }
    assert_eq!(keys(&server, &instance), ["example.com/own"]);
    stage.at_rest(&[profile]).await
}

/// The cluster does not let the function see its nodes. The node stays in service and tainted until
/// a person has corrected that, and has started again.
pub(crate) async fn refused_then_replayed(stage: &Stage) -> Result<()> {
    let server = cluster(stage).await?;
    server.fail(|_| Some(Fault::Status(403, None)));
    let mut profile = stage.scene.profile(GROUP);
    profile["startupTaint"] = json!({ "cluster": CLUSTER });
    stage.group_with(GROUP, profile.clone()).await?;
    let instance = launched(stage).await?;
    let described = stage.scene.ec2.describe_instances().instance_ids(&instance);
    let described = described.send().await?;
    let mut found = described
        .reservations()
        .iter()
        .flat_map(|of| of.instances());
    let dns = found.next().and_then(|found| found.private_dns_name());
    let dns = dns.context("no private DNS name")?;
    register(&server, dns, &instance);
    let executions = stage.ended(1).await?;
    let failed = executions.first().context("no execution")?;
    stage.expect(failed, "FAILED", "StartupTaintLeft").await?;
    assert_eq!(failed.error.as_deref(), Some("Hookline.AccessDenied"));
    let cause = failed.cause.as_deref().unwrap_or_default();
    let says = format!("{instance} is in service, and its node keeps the taint {KEY}");
    assert!(cause.contains(&says), "{cause}");
    assert_eq!(keys(&server, dns).len(), 2);

    server.fail(|_| None);
    let replayed = stage.run(&failed.input["event"], &profile).await?;
    stage.expect(&replayed, "SUCCEEDED", "NodeReady").await?;
    assert_eq!(keys(&server, dns), ["example.com/own"]);
    stage.at_rest(&[Profile::read(profile)?]).await
}
