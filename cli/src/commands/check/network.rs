//! A configuration with a `network`: its profiles take the ids that they leave out from the
//! network's stack, as `cdk/lib/complete-config.ts` does.

use std::collections::{BTreeMap, BTreeSet};

use hookline_runtime::payload::{did_you_mean, suggestion};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::profile::problems::Problem;
use crate::observed::stack::{NetworkIds, Stack, UnknownNetwork};

/// `network` of a configuration.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Network {
    zones: Vec<String>,
    networks: Vec<Named>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct Named {
    name: String,
}

/// What of a configuration takes ids from its network.
pub(super) struct OfNetwork {
    pub(super) network: Network,
    /// The profiles, as the file has them.
    pub(super) profiles: Vec<Value>,
    /// The profile and the zones of each node group that the file makes; `None`: all zones.
    pub(super) groups: Vec<(String, Option<Vec<String>>)>,
}

/// Profiles with every id, and what stands in for those that are not known.
pub(super) struct Completed {
    pub(super) profiles: Vec<Value>,
    pub(super) unknown: Option<UnknownNetwork>,
}

/// The name of the network's stack of a deployment.
pub(super) fn stack_of(deployment: &str) -> String {
    format!("{deployment}-network")
}

impl OfNetwork {
    /// Slots whose network is none of `network.networks`, and that name no subnet.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let known: Vec<&str> = self.names().collect();
        let profiles = self.profiles.iter().enumerate();
        let slots = profiles.flat_map(|(n, profile)| slots(profile).map(move |slot| (n, slot)));
        slots
            .filter_map(|(n, (m, slot))| {
                let name = slot.get("network")?.as_str()?;
                if slot.get("subnetIds").is_some() || known.contains(&name) {
                    return None;
                }
                let meant = suggestion(name, known.iter().copied());
                Some(Problem {
                    field: format!("profiles[{n}].slots[{m}].network"),
                    problem: format!(
                        "{name:?} is no network of network.networks, and the slot has no subnetIds"
                    ),
                    remedy: format!(
                        "{}Use one of {}, or add subnetIds.",
                        did_you_mean(meant),
                        known.join(", ")
                    ),
                })
            })
            .collect()
    }

    /// The profiles with the ids that the network's stack tells. Where it tells none, an id of the
    /// right form stands in.
    pub(super) fn complete(&self, name: &str, stack: Option<&Stack>) -> Completed {
        let known: BTreeMap<String, NetworkIds> = stack
            .into_iter()
            .flat_map(Stack::networks)
            .map(|ids| (ids.network.clone(), ids))
            .collect();
        let mut unknown = UnknownNetwork {
            stack: name.to_owned(),
            status: stack.map(|stack| stack.status.clone()),
            networks: BTreeSet::new(),
            placeholders: BTreeSet::new(),
        };
        let profiles = self.profiles.iter();
        let profiles = profiles
            .map(|profile| self.complete_profile(profile, &known, &mut unknown))
            .collect();
        let is_complete = unknown.placeholders.is_empty();
        Completed {
            profiles,
            unknown: (!is_complete).then_some(unknown),
        }
    }

    fn complete_profile(
        &self,
        profile: &Value,
        known: &BTreeMap<String, NetworkIds>,
        unknown: &mut UnknownNetwork,
    ) -> Value {
        let mut completed = profile.clone();
        let zones = self.zones_of(profile);
        let profile_has_groups = has_groups(profile);
        let slots = completed.get_mut("slots").and_then(Value::as_array_mut);
        for slot in slots.into_iter().flatten() {
            let name = slot.get("network").and_then(Value::as_str);
            let Some((n, name)) = name.and_then(|name| {
                let n = self.names().position(|it| it == name)?;
                Some((n, name.to_owned()))
            }) else {
                continue;
            };
            let ids = known.get(&name);
            let mut stand_in = |id: String| {
                unknown.networks.insert(name.clone());
                unknown.placeholders.insert(id.clone());
                id
            };
            let takes_groups = slot.get("securityGroupIds").is_none() && !profile_has_groups;
            let Some(fields) = slot.as_object_mut() else {
                continue;
            };
            if !fields.contains_key("subnetIds") {
                let subnets = zones.iter().enumerate().map(|(z, zone)| {
                    let id = ids.and_then(|ids| ids.subnet_ids.get(*zone));
                    let id = id.map(ToString::to_string);
                    id.unwrap_or_else(|| stand_in(placeholder("subnet", n, z)))
                });
                let subnets: Vec<String> = subnets.collect();
                fields.insert("subnetIds".to_owned(), json!(subnets));
            }
            if takes_groups {
                let id = ids.map(|ids| ids.security_group_id.to_string());
                let id = id.unwrap_or_else(|| stand_in(placeholder("sg", n, 0)));
                fields.insert("securityGroupIds".to_owned(), json!([id]));
            }
        }
        completed
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.network.networks.iter().map(|it| it.name.as_str())
    }

    /// The zones in which a profile's interfaces can be: those of its node groups.
    fn zones_of(&self, profile: &Value) -> Vec<&String> {
        let name = profile.get("name").and_then(Value::as_str);
        let of_profile = self.groups.iter();
        let of_profile: Vec<_> = of_profile
            .filter(|(profile, _)| Some(profile.as_str()) == name)
            .map(|(_, zones)| zones.as_deref())
            .collect();
        let all = self.network.zones.iter();
        if of_profile.is_empty() || of_profile.contains(&None) {
            return all.collect();
        }
        all.filter(|zone| {
            of_profile
                .iter()
                .flatten()
                .any(|zones| zones.contains(zone))
        })
        .collect()
    }
}

/// The slots of a profile, with their numbers.
fn slots(profile: &Value) -> impl Iterator<Item = (usize, &Value)> {
    let slots = profile.get("slots").and_then(Value::as_array);
    slots.into_iter().flatten().enumerate()
}

fn has_groups(of: &Value) -> bool {
    let groups = of.get("securityGroupIds").and_then(Value::as_array);
    groups.is_some_and(|groups| !groups.is_empty())
}

/// An id of the right form for a network and a zone, by their places.
fn placeholder(kind: &str, network: usize, zone: usize) -> String {
    format!("{kind}-{:017x}", (network << 8) + zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(profiles: Value, groups: &[(&str, Option<&[&str]>)]) -> OfNetwork {
        let network = json!({
            "zones": ["us-west-2a", "us-west-2b"],
            "networks": [{"name": "signaling", "prefixLength": 26}, {"name": "user-plane"}],
        });
        let groups = groups.iter();
        let owned = |zones: &&[&str]| zones.iter().map(|zone| (*zone).to_owned()).collect();
        OfNetwork {
            network: serde_json::from_value(network).unwrap(),
            profiles: serde_json::from_value(profiles).unwrap(),
            groups: groups
                .map(|(name, zones)| ((*name).to_owned(), zones.as_ref().map(owned)))
                .collect(),
        }
    }

    fn stack(networks: &[&str]) -> Stack {
        let outputs = networks.iter().enumerate().map(|(n, name)| {
            let ids = json!({
                "network": name,
                "securityGroupId": format!("sg-0000000{n}"),
                "subnetIds": {"us-west-2a": format!("subnet-000000{n}a"), "us-west-2b": format!("subnet-000000{n}b")},
            });
            (format!("NetworkIds{}", n + 1), ids.to_string())
        });
        Stack {
            status: "UPDATE_COMPLETE".to_owned(),
            outputs: outputs.collect(),
        }
    }

    #[test]
    fn slots_get_the_ids_that_they_name_none_of() {
        let profiles = json!([
            {"name": "upf", "slots": [
                {"network": "signaling"},
                {"network": "user-plane", "subnetIds": ["subnet-12345678"]},
            ]},
            {"name": "smf", "securityGroupIds": ["sg-12345678"], "slots": [
                {"network": "signaling"},
                {"network": "other", "subnetIds": ["subnet-12345679"]},
            ]},
        ]);
        let groups = [("upf", Some(&["us-west-2b"][..])), ("smf", None)];
        let of = of(profiles, &groups);
        assert_eq!(of.problems(), []);
        let completed = of.complete("a-network", Some(&stack(&["signaling", "user-plane"])));
        let slots = |n: usize| completed.profiles[n]["slots"].clone();
        assert_eq!(
            slots(0),
            json!([
                {"network": "signaling", "subnetIds": ["subnet-0000000b"], "securityGroupIds": ["sg-00000000"]},
                {"network": "user-plane", "subnetIds": ["subnet-12345678"], "securityGroupIds": ["sg-00000001"]},
            ])
        );
        assert_eq!(
            slots(1),
            json!([
                {"network": "signaling", "subnetIds": ["subnet-0000000a", "subnet-0000000b"]},
                {"network": "other", "subnetIds": ["subnet-12345679"]},
            ])
        );
        assert_eq!(completed.unknown, None);
    }

    #[test]
    fn ids_that_no_output_tells_are_stood_in_for() {
        let profiles = json!([
            {"name": "upf", "slots": [{"network": "signaling"}, {"network": "user-plane"}]},
        ]);
        let of = of(profiles, &[]);
        let broken = ("NetworkIds2".to_owned(), "{\"network\": 7}".to_owned());
        let mut one = stack(&["signaling"]);
        one.outputs.extend([broken]);
        let completed = of.complete("a-network", Some(&one));
        let unknown = completed.unknown.unwrap();
        assert_eq!(unknown.status.as_deref(), Some("UPDATE_COMPLETE"));
        assert_eq!(unknown.networks, BTreeSet::from(["user-plane".to_owned()]));
        assert_eq!(unknown.placeholders.len(), 3);
        let slots = &completed.profiles[0]["slots"];
        assert_eq!(
            slots[0]["subnetIds"],
            json!(["subnet-0000000a", "subnet-0000000b"])
        );
        let of_second = slots[1]["subnetIds"][0].as_str().unwrap();
        assert!(unknown.placeholders.contains(of_second));

        let none = of.complete("a-network", None).unknown.unwrap();
        assert_eq!((none.status, none.networks.len()), (None, 2));
    }

    #[test]
    fn network_that_is_misspelt_is_told_with_the_one_that_is_meant() {
        let profiles = json!([{"name": "upf", "slots": [{"network": "signalling"}]}]);
        let problems = of(profiles, &[]).problems();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].field, "profiles[0].slots[0].network");
        assert!(problems[0].remedy.starts_with("Did you mean `signaling`?"));
    }
}
