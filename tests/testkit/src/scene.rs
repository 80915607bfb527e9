//! A scene: a VPC over some Availability Zones, networks with a subnet in each, a launch template
//! and groups, made with ordinary AWS calls.

use anyhow::{Context as _, Result};
use aws_sdk_autoscaling::types::{
    InstanceReusePolicy, LaunchTemplateSpecification, LifecycleHookSpecification, Tag,
    WarmPoolState,
};
use aws_sdk_ec2::types::{InstanceType, RequestLaunchTemplateData};
use hookline_local::LocalAws;
use hookline_local::node::{Gate, GateNetwork};
use serde_json::{Value, json};

use crate::connector::plain_config;

/// The hook that the scenes' groups have.
pub const HOOK: &str = "hookline-launch";
/// Its heartbeat timeout: longer than the state machine's own timeout.
pub const HOOK_SECONDS: i32 = 1800;

/// How large a scene is.
#[derive(Debug, Clone)]
pub struct Size {
    /// The number of Availability Zones.
    pub azs: usize,
    /// The number of networks beside the nodes' own subnets.
    pub networks: usize,
    /// The prefix length of each network's subnets.
    pub prefix: u8,
    /// Subnets of each network in each AZ. When one is full, the next is used.
    pub subnets_per_az: usize,
    /// The instance type of the nodes.
    pub instance_type: &'static str,
    /// Whether the nodes have a gate that waits for every network (docs/node.md). It takes effect
    /// only if the instances have software.
    pub gate: bool,
    /// Whether the slots of the profile have device indexes, from 1 on.
    pub device_indexes: bool,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            azs: 3,
            networks: 4,
            prefix: 24,
            subnets_per_az: 1,
            instance_type: "m5.4xlarge",
            gate: false,
            device_indexes: true,
        }
    }
}

/// A warm pool beside a group.
#[derive(Debug, Clone, Copy)]
pub struct WarmPool {
    /// Its state: `Stopped`, `Running` or `Hibernated`.
    pub state: &'static str,
    /// `MaxGroupPreparedCapacity`: how many instances the group and the pool have together, if the
    /// group has not more.
    pub prepared: i32,
    /// Whether instances return to it on scale-in.
    pub reuse: bool,
}

/// A logical network: a subnet in each AZ, or several.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its subnets: one in each AZ, in the order of the AZs; then the second of each, and so on.
    pub subnets: Vec<String>,
}

/// The scene.
pub struct Scene {
    /// The fake AWS.
    pub local: LocalAws,
    /// A client of EC2 whose calls do not count as Hookline's.
    pub ec2: aws_sdk_ec2::Client,
    /// A client of Auto Scaling whose calls do not count as Hookline's.
    pub autoscaling: aws_sdk_autoscaling::Client,
    /// The Availability Zones in use.
    pub azs: Vec<String>,
    /// The VPC.
    pub vpc: String,
    /// The subnets of the nodes' primary interfaces, one for each AZ.
    pub node_subnets: Vec<String>,
    /// The networks.
    pub networks: Vec<Network>,
    /// Whether the slots of the profile have device indexes.
    pub device_indexes: bool,
    /// The security group of all interfaces.
    pub security_group: String,
}

/// The networks of a 5G core, so that the demo shows names that its readers know.
const NETWORK_NAMES: [&str; 4] = ["signaling", "user-plane", "data-network", "management"];

impl Scene {
    /// Builds a scene in `local`.
    ///
    /// # Errors
    /// If the fake AWS refuses one of the calls.
    pub async fn build(local: LocalAws, size: &Size) -> Result<Self> {
        let config = plain_config(&local).await;
        let ec2 = aws_sdk_ec2::Client::new(&config);
        let autoscaling = aws_sdk_autoscaling::Client::new(&config);
        let azs: Vec<String> = local.with_world(|world| {
            world
                .kernel
                .settings
                .availability_zones
                .iter()
                .take(size.azs)
                .cloned()
                .collect()
        });
        let vpc = ec2
            .create_vpc()
            .cidr_block("10.0.0.0/16")
            .send()
            .await
            .context("CreateVpc")?
            .vpc()
            .and_then(|vpc| vpc.vpc_id())
            .context("CreateVpc gave no id")?
            .to_owned();
        let security_group = ec2
            .create_security_group()
            .group_name("multus")
            .description("All Multus interfaces")
            .vpc_id(&vpc)
            .send()
            .await
            .context("CreateSecurityGroup")?
            .group_id()
            .context("CreateSecurityGroup gave no id")?
            .to_owned();
        let mut scene = Self {
            local,
            ec2,
            autoscaling,
            azs,
            vpc,
            node_subnets: Vec::new(),
            networks: Vec::new(),
            device_indexes: size.device_indexes,
            security_group,
        };
        let mut blocks = Blocks::default();
        for az in 0..scene.azs.len() {
            let subnet = scene.subnet(az, &blocks.next(20)?).await?;
            scene.node_subnets.push(subnet);
        }
        for n in 0..size.networks {
            let mut subnets = Vec::new();
            for _ in 0..size.subnets_per_az {
                for az in 0..scene.azs.len() {
                    subnets.push(scene.subnet(az, &blocks.next(size.prefix)?).await?);
                }
            }
            scene.networks.push(Network {
                name: NETWORK_NAMES
                    .get(n)
                    .map_or_else(|| format!("network-{}", n + 1), |name| (*name).to_owned()),
                subnets,
            });
        }
        let user_data = size.gate.then(|| scene.gate().to_user_data());
        scene
            .ec2
            .create_launch_template()
            .launch_template_name("node")
            .launch_template_data(
                RequestLaunchTemplateData::builder()
                    .image_id("ami-0123456789abcdef0")
                    .instance_type(InstanceType::from(size.instance_type))
                    .set_user_data(user_data)
                    .build(),
            )
            .send()
            .await
            .context("CreateLaunchTemplate")?;
        Ok(scene)
    }

    /// The subnet of a network in the first AZ.
    ///
    /// # Errors
    /// If there is no such network.
    pub fn first_subnet(&self, network: usize) -> Result<&str> {
        self.networks
            .get(network)
            .and_then(|network| network.subnets.first())
            .map(String::as_str)
            .with_context(|| format!("no network {network}"))
    }

    /// Makes a subnet in the AZ with this number.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn subnet(&self, az: usize, block: &str) -> Result<String> {
        let az = self.azs.get(az).context("no such AZ")?;
        Ok(self
            .ec2
            .create_subnet()
            .vpc_id(&self.vpc)
            .cidr_block(block)
            .availability_zone(az)
            .send()
            .await
            .with_context(|| format!("CreateSubnet {block}"))?
            .subnet()
            .and_then(|subnet| subnet.subnet_id())
            .context("CreateSubnet gave no id")?
            .to_owned())
    }

    /// Creates interfaces of somebody else until a subnet is full.
    ///
    /// # Errors
    /// If the fake AWS refuses, or the subnet is full already.
    pub async fn fill(&self, subnet: &str) -> Result<()> {
        let free = self.local.with_world(|world| {
            let subnet = world.ec2.subnet(subnet);
            subnet.map_or(0, |subnet| subnet.available_ip_address_count())
        });
        anyhow::ensure!(free > 0, "{subnet} is full already");
        for _ in 0..free {
            let call = self.ec2.create_network_interface();
            call.subnet_id(subnet).send().await?;
        }
        Ok(())
    }

    /// Creates an empty group over all AZs, with Hookline's launch hook.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn group(&self, name: &str) -> Result<()> {
        let hook = LifecycleHookSpecification::builder()
            .lifecycle_hook_name(HOOK)
            .lifecycle_transition("autoscaling:EC2_INSTANCE_LAUNCHING")
            .heartbeat_timeout(HOOK_SECONDS)
            .default_result("ABANDON")
            .build();
        self.create_group(name, Some(hook), &[("multus", name)])
            .await
    }

    /// Creates an empty group over all AZs, without a hook. Its instances have these tags from
    /// their launch.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn plain_group(&self, name: &str, tags: &[(&str, &str)]) -> Result<()> {
        self.create_group(name, None, tags).await
    }

    async fn create_group(
        &self,
        name: &str,
        hook: Option<LifecycleHookSpecification>,
        tags: &[(&str, &str)],
    ) -> Result<()> {
        let tags: Vec<_> = tags
            .iter()
            .map(|(key, value)| {
                Tag::builder()
                    .key(*key)
                    .value(*value)
                    .propagate_at_launch(true)
                    .build()
            })
            .collect();
        self.autoscaling
            .create_auto_scaling_group()
            .auto_scaling_group_name(name)
            .launch_template(
                LaunchTemplateSpecification::builder()
                    .launch_template_name("node")
                    .version("$Latest")
                    .build(),
            )
            .min_size(0)
            .max_size(5000)
            .desired_capacity(0)
            .vpc_zone_identifier(self.node_subnets.join(","))
            .set_lifecycle_hook_specification_list(hook.map(|hook| vec![hook]))
            .set_tags((!tags.is_empty()).then_some(tags))
            .send()
            .await
            .with_context(|| format!("CreateAutoScalingGroup {name}"))?;
        Ok(())
    }

    /// Completes the lifecycle action of an instance at a hook, as the hook's owner or a person
    /// does.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn complete(
        &self,
        group: &str,
        hook: &str,
        instance: &str,
        result: &str,
    ) -> Result<()> {
        self.autoscaling
            .complete_lifecycle_action()
            .auto_scaling_group_name(group)
            .lifecycle_hook_name(hook)
            .instance_id(instance)
            .lifecycle_action_result(result)
            .send()
            .await
            .with_context(|| format!("CompleteLifecycleAction {hook} {result}"))?;
        Ok(())
    }

    /// Sets the desired capacity of a group.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn scale(&self, group: &str, nodes: i32) -> Result<()> {
        self.autoscaling
            .set_desired_capacity()
            .auto_scaling_group_name(group)
            .desired_capacity(nodes)
            .send()
            .await
            .with_context(|| format!("SetDesiredCapacity {group} {nodes}"))?;
        Ok(())
    }

    /// Puts a warm pool beside a group.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn put_warm_pool(&self, group: &str, pool: WarmPool) -> Result<()> {
        let reuse = InstanceReusePolicy::builder().reuse_on_scale_in(pool.reuse);
        self.autoscaling
            .put_warm_pool()
            .auto_scaling_group_name(group)
            .pool_state(WarmPoolState::from(pool.state))
            .max_group_prepared_capacity(pool.prepared)
            .instance_reuse_policy(reuse.build())
            .send()
            .await
            .with_context(|| format!("PutWarmPool {group}"))?;
        Ok(())
    }

    /// Deletes a group's warm pool, with its instances.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn delete_warm_pool(&self, group: &str) -> Result<()> {
        self.autoscaling
            .delete_warm_pool()
            .auto_scaling_group_name(group)
            .force_delete(true)
            .send()
            .await
            .with_context(|| format!("DeleteWarmPool {group}"))?;
        Ok(())
    }

    /// The gate of a node: it waits for every network, at the place that the profile gives it.
    #[must_use]
    pub fn gate(&self) -> Gate {
        let networks = (1..).zip(&self.networks);
        Gate {
            gate: networks
                .map(|(device_index, network)| GateNetwork {
                    network: network.name.clone(),
                    subnet_ids: network.subnets.clone(),
                    device_index: self.device_indexes.then_some(device_index),
                    network_card: 0,
                })
                .collect(),
            ..Gate::default()
        }
    }

    /// The profile for a group: every network, in order.
    #[must_use]
    pub fn profile(&self, group: &str) -> Value {
        let slots: Vec<Value> = self
            .networks
            .iter()
            .enumerate()
            .map(|(n, network)| {
                json!({
                    "network": network.name,
                    "deviceIndex": self.device_indexes.then_some(n + 1),
                    "subnetIds": network.subnets,
                    "sourceDestCheck": false,
                })
            })
            .collect();
        json!({
            "name": group,
            "selector": {"autoScalingGroupNames": [group]},
            "hook": {"name": HOOK},
            "nodeTags": {"Name": "{{ asg }}-ip-{{ private_ip | dashed }}"},
            "securityGroupIds": [self.security_group],
            "slots": slots,
        })
    }
}

/// Allocates the VPC's CIDR blocks one after the other.
#[derive(Debug, Default)]
struct Blocks {
    used: u32,
}

impl Blocks {
    fn next(&mut self, prefix: u8) -> Result<String> {
        let size = 1_u32
            .checked_shl(32 - u32::from(prefix))
            .context("a prefix from /16 to /28")?;
        let start = self.used.next_multiple_of(size);
        self.used = start + size;
        anyhow::ensure!(
            self.used <= 1 << 16,
            "the scene does not fit into a /16: fewer networks or AZs, or smaller subnets"
        );
        Ok(format!("10.0.{}.{}/{prefix}", start / 256, start % 256))
    }
}
