//! What a run makes for its facts: subnets, a security group, a launch template; and, once a fact
//! needs them, an instance, a group and a queue.
//!
//! Everything has the tag [`TAG`] with the run's id from its creation, or a name that begins with
//! [`NAME`], so that [`crate::cleanup`] finds it without any notes.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::{
    Filter, InstanceType, LaunchTemplateTagSpecificationRequest, NetworkInterface,
    RequestLaunchTemplateData, ResourceType, Tag, TagSpecification,
};
use ipnet::{Ipv4Net, Ipv6Net};

use crate::clients::Clients;
use crate::deployment::Deployment;
use crate::group::{Story, Watch};
use crate::instance::{Running, Wired};
use crate::room::{Needs, Room};
use crate::shared::Shared;
use crate::wait::{SOON, until};

/// The key of the tag on everything that a run makes.
pub const TAG: &str = "hookline-conformance";
/// How the names of what a run makes begin.
pub const NAME: &str = "hookline-conformance-";
/// The instance type: the smallest with three interfaces.
pub const INSTANCE_TYPE: &str = "t3.small";
/// The type with several network cards, for the facts that are tried on request only.
pub const LARGE_TYPE: &str = "c6in.32xlarge";

/// AWS's parameter of the newest image (Amazon EC2 User Guide, "Reference the latest AMIs using
/// Systems Manager public parameters").
const IMAGE: &str =
    "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

/// What the user data of every instance says: it ends by itself, even if the run is killed and
/// nobody cleans up. In base64: `#!/bin/sh` and `shutdown -h +20`.
const USER_DATA: &str = "IyEvYmluL3NoCnNodXRkb3duIC1oICsyMAo=";

/// A subnet of the run.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its block.
    pub block: Ipv4Net,
    /// Its IPv6 block.
    pub ipv6: Option<Ipv6Net>,
}

impl Subnet {
    /// The address with this offset in the block.
    #[must_use]
    pub fn address(&self, offset: u32) -> String {
        std::net::Ipv4Addr::from(u32::from(self.block.network()).saturating_add(offset)).to_string()
    }
}

/// What a run has made.
#[derive(Debug)]
pub struct Stage {
    /// The clients.
    pub clients: Clients,
    /// The run's id.
    pub run: String,
    /// A subnet with room.
    pub main: Subnet,
    /// A /28.
    pub small: Subnet,
    /// A /28 in another zone; `None` if the Region shows one zone only.
    pub other: Option<Subnet>,
    /// The security group.
    pub security_group: String,
    /// The deployment that is looked at, if there is one.
    pub deployment: Option<Deployment>,
    /// The rule and the queue, if a fact about a group is to be tried.
    pub watch: Option<Watch>,
    pub(crate) running: Shared<Running>,
    pub(crate) wired: Shared<Wired>,
    pub(crate) story: Shared<Story>,
}

impl Stage {
    /// Makes what every fact needs in a VPC.
    ///
    /// # Errors
    /// If AWS refuses a call, the VPC has no room, or no zone offers the instance types.
    pub async fn build(clients: Clients, run: String, vpc: &str, needs: Needs) -> Result<Self> {
        let room = Room::of(&clients, vpc, needs.types()).await?;
        let mut stage = Self::bare(clients, run);
        stage.main = unmade(room.blocks.main, room.ipv6);
        stage.small = unmade(room.blocks.small, None);
        if needs.group {
            // First, because a rule takes a moment until it sees events.
            stage.watch = Some(Watch::make(&stage).await?);
        }
        stage.main.id = stage.subnet(vpc, &stage.main, &room.zone).await?;
        stage.small.id = stage.subnet(vpc, &stage.small, &room.zone).await?;
        if let Some(zone) = &room.other_zone {
            let mut other = unmade(room.blocks.other, None);
            other.id = stage.subnet(vpc, &other, zone).await?;
            stage.other = Some(other);
        }
        stage.security_group = stage.group_in(vpc).await?;
        stage.launch_template().await?;
        Ok(stage)
    }

    /// A stage on which nothing is made: for facts that need no more than a deployment.
    #[must_use]
    pub fn bare(clients: Clients, run: String) -> Self {
        Self {
            clients,
            run,
            main: unmade(Ipv4Net::default(), None),
            small: unmade(Ipv4Net::default(), None),
            other: None,
            security_group: String::new(),
            deployment: None,
            watch: None,
            running: Shared::new(),
            wired: Shared::new(),
            story: Shared::new(),
        }
    }

    /// The name of what this run makes.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{NAME}{}", self.run)
    }

    /// The tags of a resource that is created.
    #[must_use]
    pub fn tags(&self, kind: ResourceType) -> TagSpecification {
        tags_of(&self.run, kind)
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Tag {
        tag_of(&self.run)
    }

    async fn subnet(&self, vpc: &str, subnet: &Subnet, zone: &str) -> Result<String> {
        let made = self
            .clients
            .ec2
            .create_subnet()
            .vpc_id(vpc)
            .cidr_block(subnet.block.to_string())
            .set_ipv6_cidr_block(subnet.ipv6.map(|block| block.to_string()))
            .availability_zone(zone)
            .tag_specifications(self.tags(ResourceType::Subnet))
            .send()
            .await
            .with_context(|| format!("CreateSubnet {}", subnet.block))?;
        let id = made.subnet().and_then(|subnet| subnet.subnet_id());
        Ok(id.context("CreateSubnet gave no id")?.to_owned())
    }

    async fn group_in(&self, vpc: &str) -> Result<String> {
        let made = self
            .clients
            .ec2
            .create_security_group()
            .group_name(self.name())
            .description("Of a run of the conformance suite")
            .vpc_id(vpc)
            .tag_specifications(self.tags(ResourceType::SecurityGroup))
            .send()
            .await
            .context("CreateSecurityGroup")?;
        Ok(made.group_id().context("no group id")?.to_owned())
    }

    /// The launch template of all instances: the small type, without a public address.
    async fn launch_template(&self) -> Result<()> {
        let tags = |kind| {
            LaunchTemplateTagSpecificationRequest::builder()
                .resource_type(kind)
                .tags(self.tag())
                .build()
        };
        let data = RequestLaunchTemplateData::builder()
            .image_id(IMAGE)
            .instance_type(InstanceType::from(INSTANCE_TYPE))
            .security_group_ids(&self.security_group)
            .user_data(USER_DATA)
            .instance_initiated_shutdown_behavior("terminate".into())
            .tag_specifications(tags(ResourceType::Instance))
            .tag_specifications(tags(ResourceType::Volume))
            .tag_specifications(tags(ResourceType::NetworkInterface))
            .build();
        self.clients
            .ec2
            .create_launch_template()
            .launch_template_name(self.name())
            .launch_template_data(data)
            .tag_specifications(self.tags(ResourceType::LaunchTemplate))
            .send()
            .await
            .context("CreateLaunchTemplate")?;
        Ok(())
    }

    /// A CreateNetworkInterface call in a subnet, with the run's tag and group.
    pub fn create_in(
        &self,
        subnet: &Subnet,
    ) -> aws_sdk_ec2::operation::create_network_interface::builders::CreateNetworkInterfaceFluentBuilder
    {
        self.clients
            .ec2
            .create_network_interface()
            .subnet_id(&subnet.id)
            .groups(&self.security_group)
            .description("Of a run of the conformance suite")
            .tag_specifications(self.tags(ResourceType::NetworkInterface))
    }

    /// A new interface in a subnet, once EC2 shows it.
    ///
    /// # Errors
    /// If EC2 refuses the call, or does not show the interface in time.
    pub async fn interface_in(&self, subnet: &Subnet) -> Result<String> {
        let made = self.create_in(subnet).send().await;
        let id = id_of(made.context("CreateNetworkInterface")?.network_interface())?;
        self.shown(&id).await?;
        Ok(id)
    }

    /// Waits until EC2 shows an interface, and returns it.
    ///
    /// # Errors
    /// If EC2 does not show it in time.
    pub async fn shown(&self, id: &str) -> Result<NetworkInterface> {
        until(SOON, &format!("EC2 to show {id}"), async || {
            Ok(self.described(id).await?.into_iter().next())
        })
        .await
    }

    /// The interface with this id, if EC2 shows it. Asked by a filter: a call that names an id
    /// fails if EC2 does not know it.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn described(&self, id: &str) -> Result<Vec<NetworkInterface>> {
        let filter = filter("network-interface-id", &[id]);
        let found = self
            .clients
            .ec2
            .describe_network_interfaces()
            .filters(filter)
            .send()
            .await
            .context("DescribeNetworkInterfaces")?;
        Ok(found.network_interfaces.unwrap_or_default())
    }

    /// Deletes an interface. What cannot be deleted now, the end of the run deletes.
    pub async fn discard(&self, id: &str) {
        let call = self.clients.ec2.delete_network_interface();
        let _ = call.network_interface_id(id).send().await;
    }
}

/// A filter of a Describe call.
#[must_use]
pub fn filter(name: &str, values: &[&str]) -> Filter {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

/// The id of an interface in an answer.
///
/// # Errors
/// If it has none.
pub fn id_of(interface: Option<&NetworkInterface>) -> Result<String> {
    let id = interface.and_then(|interface| interface.network_interface_id());
    Ok(id.context("an answer without an interface")?.to_owned())
}

const fn unmade(block: Ipv4Net, ipv6: Option<Ipv6Net>) -> Subnet {
    Subnet {
        id: String::new(),
        block,
        ipv6,
    }
}

/// The tags of a resource that a run creates.
pub(crate) fn tags_of(run: &str, kind: ResourceType) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .tags(tag_of(run))
        .build()
}

fn tag_of(run: &str) -> Tag {
    Tag::builder().key(TAG).value(run).build()
}
