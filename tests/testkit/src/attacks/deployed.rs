//! The tables for a deployment: what its roles must allow and deny, with its own names, groups, networks
//! and tag keys in the place of those of the fixture.
//!
//! A call that needs what the deployment does not have is not asked for, and an attack on it is one on
//! a thing that nobody knows, which must be denied as well.

mod fixture;
mod patterns;
mod translation;

use std::collections::{BTreeMap, BTreeSet};

use hookline_local::iam::AuthorizationRequest;

use super::{Outcome, Outcomes};
use translation::Translation;

/// What a deployment has in the place of the things of the fixture.
#[derive(Clone, Debug, Default)]
pub struct Deployed {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Its Region.
    pub region: String,
    /// Its account.
    pub account: String,
    /// Its name: the prefix of its functions and state machines, and the tag of its interfaces.
    pub name: String,
    /// A group that a profile selects by its name, for `upf`; one whose profile has a brake, if there is
    /// one.
    pub by_name: Option<Group>,
    /// A group that a profile selects by its tags, for `smf`.
    pub by_tag: Option<Group>,
    /// A group that a profile selects by several tags, for `amf`.
    pub by_tags: Option<Group>,
    /// The tags of groups that carry some of these: without the last one, with another value of one, and
    /// without the first one. `None` if a profile selects such a group.
    pub partly: [Option<Vec<(String, String)>>; 3],
    /// A group that only a naming profile selects, for `plain`.
    pub named_only: Option<Group>,
    /// The patterns of names by which the roles may touch groups, whatever their tags.
    pub group_patterns: Vec<String>,
    /// The actions of each policy for people. `cdk synth` leaves some out if the groups do not fit
    /// (docs/iam.md, "Policies for people").
    pub people: BTreeMap<String, BTreeSet<String>>,
    /// A subnet of a slot.
    pub subnet: Option<Part>,
    /// A security group of a slot.
    pub security_group: Option<Part>,
    /// The keys of the tags that the profiles with a hook set.
    pub keys: Keys,
    /// Whether nodes are named on launch, and the keys of these profiles.
    pub naming: Option<Keys>,
    /// A cluster of a `startupTaint`.
    pub tainted_cluster: Option<String>,
    /// The cluster of a managed node group on whose group the stack puts a hook.
    pub hooked_cluster: Option<String>,
    /// The ARNs of the dead-letter queues, by whom they are of ([`super::queue_of`]).
    pub queues: BTreeMap<&'static str, String>,
}

/// An Auto Scaling group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its tags, which its instances carry.
    pub tags: Vec<(String, String)>,
    /// Whether its profile has a brake.
    pub brake: bool,
}

/// A subnet or a security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// The account that owns it.
    pub owner: String,
    /// The id of its VPC.
    pub vpc: String,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// The keys of tags that profiles set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// On instances.
    pub node: Vec<String>,
    /// On their volumes.
    pub volume: Vec<String>,
    /// On the interfaces that they are launched with.
    pub interface: Vec<String>,
}

/// An attempt with the things of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// What the call is authorised on.
    On(Vec<AuthorizationRequest>),
    /// The deployment does not have what it is about.
    NotAsked(&'static str),
}

impl Deployed {
    /// A call that must be allowed, or an attack that must be denied, with the things of the deployment.
    #[must_use]
    pub fn attempt(&self, outcomes: &Outcomes, outcome: &Outcome, is_attack: bool) -> Attempted {
        match Translation::new(self, outcomes, outcome, is_attack).requests(outcome) {
            Ok(requests) => Attempted::On(requests),
            Err(reason) => Attempted::NotAsked(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployed() -> Deployed {
        Deployed {
            partition: "aws".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "111122223333".to_owned(),
            name: "hookline".to_owned(),
            ..Deployed::default()
        }
    }

    #[test]
    fn pattern_matches_names_as_iam_does() {
        let of = |patterns: &[&str]| Deployed {
            group_patterns: patterns.iter().map(|&it| it.to_owned()).collect(),
            ..deployed()
        };
        assert!(of(&["amf", "smf*"]).has_pattern_for("smf-1"));
        assert!(!of(&["amf", "smf*"]).has_pattern_for("amf-1"));
        assert!(of(&["*"]).has_pattern_for("upf"));
        assert!(!of(&[]).has_pattern_for("upf"));
    }

    #[tokio::test(start_paused = true)]
    async fn call_with_tags_keeps_one_or_is_not_asked_for() {
        let outcomes = Outcomes::of_all().await.unwrap();
        // Without slots and tags of profiles, nothing is left of some calls.
        let group = Group {
            name: "mine".to_owned(),
            ..Group::default()
        };
        let deployed = Deployed {
            by_name: Some(group),
            ..deployed()
        };
        let mut asked = 0;
        for outcome in &outcomes.allowed {
            let Attempted::On(requests) = deployed.attempt(&outcomes, outcome, false) else {
                continue;
            };
            asked += 1;
            for (before, after) in outcome.requests.iter().zip(&requests) {
                let had_none = before.context.get("aws:TagKeys").is_empty();
                let has_none = after.context.get("aws:TagKeys").is_empty();
                assert_eq!(had_none, has_none, "{}", outcome.attempt.line());
            }
        }
        assert!(asked > 50, "{asked}");
    }
}
