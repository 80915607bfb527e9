//! Which interfaces a filter can mean, so that a listing need not look at all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::filter::Filters;
use super::interface::NetworkInterface;

/// The ids of interfaces.
type Ids = BTreeSet<String>;

/// Interfaces by the values of the filters that calls use most: `subnet-id`,
/// `attachment.attachment-id`, `attachment.instance-id` and `tag:…`.
///
/// It has the values that an interface ever had, because a Describe call may lag behind. So it says
/// which interfaces a filter can match, and the filter decides.
#[derive(Debug, Default)]
pub(crate) struct InterfaceIndex {
    /// By the name of the filter, then by the value.
    by_value: BTreeMap<String, BTreeMap<String, Ids>>,
    /// The names and values of each interface.
    values: BTreeMap<String, BTreeSet<(String, String)>>,
}

const SUBNET: &str = "subnet-id";
const ATTACHMENT: &str = "attachment.attachment-id";
const INSTANCE: &str = "attachment.instance-id";

impl InterfaceIndex {
    /// Adds the values that an interface has now.
    pub(crate) fn add(&mut self, interface: &NetworkInterface) {
        let id = &interface.network_interface_id;
        let new: Vec<_> = self.lacks(interface).collect();
        let known = self.values.entry(id.clone()).or_default();
        for (name, value) in new {
            known.insert((name.clone(), value.clone()));
            let values = self.by_value.entry(name).or_default();
            values.entry(value).or_default().insert(id.clone());
        }
    }

    /// The names and values of an interface by which it is not found.
    pub(crate) fn lacks(
        &self,
        interface: &NetworkInterface,
    ) -> impl Iterator<Item = (String, String)> {
        let known = self.values.get(&interface.network_interface_id);
        indexed(interface).filter(move |value| known.is_none_or(|known| !known.contains(value)))
    }

    /// Removes an interface.
    pub(crate) fn remove(&mut self, id: &str) {
        for (name, value) in self.values.remove(id).unwrap_or_default() {
            let Some(values) = self.by_value.get_mut(&name) else {
                continue;
            };
            if let Some(ids) = values.get_mut(&value) {
                ids.remove(id);
                if ids.is_empty() {
                    values.remove(&value);
                }
            }
            if values.is_empty() {
                self.by_value.remove(&name);
            }
        }
    }

    /// The interfaces that are or were attached to an instance.
    pub(crate) fn of_instance(&self, instance_id: &str) -> impl Iterator<Item = &str> {
        self.of(INSTANCE, instance_id)
    }

    /// The interface that has or had an attachment.
    pub(crate) fn of_attachment(&self, attachment_id: &str) -> Option<&str> {
        self.of(ATTACHMENT, attachment_id).next()
    }

    /// The interfaces that can match the filters, in the order of their ids. `None`: every one can.
    pub(crate) fn candidates(&self, filters: &Filters) -> Option<BTreeSet<&str>> {
        let of_filter = |(name, values): (&str, &[String])| {
            let is_indexed =
                [SUBNET, ATTACHMENT, INSTANCE].contains(&name) || name.starts_with("tag:");
            let ids = values.iter().flat_map(|value| self.of(name, value));
            is_indexed.then(|| ids.collect::<BTreeSet<&str>>())
        };
        filters
            .exact()
            .filter_map(of_filter)
            .min_by_key(BTreeSet::len)
    }

    fn of(&self, name: &str, value: &str) -> impl Iterator<Item = &str> {
        let ids = self.by_value.get(name).and_then(|values| values.get(value));
        ids.into_iter().flatten().map(String::as_str)
    }
}

/// The names and values of an interface that the index has.
fn indexed(interface: &NetworkInterface) -> impl Iterator<Item = (String, String)> {
    let subnet = (SUBNET.to_owned(), interface.subnet_id.clone());
    let attachment = interface.attachment.as_ref();
    let attachment = attachment.into_iter().flat_map(|on| {
        let id = (ATTACHMENT.to_owned(), on.attachment_id.clone());
        [id, (INSTANCE.to_owned(), on.instance_id.clone())]
    });
    let tags = interface.tags.iter();
    let tags = tags.map(|(key, value)| (format!("tag:{key}"), value.clone()));
    [subnet].into_iter().chain(attachment).chain(tags)
}
