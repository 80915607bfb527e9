//! The account that is attacked: the groups of the deployment, a group of somebody else, and
//! interfaces of several owners.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::Tag;
use hookline_domain::tags::own::{DEPLOYMENT, INSTANCE_ID, NO_MANAGE};
use hookline_local::ec2::{self, InterfaceSpec};
use hookline_local::iam::TemplateRoles;
use hookline_local::{LocalAws, Settings, World};
use serde_json::Value;

use super::queues::QUEUES;
use crate::roles::{self, RoleLimit};
use crate::scene::{Scene, Size};
use crate::stage::LIMIT;
use crate::wait::wait_for;

/// The account.
pub struct Target {
    /// The VPC of the deployment, with the roles.
    pub scene: Scene,
    /// The roles of the deployment, and the policies of its queues.
    pub(super) roles: TemplateRoles,
    /// A subnet that the limit of the configuration leaves out: one that no profile names, one of
    /// another VPC, or one with another value of the tag.
    pub(super) other_subnet: String,
    /// A security group that it leaves out: one that no profile names, one of another VPC, or one
    /// without the tag.
    pub(super) other_security_group: String,
    /// An instance of a group that the profile selects by its name.
    pub(super) node: String,
    /// A volume of it.
    pub(super) volume: String,
    /// A volume of the EBS CSI driver, with its tag.
    pub(super) persistent_volume: String,
    /// An instance of a group that the profile selects by a tag.
    pub(super) node_by_tag: String,
    /// An instance of a group that the profile selects by several tags.
    pub(super) node_by_tags: String,
    /// Groups that carry some of these tags.
    pub(super) partly: Vec<Partly>,
    /// The group that patterns of names leave out, if there are patterns.
    pub(super) left_out: Option<&'static str>,
    /// A group of a profile without a brake. With patterns of names, which are for all profiles that select
    /// by tags, one of a naming profile.
    pub(super) unbraked: &'static str,
    /// An instance of a group with a naming profile.
    pub(super) plain_node: String,
    /// An instance of a group of another cluster. It carries the tags of the deployment's
    /// interfaces.
    pub(super) other_node: String,
    /// Interfaces of the deployment: on the node, unattached, and on the other cluster's node.
    pub(super) own: String,
    pub(super) own_attachment: String,
    pub(super) own_unattached: String,
    pub(super) own_on_other_attachment: String,
    pub(super) own_on_other: String,
    /// Interfaces of another deployment: on the node, and unattached.
    pub(super) theirs: String,
    pub(super) theirs_attachment: String,
    pub(super) theirs_unattached: String,
    /// Interfaces that Hookline created, but that have no tag of a deployment: on the node that is
    /// selected by its tag, and unattached.
    pub(super) untagged: String,
    pub(super) untagged_attachment: String,
    pub(super) untagged_unattached: String,
    /// An unattached interface with the deployment's tag only.
    pub(super) with_deployment_tag: String,
    /// Interfaces without any tag of Hookline's: the VPC CNI's on the node, and an unattached one.
    pub(super) cni: String,
    pub(super) cni_attachment: String,
    pub(super) foreign: String,
    /// Interfaces with the tag of a group, and one with the tag of the selector.
    pub(super) with_group_tag: String,
    pub(super) with_group_tag_attachment: String,
    pub(super) with_plain_group_tag: String,
    pub(super) with_selector_tag: String,
    pub(super) with_selector_tag_attachment: String,
    /// On the node that several tags select: an interface of the deployment, and one with these tags.
    pub(super) own_by_tags: String,
    pub(super) own_by_tags_attachment: String,
    pub(super) with_selector_tags: String,
    pub(super) with_selector_tags_attachment: String,
}

/// A group that carries some of the tags of a selector, and its node.
pub(super) struct Partly {
    /// What it lacks.
    pub(super) lacks: &'static str,
    pub(super) group: &'static str,
    pub(super) node: String,
    /// An interface of the deployment on the node.
    pub(super) own: String,
    pub(super) attachment: String,
}

/// The tags of a group.
type TagsOfGroup = &'static [(&'static str, &'static str)];

/// The group that the profile selects by several tags, and groups with some of them: what they lack, and
/// the tags.
pub(super) const BY_TAGS: &str = "amf";
pub(super) const PARTLY: [(&str, &str, TagsOfGroup); 3] = [
    ("amf-unwired", "without one of the tags", &[POOL]),
    (
        "amf-other",
        "with another value of a tag",
        &[("pool", "upf"), WIRED],
    ),
    ("amf-nobodys", "with the tag of any value only", &[WIRED]),
];
/// With patterns of names: a group with the tags of each selector, and a name that no pattern matches.
pub(super) const LEFT_OUT_GROUP: &str = "another-smf";
const POOL: (&str, &str) = ("pool", "amf");
const WIRED: (&str, &str) = ("wired", "yes");

/// The group that no profile selects, with a hook of the same name.
pub(super) const OTHER_GROUP: &str = "another";

/// The groups of managed node groups: of the cluster of the configuration, and of another one.
pub(super) const MANAGED_GROUP: &str = "eks-smf-1";
pub(super) const OTHER_MANAGED_GROUP: &str = "eks-smf-2";

/// A self-managed group of the cluster of the configuration.
pub(super) const SELF_MANAGED_GROUP: &str = "self-managed";

/// The tag of the EBS CSI driver on each volume that it creates (kubernetes-sigs/aws-ebs-csi-driver,
/// `docs/tagging.md`).
const CSI_TAG: &str = "ebs.csi.aws.com/cluster";

const GROUP_TAG: &str = "aws:autoscaling:groupName";

impl Target {
    /// Builds the account, in a VPC of its own or in one that another account owns, and whose subnets
    /// it shares.
    ///
    /// # Errors
    /// If the fake AWS refuses a part of it.
    pub async fn build(limit: RoleLimit, vpc_owner: Option<&str>) -> Result<Self> {
        let target = Self::build_in_own_vpc(limit).await?;
        let scene = &target.scene;
        if let Some(owner) = vpc_owner {
            let share = |world: &mut World| ec2::share_vpc(&mut world.ec2, &scene.vpc, owner);
            scene.local.with_world(share)?;
        }
        Ok(target)
    }

    async fn build_in_own_vpc(limit: RoleLimit) -> Result<Self> {
        let local = LocalAws::new(Settings::for_tests());
        let size = Size {
            azs: 1,
            networks: 1,
            ..Size::default()
        };
        let scene = Scene::build(local.clone(), &size).await?;
        let (other_subnet, other_security_group) = other_network(&scene, limit).await?;
        let node = node_of(&scene, "upf").await?;
        let node_by_tag = node_of(&scene, "smf").await?;
        scene.plain_group(BY_TAGS, &[POOL, WIRED]).await?;
        let node_by_tags = launched(&scene, BY_TAGS).await?;
        let plain_node = node_of(&scene, "plain").await?;
        let other_node = node_of(&scene, OTHER_GROUP).await?;
        let tag = Tag::builder();
        scene
            .ec2
            .create_tags()
            .resources(&other_node)
            .tags(tag.clone().key(INSTANCE_ID).value(&other_node).build())
            .tags(tag.key(DEPLOYMENT).value(roles::STACK).build())
            .send()
            .await?;
        let volume_of = |node: &str| {
            let volume = local.with_world(|world| {
                let mut volumes = world.ec2.volumes_of(node);
                volumes.next().map(|volume| volume.volume_id.clone())
            });
            volume.context("the node has no volume")
        };
        let volume = volume_of(&node)?;
        let persistent_volume = volume_of(&plain_node)?;
        let tag = Tag::builder().key(CSI_TAG).value("true");
        scene
            .ec2
            .create_tags()
            .resources(&persistent_volume)
            .tags(tag.build())
            .send()
            .await?;
        for (group, cluster) in [
            (MANAGED_GROUP, "core"),
            (OTHER_MANAGED_GROUP, "other"),
            (SELF_MANAGED_GROUP, "core"),
        ] {
            let tags = [("eks:cluster-name", cluster)];
            scene.plain_group(group, &tags).await?;
        }
        // Patterns of names decide in the place of the tags.
        let left_out = (limit == RoleLimit::Names).then_some(LEFT_OUT_GROUP);
        if let Some(group) = left_out {
            let tags = [("multus", "smf"), POOL, WIRED];
            scene.plain_group(group, &tags).await?;
        }
        let interface =
            |tags: &[(&str, &str)], on: Option<(&str, u32)>| new_interface(&scene, tags, on);
        let untagged = [(INSTANCE_ID, node.as_str()), (NO_MANAGE, "true")];
        let ours = [untagged[0], untagged[1], (DEPLOYMENT, roles::STACK)];
        let theirs = [untagged[0], untagged[1], (DEPLOYMENT, "another")];
        let (own, own_attachment) = interface(&ours, Some((&node, 1)))?;
        let (own_unattached, _) = interface(&ours, None)?;
        let (own_on_other, own_on_other_attachment) = interface(&ours, Some((&other_node, 1)))?;
        let (own_by_tags, own_by_tags_attachment) = interface(&ours, Some((&node_by_tags, 1)))?;
        let (with_selector_tags, with_selector_tags_attachment) =
            interface(&[POOL, WIRED], Some((&node_by_tags, 2)))?;
        let mut partly = Vec::new();
        for (group, lacks, tags) in PARTLY {
            scene.plain_group(group, tags).await?;
            let node = launched(&scene, group).await?;
            let (own, attachment) = interface(&ours, Some((&node, 1)))?;
            partly.push(Partly {
                lacks,
                group,
                node,
                own,
                attachment,
            });
        }
        let (theirs_unattached, _) = interface(&theirs, None)?;
        let (theirs, theirs_attachment) = interface(&theirs, Some((&node, 4)))?;
        let (untagged_unattached, _) = interface(&untagged, None)?;
        let (untagged, untagged_attachment) = interface(&untagged, Some((&node_by_tag, 2)))?;
        let (with_deployment_tag, _) = interface(&[(DEPLOYMENT, roles::STACK)], None)?;
        let (cni, cni_attachment) = interface(&[], Some((&node, 2)))?;
        let (foreign, _) = interface(&[("owner", "somebody")], None)?;
        let (with_group_tag, with_group_tag_attachment) =
            interface(&[(GROUP_TAG, "upf")], Some((&node, 3)))?;
        let (with_plain_group_tag, _) = interface(&[(GROUP_TAG, "plain")], None)?;
        let (with_selector_tag, with_selector_tag_attachment) =
            interface(&[("multus", "smf")], Some((&node_by_tag, 1)))?;
        let roles = roles::of_scene(&scene, &Value::Null, limit)?;
        roles::give(&local, roles.clone())?;
        Ok(Self {
            roles,
            other_subnet,
            other_security_group,
            node,
            volume,
            persistent_volume,
            node_by_tag,
            node_by_tags,
            partly,
            left_out,
            unbraked: match limit {
                RoleLimit::Names => "plain",
                RoleLimit::Ids | RoleLimit::Vpc | RoleLimit::Tag => "smf",
            },
            plain_node,
            other_node,
            own,
            own_attachment,
            own_unattached,
            own_on_other_attachment,
            own_on_other,
            theirs,
            theirs_attachment,
            theirs_unattached,
            untagged,
            untagged_attachment,
            untagged_unattached,
            with_deployment_tag,
            cni,
            cni_attachment,
            foreign,
            with_group_tag,
            with_group_tag_attachment,
            with_plain_group_tag,
            with_selector_tag,
            with_selector_tag_attachment,
            own_by_tags,
            own_by_tags_attachment,
            with_selector_tags,
            with_selector_tags_attachment,
            scene,
        })
    }

    /// The ARNs of the dead-letter queues, by whom they are of.
    pub(super) fn queues(&self) -> Vec<(&'static str, &String)> {
        let all = QUEUES.into_iter().filter_map(|(by, part)| {
            let mut arns = self.roles.queues.keys();
            Some((by, arns.find(|arn| arn.contains(part))?))
        });
        all.collect()
    }

    /// The subnet that the profile names.
    pub(super) fn subnet(&self) -> &str {
        let network = self.scene.networks.first();
        let subnet = network.and_then(|network| network.subnets.first());
        subnet.map_or("", String::as_str)
    }
}

/// Creates a subnet and a security group that the limit leaves out. With a limit by tag, tags those of
/// the scene.
async fn other_network(scene: &Scene, limit: RoleLimit) -> Result<(String, String)> {
    let (vpc, block) = match limit {
        RoleLimit::Vpc => {
            let create = scene.ec2.create_vpc().cidr_block("10.1.0.0/16");
            let vpc = create.send().await?.vpc.context("no VPC")?;
            (vpc.vpc_id.context("no id")?, "10.1.200.0/24")
        }
        RoleLimit::Ids | RoleLimit::Tag | RoleLimit::Names => (scene.vpc.clone(), "10.0.200.0/24"),
    };
    let create = scene.ec2.create_subnet().vpc_id(&vpc).cidr_block(block);
    let subnet = create.send().await?.subnet.context("no subnet")?;
    let subnet = subnet.subnet_id.context("no id")?;
    let group = scene.ec2.create_security_group().vpc_id(&vpc);
    let group = group.group_name("other").description("somebody else's");
    let group = group.send().await?.group_id().context("no id")?.to_owned();
    if limit == RoleLimit::Tag {
        let (key, value) = roles::NETWORK_TAG;
        let tag = |value| Tag::builder().key(key).value(value).build();
        let own = scene.networks.iter().flat_map(|network| &network.subnets);
        let own = own.chain([&scene.security_group]).cloned().collect();
        let create = scene.ec2.create_tags().set_resources(Some(own));
        create.tags(tag(value)).send().await?;
        let create = scene.ec2.create_tags().resources(&subnet);
        create.tags(tag("pods")).send().await?;
    }
    Ok((subnet, group))
}

/// Creates a group, and launches an instance that waits at its hook, and runs.
async fn node_of(scene: &Scene, group: &str) -> Result<String> {
    scene.group(group).await?;
    launched(scene, group).await
}

/// Launches an instance of a group, and waits until it runs.
async fn launched(scene: &Scene, group: &str) -> Result<String> {
    scene.scale(group, 1).await?;
    wait_for(LIMIT, "a running instance", async || {
        Ok(scene.local.with_world(|world| {
            let mut states = world.autoscaling.states(group).into_keys();
            let instance = states.next()?;
            let running = world.ec2.instance(&instance)?.state == ec2::InstanceState::Running;
            let has_volume = world.ec2.volumes_of(&instance).next().is_some();
            (running && has_volume).then_some(instance)
        }))
    })
    .await
}

/// Creates an interface with these tags, whoever may set them, and attaches it to an instance at a
/// device index. Returns the ids of the interface and of its attachment.
fn new_interface(
    scene: &Scene,
    tags: &[(&str, &str)],
    on: Option<(&str, u32)>,
) -> Result<(String, String)> {
    let subnet_id = scene.networks[0].subnets[0].clone();
    let tags = tags.iter();
    let spec = InterfaceSpec {
        subnet_id,
        tags: tags
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..InterfaceSpec::default()
    };
    let made = scene.local.with_world(|world| {
        let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
        let id = ec2::create_network_interface(ec2, kernel, spec)?;
        let attachment = match on {
            Some((instance, index)) => {
                ec2::attach_network_interface(ec2, kernel, &id, instance, index, 0)?
            }
            None => String::new(),
        };
        Ok::<_, hookline_local::ApiError>((id, attachment))
    });
    made.context("an interface of the account")
}
