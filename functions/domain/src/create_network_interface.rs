//! The request that creates the interface of a slot, and the ClientToken by which EC2 knows a
//! repeated one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::deployment::Deployment;
use crate::event::Launch;
use crate::execution::{Node, PlannedInterface};
use crate::ids::{InstanceId, SecurityGroupId, SubnetId};
use crate::profile::{Addressing, Ipv6, Profile, Slot};
use crate::tags::interface::interface_tags;
use crate::tags::own;

/// The parameters of CreateNetworkInterface (EC2 API Reference), save for the ClientToken.
///
/// They follow from the deployment, the launch, its profile, its node and its plan. Nothing in them tells two
/// executions of one launch apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateNetworkInterface {
    /// The subnet.
    pub subnet_id: SubnetId,
    /// The security groups.
    pub security_group_ids: Vec<SecurityGroupId>,
    /// The IPv4 addresses to ask for, the primary one first; none where EC2 chooses, which it does
    /// for an interface with prefixes.
    pub private_ip_addresses: Vec<IpAddr>,
    /// The number of secondary addresses that EC2 chooses.
    pub secondary_count: u32,
    /// The number of /28 prefixes that EC2 chooses.
    pub prefix_count: u32,
    /// The IPv6 addresses to ask for.
    pub ipv6_addresses: Vec<IpAddr>,
    /// The number of IPv6 addresses that EC2 chooses.
    pub ipv6_count: u32,
    /// The description.
    pub description: String,
    /// The tags that the interface has from creation.
    pub tags: BTreeMap<String, String>,
}

impl CreateNetworkInterface {
    /// The request for `slot`, as `planned`.
    #[must_use]
    pub fn new(
        deployment: &Deployment,
        launch: &Launch,
        profile: &Profile,
        node: &Node,
        slot: &Slot,
        planned: &PlannedInterface,
    ) -> Self {
        let mut tags = interface_tags(launch, profile, node, slot);
        tags.insert(own::DEPLOYMENT.to_owned(), deployment.to_string());
        let secondary_count = match slot.addressing {
            // They are among the addresses to ask for.
            Addressing::LowestFree => 0,
            Addressing::SubnetAssigned => slot.secondary_private_addresses,
        };
        // A plan of an earlier release names an address even so.
        let private_ip_addresses = match slot.has_named_addresses() {
            true => planned.private_ip_addresses.clone(),
            false => Vec::new(),
        };
        Self {
            subnet_id: planned.subnet_id.clone(),
            security_group_ids: profile.security_groups(slot).to_vec(),
            private_ip_addresses,
            secondary_count,
            prefix_count: slot.prefixes,
            ipv6_addresses: planned.ipv6_addresses.clone(),
            ipv6_count: u32::from(slot.ipv6 == Ipv6::SubnetAssigned),
            description: description(&profile.name, slot, &node.instance_id),
            tags,
        }
    }

    /// The ClientToken: at most 64 ASCII characters (EC2 API Reference, CreateNetworkInterface).
    ///
    /// EC2 refuses a token that comes again with other parameters, so the token is a digest of them
    /// all. The same request always has the same token: repeated after a lost response, or by a
    /// second execution for the launch, it returns the same interface. `attempt` tells apart what
    /// the parameters do not: where EC2 chooses the addresses, and after an interface was lost, as
    /// a token outlives its interface.
    ///
    /// # Errors
    /// When the request cannot be written as JSON, which its types rule out.
    pub fn client_token(&self, attempt: u32) -> serde_json::Result<String> {
        let request = serde_json::to_vec(&(self, attempt))?;
        let digest = Sha256::digest(&request);
        Ok(digest
            .iter()
            .take(24)
            .fold("hookline-".to_owned(), |mut token, byte| {
                token.push_str(&format!("{byte:02x}"));
                token
            }))
    }
}

/// The description of the interface of `slot`: that of the slot, or one of the network and its instance.
#[must_use]
pub fn description(profile: &str, slot: &Slot, instance: &InstanceId) -> String {
    slot.description.clone().unwrap_or_else(|| {
        format!(
            "{} of {instance} (Hookline, profile {profile})",
            slot.network
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::Event;
    use crate::fixtures::{launch_event, node, profile};

    fn planned() -> PlannedInterface {
        PlannedInterface {
            network: "signaling".to_owned(),
            existing: None,
            subnet_id: "subnet-0000000000000001a".parse().unwrap(),
            private_ip_addresses: vec!["10.0.1.4".parse().unwrap()],
            ipv6_addresses: Vec::new(),
            device_index: Some(1),
            attempt: 0,
        }
    }

    fn request_of(event: serde_json::Value, profile: serde_json::Value) -> CreateNetworkInterface {
        let launch = Event::read_launch(event).unwrap();
        let profile = Profile::read(profile).unwrap();
        let deployment = Deployment::read("core").unwrap();
        CreateNetworkInterface::new(
            &deployment,
            &launch,
            &profile,
            &node(),
            &profile.slots[0],
            &planned(),
        )
    }

    fn request() -> CreateNetworkInterface {
        request_of(launch_event(), profile())
    }

    #[test]
    fn token_changes_with_every_parameter() {
        type Change = fn(&mut CreateNetworkInterface);
        let changes: [Change; 9] = [
            |r| r.subnet_id = "subnet-0000000000000001b".parse().unwrap(),
            |r| r.security_group_ids.clear(),
            |r| r.private_ip_addresses.clear(),
            |r| r.secondary_count += 1,
            |r| r.prefix_count += 1,
            |r| r.ipv6_addresses.push("2001:db8::4".parse().unwrap()),
            |r| r.ipv6_count += 1,
            |r| r.description.push('x'),
            |r| drop(r.tags.insert("k".to_owned(), "v".to_owned())),
        ];
        let mut tokens = vec![
            request().client_token(0).unwrap(),
            request().client_token(1).unwrap(),
        ];
        for change in changes {
            let mut changed = request();
            change(&mut changed);
            tokens.push(changed.client_token(0).unwrap());
        }
        let different: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(different.len(), tokens.len());
        assert!(
            tokens
                .iter()
                .all(|token| token.len() <= 64 && token.is_ascii())
        );
    }

    #[test]
    fn interface_has_the_tag_of_its_deployment_from_creation() {
        let tags = request().tags;
        assert_eq!(tags.get(own::DEPLOYMENT).map(String::as_str), Some("core"));
        assert_eq!(
            tags.get(own::NETWORK).map(String::as_str),
            Some("signaling")
        );
    }

    #[test]
    fn two_executions_of_one_launch_make_the_same_request() {
        let mut again = launch_event();
        again["id"] = json!("another-delivery");
        again["time"] = json!("2026-01-02T03:09:05Z");
        again["detail"]["LifecycleActionToken"] = json!("another-token");
        let (first, second) = (request(), request_of(again, profile()));
        assert_eq!(first, second);
        assert_eq!(
            first.client_token(0).unwrap(),
            second.client_token(0).unwrap()
        );
    }

    #[test]
    fn prefixes_are_asked_for_without_a_named_address() {
        let mut value = profile();
        value["slots"][0]["prefixes"] = json!(2);
        let request = request_of(launch_event(), value);
        assert_eq!(request.prefix_count, 2);
        assert_eq!(request.private_ip_addresses, [] as [IpAddr; 0]);
    }

    #[test]
    fn addresses_chosen_here_are_asked_for_and_others_are_counted() {
        assert_eq!(request().secondary_count, 0);
        let mut value = profile();
        value["slots"][0]["addressing"] = json!("subnet-assigned");
        value["slots"][0]["secondaryPrivateAddresses"] = json!(3);
        value["slots"][0]["ipv6"] = json!("subnet-assigned");
        let request = request_of(launch_event(), value);
        assert_eq!((request.secondary_count, request.ipv6_count), (3, 1));
    }
}
