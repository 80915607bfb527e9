//! The algorithm of the public samples, rewritten from its behaviour: one call after the other, and
//! a sleep for each interface. For comparison only.
//!
//! aws-samples/cfn-multus-eks-managed-ng, `lambda/lambda_function.py`: DescribeInstances once and
//! DescribeSubnets three times; then for each network DescribeSubnets, DescribeNetworkInterfaces,
//! CreateNetworkInterface, a sleep of 2 s, AttachNetworkInterface, and
//! ModifyNetworkInterfaceAttribute twice. That is 28 calls of EC2 for four networks.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, NetworkInterfaceAttachmentChanges, ResourceType, Tag,
    TagSpecification,
};

use hookline_testkit::scene::{HOOK, Scene};

/// The sleep between the create and the attach of each interface.
pub const SLEEP: Duration = Duration::from_secs(2);
/// Where it starts to look for a free address.
const FIRST_HOST: u32 = 4;

/// How the launch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// CONTINUE was sent.
    Continued,
    /// AttachNetworkInterface was refused because the instance was still pending. The sample then
    /// abandons the launch.
    AttachRefused,
}

/// Gives one instance of `group` an interface on each network of the scene's first AZ, and
/// completes its hook.
///
/// # Errors
/// If a call fails, except an attach that is too early.
pub async fn launch(scene: &Scene, group: &str, instance: &str) -> Result<Ended> {
    let ec2 = &scene.ec2;
    ec2.describe_instances()
        .instance_ids(instance)
        .send()
        .await
        .context("DescribeInstances")?;
    let subnets: Vec<&str> = scene
        .networks
        .iter()
        .filter_map(|network| network.subnets.first())
        .map(String::as_str)
        .collect();
    let first = *subnets.first().context("a scene without networks")?;
    // The first subnet of either AZ, then all of the instance's.
    for wanted in [vec![first], vec![first], subnets.clone()] {
        block_of(scene, &wanted).await?;
    }
    for (n, subnet) in subnets.into_iter().enumerate() {
        let block = block_of(scene, &[subnet]).await?;
        let taken = taken_in(scene, subnet).await?;
        let address = (FIRST_HOST..)
            .map(|host| Ipv4Addr::from(u32::from(block) + host))
            .find(|address| !taken.contains(address))
            .context("no free address")?;
        let interface = create(scene, subnet, address).await?;
        tokio::time::sleep(SLEEP).await;
        let attached = ec2
            .attach_network_interface()
            .network_interface_id(&interface)
            .instance_id(instance)
            .device_index(i32::try_from(n + 1)?)
            .send()
            .await;
        let attachment = match attached {
            Ok(attached) => attached.attachment_id.context("no attachment id")?,
            Err(error) => {
                let error = error.into_service_error();
                return match error.meta().code() {
                    Some("IncorrectInstanceState" | "IncorrectState") => Ok(Ended::AttachRefused),
                    _ => Err(error).context("AttachNetworkInterface"),
                };
            }
        };
        ec2.modify_network_interface_attribute()
            .network_interface_id(&interface)
            .source_dest_check(AttributeBooleanValue::builder().value(false).build())
            .send()
            .await
            .context("ModifyNetworkInterfaceAttribute SourceDestCheck")?;
        ec2.modify_network_interface_attribute()
            .network_interface_id(&interface)
            .attachment(
                NetworkInterfaceAttachmentChanges::builder()
                    .attachment_id(attachment)
                    .delete_on_termination(true)
                    .build(),
            )
            .send()
            .await
            .context("ModifyNetworkInterfaceAttribute Attachment")?;
    }
    scene
        .autoscaling
        .complete_lifecycle_action()
        .lifecycle_hook_name(HOOK)
        .auto_scaling_group_name(group)
        .instance_id(instance)
        .lifecycle_action_result("CONTINUE")
        .send()
        .await
        .context("CompleteLifecycleAction")?;
    Ok(Ended::Continued)
}

/// DescribeSubnets; the first address of the first one.
async fn block_of(scene: &Scene, subnets: &[&str]) -> Result<Ipv4Addr> {
    let answer = scene
        .ec2
        .describe_subnets()
        .set_subnet_ids(Some(subnets.iter().map(ToString::to_string).collect()))
        .send()
        .await
        .context("DescribeSubnets")?;
    answer
        .subnets()
        .first()
        .and_then(|subnet| subnet.cidr_block()?.split('/').next()?.parse().ok())
        .context("a subnet without an IPv4 block")
}

async fn taken_in(scene: &Scene, subnet: &str) -> Result<BTreeSet<Ipv4Addr>> {
    let answer = scene
        .ec2
        .describe_network_interfaces()
        .filters(Filter::builder().name("subnet-id").values(subnet).build())
        .send()
        .await
        .context("DescribeNetworkInterfaces")?;
    Ok(answer
        .network_interfaces()
        .iter()
        .flat_map(|interface| interface.private_ip_addresses())
        .filter_map(|address| address.private_ip_address()?.parse().ok())
        .collect())
}

async fn create(scene: &Scene, subnet: &str, address: Ipv4Addr) -> Result<String> {
    let tag = Tag::builder()
        .key("node.k8s.amazonaws.com/no_manage")
        .value("true")
        .build();
    scene
        .ec2
        .create_network_interface()
        .subnet_id(subnet)
        .groups(&scene.security_group)
        .private_ip_address(address.to_string())
        .tag_specifications(
            TagSpecification::builder()
                .resource_type(ResourceType::NetworkInterface)
                .tags(tag)
                .build(),
        )
        .send()
        .await
        .context("CreateNetworkInterface")?
        .network_interface
        .and_then(|interface| interface.network_interface_id)
        .context("no interface id")
}
