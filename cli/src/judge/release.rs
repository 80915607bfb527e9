//! Which interfaces a person may delete: unattached ones of this deployment that no launch needs.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use hookline_domain::deployment::{Deployment as Name, Owner};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::interface::Interface;
use hookline_domain::tags::own;
use serde::Serialize;

use crate::observed::network::created_for;

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All that was created for an instance.
    Instance(InstanceId),
    /// One interface.
    Interface(NetworkInterfaceId),
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let interface = || text.parse().map(Self::Interface);
        text.parse()
            .map(Self::Instance)
            .or_else(|_| interface())
            .map_err(|_| "expected the id of an instance or of an interface".to_owned())
    }
}

/// What was observed. The interfaces are observed before the executions: an execution that is not
/// among them has created none of these interfaces.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// The deployment.
    pub(crate) name: &'a Name,
    pub(crate) interfaces: &'a [Interface],
    /// The instances that a running execution is for.
    pub(crate) in_progress: &'a BTreeSet<InstanceId>,
    /// How many executions run of which it is not known which instance they are for.
    pub(crate) running_for_unknown: usize,
    /// The instances that launch.
    pub(crate) launching: &'a BTreeSet<InstanceId>,
}

/// An interface that is deleted, or left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    pub(crate) id: NetworkInterfaceId,
    /// The instance that it was created for.
    pub(crate) instance: String,
    pub(crate) network: String,
    pub(crate) subnet_id: String,
    pub(crate) addresses: Vec<String>,
    /// Why it is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl Item {
    fn unknown(id: &NetworkInterfaceId) -> Self {
        Self {
            id: id.clone(),
            instance: String::new(),
            network: String::new(),
            subnet_id: String::new(),
            addresses: Vec::new(),
            reason: Some("EC2 does not know it: it is deleted, or in another Region".to_owned()),
        }
    }

    fn of(interface: &Interface, reason: Option<String>) -> Self {
        let tag = |key: &str| interface.tags.get(key).cloned().unwrap_or_default();
        let addresses = interface.private_ip_addresses.iter();
        Self {
            id: interface.id.clone(),
            instance: tag(own::INSTANCE_ID),
            network: tag(own::NETWORK),
            subnet_id: interface.subnet_id.to_string(),
            addresses: addresses.map(ToString::to_string).collect(),
            reason,
        }
    }
}

/// What is deleted, and what is left of what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) delete: Vec<Item>,
    pub(crate) left: Vec<Item>,
}

/// Decides about what was asked for.
pub(crate) fn decide(asked: &[Asked], seen: &Seen<'_>) -> Decision {
    let mut wanted: BTreeMap<&NetworkInterfaceId, Option<&Interface>> = BTreeMap::new();
    for one in asked {
        match one {
            Asked::Interface(id) => {
                let found = seen.interfaces.iter().find(|it| it.id == *id);
                wanted.insert(id, found);
            }
            Asked::Instance(instance) => {
                let of = |it: &&Interface| created_for(it).as_ref() == Some(instance);
                let found = seen.interfaces.iter().filter(of);
                wanted.extend(found.map(|it| (&it.id, Some(it))));
            }
        }
    }
    let mut decision = Decision::default();
    for (id, found) in wanted {
        let item = match found {
            Some(interface) => Item::of(interface, reason_to_leave(interface, seen)),
            None => Item::unknown(id),
        };
        match item.reason {
            None => decision.delete.push(item),
            Some(_) => decision.left.push(item),
        }
    }
    decision
}

fn reason_to_leave(interface: &Interface, seen: &Seen<'_>) -> Option<String> {
    const NOBODYS: &str = "Hookline did not create it";
    match seen.name.owner(&interface.tags) {
        Owner::This => {}
        Owner::Nobody => return Some(NOBODYS.to_owned()),
        Owner::Another => {
            let another = interface.tags.get(own::DEPLOYMENT);
            let another = another.map_or("", String::as_str);
            return Some(format!("the deployment {another} created it"));
        }
        Owner::Untagged => {
            return Some(
                "no tag says which deployment created it (docs/operations/deployments.md)"
                    .to_owned(),
            );
        }
    }
    let Some(instance) = created_for(interface) else {
        return Some(NOBODYS.to_owned());
    };
    if let Some(on) = &interface.attachment
        && on.status != "detached"
    {
        return Some(match &on.instance_id {
            Some(instance) => format!("it is {} to {instance}", on.status),
            None => format!("it is {}", on.status),
        });
    }
    if interface.status != "available" {
        return Some(format!("it is {}", interface.status));
    }
    if seen.in_progress.contains(&instance) {
        return Some(format!("an execution for {instance} is running"));
    }
    if seen.launching.contains(&instance) {
        return Some(format!(
            "the launch of {instance} goes on: finish or end it first, as `hookline explain {instance}` says"
        ));
    }
    match seen.running_for_unknown {
        0 => None,
        _ => Some(
            "executions run for instances that are not known here, and one may be its: wait"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{id, interface};

    struct World {
        interfaces: Vec<Interface>,
        in_progress: BTreeSet<InstanceId>,
        launching: BTreeSet<InstanceId>,
        running_for_unknown: usize,
    }

    impl World {
        /// An unattached interface of the first instance, and nothing that needs it.
        fn new() -> Self {
            Self {
                interfaces: vec![interface(1, 1, "signaling", None).interface],
                in_progress: BTreeSet::new(),
                launching: BTreeSet::new(),
                running_for_unknown: 0,
            }
        }

        fn decide(&self, asked: &[Asked]) -> Decision {
            let seen = Seen {
                name: &Name::read("hookline").unwrap(),
                interfaces: &self.interfaces,
                in_progress: &self.in_progress,
                running_for_unknown: self.running_for_unknown,
                launching: &self.launching,
            };
            decide(asked, &seen)
        }

        /// Why the interface is left; `None` if it is deleted.
        fn reason(&self) -> Option<String> {
            let asked = Asked::Interface(self.interfaces[0].id.clone());
            let by_id = self.decide(&[asked]);
            let of_instance = self.decide(&[Asked::Instance(id(1))]);
            if created_for(&self.interfaces[0]).is_some() {
                assert_eq!(by_id, of_instance);
            }
            by_id.left.first().and_then(|item| item.reason.clone())
        }
    }

    #[test]
    fn unattached_interface_that_no_launch_needs_is_deleted() {
        let world = World::new();
        assert_eq!(world.reason(), None);
        let twice = [
            Asked::Instance(id(1)),
            Asked::Interface(world.interfaces[0].id.clone()),
        ];
        assert_eq!(world.decide(&twice).delete.len(), 1);
        assert_eq!(world.decide(&[Asked::Instance(id(2))]), Decision::default());
    }

    #[test]
    fn interface_that_is_attached_or_changing_is_left() {
        let mut world = World::new();
        world.interfaces = vec![interface(1, 1, "signaling", Some(1)).interface];
        let attached = world.reason().unwrap();
        assert!(
            attached.contains(&format!("attached to {}", id(1))),
            "{attached}"
        );
        let mut world = World::new();
        world.interfaces[0].status = "pending".to_owned();
        assert_eq!(world.reason().as_deref(), Some("it is pending"));
    }

    #[test]
    fn interface_that_a_launch_may_need_is_left() {
        let mut world = World::new();
        world.in_progress.insert(id(1));
        assert!(world.reason().unwrap().contains("is running"));
        let mut world = World::new();
        world.launching.insert(id(1));
        assert!(world.reason().unwrap().contains("goes on"));
        let mut world = World::new();
        world.running_for_unknown = 1;
        assert!(world.reason().unwrap().contains("not known here"));
    }

    #[test]
    fn interface_of_others_is_left() {
        let mut world = World::new();
        let tags = |world: &mut World, key: &str, value: Option<&str>| {
            let tags = &mut world.interfaces[0].tags;
            match value {
                Some(value) => tags.insert(key.to_owned(), value.to_owned()),
                None => tags.remove(key),
            };
        };
        tags(&mut world, own::DEPLOYMENT, Some("another"));
        assert!(world.reason().unwrap().contains("the deployment another"));
        tags(&mut world, own::DEPLOYMENT, None);
        assert!(world.reason().unwrap().contains("no tag says"));
        tags(&mut world, own::DEPLOYMENT, Some("hookline"));
        tags(&mut world, own::INSTANCE_ID, Some("mine"));
        assert!(world.reason().unwrap().contains("did not create"));
        tags(&mut world, own::INSTANCE_ID, None);
        assert!(world.reason().unwrap().contains("did not create"));
    }

    #[test]
    fn interface_that_ec2_does_not_know_is_left() {
        let mut world = World::new();
        let asked = [Asked::Interface(world.interfaces.remove(0).id)];
        let left = world.decide(&asked).left;
        assert!(left[0].reason.as_ref().unwrap().contains("does not know"));
    }
}
