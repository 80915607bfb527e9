//! `hookline migrate`: gives interfaces that lack the tag of a deployment that of this one. Without
//! it, reconcile never deletes them (docs/operations/deployments.md).

use std::collections::BTreeMap;

use hookline_domain::deployment::{Deployment as Name, Owner};
use hookline_domain::ids::NetworkInterfaceId;
use hookline_domain::profile::Profile;
use hookline_domain::tags::own;
use serde::Serialize;

use crate::aws::Aws;
use crate::discover;
use crate::error::{Code, Result};
use crate::observe::instances_of;
use crate::observed::deployment::Deployment;
use crate::observed::network::SeenInterface;
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG};
use crate::settings::AwsSettings;

/// The most interfaces that the text lists.
const LISTED: usize = 50;

/// What is migrated.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Migration {
    /// The deployment whose tag they get.
    deployment: String,
    region: String,
    /// Whether they have the tag now.
    done: bool,
    interfaces: Vec<Untagged>,
    /// Those that may be another deployment's: no profile of this one selects their group. They are
    /// left as they are.
    left: Vec<Untagged>,
}

/// An interface that Hookline created, without the tag of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Untagged {
    id: NetworkInterfaceId,
    profile: String,
    group: String,
    network: String,
    /// The instance that it was created for.
    instance: String,
    status: String,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    yes: bool,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let ours = [own::INSTANCE_ID.to_owned()];
    let seen = aws.interfaces(&[("tag-key", &ours)]).await?;
    let name = deployment.name(&seen);
    let untagged = untagged(&name, &seen);
    let tags = Tags::of(&aws, &deployment, &untagged).await?;
    let (interfaces, left): (Vec<_>, Vec<_>) = untagged.into_iter().partition(|found| {
        deployment
            .profiles
            .iter()
            .any(|it| tags.select(&it.profile, found))
    });
    if yes {
        let ids: Vec<_> = interfaces.iter().map(|found| found.id.clone()).collect();
        aws.tag_interfaces(&ids, own::DEPLOYMENT, name.as_str())
            .await?;
    }
    output.report(&Migration {
        deployment: name.to_string(),
        region: aws.region().to_owned(),
        done: yes,
        interfaces,
        left,
    })?;
    Ok(Code::Success)
}

/// The tags that selectors by tag go by.
#[derive(Debug, Default)]
struct Tags {
    /// Those that a group gives its instances, by the group's name.
    of_groups: BTreeMap<String, BTreeMap<String, String>>,
    /// Those of the instances that such a profile selects.
    of_instances: BTreeMap<String, BTreeMap<String, String>>,
}

impl Tags {
    /// Looks for the tags, if an interface is of a profile that selects by them.
    async fn of(aws: &Aws, deployment: &Deployment, untagged: &[Untagged]) -> Result<Self> {
        let profiles = deployment.profiles.iter().map(|it| &it.profile);
        let by_tag: Vec<&Profile> = profiles
            .filter(|profile| profile.selector.is_by_tag())
            .filter(|profile| untagged.iter().any(|found| found.profile == profile.name))
            .collect();
        if by_tag.is_empty() {
            return Ok(Self::default());
        }
        let groups = aws.groups(None).await?.into_iter();
        let mut tags = Self {
            of_groups: groups.map(|group| (group.name, group.tags)).collect(),
            of_instances: BTreeMap::new(),
        };
        for profile in by_tag {
            let instances = instances_of(aws, &profile.selector).await?.into_iter();
            let instances =
                instances.map(|seen| (seen.instance.id.to_string(), seen.instance.tags));
            tags.of_instances.extend(instances);
        }
        Ok(tags)
    }

    /// Whether this profile selects what the interface was created for. Another deployment may have
    /// a profile of the same name.
    fn select(&self, profile: &Profile, found: &Untagged) -> bool {
        let none = BTreeMap::new();
        let of_group = self.of_groups.get(&found.group).unwrap_or(&none);
        let of_instance = self.of_instances.get(&found.instance).unwrap_or(&none);
        let mut tags = [of_group, of_instance].into_iter();
        profile.name == found.profile
            && tags.any(|tags| profile.selector.covers(&found.group, tags))
    }
}

/// The interfaces without the tag of a deployment.
fn untagged(name: &Name, seen: &[SeenInterface]) -> Vec<Untagged> {
    let mut untagged: Vec<Untagged> = seen
        .iter()
        .map(|seen| &seen.interface)
        .filter(|interface| name.owner(&interface.tags) == Owner::Untagged)
        .map(|interface| {
            let tag = |key: &str| interface.tags.get(key).cloned().unwrap_or_default();
            Untagged {
                id: interface.id.clone(),
                profile: tag(own::PROFILE),
                group: tag(own::AUTO_SCALING_GROUP),
                network: tag(own::NETWORK),
                instance: tag(own::INSTANCE_ID),
                status: interface.status.clone(),
            }
        })
        .collect();
    untagged.sort_by(|a, b| (&a.profile, &a.id).cmp(&(&b.profile, &b.id)));
    untagged
}

impl Report for Migration {
    fn write(&self, page: &mut Page) {
        let of = format!("{} in {}", self.deployment, self.region);
        page.table(LABEL, &[("Deployment", &of)]);
        page.blank();
        if self.interfaces.is_empty() {
            let text = "No interface of its groups lacks the tag of a deployment.";
            page.paragraph(&[(GOOD, text)]);
        } else {
            list(page, &self.interfaces);
            page.blank();
            let tag = format!("hookline:deployment={}", self.deployment);
            let (count, has) = match self.interfaces.len() {
                1 => ("1 interface".to_owned(), "has"),
                count => (format!("{count} interfaces"), "have"),
            };
            let (style, text) = match self.done {
                true => (GOOD, format!("{count} {has} the tag {tag} now.")),
                false => (
                    STRONG,
                    format!("{count} would get the tag {tag}. To do it, add --yes."),
                ),
            };
            page.paragraph(&[(style, &text)]);
        }
        if !self.left.is_empty() {
            page.blank();
            let text = "No profile of this deployment selects the group of these. They are left as they are:";
            page.paragraph(&[(BAD, text)]);
            list(page, &self.left);
        }
    }
}

fn list(page: &mut Page, interfaces: &[Untagged]) {
    let rows: Vec<Vec<String>> = interfaces
        .iter()
        .take(LISTED)
        .map(|found| {
            vec![
                found.id.to_string(),
                found.profile.clone(),
                found.group.clone(),
                found.network.clone(),
                found.instance.clone(),
                found.status.clone(),
            ]
        })
        .collect();
    let headings = [
        "INTERFACE",
        "PROFILE",
        "GROUP",
        "NETWORK",
        "INSTANCE",
        "STATUS",
    ];
    page.grid(LABEL, &headings, &rows);
    if interfaces.len() > LISTED {
        let more = format!("… and {} more. --json has all.", interfaces.len() - LISTED);
        page.paragraph(&[(STRONG, &more)]);
    }
}
