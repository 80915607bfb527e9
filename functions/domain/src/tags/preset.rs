//! Ready-made templates of names that many teams use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::{NodeFacts, tags_behind};
use crate::json_schema;

/// A ready-made template of the tag `Name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(transform = json_schema::string_enum)]
pub enum NamePreset {
    /// `test-test2-ip-172.31.25.27`: cluster, node group and address of an EKS node.
    ClusterNodegroupIp,
    /// `pre-eks-01.ip-10-0-22-100`: cluster and address of an EKS node.
    ClusterIp,
    /// `vg-store-web-release-a-12-34`: the tags Region, App, Layer, Env and Group, and the address's
    /// last two octets.
    TagsIp,
}

impl NamePreset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ClusterNodegroupIp, Self::ClusterIp, Self::TagsIp];

    /// Its template.
    #[must_use]
    pub const fn template(self) -> &'static str {
        match self {
            Self::ClusterNodegroupIp => "{{ cluster }}-{{ nodegroup }}-ip-{{ ip }}",
            Self::ClusterIp => "{{ cluster }}.ip-{{ ip | dashed }}",
            Self::TagsIp => {
                "{{ tags['Region'] }}-{{ tags['App'] }}-{{ tags['Layer'] }}-{{ tags['Env'] }}-{{ tags['Group'] }}-{{ ip | octets(2) }}"
            }
        }
    }

    /// The tags of the instance that the name contains.
    #[must_use]
    pub const fn tags(self) -> &'static [&'static str] {
        match self {
            Self::ClusterNodegroupIp | Self::ClusterIp => &[],
            Self::TagsIp => &["Region", "App", "Layer", "Env", "Group"],
        }
    }

    /// The variables that are read from tags and that the name contains.
    const fn variables_of_tags(self) -> &'static [&'static str] {
        match self {
            Self::ClusterNodegroupIp => &["cluster", "nodegroup"],
            Self::ClusterIp => &["cluster"],
            Self::TagsIp => &[],
        }
    }

    /// Checks that a node has everything that the name contains. An empty tag counts as missing.
    ///
    /// # Errors
    /// The problem, in words, with every tag that is missing.
    pub(super) fn check(self, facts: &NodeFacts) -> Result<(), String> {
        let missing: Vec<_> = self
            .tags()
            .iter()
            .filter(|key| facts.tags.get(**key).is_none_or(|value| value.is_empty()))
            .map(|key| format!("{key:?}"))
            .collect();
        if !missing.is_empty() {
            let tags = missing.join(", ");
            return Err(format!("the instance has no tag {tags}, or an empty one"));
        }
        for variable in self.variables_of_tags() {
            let found = match *variable {
                "cluster" => facts.cluster(),
                _ => facts.nodegroup(),
            };
            if found.is_none() {
                let keys = tags_behind(variable).unwrap_or_default();
                return Err(format!(
                    "no tag of the instance names its {variable}: none of {keys}, or empty ones"
                ));
            }
        }
        if facts.ip().is_none() {
            return Err("the instance has no private IPv4 address and no IPv6 address".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::template;
    use super::*;
    use crate::fixtures::facts;

    #[test]
    fn presets_render_the_documented_names() {
        let mut node = facts();
        for (key, value) in [
            ("Region", "vg"),
            ("App", "store"),
            ("Layer", "web"),
            ("Env", "release"),
            ("Group", "a"),
        ] {
            node.tags.insert(key.to_owned(), value.to_owned());
        }
        let mut name = |preset: NamePreset, ip: &str| {
            node.private_ip = Some(ip.to_owned());
            preset.check(&node).unwrap();
            template::render(preset.template(), &node, None).unwrap()
        };
        assert_eq!(
            name(NamePreset::TagsIp, "10.10.12.34"),
            "vg-store-web-release-a-12-34"
        );
        assert_eq!(
            name(NamePreset::ClusterIp, "10.0.22.100"),
            "pre-eks-01.ip-10-0-22-100"
        );
        assert_eq!(
            name(NamePreset::ClusterNodegroupIp, "172.31.25.27"),
            "pre-eks-01-web-ip-172.31.25.27"
        );
    }

    #[test]
    fn every_preset_is_a_valid_template_with_a_name_of_its_own() {
        for preset in NamePreset::ALL {
            assert_eq!(template::check(preset.template(), false), Ok(()));
            let name = serde_json::to_value(preset).unwrap();
            assert_eq!(serde_json::from_value::<NamePreset>(name).unwrap(), preset);
        }
    }

    #[test]
    fn name_with_a_missing_part_is_refused() {
        let mut node = facts();
        node.tags.insert("Region".to_owned(), String::new());
        assert_eq!(
            NamePreset::TagsIp.check(&node).unwrap_err(),
            "the instance has no tag \"Region\", \"App\", \"Layer\", \"Group\", or an empty one"
        );
        node.private_ip = None;
        assert_eq!(
            NamePreset::ClusterIp.check(&node).unwrap_err(),
            "the instance has no private IPv4 address and no IPv6 address"
        );
        node.tags.clear();
        let error = NamePreset::ClusterNodegroupIp.check(&node).unwrap_err();
        assert!(
            error.starts_with(
                "no tag of the instance names its cluster: none of \"eks:cluster-name\", "
            ),
            "{error}"
        );
        node.tags
            .insert("kubernetes.io/cluster/prod".to_owned(), "owned".to_owned());
        let error = NamePreset::ClusterNodegroupIp.check(&node).unwrap_err();
        assert_eq!(
            error,
            "no tag of the instance names its nodegroup: none of \"eks:nodegroup-name\", \"alpha.eksctl.io/nodegroup-name\", or empty ones"
        );
    }

    #[test]
    fn presets_name_an_ipv6_only_node() {
        let mut node = facts();
        (node.private_ip, node.ipv6_address) = (None, Some("2406:da18::1f2e:3d4c".to_owned()));
        for key in NamePreset::TagsIp.tags() {
            node.tags.insert((*key).to_owned(), "x".to_owned());
        }
        for (preset, name) in [
            (
                NamePreset::ClusterNodegroupIp,
                "pre-eks-01-web-ip-2406:da18::1f2e:3d4c",
            ),
            (NamePreset::ClusterIp, "pre-eks-01.ip-2406-da18--1f2e-3d4c"),
            (NamePreset::TagsIp, "x-x-x-x-x-1f2e-3d4c"),
        ] {
            preset.check(&node).unwrap();
            assert_eq!(
                template::render(preset.template(), &node, None).as_deref(),
                Ok(name)
            );
        }
    }
}
