//! A run: the facts, one after the other, and the removal of what it made, however it ends.

use std::future::Future;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_ec2::types::ResourceType;
use serde::Serialize;

use crate::cleanup::{self, Scope};
use crate::clients::Clients;
use crate::deployment::Deployment;
use crate::fact::{Fact, Need, Observed};
use crate::room::Needs;
use crate::stage::{Stage, tags_of};

/// What became of a fact.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It was observed as expected.
    Holds {
        /// What was observed.
        observed: Observed,
    },
    /// Something else was observed.
    Differs {
        /// What was observed.
        observed: Observed,
        /// What differs, a line for each.
        differences: Vec<String>,
    },
    /// It could not be tried, because something before it failed.
    Failed {
        /// What failed.
        error: String,
    },
    /// It was not tried.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// A fact and what became of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The fact.
    pub fact: Fact,
    /// What became of it.
    pub verdict: Verdict,
}

impl Outcome {
    /// What was observed, if the fact was tried.
    #[must_use]
    pub fn observed(&self) -> Option<&Observed> {
        match &self.verdict {
            Verdict::Holds { observed } | Verdict::Differs { observed, .. } => Some(observed),
            Verdict::Failed { .. } | Verdict::Skipped { .. } => None,
        }
    }

    /// Whether it was not tried.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        matches!(self.verdict, Verdict::Skipped { .. })
    }

    /// Whether this is neither as expected nor skipped.
    #[must_use]
    pub fn is_difference(&self) -> bool {
        matches!(
            self.verdict,
            Verdict::Differs { .. } | Verdict::Failed { .. }
        )
    }
}

/// Which facts are tried, and where.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The VPC; `None` makes one, which only a fake AWS should be asked for.
    pub vpc: Option<String>,
    /// Only facts whose name has this text.
    pub only: Option<String>,
    /// Whether facts that need a large instance are tried.
    pub with_network_cards: bool,
    /// The stack of the deployment that is looked at.
    pub stack: Option<String>,
    /// Only facts about a deployment: nothing is made.
    pub only_deployment: bool,
}

impl Plan {
    /// The facts of this plan.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = crate::facts::all();
        if let Some(text) = &self.only {
            facts.retain(|fact| fact.name.contains(text.as_str()));
        }
        if self.only_deployment {
            facts.retain(|fact| fact.needs == Need::Deployment);
        }
        facts
    }

    /// What a plan without a fact is told.
    fn none(&self) -> String {
        let about = match self.only_deployment {
            true => "no fact about a deployment",
            false => "no fact",
        };
        let text = self.only.as_deref().unwrap_or_default();
        format!("{about} has {text:?} in its name. Nothing was tried")
    }

    /// Whether a fact of this plan needs this.
    #[must_use]
    pub fn needs(&self, need: Need) -> bool {
        let wanted = need != Need::NetworkCards || self.with_network_cards;
        wanted && self.facts().iter().any(|fact| fact.needs == need)
    }

    /// Tries the facts in an account, tells `progress` of each, and removes what was made: also if
    /// a call fails, or `stop` ends first.
    ///
    /// # Errors
    /// If there is no such fact, the account could not be prepared, the run was stopped, or something is left in the
    /// account.
    pub async fn run(
        &self,
        clients: &Clients,
        run: &str,
        stop: impl Future<Output = &'static str>,
        mut progress: impl FnMut(&Outcome),
    ) -> Result<Vec<Outcome>> {
        ensure!(!self.facts().is_empty(), "{}", self.none());
        let mut outcomes = Vec::new();
        let ended = tokio::select! {
            ended = self.try_all(clients, run, |outcome| {
                progress(&outcome);
                outcomes.push(outcome);
            }) => ended,
            reason = stop => Err(anyhow::anyhow!(reason)),
        };
        if self.only_deployment {
            return ended.map(|()| outcomes);
        }
        let scope = Scope::run(run).with_vpcs(self.vpc.is_none());
        let removed = cleanup::remove(clients, scope).await;
        removed.context("not everything that the run made is removed: run again with --cleanup")?;
        ended.map(|()| outcomes)
    }

    async fn try_all(
        &self,
        clients: &Clients,
        run: &str,
        mut tell: impl FnMut(Outcome),
    ) -> Result<()> {
        // First: a stack that is not there must not cost a run.
        let deployment = match &self.stack {
            Some(stack) if self.needs(Need::Deployment) => {
                Some(Deployment::read(clients, stack).await?)
            }
            _ => None,
        };
        let mut stage = self.stage(clients, run).await?;
        stage.deployment = deployment;
        for fact in self.facts() {
            let verdict = self.try_one(&stage, &fact).await;
            tell(Outcome { fact, verdict });
        }
        Ok(())
    }

    async fn stage(&self, clients: &Clients, run: &str) -> Result<Stage> {
        let (clients, run) = (clients.clone(), run.to_owned());
        if self.only_deployment {
            return Ok(Stage::bare(clients, run));
        }
        let vpc = match &self.vpc {
            Some(vpc) => vpc.clone(),
            None => make_vpc(&clients, &run).await?,
        };
        let needs = Needs {
            group: self.needs(Need::Group),
            network_cards: self.needs(Need::NetworkCards),
        };
        Stage::build(clients, run, &vpc, needs).await
    }

    async fn try_one(&self, stage: &Stage, fact: &Fact) -> Verdict {
        let skipped = |reason: &str| Verdict::Skipped {
            reason: reason.to_owned(),
        };
        match fact.needs {
            Need::NetworkCards if !self.with_network_cards => {
                return skipped("it needs a large instance: --network-cards tries it");
            }
            Need::Deployment if stage.deployment.is_none() => {
                return skipped("it needs a deployment: --stack names its stack");
            }
            Need::Ipv6 if stage.main.ipv6.is_none() => {
                return skipped("the VPC has no IPv6 block with a free /64");
            }
            _ => {}
        }
        match (fact.run)(stage).await {
            Ok(observed) => match fact.expected.differences(&observed) {
                differences if differences.is_empty() => Verdict::Holds { observed },
                differences => Verdict::Differs {
                    observed,
                    differences,
                },
            },
            Err(error) => Verdict::Failed {
                error: format!("{error:#}"),
            },
        }
    }
}

/// Makes a VPC with an IPv6 block. It is removed with all else.
async fn make_vpc(clients: &Clients, run: &str) -> Result<String> {
    let call = clients.ec2.create_vpc().cidr_block("10.0.0.0/16");
    let call = call.amazon_provided_ipv6_cidr_block(true);
    let made = call
        .tag_specifications(tags_of(run, ResourceType::Vpc))
        .send()
        .await;
    let made = made.context("CreateVpc")?;
    let id = made.vpc().and_then(|vpc| vpc.vpc_id());
    Ok(id.context("CreateVpc gave no id")?.to_owned())
}

/// An id for a run: random, and fit for names.
#[must_use]
pub fn new_id() -> String {
    format!("{:08x}", fastrand::u32(..))
}

/// Whether a text is an id as [`new_id`] makes them.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() == 8 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}
