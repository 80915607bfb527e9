//! The tags by which an interface says whose it is, and the token by which EC2 knows a repeated create.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::ids::{InstanceId, SubnetId};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Tags with this prefix are Hookline's own; a profile may not set them.
pub const PREFIX: &str = "hookline:";
/// The instance that the interface was made for.
pub const INSTANCE_ID: &str = "hookline:instance-id";
/// The logical network of its slot.
pub const NETWORK: &str = "hookline:network";
/// The name of the profile that asked for it.
pub const PROFILE: &str = "hookline:profile";
/// The Auto Scaling group of its instance.
pub const AUTO_SCALING_GROUP: &str = "hookline:auto-scaling-group";
/// On an instance: when `adopt` last took it up, in seconds since the epoch. By it, every launch knows that the node takes
/// part in the choice of addresses and in the use of EC2's rates.
pub const ADOPTED_AT: &str = "hookline:adopted-at";
/// Keeps the VPC CNI's hands off the interface. It counts from the moment that the CNI sees the interface,
/// so it must be there from creation (invariant I9).
pub const NO_MANAGE: &str = "node.k8s.amazonaws.com/no_manage";

/// The tags that Hookline puts on the interface of `network` for `instance`, at creation.
#[must_use]
pub fn tags(
    instance: &InstanceId,
    group: &str,
    profile: &str,
    network: &str,
) -> BTreeMap<String, String> {
    [
        (NO_MANAGE, "true"),
        (INSTANCE_ID, instance.as_str()),
        (AUTO_SCALING_GROUP, group),
        (PROFILE, profile),
        (NETWORK, network),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// The ClientToken of the create of one slot's interface: at most 64 ASCII characters (EC2 API Reference,
/// CreateNetworkInterface).
///
/// A token used again with other parameters is refused, so everything that a next plan may choose
/// differently goes into it. The same plan always gives the same token: a create whose response was lost,
/// or whose function was killed, gives the same interface when it is done again, and so does a second execution
/// for the same launch. `attempt` tells apart what the parameters do not: where EC2 chooses the addresses, and
/// after an interface was lost, as a token outlives its interface.
#[must_use]
pub fn client_token(
    instance: &InstanceId,
    network: &str,
    subnet: &SubnetId,
    addresses: &[IpAddr],
    attempt: u32,
) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let attempt = attempt.to_string();
    let mut digest = Sha256::new();
    let parts = [instance.as_str(), network, subnet.as_str(), &attempt];
    for part in parts
        .into_iter()
        .chain(addresses.iter().map(String::as_str))
    {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let digest = digest.finalize();
    digest
        .iter()
        .take(24)
        .fold("hookline-".to_owned(), |mut token, byte| {
            token.push_str(&format!("{byte:02x}"));
            token
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(network: &str, addresses: &[&str], attempt: u32) -> String {
        let addresses: Vec<_> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        client_token(
            &"i-0123456789abcdef0".parse().unwrap(),
            network,
            &"subnet-0123456789abcdef0".parse().unwrap(),
            &addresses,
            attempt,
        )
    }

    #[test]
    fn a_token_is_made_of_what_was_asked_for() {
        let token_of_one = token("n6", &["10.0.0.4"], 0);
        assert_eq!(token_of_one, token("n6", &["10.0.0.4"], 0));
        for other in [
            token("n3", &["10.0.0.4"], 0),
            token("n6", &["10.0.0.5"], 0),
            token("n6", &[], 0),
            token("n6", &["10.0.0.4"], 2),
        ] {
            assert_ne!(token_of_one, other);
        }
        assert!(token_of_one.len() <= 64);
    }
}
