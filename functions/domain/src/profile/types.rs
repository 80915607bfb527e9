//! The profile: what a node of one group gets. The rule's target passes it to the state machine.
//!
//! This file has the types; [`super::validation`] has the rules. `docs/profile.md` is the reference
//! for users. The first sentences of the fields are also the descriptions in
//! `functions/profile.schema.json` (see [`super::schema`]), with the rules that one field alone can
//! break.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::request_rates::RequestRates;
use crate::addresses::range::AddressRange;
use crate::ids::{SecurityGroupId, SubnetId};
use crate::json_schema::{self, PRINTABLE};
use crate::quotas::{
    MAX_COUNT, MAX_DESCRIPTION_LENGTH, MAX_LABEL_LENGTH, MAX_NAME_LENGTH, MAX_SECURITY_GROUPS,
    MAX_SELECTOR_TAGS, MAX_SLOTS, MAX_SUBNETS, MAX_TAG_KEY_LENGTH,
};
use crate::startup_taint::StartupTaint;
use crate::tags::preset::NamePreset;
use crate::tags::rules::{ExistingTags, TagFailure, TagRules, tag_rules_of};

/// What a node of one group gets. [`Profile::read`] makes it, so it is valid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(description = "What a node of one Auto Scaling group must get (docs/profile.md).")]
pub struct Profile {
    /// A name for people: logs and tags carry it.
    #[schemars(length(min = 1, max = MAX_LABEL_LENGTH), regex(pattern = PRINTABLE))]
    pub name: String,
    /// Which nodes this profile is for.
    pub selector: Selector,
    /// The launch lifecycle hook that the nodes wait at.
    pub hook: Hook,
    /// A ready-made template of the instance's tag Name.
    pub name_preset: Option<NamePreset>,
    /// Tags for the instance: key → template, in the language of MiniJinja (docs/naming.md,
    /// "Templates").
    #[serde(default)]
    #[schemars(transform = json_schema::templates)]
    pub node_tags: BTreeMap<String, String>,
    /// Tags for the volumes that go with the instance: key → template.
    #[serde(default)]
    #[schemars(transform = json_schema::templates)]
    pub volume_tags: BTreeMap<String, String>,
    /// Tags for the interfaces that the instance was launched with: key → template. Those of slots
    /// have their own.
    #[serde(default)]
    #[schemars(transform = json_schema::templates)]
    pub interface_tags: BTreeMap<String, String>,
    /// What happens to an existing tag with another value.
    #[serde(default)]
    pub existing_tags: ExistingTags,
    /// What happens to the launch of a node that cannot have its tags.
    // Not written when absent: an older function that runs during an update refuses unknown fields.
    #[serde(default, skip_serializing_if = "TagFailure::is_continue")]
    pub tag_failure: TagFailure,
    /// The security groups of every slot that names none of its own.
    #[serde(default)]
    #[schemars(length(max = MAX_SECURITY_GROUPS))]
    pub security_group_ids: Vec<SecurityGroupId>,
    /// The interfaces that a node gets. None at all is a profile that only names and tags.
    #[serde(default)]
    #[schemars(length(max = MAX_SLOTS))]
    pub slots: Vec<Slot>,
    /// The taint with which the node registers in its cluster, and which Hookline removes when the
    /// node has its interfaces and tags. None when absent (docs/startup-taint.md).
    // Not written when absent: an older function that runs during an update refuses unknown fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_taint: Option<StartupTaint>,
    /// Whether the group launches nothing more when its launches fail again and again by the same
    /// error that does not pass, until it is resumed (docs/operations/launch-loop.md).
    // Not written when absent: an older function that runs during an update refuses unknown fields.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub brake: bool,
    /// EC2's rates for the account, where they are not those that it publishes. Launches begin at
    /// these.
    #[serde(default)]
    pub request_rates: RequestRates,
}

/// Which nodes a profile is for: those of some groups, or those that carry one or several tags.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = json_schema::one_property)]
pub enum Selector {
    /// The nodes of these Auto Scaling groups.
    AutoScalingGroupNames(
        #[schemars(
            length(min = 1),
            inner(length(min = 1, max = MAX_NAME_LENGTH), regex(pattern = PRINTABLE)),
            // A name that is there twice does no harm, and is not refused.
            transform = json_schema::repeats_allowed
        )]
        BTreeSet<String>,
    ),
    /// The nodes that carry this tag.
    Tag(TagSelector),
    /// The nodes that carry each of these tags.
    Tags(
        #[schemars(length(min = 1, max = MAX_SELECTOR_TAGS), extend("uniqueItems" = true))]
        Vec<TagSelector>,
    ),
}

/// A tag that a node must carry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagSelector {
    /// The tag's key.
    #[schemars(length(min = 1, max = MAX_TAG_KEY_LENGTH), regex(pattern = PRINTABLE))]
    pub key: String,
    /// The tag's value; any value when absent.
    pub value: Option<String>,
}

/// The launch lifecycle hook that the nodes wait at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hook {
    /// The hook's name. An event of another hook is not for this profile.
    #[schemars(length(min = 1, max = MAX_NAME_LENGTH), regex(pattern = PRINTABLE))]
    pub name: String,
    /// Whether Hookline completes the hook. `false` for a hook that another owner completes, such
    /// as the `Launch-LC-Hook` of EKS managed node groups.
    #[serde(default = "yes")]
    pub complete: bool,
}

/// One interface that a node gets: one logical network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slot {
    /// The logical network, as `signaling`. Unique in a profile.
    #[schemars(length(min = 1, max = MAX_LABEL_LENGTH), regex(pattern = PRINTABLE))]
    pub network: String,
    /// The device index. Unique on its network card. Index 0 of network card 0 is the instance's
    /// primary interface. When absent, Hookline chooses one that the VPC CNI takes last, and the
    /// subnets tell on the node which network an interface is of.
    #[schemars(range(max = MAX_COUNT))]
    pub device_index: Option<u32>,
    /// The network card, on instance types that have several.
    #[serde(default)]
    #[schemars(range(max = MAX_COUNT))]
    pub network_card: u32,
    /// Subnets of any number of AZs. Those of the node's AZ are tried in this order when one is
    /// full.
    #[schemars(length(min = 1, max = MAX_SUBNETS), extend("uniqueItems" = true))]
    pub subnet_ids: Vec<SubnetId>,
    /// The security groups of this slot; the profile's when absent.
    #[schemars(length(min = 1, max = MAX_SECURITY_GROUPS))]
    pub security_group_ids: Option<Vec<SecurityGroupId>>,
    /// How the IPv4 addresses are chosen. EC2 chooses them for a slot with prefixes.
    #[serde(default)]
    pub addressing: Addressing,
    /// Addresses that are never taken, IPv4 or IPv6. For `lowest-free` only: EC2 does not know
    /// them.
    #[serde(default)]
    pub excluded_ranges: Vec<AddressRange>,
    /// The number of secondary private IPv4 addresses.
    #[serde(default)]
    #[schemars(range(max = MAX_COUNT))]
    pub secondary_private_addresses: u32,
    /// The number of /28 IPv4 prefixes. Not together with secondary addresses. EC2 chooses the
    /// primary address too.
    #[serde(default)]
    #[schemars(range(max = MAX_COUNT))]
    pub prefixes: u32,
    /// Whether the interface gets an IPv6 address, and how it is chosen.
    #[serde(default)]
    pub ipv6: Ipv6,
    /// Whether EC2 drops packets that are not from or to the interface's own addresses.
    #[serde(default = "yes")]
    pub source_dest_check: bool,
    /// The interface's description; made from the node and the network when absent.
    #[schemars(length(max = MAX_DESCRIPTION_LENGTH))]
    pub description: Option<String>,
    /// More tags for the interface.
    #[serde(default)]
    #[schemars(transform = json_schema::interface_tags)]
    pub tags: BTreeMap<String, String>,
}

/// How IPv4 addresses are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(transform = json_schema::string_enum)]
pub enum Addressing {
    /// The lowest free addresses of the subnet, so that a group's addresses are predictable.
    #[default]
    LowestFree,
    /// EC2 chooses.
    SubnetAssigned,
}

/// Whether an interface gets an IPv6 address, and how it is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(transform = json_schema::string_enum)]
pub enum Ipv6 {
    /// No IPv6 address.
    #[default]
    None,
    /// The lowest free address of the subnet's IPv6 block.
    LowestFree,
    /// EC2 chooses.
    SubnetAssigned,
}

fn yes() -> bool {
    true
}

impl Profile {
    /// Its rules for the tags of the instance, its volumes and its interfaces.
    #[must_use]
    pub fn tag_rules(&self) -> TagRules<'_> {
        tag_rules_of!(self)
    }

    /// The security groups that `slot` gets.
    #[must_use]
    pub fn security_groups<'a>(&'a self, slot: &'a Slot) -> &'a [SecurityGroupId] {
        slot.security_group_ids
            .as_deref()
            .unwrap_or(&self.security_group_ids)
    }

    /// Every subnet that the slots name, once each, in the order in which they are first named.
    #[must_use]
    pub fn subnet_ids(&self) -> Vec<&SubnetId> {
        let mut seen = BTreeSet::new();
        self.slots
            .iter()
            .flat_map(|slot| &slot.subnet_ids)
            .filter(|id| seen.insert(*id))
            .collect()
    }
}

impl Slot {
    /// Whether Hookline chooses the IPv4 addresses and asks for them by name.
    ///
    /// Beside prefixes it does not: "You can't specify a count of IPv4 prefixes if you've specified
    /// [...] specific private IPv4 addresses" (EC2 API Reference, CreateNetworkInterface,
    /// `Ipv4PrefixCount`).
    #[must_use]
    pub fn has_named_addresses(&self) -> bool {
        self.addressing == Addressing::LowestFree && self.prefixes == 0
    }

    /// The number of the interface's IPv4 addresses: the primary and the secondary ones.
    #[must_use]
    pub fn ipv4_addresses(&self) -> usize {
        usize::try_from(self.secondary_private_addresses)
            .unwrap_or(usize::MAX)
            .saturating_add(1)
    }
}

impl Selector {
    /// Whether a node of this group, with these tags, is selected.
    #[must_use]
    pub fn covers(&self, group: &str, tags: &BTreeMap<String, String>) -> bool {
        match self {
            Self::AutoScalingGroupNames(names) => names.contains(group),
            Self::Tag(_) | Self::Tags(_) => self.tags().iter().all(|TagSelector { key, value }| {
                tags.get(key)
                    .is_some_and(|found| value.as_ref().is_none_or(|wanted| wanted == found))
            }),
        }
    }

    /// The tags that a node must carry, all of them; none for a selector by name.
    #[must_use]
    pub fn tags(&self) -> &[TagSelector] {
        match self {
            Self::AutoScalingGroupNames(_) => &[],
            Self::Tag(tag) => std::slice::from_ref(tag),
            Self::Tags(tags) => tags,
        }
    }

    /// Whether it selects by tags, and so may select nodes of any group.
    #[must_use]
    pub fn is_by_tag(&self) -> bool {
        !matches!(self, Self::AutoScalingGroupNames(_))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::profile;

    #[test]
    fn absent_fields_get_their_defaults() {
        let profile = Profile::read(profile()).unwrap();
        assert!(profile.hook.complete);
        let slot = &profile.slots[0];
        assert_eq!(slot.addressing, Addressing::LowestFree);
        assert_eq!(slot.ipv6, Ipv6::None);
        assert!(slot.source_dest_check);
        assert_eq!(profile.security_groups(slot).len(), 1);
    }

    #[test]
    fn written_profile_is_read_again() {
        let read = Profile::read(profile()).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(Profile::read(written).unwrap(), read);
    }

    #[test]
    fn tag_failure_is_written_only_if_it_is_not_the_default() {
        for (value, written) in [("continue", None), ("abandon", Some("abandon"))] {
            let mut profile = profile();
            profile["tagFailure"] = json!(value);
            let read = Profile::read(profile).unwrap();
            let found = serde_json::to_value(&read).unwrap();
            assert_eq!(found.get("tagFailure").and_then(|it| it.as_str()), written);
        }
    }

    #[test]
    fn misspelt_field_is_named() {
        let mut value = profile();
        value["slots"][1]["deviceindex"] = json!(3);
        let error = Profile::read(value).unwrap_err().to_string();
        assert!(
            error.starts_with("profile.slots[1].deviceindex: unknown field"),
            "{error}"
        );
        assert!(error.contains("Did you mean `deviceIndex`? "), "{error}");
    }

    #[test]
    fn subnets_of_a_profile_are_named_once_each_in_order() {
        let mut value = profile();
        let (first, second) = ("subnet-0000000000000001a", "subnet-0000000000000002a");
        value["slots"][0]["subnetIds"] = json!([second, first]);
        let profile = Profile::read(value).unwrap();
        let found: Vec<_> = profile
            .subnet_ids()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, [second, first]);
    }

    #[test]
    fn selector_covers_by_group_name_or_by_tag() {
        let tags = BTreeMap::from([("multus".to_owned(), "upf".to_owned())]);
        let by_name = Selector::AutoScalingGroupNames(["upf".to_owned()].into());
        assert!(by_name.covers("upf", &tags));
        assert!(!by_name.covers("smf", &tags));
        let by_tag = |key: &str, value: Option<&str>| {
            Selector::Tag(TagSelector {
                key: key.to_owned(),
                value: value.map(str::to_owned),
            })
        };
        assert!(by_tag("multus", None).covers("any", &tags));
        assert!(by_tag("multus", Some("upf")).covers("any", &tags));
        assert!(!by_tag("multus", Some("smf")).covers("any", &tags));
        assert!(!by_tag("Multus", None).covers("any", &tags));
    }

    #[test]
    fn selector_of_several_tags_covers_a_node_that_carries_each() {
        let selector: Selector = serde_json::from_value(json!({"tags": [
            {"key": "eks:cluster-name", "value": "prod"},
            {"key": "eks:nodegroup-name"},
        ]}))
        .unwrap();
        let covers = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            selector.covers("any", &pairs.collect())
        };
        assert!(covers(&[
            ("eks:cluster-name", "prod"),
            ("eks:nodegroup-name", "upf")
        ]));
        assert!(!covers(&[
            ("eks:cluster-name", "test"),
            ("eks:nodegroup-name", "upf")
        ]));
        assert!(!covers(&[("eks:cluster-name", "prod")]));
        assert_eq!(selector.tags().len(), 2);
        assert!(selector.is_by_tag());
        let by_name = Selector::AutoScalingGroupNames(["upf".to_owned()].into());
        assert!(!by_name.is_by_tag() && by_name.tags().is_empty());
    }
}
