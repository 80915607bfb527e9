//! Looks for groups that no profile covers, and in which launches wait: `status` and `check` do so with
//! the calls that the rest of their look leaves of [`MAX_CALLS`](super::MAX_CALLS).

use std::collections::BTreeSet;

use super::{GROUP_TAG, hooks};
use crate::aws::{self, Aws};
use crate::error::Result;
use crate::observed::deployment::Deployment;
use crate::observed::group::Group;
use crate::observed::network::SeenInstance;
use crate::observed::uncovered::Uncovered;

/// How many calls are left for the hooks of such groups, while there are more groups to list.
const FOR_HOOKS: usize = 3;

/// Groups of the Region that are not among those of the profiles.
#[derive(Debug, Default)]
pub(crate) struct Others {
    groups: Vec<Group>,
    /// How many groups were listed.
    listed: usize,
    /// The token of the next page, if there is one.
    next: Option<String>,
}

impl Others {
    /// All others: every group of the Region was listed.
    pub(crate) fn all(groups: Vec<Group>) -> Self {
        Self {
            groups,
            ..Self::default()
        }
    }

    /// Those of the first page.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn first(aws: &Aws) -> Result<Self, aws::Error> {
        let mut others = Self::default();
        others.list(aws).await?;
        Ok(others)
    }

    /// Lists a page more.
    async fn list(&mut self, aws: &Aws) -> Result<(), aws::Error> {
        let (groups, next) = aws.page_of_groups(self.next.take()).await?;
        self.listed += groups.len();
        self.groups.extend(groups);
        self.next = next;
        Ok(())
    }

    /// Leaves those in which launches wait and that the deployment is not for, by their names and tags.
    fn retain_waiting(&mut self, deployment: &Deployment) {
        let named = deployment.named_groups();
        self.groups.retain(|group| {
            let mut selectors = deployment.profiles.iter().map(|it| &it.profile.selector);
            group.waiting().next().is_some()
                && !named.contains(&group.name)
                && !selectors.any(|it| it.covers(&group.name, &group.tags))
        });
    }

    /// How many calls the hooks of these groups take, as far as calls are kept for them.
    pub(crate) fn calls(&mut self, deployment: &Deployment) -> usize {
        self.retain_waiting(deployment);
        self.groups.len().min(FOR_HOOKS)
    }
}

/// Lists the groups of the Region to the end, and looks up the hooks of those that no profile and no rule
/// of the deployment is for and in which launches wait: with as many calls as make `most` with those
/// that were made before. `instances` are those that the profiles select; `None` if they were not looked
/// up.
///
/// # Errors
/// Returns why a call failed.
pub(crate) async fn uncovered(
    aws: &Aws,
    deployment: &Deployment,
    mut others: Others,
    instances: Option<&[SeenInstance]>,
    most: usize,
) -> Result<Uncovered> {
    let left = || most.saturating_sub(aws.calls());
    // A deployment of many groups takes more calls; those of the first page are looked at all the same.
    let kept = others.calls(deployment);
    while others.next.is_some() && left() > others.calls(deployment) {
        others.list(aws).await?;
    }
    others.retain_waiting(deployment);
    if deployment.selects_by_tag() && !others.groups.is_empty() {
        let selected = match instances {
            Some(instances) => groups_of(instances, deployment),
            None => {
                let names: Vec<String> = others.groups.iter().map(|it| it.name.clone()).collect();
                let found = aws.instances(&format!("tag:{GROUP_TAG}"), &names).await?;
                groups_of(&found, deployment)
            }
        };
        others
            .groups
            .retain(|group| !selected.contains(&group.name));
    }
    let looked_at = left().max(kept).min(others.groups.len());
    let rest = others.groups.split_off(looked_at);
    let mut hooks = hooks(aws, &others.groups).await?;
    let groups = others.groups.into_iter().map(|group| {
        let hooks = hooks.remove(&group.name).unwrap_or_default();
        (group, hooks.launch)
    });
    Ok(Uncovered {
        groups: groups.collect(),
        not_looked_at: rest.into_iter().map(|group| group.name).collect(),
        listed_of_more: others.next.map(|_| others.listed),
    })
}

/// The groups of the instances that a profile selects by their own tags.
fn groups_of(instances: &[SeenInstance], deployment: &Deployment) -> BTreeSet<String> {
    let selected = instances.iter().filter_map(|seen| {
        let tags = &seen.instance.tags;
        let group = tags.get(GROUP_TAG)?;
        let mut selectors = deployment.profiles.iter().map(|it| &it.profile.selector);
        selectors
            .any(|it| it.covers(group, tags))
            .then(|| group.clone())
    });
    selected.collect()
}
