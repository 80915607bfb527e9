//! `hookline release`: deletes unattached interfaces of this deployment that no launch needs.

use std::collections::BTreeSet;

use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::interface::Interface;
use hookline_domain::tags::own;
use serde::Serialize;

use crate::aws::{Aws, Removal};
use crate::discover;
use crate::error::{Code, Result};
use crate::judge::release::{Asked, Decision, Item, Seen, decide};
use crate::judge::words::count;
use crate::observe::describe_at_most;
use crate::observed::deployment::Deployment;
use crate::observed::execution::Execution;
use crate::observed::group::Member;
use crate::observed::network::created_for;
use crate::output::{GOOD, LABEL, Output, Page, Report, STRONG, Stage};
use crate::settings::AwsSettings;

/// What is released.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Releasing {
    /// Whether the interfaces are deleted.
    done: Stage,
    deployment: String,
    region: String,
    /// Those that are deleted.
    interfaces: Vec<Item>,
    /// Those that were asked for and are left, each with the reason.
    left: Vec<Item>,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    asked: &[Asked],
    yes: bool,
    output: &Output,
) -> Result<Code> {
    let (aws, deployment) = discover::connect(settings, stack).await?;
    let (name, decision) = look(&aws, &deployment, asked).await?;
    let mut releasing = Releasing {
        done: Stage::Proposed,
        deployment: name,
        region: aws.region().to_owned(),
        interfaces: decision.delete,
        left: decision.left,
    };
    if yes && !releasing.interfaces.is_empty() {
        releasing.done = Stage::Begun;
        output.announce(&releasing)?;
        let deleted = delete(&aws, &mut releasing).await;
        releasing.done = Stage::Done;
        if let Err(error) = deleted {
            // Before anything is deleted, the error says all.
            if !releasing.interfaces.is_empty() {
                output.report(&releasing)?;
            }
            return Err(error);
        }
    }
    output.report(&releasing)?;
    Ok(match releasing.left.is_empty() {
        true => Code::Success,
        false => Code::Refused,
    })
}

/// Looks at the interfaces, then at the executions, then at the groups, and decides. Returns the
/// name of the deployment too.
async fn look(aws: &Aws, deployment: &Deployment, asked: &[Asked]) -> Result<(String, Decision)> {
    let ours = [own::INSTANCE_ID.to_owned()];
    let mut seen = aws.interfaces(&[("tag-key", &ours)]).await?;
    let name = deployment.name(&seen);
    let known: BTreeSet<&NetworkInterfaceId> = seen.iter().map(|it| &it.interface.id).collect();
    let others: Vec<String> = asked
        .iter()
        .filter_map(|one| match one {
            Asked::Interface(id) => Some(id),
            Asked::Instance(_) => None,
        })
        .filter(|id| !known.contains(id))
        .map(ToString::to_string)
        .collect();
    if !others.is_empty() {
        seen.extend(aws.interfaces(&[("network-interface-id", &others)]).await?);
    }
    let interfaces: Vec<Interface> = seen.into_iter().map(|seen| seen.interface).collect();
    let (in_progress, running_for_unknown) = in_progress(aws, deployment).await?;
    let launching = launching(aws, asked, &interfaces).await?;
    let decision = decide(
        asked,
        &Seen {
            name: &name,
            interfaces: &interfaces,
            in_progress: &in_progress,
            running_for_unknown,
            launching: &launching,
        },
    );
    Ok((name.to_string(), decision))
}

/// The instances that a running execution is for, and how many executions run of which it is not
/// known which instance they are for.
async fn in_progress(aws: &Aws, deployment: &Deployment) -> Result<(BTreeSet<InstanceId>, usize)> {
    let running = aws.running(&deployment.machine).await?;
    let named = running.iter().filter_map(|execution| execution.instance());
    let mut instances: BTreeSet<InstanceId> = named.collect();
    let others = running.iter().filter(|it| it.instance().is_none());
    let others = others.map(|execution| execution.arn.clone()).collect();
    // One whose input names no instance is of no launch.
    let (described, unknown) = describe_at_most(aws, others).await?;
    instances.extend(described.iter().filter_map(Execution::instance));
    Ok((instances, unknown))
}

/// The instances that launch, in the groups of what was asked for or into their warm pools.
async fn launching(
    aws: &Aws,
    asked: &[Asked],
    interfaces: &[Interface],
) -> Result<BTreeSet<InstanceId>> {
    let is_asked = |interface: &&Interface| {
        let mut asked = asked.iter();
        asked.any(|one| match one {
            Asked::Interface(id) => *id == interface.id,
            Asked::Instance(id) => created_for(interface).as_ref() == Some(id),
        })
    };
    let groups: BTreeSet<&String> = interfaces
        .iter()
        .filter(is_asked)
        .filter_map(|interface| interface.tags.get(own::AUTO_SCALING_GROUP))
        .collect();
    let groups: Vec<String> = groups.into_iter().cloned().collect();
    let groups = aws.groups(Some(&groups)).await?;
    let mut members: Vec<Member> = Vec::new();
    if groups.iter().any(|group| group.has_warm_pool) {
        let asked = interfaces.iter().filter(is_asked);
        let owners: BTreeSet<InstanceId> = asked.filter_map(created_for).collect();
        let owners: Vec<InstanceId> = owners.into_iter().collect();
        let found = aws.members(&owners).await?;
        members.extend(found.into_iter().map(|(_, member)| member));
    }
    members.extend(groups.into_iter().flat_map(|group| group.members));
    Ok(members
        .iter()
        .filter(|member| member.is_launching())
        .map(|member| member.instance.clone())
        .collect())
}

/// Deletes the interfaces, one after the other. What was attached meanwhile is left; and, after an
/// error, all that was not deleted by then.
async fn delete(aws: &Aws, releasing: &mut Releasing) -> Result<()> {
    let mut items = std::mem::take(&mut releasing.interfaces).into_iter();
    while let Some(mut item) = items.next() {
        match remove(aws, &item).await {
            Ok(Removal::Done | Removal::Gone) => releasing.interfaces.push(item),
            Ok(Removal::InUse) => {
                item.reason = Some("it has been attached meanwhile".to_owned());
                releasing.left.push(item);
            }
            Err(error) => {
                item.reason = Some(error.to_string());
                releasing.left.push(item);
                releasing.left.extend(items.map(|mut item| {
                    item.reason = Some("it was not tried, after that error".to_owned());
                    item
                }));
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Deletes an interface.
async fn remove(aws: &Aws, item: &Item) -> Result<Removal> {
    match aws.delete_interface(&item.id).await {
        // What is gone has no tags, so a policy that knows it by them denies the call
        // (docs/iam.md).
        Err(error) if error.exit_code() == Code::AccessDenied => {
            let id = [item.id.to_string()];
            let listed = aws.interfaces(&[("network-interface-id", &id)]).await?;
            match listed.is_empty() {
                true => Ok(Removal::Gone),
                false => Err(error.into()),
            }
        }
        removal => Ok(removal?),
    }
}

impl Report for Releasing {
    fn write(&self, page: &mut Page) {
        let number = self.interfaces.len();
        let interfaces = count(number, "interface", "interfaces");
        if self.done == Stage::Done {
            let is = match number {
                1 => "is",
                _ => "are",
            };
            let text = format!("{interfaces} {is} deleted.");
            page.paragraph(&[(GOOD, &text)]);
        } else {
            let of = format!("{} in {}", self.deployment, self.region);
            page.table(LABEL, &[("Deployment", &of)]);
            page.blank();
            match number {
                0 if self.left.is_empty() => {
                    page.paragraph(&[(GOOD, "Nothing to delete: there is no such interface.")]);
                }
                0 => {}
                _ => {
                    let text = format!("This command deletes {interfaces}:");
                    page.paragraph(&[(STRONG, &text)]);
                    list(page, &self.interfaces);
                }
            }
        }
        let left = self.left.iter();
        page.left(left.map(|item| (item.id.as_str(), item.reason.as_deref().unwrap_or_default())));
        if number > 0 && self.done != Stage::Done {
            page.ask(self.done);
        }
    }
}

fn list(page: &mut Page, items: &[Item]) {
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| {
            vec![
                item.id.to_string(),
                item.instance.clone(),
                item.network.clone(),
                item.subnet_id.clone(),
                item.addresses.join(", "),
            ]
        })
        .collect();
    let headings = ["INTERFACE", "INSTANCE", "NETWORK", "SUBNET", "ADDRESSES"];
    page.grid(LABEL, &headings, &rows);
}
