//! The rules of a profile that its types alone do not enforce. None of them needs AWS. The rules
//! that do (the AZs of subnets, the limits of the instance type) are in
//! [`crate::addresses::subnet`] and [`crate::instance_type`].

mod slot;
mod tags;

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::naming::NamingProfile;
use super::request_rates::{MAX_TOKENS, MAX_VPC_CNI_INTERFACES, RequestRates, TokenBucket};
use super::types::{Profile, Selector, TagSelector};
use crate::error::{Error, Input, Result};
use crate::parse::from_value;
use crate::quotas::{
    MAX_LABEL_LENGTH, MAX_NAME_LENGTH, MAX_SECURITY_GROUPS, MAX_SELECTOR_TAGS, MAX_SLOTS,
    MAX_TAG_KEY_LENGTH,
};
use crate::startup_taint::{StartupTaint, problem_of_cluster, problem_of_key};
use slot::OtherSlots;

/// The rules that a profile breaks, in the order of its fields.
#[derive(Debug, Default)]
pub struct Problems(Vec<Error>);

impl Problems {
    /// The first problem, as the error that a function returns.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`].
    pub fn into_result(self) -> Result<()> {
        self.into_iter().next().map_or(Ok(()), Err)
    }

    fn add(&mut self, problem: Error) {
        self.0.push(problem);
    }

    fn check(&mut self, rule: Result<()>) {
        self.0.extend(rule.err());
    }
}

impl IntoIterator for Problems {
    type Item = Error;
    type IntoIter = std::vec::IntoIter<Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Profile {
    /// Reads and validates a profile.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] that names the field and the remedy: the first of [`Self::problems`].
    pub fn read(value: Value) -> Result<Self> {
        read(value, profile)
    }

    /// Every rule that the profile breaks.
    #[must_use]
    pub fn problems(&self) -> Problems {
        problems(self, profile)
    }
}

impl NamingProfile {
    /// Reads and validates a naming profile.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] that names the field and the remedy: the first of [`Self::problems`].
    pub fn read(value: Value) -> Result<Self> {
        read(value, tags::naming_profile)
    }

    /// Every rule that the naming profile breaks.
    #[must_use]
    pub fn problems(&self) -> Problems {
        problems(self, tags::naming_profile)
    }
}

fn read<T: DeserializeOwned>(value: Value, check: fn(&T, &mut Problems)) -> Result<T> {
    let profile = from_value(Input::Profile, "profile", value)?;
    problems(&profile, check).into_result()?;
    Ok(profile)
}

fn problems<T>(profile: &T, check: fn(&T, &mut Problems)) -> Problems {
    let mut problems = Problems::default();
    check(profile, &mut problems);
    problems
}

/// Checks every rule.
fn profile(profile: &Profile, problems: &mut Problems) {
    problems.check(name("profile.name", &profile.name, MAX_LABEL_LENGTH));
    problems.check(name(
        "profile.hook.name",
        &profile.hook.name,
        MAX_NAME_LENGTH,
    ));
    selector(&profile.selector, problems);
    tags::tag_rules(&profile.tag_rules(), problems);
    let groups = profile.security_group_ids.len();
    problems.check(security_groups("profile.securityGroupIds", groups));
    if profile.slots.len() > MAX_SLOTS {
        problems.add(invalid(
            "profile.slots",
            format!("{} slots, at most {MAX_SLOTS}", profile.slots.len()),
            "Remove slots: no instance type has so many interfaces",
        ));
    }
    if let Some(taint) = &profile.startup_taint {
        startup_taint(taint, problems);
    }
    if profile.brake && !profile.hook.complete {
        problems.add(invalid(
            "profile.brake",
            "Hookline does not complete the hook, so it abandons no launch that could be replaced",
            "Leave it out, or let Hookline complete the hook (hook.complete)",
        ));
    }
    request_rates(&profile.request_rates, problems);
    let mut others = OtherSlots::default();
    for (n, slot) in profile.slots.iter().enumerate() {
        let at = format!("profile.slots[{n}]");
        slot::rules(&at, slot, problems);
        if profile.security_groups(slot).is_empty() {
            problems.add(invalid(
                format!("{at}.securityGroupIds"),
                "no security group",
                "Name at least one, here or in profile.securityGroupIds",
            ));
        }
        others.compare(n, &at, slot, problems);
    }
}

fn startup_taint(taint: &StartupTaint, problems: &mut Problems) {
    for (field, text, problem) in [
        (
            "cluster",
            &taint.cluster,
            problem_of_cluster(&taint.cluster),
        ),
        ("key", &taint.key, problem_of_key(&taint.key)),
    ] {
        if let Some(problem) = problem {
            let text: String = text.chars().take(MAX_NAME_LENGTH).collect();
            problems.add(invalid(
                format!("profile.startupTaint.{field}"),
                format!("{text:?} {problem}"),
                "Use the name of the EKS cluster, and the key of the taint that kubelet registers with",
            ));
        }
    }
}

fn request_rates(rates: &RequestRates, problems: &mut Problems) {
    if rates.vpc_cni_interfaces > MAX_VPC_CNI_INTERFACES {
        problems.add(invalid(
            "profile.requestRates.vpcCniInterfaces",
            format!(
                "{}, expected 0 to {MAX_VPC_CNI_INTERFACES}",
                rates.vpc_cni_interfaces
            ),
            "Set the VPC CNI's WARM_ENI_TARGET, 0 for nodes without the VPC CNI, or leave it out",
        ));
    }
    for (
        bucket,
        TokenBucket {
            capacity,
            refill_per_second,
        },
    ) in rates.by_field()
    {
        for (field, found) in [
            ("capacity", capacity),
            ("refillPerSecond", refill_per_second),
        ] {
            if !(1..=MAX_TOKENS).contains(&found) {
                problems.add(invalid(
                    format!("profile.requestRates.{bucket}.{field}"),
                    format!("{found}, expected 1 to {MAX_TOKENS}"),
                    "Set the rate that EC2 grants the account, or leave it out to use the published one",
                ));
            }
        }
    }
}

fn selector(selector: &Selector, problems: &mut Problems) {
    match selector {
        Selector::AutoScalingGroupNames(names) => {
            let field = "profile.selector.autoScalingGroupNames";
            if names.is_empty() {
                problems.add(invalid(
                    field,
                    "no group is named",
                    "Name at least one Auto Scaling group, or select by tag",
                ));
            }
            for group in names {
                problems.check(name(field, group, MAX_NAME_LENGTH));
            }
        }
        Selector::Tag(tag) => {
            problems.check(name(
                "profile.selector.tag.key",
                &tag.key,
                MAX_TAG_KEY_LENGTH,
            ));
        }
        Selector::Tags(tags) => problems.check(selector_tags(tags)),
    }
}

fn selector_tags(tags: &[TagSelector]) -> Result<()> {
    if tags.is_empty() || tags.len() > MAX_SELECTOR_TAGS {
        return Err(invalid(
            "profile.selector.tags",
            format!("{} tags, expected 1 to {MAX_SELECTOR_TAGS}", tags.len()),
            "Name the tags that a node must carry, all of them",
        ));
    }
    let mut seen = BTreeSet::new();
    for (n, tag) in tags.iter().enumerate() {
        let field = format!("profile.selector.tags[{n}].key");
        name(&field, &tag.key, MAX_TAG_KEY_LENGTH)?;
        if !seen.insert(&tag.key) {
            return Err(invalid(
                field,
                format!("{:?} is named twice", tag.key),
                "Name each key once: a node must carry all of the tags",
            ));
        }
    }
    Ok(())
}

fn security_groups(field: &str, count: usize) -> Result<()> {
    if count > MAX_SECURITY_GROUPS {
        return Err(invalid(
            field,
            format!("{count} security groups, at most {MAX_SECURITY_GROUPS}"),
            "Remove some: EC2 takes no more on an interface",
        ));
    }
    Ok(())
}

fn name(field: &str, text: &str, max_length: usize) -> Result<()> {
    let length = text.chars().count();
    if length == 0 || length > max_length {
        return Err(invalid(
            field,
            format!("{length} characters long, expected 1 to {max_length}"),
            "Give a name of that length",
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(
            field,
            "control characters",
            "Use printable characters",
        ));
    }
    Ok(())
}

fn invalid(field: impl Into<String>, problem: impl Into<String>, remedy: &str) -> Error {
    Error::invalid(Input::Profile, field, problem, remedy)
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
