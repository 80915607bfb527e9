//! A launch template with user data, for a group of a scene.

use anyhow::{Context as _, Result};
use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use aws_sdk_ec2::types::{InstanceType, RequestLaunchTemplateData};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::scene::Scene;

/// User data that the CDK app builds for a managed node group of Amazon Linux 2023, without the node's programs: `@BUNDLE@`
/// is their place (`npm run generate` in `cdk/`).
const BUILT: &str = include_str!("../../../node/tests/user-data/al2023-managed.txt");
const BUNDLE: &str = include_str!("../../../node/bundle.txt");

/// The user data of a managed node group of Amazon Linux 2023, as the CDK app builds it, with the gate of a scene and with a
/// number of pods.
///
/// # Errors
/// If the gate cannot be written, or if the CDK app builds another form.
pub fn user_data_with_gate(scene: &Scene, max_pods: u32) -> Result<String> {
    const INSTALL: &str = "\"$work/install.sh\" <<'HOOKLINE'\n";
    const MAX_PODS: &str = "maxPods: ";
    let (script, settings) = BUILT.split_once(INSTALL).context("no install.sh")?;
    let (_, rest) = settings.split_once("\nHOOKLINE\n").context("no settings")?;
    let (before, number) = rest.split_once(MAX_PODS).context("no maxPods")?;
    let (_, after) = number.split_once('\n').context("no end of maxPods")?;
    let script = script.replace("@BUNDLE@\n", BUNDLE);
    let gate = serde_json::to_string(&scene.gate())?;
    Ok(format!(
        "{script}{INSTALL}{gate}\nHOOKLINE\n{before}{MAX_PODS}{max_pods}\n{after}"
    ))
}

/// Creates a launch template, and lets a group launch from it, up to so many instances.
///
/// # Errors
/// If the fake AWS refuses.
pub async fn launch_from(
    scene: &Scene,
    group: &str,
    name: &str,
    instance_type: &str,
    user_data: &str,
    most: i32,
) -> Result<()> {
    let data = RequestLaunchTemplateData::builder()
        .image_id("ami-0123456789abcdef0")
        .instance_type(InstanceType::from(instance_type))
        .user_data(STANDARD.encode(user_data));
    let create = scene.ec2.create_launch_template();
    create
        .launch_template_name(name)
        .launch_template_data(data.build())
        .send()
        .await
        .context("CreateLaunchTemplate")?;
    let template = LaunchTemplateSpecification::builder()
        .launch_template_name(name)
        .version("$Latest");
    let update = scene.autoscaling.update_auto_scaling_group();
    update
        .auto_scaling_group_name(group)
        .launch_template(template.build())
        .max_size(most)
        .send()
        .await
        .context("UpdateAutoScalingGroup")?;
    Ok(())
}
