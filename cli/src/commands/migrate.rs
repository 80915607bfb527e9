//! `hookline migrate`: gives interfaces that lack the tag of a deployment that of this one. Without
//! it, reconcile never deletes them (docs/operations/deployments.md).

use hookline_domain::deployment::{Deployment as Name, Owner};
use hookline_domain::ids::NetworkInterfaceId;
use hookline_domain::tags::own;
use serde::Serialize;

use crate::discover;
use crate::error::{Code, Result};
use crate::observed::network::SeenInterface;
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG};
use crate::settings::AwsSettings;
use hookline_domain::profile::Selector;
use hookline_domain::reconcile::ProfileInput;

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
    /// Those that may be another deployment's: no profile of this one names their group. They are
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
    let (interfaces, left) = untagged(&name, &deployment.profiles, &seen);
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

/// The interfaces without the tag of a deployment: those of a group that one of these profiles
/// names, and the others. Another deployment may have a profile of the same name. A selector by a
/// tag names no group.
fn untagged(
    name: &Name,
    profiles: &[ProfileInput],
    seen: &[SeenInterface],
) -> (Vec<Untagged>, Vec<Untagged>) {
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
    untagged.into_iter().partition(|found| {
        profiles.iter().any(|input| match &input.profile.selector {
            Selector::AutoScalingGroupNames(groups) => {
                input.profile.name == found.profile && groups.contains(&found.group)
            }
            Selector::Tag(_) | Selector::Tags(_) => false,
        })
    })
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
            let text = "No profile of this deployment names the group of these. They are left as they are:";
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
