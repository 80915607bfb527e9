//! Which interface is attached where, and whether all of them are as the profile says (invariant
//! I1).

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::event::Launch;
use crate::execution::{DeleteOnTerminationTiming, Node, WiredInterface};
use crate::ids::NetworkInterfaceId;
use crate::instance::AttachmentPoint;
use crate::interface::{Attachment, Interface};
use crate::profile::{Profile, Slot};
use crate::tags::interface::interface_tags;

/// What the interfaces of a launch are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Wiring<'a> {
    /// The launch.
    pub launch: &'a Launch,
    /// Its profile.
    pub profile: &'a Profile,
    /// Its node.
    pub node: &'a Node,
    /// When DeleteOnTermination is set.
    pub delete_on_termination: DeleteOnTerminationTiming,
}

impl Wiring<'_> {
    /// The interface of `listed` that is attached for `slot`; `None` if none is.
    ///
    /// # Errors
    /// [`Error::DeviceIndexTaken`] if the slot's device index is fixed, and Hookline did not create
    /// the interface there for this slot of the node.
    pub fn attached_for<'i>(
        &self,
        slot: &Slot,
        listed: &'i [Interface],
    ) -> Result<Option<(&'i Interface, &'i Attachment)>> {
        let instance = &self.node.instance_id;
        let ours = |interface: &Interface| interface.is_created_for(instance, &slot.network);
        let anywhere = || {
            let mut listed = listed.iter();
            listed.find(|interface| ours(interface) && interface.is_attached_to(instance))
        };
        let at = |place| listed.iter().find(|interface| interface.is_at(place));
        let found = match AttachmentPoint::fixed(slot) {
            // The profile may have had another device index when the node went into the pool.
            Some(place) if self.launch.leaves_warm_pool() => anywhere().or_else(|| at(place)),
            Some(place) => at(place),
            None => anywhere(),
        };
        match found.and_then(|interface| Some((interface, interface.attachment.as_ref()?))) {
            None => Ok(None),
            Some((interface, on)) if ours(interface) => Ok(Some((interface, on))),
            Some((interface, on)) => Err(Error::DeviceIndexTaken {
                instance: instance.clone(),
                device_index: on.device_index,
                network_card: on.network_card,
                by: interface.in_words(),
            }),
        }
    }

    /// The interfaces of the slots, as `listed`, if all of them are as the profile says. Those that were
    /// attached in a warm pool (`pooled`) may be as an earlier profile said.
    ///
    /// # Errors
    /// Every difference, in words.
    pub fn check(
        &self,
        chosen: &[(&Slot, NetworkInterfaceId)],
        listed: &[Interface],
        pooled: &BTreeSet<NetworkInterfaceId>,
    ) -> Result<Wired, Vec<String>> {
        let mut differences = Vec::new();
        let mut wired = Wired::default();
        for (slot, id) in chosen {
            let Some(interface) = listed.iter().find(|interface| interface.id == *id) else {
                differences.push(format!("{id} of network {} is not listed", slot.network));
                continue;
            };
            let tags = interface_tags(self.launch, self.profile, self.node, slot);
            let instance = &self.node.instance_id;
            let found = interface.differences(
                self.profile,
                slot,
                instance,
                &self.node.availability_zone,
                &tags,
            );
            match pooled.contains(id) {
                true => {
                    let of_wiring = interface.differences_of_wiring(slot, instance, &tags);
                    let older = found.into_iter().filter(|it| !of_wiring.contains(it));
                    wired.older.extend(older);
                    differences.extend(of_wiring);
                }
                false => differences.extend(found),
            }
            let interface = interface.wired_for(slot);
            if self.delete_on_termination == DeleteOnTerminationTiming::AtOnce
                && !interface.delete_on_termination
            {
                differences.push(format!(
                    "{id} of network {}: DeleteOnTermination is false, wanted true",
                    slot.network
                ));
            }
            wired.interfaces.push(interface);
        }
        match differences.is_empty() {
            true => Ok(wired),
            false => Err(differences),
        }
    }
}

/// The interfaces of a node that is wired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wired {
    /// One for each slot.
    pub interfaces: Vec<WiredInterface>,
    /// What of them is as an earlier profile said, in words: the node went into its warm pool under that
    /// one.
    pub older: Vec<String>,
}

/// The unattached interfaces of a launch that no slot uses: a second execution created them, or a
/// create that was done twice.
pub fn surplus<'i>(
    chosen: &[(&Slot, NetworkInterfaceId)],
    listed: &'i [Interface],
) -> impl Iterator<Item = &'i NetworkInterfaceId> {
    listed
        .iter()
        .filter(|interface| {
            interface.attachment.is_none() && chosen.iter().all(|(_, id)| *id != interface.id)
        })
        .map(|interface| &interface.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, TransitionEndpoint};
    use crate::fixtures::{launch_event, node, profile};
    use crate::tags::own;

    fn launch() -> Launch {
        Event::read_launch(launch_event()).unwrap()
    }

    fn read() -> Profile {
        Profile::read(profile()).unwrap()
    }

    /// With DeleteOnTermination at once.
    fn wiring_of<'a>(launch: &'a Launch, profile: &'a Profile, node: &'a Node) -> Wiring<'a> {
        Wiring {
            launch,
            profile,
            node,
            delete_on_termination: DeleteOnTerminationTiming::AtOnce,
        }
    }

    /// An interface as `slot` asks for it.
    fn right(id: &str, profile: &Profile, slot: &Slot) -> Interface {
        let node = node();
        let mut interface = Interface {
            id: id.parse().unwrap(),
            subnet_id: slot.subnet_ids[0].clone(),
            source_dest_check: slot.source_dest_check,
            tags: interface_tags(&launch(), profile, &node, slot),
            ..crate::fixtures::interface()
        };
        let on = interface.attachment.as_mut().unwrap();
        on.device_index = slot.device_index.unwrap_or(7);
        interface
    }

    #[test]
    fn interfaces_that_are_right_are_wired_and_others_are_named() {
        let (launch, profile, node) = (launch(), read(), node());
        let wiring = wiring_of(&launch, &profile, &node);
        let [first, second] = profile.slots.as_slice() else {
            panic!("two slots");
        };
        let listed = [
            right("eni-00000001", &profile, first),
            right("eni-00000002", &profile, second),
        ];
        let chosen = [
            (first, listed[0].id.clone()),
            (second, listed[1].id.clone()),
        ];
        let wired = wiring.check(&chosen, &listed, &BTreeSet::new()).unwrap();
        let ids: Vec<_> = wired
            .interfaces
            .iter()
            .map(|i| i.network_interface_id.as_str())
            .collect();
        assert_eq!(ids, ["eni-00000001", "eni-00000002"]);
        assert_eq!(
            wiring
                .check(&chosen, &listed[..1], &BTreeSet::new())
                .unwrap_err(),
            ["eni-00000002 of network user-plane is not listed"]
        );
        let mut wrong = listed;
        wrong[0].source_dest_check = false;
        let differences = wiring.check(&chosen, &wrong, &BTreeSet::new()).unwrap_err();
        assert_eq!(differences.len(), 1, "{differences:?}");
        assert!(
            differences[0].contains("SourceDestCheck"),
            "{differences:?}"
        );
        let mut lacking = wrong;
        lacking[0].source_dest_check = true;
        let on = lacking[0].attachment.as_mut().unwrap();
        on.delete_on_termination = false;
        let differences = wiring
            .check(&chosen, &lacking, &BTreeSet::new())
            .unwrap_err();
        assert_eq!(
            differences,
            ["eni-00000001 of network signaling: DeleteOnTermination is false, wanted true"]
        );
        let later = Wiring {
            delete_on_termination: DeleteOnTerminationTiming::AfterContinue,
            ..wiring
        };
        let wired = later.check(&chosen, &lacking, &BTreeSet::new()).unwrap();
        let set: Vec<bool> = wired
            .interfaces
            .iter()
            .map(|i| i.delete_on_termination)
            .collect();
        assert_eq!(set, [false, true]);
    }

    #[test]
    fn interface_at_the_device_index_is_of_this_launch_or_an_error() {
        let (launch, profile, node) = (launch(), read(), node());
        let wiring = wiring_of(&launch, &profile, &node);
        let slot = &profile.slots[0];
        assert_eq!(wiring.attached_for(slot, &[]).unwrap(), None);
        let mut listed = [right("eni-00000001", &profile, slot)];
        let found = wiring.attached_for(slot, &listed).unwrap().unwrap();
        assert_eq!(found.1.id, "eni-attach-1");
        assert_eq!(
            wiring.attached_for(&profile.slots[1], &listed).unwrap(),
            None
        );
        listed[0].tags.remove(own::NETWORK);
        listed[0].description = "aws-K8S-i-0".to_owned();
        let error = wiring.attached_for(slot, &listed).unwrap_err();
        assert_eq!(error.error_type(), "Hookline.DeviceIndexTaken");
        let words = error.to_string();
        assert!(
            words.contains("taken by eni-00000001 (\"aws-K8S-i-0\")"),
            "{words}"
        );
    }

    #[test]
    fn slot_without_a_device_index_has_what_was_created_for_it() {
        let (launch, node) = (launch(), node());
        let mut profile = read();
        profile.slots[0].device_index = None;
        let wiring = wiring_of(&launch, &profile, &node);
        let slot = &profile.slots[0];
        // The VPC CNI's is at index 1; ours is not attached, then at index 7.
        let cni = crate::fixtures::interface();
        let mut ours = right("eni-00000001", &profile, slot);
        let attachment = ours.attachment.take();
        let found = |ours: &Interface| {
            let listed = [cni.clone(), ours.clone()];
            let found = wiring.attached_for(slot, &listed).unwrap();
            found.map(|(interface, on)| (interface.id.to_string(), on.device_index))
        };
        assert_eq!(found(&ours), None);
        ours.attachment = attachment;
        assert_eq!(found(&ours), Some(("eni-00000001".to_owned(), 7)));
        ours.attachment.as_mut().unwrap().status = "detaching".to_owned();
        assert_eq!(found(&ours), None);
    }

    #[test]
    fn interface_from_a_warm_pool_may_be_as_an_earlier_profile_said() {
        let (mut launch, profile, node) = (launch(), read(), node());
        let slot = &profile.slots[0];
        let mut listed = [right("eni-00000001", &profile, slot)];
        listed[0].security_group_ids = ["sg-00000009".parse().unwrap()].into();
        listed[0].tags.remove(own::PROFILE);
        listed[0].attachment.as_mut().unwrap().device_index = 9;
        let chosen = [(slot, listed[0].id.clone())];
        let pooled = BTreeSet::from([listed[0].id.clone()]);
        let of = |launch: &Launch, listed: &[Interface], pooled| {
            let wiring = wiring_of(launch, &profile, &node);
            let found = wiring.attached_for(slot, listed).unwrap().is_some();
            (found, wiring.check(&chosen, listed, pooled))
        };
        let none = BTreeSet::new();
        let (found, checked) = of(&launch, &listed, &none);
        assert_eq!((found, checked.unwrap_err().len()), (false, 3));
        launch.action.as_mut().unwrap().origin = Some(TransitionEndpoint::WarmPool);
        let (found, checked) = of(&launch, &listed, &pooled);
        let older = checked.unwrap().older;
        assert_eq!((found, older.len()), (true, 3), "{older:?}");
        // What makes it wired holds all the same.
        for wrong in [
            |i: &mut Interface| i.source_dest_check = !i.source_dest_check,
            |i: &mut Interface| drop(i.tags.remove(own::NO_MANAGE)),
            |i: &mut Interface| i.attachment.as_mut().unwrap().status = "detaching".to_owned(),
        ] {
            let mut listed = listed.clone();
            wrong(&mut listed[0]);
            let wiring = wiring_of(&launch, &profile, &node);
            let differences = wiring.check(&chosen, &listed, &pooled).unwrap_err();
            assert_eq!(differences.len(), 1, "{differences:?}");
        }
    }

    #[test]
    fn surplus_interface_is_unattached_and_of_no_slot() {
        let profile = read();
        let slot = &profile.slots[0];
        let mut listed = [
            right("eni-00000001", &profile, slot),
            right("eni-00000002", &profile, slot),
            right("eni-00000003", &profile, slot),
        ];
        listed[0].attachment = None;
        listed[1].attachment = None;
        let chosen = [(slot, listed[0].id.clone())];
        let found: Vec<_> = surplus(&chosen, &listed).collect();
        assert_eq!(found, [&listed[1].id]);
    }
}
