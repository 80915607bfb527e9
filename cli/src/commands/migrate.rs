//! `hookline migrate`: gives interfaces that lack the tag of a deployment that of this one. Without
//! it, reconcile never deletes them (docs/operations/deployments.md).

use std::collections::BTreeSet;

use hookline_domain::deployment::{Deployment as Name, Owner};
use hookline_domain::ids::NetworkInterfaceId;
use hookline_domain::tags::own;
use serde::Serialize;

use crate::aws::Aws;
use crate::discover;
use crate::error::{Code, Result};
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
    interfaces: Vec<Untold>,
    /// Those whose profile is not this deployment's. They are left as they are.
    left: Vec<Untold>,
}

/// An interface that Hookline created, without the tag of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Untold {
    id: NetworkInterfaceId,
    profile: String,
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
    let aws = Aws::connect(settings).await?;
    let deployment = discover::deployment(&aws, stack).await?;
    let ours = [own::INSTANCE_ID.to_owned()];
    let seen = aws.interfaces(&[("tag-key", &ours)]).await?;
    let name = deployment.name(&seen);
    let profiles = deployment.profiles.iter();
    let profiles = profiles.map(|input| input.profile.name.as_str()).collect();
    let (interfaces, left) = untold(&name, &profiles, &seen);
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

/// The interfaces without the tag of a deployment: those of one of these profiles, and the others.
fn untold(
    name: &Name,
    profiles: &BTreeSet<&str>,
    seen: &[SeenInterface],
) -> (Vec<Untold>, Vec<Untold>) {
    let mut untold: Vec<Untold> = seen
        .iter()
        .map(|seen| &seen.interface)
        .filter(|interface| name.owner(&interface.tags) == Owner::Untold)
        .map(|interface| {
            let tag = |key: &str| interface.tags.get(key).cloned().unwrap_or_default();
            Untold {
                id: interface.id.clone(),
                profile: tag(own::PROFILE),
                network: tag(own::NETWORK),
                instance: tag(own::INSTANCE_ID),
                status: interface.status.clone(),
            }
        })
        .collect();
    untold.sort_by(|a, b| (&a.profile, &a.id).cmp(&(&b.profile, &b.id)));
    untold
        .into_iter()
        .partition(|found| profiles.contains(found.profile.as_str()))
}

impl Report for Migration {
    fn write(&self, page: &mut Page) {
        let of = format!("{} in {}", self.deployment, self.region);
        page.table(LABEL, &[("Deployment", &of)]);
        page.blank();
        if self.interfaces.is_empty() {
            let text = "No interface of its profiles lacks the tag of a deployment.";
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
            let text = "Of these, no profile is this deployment's. They are left as they are:";
            page.paragraph(&[(BAD, text)]);
            list(page, &self.left);
        }
    }
}

fn list(page: &mut Page, interfaces: &[Untold]) {
    let rows: Vec<Vec<String>> = interfaces
        .iter()
        .take(LISTED)
        .map(|found| {
            vec![
                found.id.to_string(),
                found.profile.clone(),
                found.network.clone(),
                found.instance.clone(),
                found.status.clone(),
            ]
        })
        .collect();
    let headings = ["INTERFACE", "PROFILE", "NETWORK", "INSTANCE", "STATUS"];
    page.grid(LABEL, &headings, &rows);
    if interfaces.len() > LISTED {
        let more = format!("… and {} more. --json has all.", interfaces.len() - LISTED);
        page.paragraph(&[(STRONG, &more)]);
    }
}
