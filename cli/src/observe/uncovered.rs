//! Looks for groups that no profile covers, and in which launches wait: `status` and `check` do so with
//! the calls that the rest of their look leaves of [`MAX_CALLS`](super::MAX_CALLS).
//!
//! It is a look aside: a call that fails ends this look, and no command.

use futures_util::stream::{self, StreamExt as _};

use super::{AT_ONCE, GROUP_TAG, selected_groups};
use crate::aws::{self, Aws};
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
    /// Whether no further page is listed all the same.
    is_cut: bool,
    /// Why a page could not be listed.
    failed: Option<aws::Error>,
}

impl Others {
    /// All others: every group of the Region was listed.
    pub(crate) fn all(groups: Vec<Group>) -> Self {
        Self {
            listed: groups.len(),
            groups,
            ..Self::default()
        }
    }

    /// Those of the first page.
    pub(crate) async fn first(aws: &Aws) -> Self {
        let mut others = Self::default();
        others.list(aws).await;
        others
    }

    /// The same, and no further page is listed.
    pub(crate) fn cut(self) -> Self {
        Self {
            is_cut: true,
            ..self
        }
    }

    /// Whether there is a page more to list.
    fn goes_on(&self) -> bool {
        self.next.is_some() && self.failed.is_none() && !self.is_cut
    }

    /// Lists a page more.
    async fn list(&mut self, aws: &Aws) {
        match aws.page_of_groups(self.next.clone()).await {
            Ok((groups, next)) => {
                self.listed += groups.len();
                self.groups.extend(groups);
                self.next = next;
            }
            Err(error) => self.failed = Some(error),
        }
    }

    /// Leaves those in which launches wait and that the deployment is not for, by their names and tags.
    fn retain_waiting(&mut self, deployment: &Deployment) {
        self.groups
            .retain(|group| group.waiting().next().is_some() && !deployment.covers(group));
    }

    /// How many calls the hooks of these groups take, as far as calls are kept for them.
    pub(crate) fn calls(&mut self, deployment: &Deployment) -> usize {
        self.retain_waiting(deployment);
        self.groups.len().min(FOR_HOOKS)
    }

    /// Leaves those of which no profile selects an instance either. `instances` are those that the
    /// profiles select; `None` if they were not looked up. Returns how many groups it could not tell
    /// that of: none is left then.
    async fn retain_unselected(
        &mut self,
        aws: &Aws,
        deployment: &Deployment,
        instances: Option<&[SeenInstance]>,
    ) -> usize {
        if !deployment.selects_by_tag() || self.groups.is_empty() {
            return 0;
        }
        let found = match instances {
            Some(_) => Ok(Vec::new()),
            None => {
                let names: Vec<String> = self.groups.iter().map(|it| it.name.clone()).collect();
                aws.instances(&format!("tag:{GROUP_TAG}"), &names).await
            }
        };
        match found {
            Ok(found) => {
                let selected = selected_groups(deployment, instances.unwrap_or(&found));
                self.groups
                    .retain(|group| !selected.contains(group.name.as_str()));
                0
            }
            Err(error) => {
                self.failed = Some(error);
                std::mem::take(&mut self.groups).len()
            }
        }
    }
}

/// Lists the groups of the Region to the end, and looks up the hooks of those that no profile and no rule
/// of the deployment is for and in which launches wait: with as many calls as make `most` with those
/// that were made before. `instances` are those that the profiles select; `None` if they were not looked
/// up. Also returns why a call failed, if one did.
pub(crate) async fn uncovered(
    aws: &Aws,
    deployment: &Deployment,
    mut others: Others,
    instances: Option<&[SeenInstance]>,
    most: usize,
) -> (Uncovered, Option<aws::Error>) {
    let left = || most.saturating_sub(aws.calls());
    // A deployment of many groups takes more calls; those of the first page are looked at all the same.
    let kept = others.calls(deployment);
    while others.goes_on() && left() > others.calls(deployment) {
        others.list(aws).await;
    }
    others.retain_waiting(deployment);
    let untold = others.retain_unselected(aws, deployment, instances).await;
    let looked_at = left().max(kept).min(others.groups.len());
    let rest = others.groups.split_off(looked_at);
    let looks = others.groups.into_iter().map(|group| async move {
        let hooks = aws.hooks(&group.name).await;
        (group, hooks)
    });
    let looks: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    let mut failed = others.failed;
    let may_be_more = others.next.is_some() || failed.is_some();
    let mut found = Uncovered {
        listed_of_more: may_be_more.then(|| others.listed - untold),
        ..Uncovered::default()
    };
    for (group, hooks) in looks {
        match hooks {
            Ok(hooks) => found.groups.push((group, hooks.launch)),
            Err(error) => {
                found.not_looked_at.push(group.name);
                failed = Some(error);
            }
        }
    }
    let rest = rest.into_iter().map(|group| group.name);
    found.not_looked_at.extend(rest);
    let why = |error: &aws::Error| format!("{error}. {}", error.remedy());
    found.failed = failed.as_ref().map(why);
    (found, failed)
}
