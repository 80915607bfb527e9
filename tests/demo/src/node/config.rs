//! The configuration of the nodes, and what the CDK app makes from it: user data, and the
//! definitions of the networks. The commands are those of docs/node-groups.md.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use hookline_local::LocalAws;
use hookline_testkit::scene::Scene;
use serde_json::{Value, json};
use tokio::process::Command;

/// What the CDK app makes from a configuration.
pub(super) struct Built {
    /// The user data of the node group.
    pub(super) user_data: String,
    /// The NetworkAttachmentDefinitions and the Deployment of the demo application.
    pub(super) manifests: Value,
}

/// The configuration of a node group with two networks, as a user writes it. One interface goes
/// into its pod as it is, with its primary address; the pod of the other gets a secondary address.
pub(super) fn of(scene: &Scene, group: &str) -> Result<Value> {
    let mut profile = scene.profile(group);
    let names: Vec<&str> = scene.networks.iter().map(|one| one.name.as_str()).collect();
    let [first, second] = names[..] else {
        anyhow::bail!("two networks are needed: {names:?}");
    };
    profile["slots"][1]["secondaryPrivateAddresses"] = json!(2);
    let networks = json!({
        first: {"cni": {"type": "host-device"}},
        second: {"interfaceName": "up0", "cni": {"type": "macvlan", "addresses": "secondary"}},
    });
    Ok(json!({
        "stackName": "hookline",
        "profiles": [profile],
        "nodeGroups": [{
            "name": group,
            "profile": group,
            "management": "self-managed",
            "cluster": {
                "name": "core",
                "securityGroupId": scene.security_group,
                "endpoint": "https://0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com",
                "certificateAuthority": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkV4YW1wbGUK",
                "serviceCidr": "10.100.0.0/16",
            },
            "imageId": "ami-0123456789abcdef0",
            "subnetIds": scene.node_subnets,
            "instanceTypes": [super::INSTANCE_TYPE],
            "maxSize": super::NODES,
            "labels": {"workload": group},
            "networks": networks,
        }],
    }))
}

/// Runs the CDK app's commands on a configuration, which is written into a folder.
///
/// # Errors
/// If the CDK app is not there, or refuses the configuration.
pub(super) async fn build(config: &Value, folder: &Path, group: &str) -> Result<Built> {
    let cdk = std::env::var_os("HOOKLINE_CDK")
        .context("HOOKLINE_CDK is not set: run this by `cargo xtask demo --node`")?;
    let cdk = PathBuf::from(cdk);
    let file = std::path::absolute(folder.join("hookline.config.json"))?;
    std::fs::write(&file, serde_json::to_string_pretty(config)?)
        .with_context(|| format!("could not write {}", file.display()))?;
    let user_data = npm(&cdk, &["user-data", "--"], &file).await?;
    let manifests = npm(&cdk, &["manifests", "--", "--demo", group], &file).await?;
    let manifests: Value = serde_json::from_str(&manifests).context("the manifests")?;
    Ok(Built {
        user_data,
        manifests: manifests["items"].clone(),
    })
}

async fn npm(cdk: &Path, args: &[&str], config: &Path) -> Result<String> {
    let output = Command::new("npm")
        .args(["run", "--silent"])
        .args(args)
        .arg("--config")
        .arg(config)
        .current_dir(cdk)
        .kill_on_drop(true)
        .output()
        .await
        .context("could not start npm")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "npm run {}: {errors}",
        args.join(" ")
    );
    String::from_utf8(output.stdout).context("what npm printed")
}

/// The subnets of the fake EC2, with their CIDR blocks.
pub(super) fn subnets(local: &LocalAws, scene: &Scene) -> BTreeMap<String, String> {
    let networks = scene.networks.iter().flat_map(|network| &network.subnets);
    let ids = scene.node_subnets.iter().chain(networks);
    local.with_world(|world| {
        ids.filter_map(|id| {
            let block = world.ec2.subnet(id)?.cidr_block;
            Some((id.clone(), block.to_string()))
        })
        .collect()
    })
}
