//! Each judgement, on an account in which all fits and in one in which one thing does not.

mod answers;
mod concurrency;
mod gate;
mod launches;
mod max_pods;
mod network;
mod newest;
mod parts;
mod roles;
mod versions;

use hookline_domain::instance::AttachmentPoint;
use hookline_domain::profile::Profile;
use hookline_domain::reconcile::ProfileInput;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{self, MACHINE, RELEASE, account, interface, limits};
use crate::observed::account::{Concurrency, CouldNotLook, Reservation};
use crate::observed::deployment::Deployment;
use crate::observed::group::{Hook, Member, Override};
use crate::observed::rule::{Rule, Target};
use crate::observed::template::{Newest, Template, TemplateRef};
use crate::observed::user_data::{MaxPods, Said, UserData};

fn found(account: &Account) -> Vec<Finding> {
    let found = findings(account, &rooms(account));
    for finding in &found {
        assert!(!finding.remedy.is_empty(), "{finding:?}");
        assert!(
            finding.why.is_some() && finding.place.is_some(),
            "{finding:?}"
        );
    }
    found
}

fn kinds(account: &Account) -> Vec<Kind> {
    found(account).iter().map(|finding| finding.kind).collect()
}

/// The only finding of an account.
fn only(account: &Account, kind: Kind) -> Finding {
    let found = found(account);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].kind, kind, "{found:#?}");
    found[0].clone()
}

fn words(finding: &Finding) -> String {
    serde_json::to_string(finding).unwrap()
}

fn assert_says(finding: &Finding, says: &[&str]) {
    let words = words(finding);
    for part in says {
        assert!(words.contains(part), "no {part:?} in {words}");
    }
}

/// The account with another profile, in the rule and in reconcile's.
fn with_profile(change: impl FnOnce(&mut Value)) -> Account {
    let mut value = fixtures::profile();
    change(&mut value);
    let mut account = account();
    account.profiles = vec![input(value)];
    account
}

fn input(value: Value) -> ProfileInput {
    ProfileInput {
        profile: Profile::read(value.clone()).unwrap(),
        value,
    }
}

fn template(account: &mut Account) -> &mut Template {
    account
        .templates
        .values_mut()
        .next()
        .unwrap()
        .as_mut()
        .unwrap()
}

fn said(account: &mut Account) -> &mut Said {
    match &mut template(account).user_data {
        UserData::Read(said) => said,
        other => panic!("{other:?}"),
    }
}
