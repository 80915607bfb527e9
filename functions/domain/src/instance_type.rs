//! Whether an instance type has room for a profile. This is checked before the first interface is
//! created.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::profile::{Ipv6, Profile};

/// The network limits of an instance type (DescribeInstanceTypes, `NetworkInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct InstanceTypeLimits {
    /// As `m5.4xlarge`.
    pub instance_type: String,
    /// Interfaces in all, the primary one included.
    pub maximum_network_interfaces: u32,
    /// Private IPv4 addresses of an interface; a /28 prefix takes the place of one address.
    pub ipv4_addresses_per_interface: u32,
    /// IPv6 addresses of an interface.
    pub ipv6_addresses_per_interface: u32,
    /// The network card that the primary interface is on.
    pub default_network_card: u32,
    /// Interfaces of each network card, by index.
    pub network_cards: Vec<NetworkCard>,
}

/// One network card of an instance type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct NetworkCard {
    /// The card's index.
    pub index: u32,
    /// Interfaces of this card, the primary one included on its card.
    pub maximum_network_interfaces: u32,
}

impl InstanceTypeLimits {
    /// Checks that there is room for every slot of `profile` and the primary interface.
    ///
    /// # Errors
    /// [`Error::InstanceTypeTooSmall`] that names the field and both numbers.
    pub fn check(&self, profile: &Profile) -> Result<()> {
        let wanted = profile.slots.len().saturating_add(1);
        if wanted > as_usize(self.maximum_network_interfaces) {
            return Err(self.too_small(
                "profile.slots".to_owned(),
                format!(
                    "{} slots and the primary interface are {wanted} interfaces, {} has {}",
                    profile.slots.len(),
                    self.instance_type,
                    self.maximum_network_interfaces
                ),
            ));
        }
        for (n, slot) in profile.slots.iter().enumerate() {
            let Some(card) = self
                .network_cards
                .iter()
                .find(|card| card.index == slot.network_card)
            else {
                return Err(self.too_small(
                    format!("profile.slots[{n}].networkCard"),
                    format!(
                        "network card {} is asked for, {} has {}",
                        slot.network_card,
                        self.instance_type,
                        self.network_cards.len()
                    ),
                ));
            };
            let primary = usize::from(card.index == self.default_network_card);
            if primary == 1 && slot.device_index == Some(0) {
                return Err(self.too_small(
                    format!("profile.slots[{n}].deviceIndex"),
                    format!(
                        "device index 0 of network card {} is the primary interface of {}",
                        card.index, self.instance_type
                    ),
                ));
            }
            let on_card = primary
                + profile
                    .slots
                    .iter()
                    .filter(|other| other.network_card == card.index)
                    .count();
            if on_card > as_usize(card.maximum_network_interfaces) {
                return Err(self.too_small(
                    format!("profile.slots[{n}].networkCard"),
                    format!(
                        "{on_card} interfaces on network card {}, {} has room for {}",
                        card.index, self.instance_type, card.maximum_network_interfaces
                    ),
                ));
            }
            let addresses = 1 + slot.secondary_private_addresses + slot.prefixes;
            if addresses > self.ipv4_addresses_per_interface {
                return Err(self.too_small(
                    format!("profile.slots[{n}].secondaryPrivateAddresses"),
                    format!(
                        "primary, secondary addresses and prefixes are {addresses}, {} has room for {} on an interface",
                        self.instance_type, self.ipv4_addresses_per_interface
                    ),
                ));
            }
            if slot.ipv6 != Ipv6::None && self.ipv6_addresses_per_interface == 0 {
                return Err(self.too_small(
                    format!("profile.slots[{n}].ipv6"),
                    format!("{} has no IPv6", self.instance_type),
                ));
            }
        }
        Ok(())
    }

    fn too_small(&self, field: String, problem: String) -> Error {
        Error::InstanceTypeTooSmall {
            field,
            problem,
            remedy: "Ask for less, or use a larger instance type in the launch template".to_owned(),
        }
    }
}

fn as_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::profile;

    fn check(change: impl FnOnce(&mut Value)) -> Result<()> {
        check_on(0, change)
    }

    /// Checks a profile on an instance type whose primary interface is on this card.
    fn check_on(default_network_card: u32, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut value = profile();
        change(&mut value);
        InstanceTypeLimits {
            instance_type: "t9.tiny".to_owned(),
            maximum_network_interfaces: 4,
            ipv4_addresses_per_interface: 6,
            ipv6_addresses_per_interface: 0,
            default_network_card,
            network_cards: vec![
                NetworkCard {
                    index: 0,
                    maximum_network_interfaces: 3,
                },
                NetworkCard {
                    index: 1,
                    maximum_network_interfaces: 1,
                },
            ],
        }
        .check(&Profile::read(value).unwrap())
    }

    #[test]
    fn profile_within_the_limits_is_accepted() {
        check(|_| ()).unwrap();
        check(|p| p["slots"][0]["secondaryPrivateAddresses"] = json!(5)).unwrap();
    }

    #[test]
    fn primary_interface_counts_on_the_default_network_card() {
        let on_card_1 = |p: &mut Value| p["slots"][0]["networkCard"] = json!(1);
        check_on(0, on_card_1).unwrap();
        let error = check_on(1, on_card_1).unwrap_err().to_string();
        assert!(
            error.starts_with("profile.slots[0].networkCard: 2 interfaces on network card 1"),
            "{error}"
        );
    }

    #[test]
    fn device_index_0_is_free_on_every_card_but_the_default_one() {
        let at_0 = |p: &mut Value| {
            p["slots"][0]["networkCard"] = json!(1);
            p["slots"][0]["deviceIndex"] = json!(0);
        };
        check_on(0, at_0).unwrap();
        let error = check_on(1, at_0).unwrap_err().to_string();
        assert!(
            error.starts_with("profile.slots[0].deviceIndex: device index 0 of network card 1"),
            "{error}"
        );
    }

    #[test]
    fn profile_beyond_a_limit_names_the_field() {
        let add = |p: &mut Value, index: u32, card: u32| {
            let mut slot = p["slots"][0].clone();
            slot["network"] = json!(format!("n{card}{index}"));
            slot["deviceIndex"] = json!(index);
            slot["networkCard"] = json!(card);
            p["slots"].as_array_mut().unwrap().push(slot);
        };
        type Change = Box<dyn Fn(&mut Value)>;
        let cases: Vec<(Change, &str)> = vec![
            (
                Box::new(move |p| {
                    add(p, 3, 0);
                    add(p, 4, 0)
                }),
                "profile.slots: 4 slots and the primary interface are 5 interfaces, t9.tiny has 4",
            ),
            (
                Box::new(move |p| add(p, 3, 0)),
                "profile.slots[0].networkCard: 4 interfaces on network card 0, t9.tiny has room for 3",
            ),
            (
                Box::new(|p| p["slots"][1]["networkCard"] = json!(7)),
                "profile.slots[1].networkCard: network card 7 is asked for, t9.tiny has 2",
            ),
            (
                Box::new(|p| p["slots"][1]["prefixes"] = json!(6)),
                "profile.slots[1].secondaryPrivateAddresses: primary, secondary addresses and prefixes are 7",
            ),
            (
                Box::new(|p| p["slots"][1]["ipv6"] = json!("lowest-free")),
                "profile.slots[1].ipv6: t9.tiny has no IPv6",
            ),
        ];
        for (change, says) in cases {
            let error = check(|p| change(p)).unwrap_err();
            assert_eq!(error.error_type(), "Hookline.InstanceTypeTooSmall");
            assert!(
                error.to_string().starts_with(says),
                "wanted {says}\nfound {error}"
            );
        }
    }
}
